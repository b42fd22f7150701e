"""Kinds of events that the product never heard of, by configuration alone: the examples."""

import json
import subprocess
import uuid

import pytest
from harness import PROGRAMS, REPOSITORY, exactly, program_environment
from mqtt_device import Device
from services.kafka import Kafka
from services.mongodb import MongoDB

EXAMPLES = REPOSITORY / "examples"
AIR = "air-quality"
ALARMS = "machine-alarms"


def example(folder, name):
    return json.loads((EXAMPLES / folder / name).read_text())


def pipeline_of(folder, name, schema):
    """The pipeline of an example, with the schema where it is whatever the working directory."""
    return {f"pipeline.{name}.schema": str(EXAMPLES / folder / schema)}


def air_quality(site, **settings):
    """A collector with the example's configuration, as its user starts it."""
    collector = site.collector(**{"mqtt.url": "", **pipeline_of(AIR, AIR, "air-quality.json"), **settings})
    collector.configuration = EXAMPLES / AIR / "collector.toml"
    collector.compose()
    return collector.start_and_wait()


def hour(number, **changes):
    """The `number`th reading of the example's station."""
    return example(AIR, "reading.json") | {"measured_at": f"2026-01-21T{number:02}:00:00Z"} | changes


def test_the_examples_are_good_configurations(place):
    for folder in sorted(EXAMPLES.iterdir()):
        done = subprocess.run([PROGRAMS / "tributary-collector", "check-config", "--config", folder / "collector.toml",
                               "--set", f"data={place}"], cwd=REPOSITORY, env=program_environment(place), timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout


def assert_carries_air_quality(collector):
    """Posts, reads, sums up, asks for series, and finds what is bad among the dead letters."""
    first = example(AIR, "reading.json")
    assert collector.ingest(first, AIR).status == 202
    assert collector.ingest([hour(10, pollutants={"no2": 30}), hour(11, quality="suspect", note={"by": ["a", None]})],
                            AIR).status == 202
    assert collector.ingest(first | {"measured_at": "2026-01-21T09:00:00Z"}, AIR).status == 202, "the same in another zone"
    refused = collector.ingest(hour(12, station="be1", quality="best"), AIR)
    assert refused.status == 400 and refused.json()["errors"][0]["pointer"] in ("/station", "/quality"), refused
    bad = [hour(13, pollutants={"NO2": 1}), hour(14, pollutants={}), hour(15, measured_at="today"), {"station": "BE0412"}]
    assert collector.ingest(bad, AIR, invalid="dead_letter").json() == {"accepted": 0, "rejected": 4}
    collector.wait_for_account(60, AIR, records=8, stored=3, duplicates=1, rejected=4)

    events = [exactly(first | {"measured_at": "2026-01-21T09:00:00Z"}), exactly(hour(10, pollutants={"no2": 30})),
              exactly(hour(11, quality="suspect", note={"by": ["a", None]}))]
    assert collector.events(AIR) == events
    assert collector.events(AIR, station="BE0412", quality="suspect") == events[2:]
    assert collector.events(AIR, start="2026-01-21T10:00:00Z", end="2026-01-21T11:00:00Z") == events[1:2]
    assert collector.events(AIR, interval_s=3600, order="desc") == events[::-1]
    sums = collector.get(f"/aggregate/{AIR}", bucket="1d", station="BE0412", fields="pollutants.no2,pollutants.pm25",
                         functions="max,count").json()["data"]
    assert len(sums) == 1 and sums[0]["count"] == 3 and sums[0]["pollutants.no2"]["max"] == 30, sums
    assert sums[0]["pollutants.pm25"]["count"] == 2, sums
    series, = collector.get(f"/sensors/{AIR}").json()["data"]
    assert series["station"] == "BE0412" and series["latest"] == events[2], series
    assert len(collector.dead_letters(AIR)) == 4
    assert all(letter["reason"] == "invalid" and letter["detail"].startswith("/") for letter in collector.dead_letters(AIR))


def test_readings_of_air_quality_are_posted_stored_and_queried_on_sqlite_and_documented(site):
    collector = air_quality(site)
    assert_carries_air_quality(collector)
    document = collector.get("/openapi.json").json()
    shown = document["components"]["schemas"][AIR]
    assert shown["properties"]["quality"]["enum"] == ["valid", "suspect", "calibration"], shown
    body = document["paths"][f"/ingest/{AIR}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert f"#/components/schemas/{AIR}" in json.dumps(body), body
    assert f"/data/{AIR}" in document["paths"]
    assert collector.get("/data").json()["data"], "it is the first pipeline"


def test_readings_of_air_quality_go_through_kafka_into_mongodb(site):
    kafka, mongodb = Kafka(site.place), MongoDB(site.place)
    kafka.start()
    mongodb.start()
    name = uuid.uuid4().hex[:8]
    collector = air_quality(site, **{f"pipeline.{AIR}.stream": f"kafka://{kafka.address}", f"pipeline.{AIR}.topic": f"air-{name}",
                                     f"pipeline.{AIR}.store": f"{mongodb.address}/air_{name}"})
    try:
        collector.wait_until_subscribed(60)
        assert_carries_air_quality(collector)
        with mongodb.client() as client:
            keys = [index["key"] for index in client[f"air_{name}"].air_quality.index_information().values()
                    if index.get("unique")]
            assert [("station", 1), ("measured_at", 1), ("measured_at_ns", 1)] in keys, keys
    finally:
        collector.kill()
        with mongodb.client() as client:
            client.drop_database(f"air_{name}")


@pytest.mark.parametrize("store", ["sqlite", "mongodb"])
def test_alarms_of_machines_come_over_mqtt_and_http_beside_telemetry(site, store):
    site.start_broker()
    plant = f"plant{uuid.uuid4().hex[:8]}"
    settings = pipeline_of(ALARMS, ALARMS, "machine-alarm.json") | {"mqtt.subscription.0.topic": f"{plant}/+/alarm"}
    mongodb, database = None, f"alarms_{uuid.uuid4().hex[:8]}"
    if store == "mongodb":
        mongodb = MongoDB(site.place).start()
        settings[f"pipeline.{ALARMS}.store"] = f"{mongodb.address}/{database}"
    collector = site.collector(**settings)
    collector.configuration = EXAMPLES / ALARMS / "collector.toml"
    collector.compose()
    collector.start_and_wait().wait_until_subscribed(60)
    alarm = example(ALARMS, "alarm.json")
    other = {name: value for name, value in alarm.items() if name not in ("machine", "readings")}
    other["alarm"], other["text"] = str(uuid.uuid4()), None
    try:
        assert collector.ingest(alarm, ALARMS).status == 202
        assert collector.ingest(alarm | {"alarm": alarm["alarm"].lower()}, ALARMS).status == 202, "the same alarm again"
        with Device(site.broker) as device:
            device.publish(json.dumps(other), topic=f"{plant}/press-7/alarm")
        collector.wait_for_account(60, ALARMS, stored=2, duplicates=1)
        stored = exactly(alarm | {"alarm": alarm["alarm"].lower()})
        assert collector.events(ALARMS, machine="press-4", severity="stop") == [stored]
        assert collector.events(ALARMS, alarm=alarm["alarm"]) == [stored]
        assert collector.events(ALARMS, code=217, machine="press-7") == [exactly(other | {"machine": "press-7"})]
        assert [series["machine"] for series in collector.get(f"/sensors/{ALARMS}").json()["data"]] == ["press-4", "press-7"]
        refused = collector.ingest(alarm | {"colour": "red"}, ALARMS)
        assert refused.status == 400 and "/colour" in json.dumps(refused.json()["errors"], default=str), refused
    finally:
        collector.kill()
        if mongodb is not None:
            with mongodb.client() as client:
                client.drop_database(database)
