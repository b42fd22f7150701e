"""Kinds of events that the product never heard of, by configuration alone: the examples."""

import contextlib
import json
import subprocess
import uuid

import pytest
from harness import CLICK, PROGRAMS, REPOSITORY, exactly, program_environment, reading
from mqtt_device import Device
from services.kafka import Kafka
from services.mongodb import MongoDB
from services.postgresql import PostgreSQL

EXAMPLES = REPOSITORY / "examples"
AIR = "air-quality"
ALARMS = "machine-alarms"


def example(folder, name):
    return json.loads((EXAMPLES / folder / name).read_text())


def pipeline_of(folder, name, schema):
    """The pipeline of an example, with the schema where it is whatever the working directory."""
    return {f"pipeline.{name}.schema": str(EXAMPLES / folder / schema)}


def air_quality(site, variables=None, **settings):
    """A collector with the example's configuration, as its user starts it. `variables`: of its environment,
    where the address of a store belongs that has a password."""
    collector = site.collector(**{"mqtt.url": "", **pipeline_of(AIR, AIR, "air-quality.json"), **settings})
    collector.environment |= variables or {}
    collector.configuration = EXAMPLES / AIR / "collector.toml"
    collector.compose()
    return collector.start_and_wait()


@contextlib.contextmanager
def database(site, kind):
    """The store of a pipeline, in a new database of its own: its URI, and what to run there."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    if kind == "sqlite":
        yield "sqlite:", None
    elif kind == "mongodb":
        mongodb = MongoDB(site.place).start()
        with mongodb.client() as client:
            try:
                yield f"{mongodb.address}/{name}", client[name]
            finally:
                client.drop_database(name)
    else:
        postgresql = PostgreSQL(site.place).start()
        postgresql.run(f"CREATE DATABASE {name}")
        try:
            yield postgresql.address_of(name), lambda sql: postgresql.run(sql, name)
        finally:
            postgresql.run(f"DROP DATABASE {name} WITH (FORCE)")


def on_kafka(site, name):
    """The settings of a pipeline on the shared Kafka, with a topic of its own."""
    kafka = Kafka(site.place).start()
    return {f"pipeline.{name}.stream": f"kafka://{kafka.address}", f"pipeline.{name}.topic": f"{name}-{uuid.uuid4().hex[:8]}"}


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
    with database(site, "mongodb") as (uri, mongodb):
        collector = air_quality(site, **on_kafka(site, AIR), **{f"pipeline.{AIR}.store": uri})
        collector.wait_until_subscribed(60)
        assert_carries_air_quality(collector)
        keys = [index["key"] for index in mongodb.air_quality.index_information().values() if index.get("unique")]
        assert [("station", 1), ("measured_at", 1), ("measured_at_ns", 1)] in keys, keys
        collector.kill()


def test_readings_of_air_quality_go_through_kafka_into_postgresql(site):
    with database(site, "postgresql") as (uri, run):
        collector = air_quality(site, {"TRIBUTARY_PIPELINE__AIR_QUALITY__STORE": uri}, **on_kafka(site, AIR))
        collector.wait_until_subscribed(60)
        assert_carries_air_quality(collector)
        assert run("SELECT station, interval_s, quality, pollutants->>'no2', position->>'latitude' FROM air_quality"
                   " WHERE pollutants ? 'o3' AND quality = 'valid' ORDER BY measured_at LIMIT 1") == "BE0412|3600|valid|21.4|50.454"
        collector.kill()


@pytest.mark.parametrize("store", ["sqlite", "mongodb", "postgresql"])
def test_alarms_of_machines_come_over_mqtt_and_http_beside_telemetry(site, store):
    site.start_broker()
    plant = f"plant{uuid.uuid4().hex[:8]}"
    with database(site, store) as (uri, _):
        collector = site.collector(**pipeline_of(ALARMS, ALARMS, "machine-alarm.json"),
                                   **{"mqtt.subscription.0.topic": f"{plant}/+/alarm"})
        collector.environment |= {"TRIBUTARY_PIPELINE__MACHINE_ALARMS__STORE": uri}
        collector.configuration = EXAMPLES / ALARMS / "collector.toml"
        collector.compose()
        collector.start_and_wait().wait_until_subscribed(60)
        assert_carries_alarms(collector, site.broker, plant)
        collector.kill()


def assert_carries_alarms(collector, broker, plant):
    alarm = example(ALARMS, "alarm.json")
    other = {name: value for name, value in alarm.items() if name not in ("machine", "readings")}
    other["alarm"], other["text"] = str(uuid.uuid4()), None
    assert collector.ingest(alarm, ALARMS).status == 202
    assert collector.ingest(alarm | {"alarm": alarm["alarm"].lower()}, ALARMS).status == 202, "the same alarm again"
    with Device(broker) as device:
        device.publish(json.dumps(other), topic=f"{plant}/press-7/alarm")
    collector.wait_for_account(60, ALARMS, stored=2, duplicates=1)
    stored = exactly(alarm | {"alarm": alarm["alarm"].lower()})
    assert collector.events(ALARMS, machine="press-4", severity="stop") == [stored]
    assert collector.events(ALARMS, alarm=alarm["alarm"]) == [stored]
    assert collector.events(ALARMS, code=217, machine="press-7") == [exactly(other | {"machine": "press-7"})]
    assert [series["machine"] for series in collector.get(f"/sensors/{ALARMS}").json()["data"]] == ["press-4", "press-7"]
    refused = collector.ingest(alarm | {"colour": "red"}, ALARMS)
    assert refused.status == 400 and "/colour" in json.dumps(refused.json()["errors"], default=str), refused
    assert collector.ingest(reading(0)).status == 202
    collector.wait_for_account(30, "telemetry", stored=1)


def test_three_pipelines_of_one_collector_are_in_three_kinds_of_stores(site):
    """Telemetry in PostgreSQL, the clickstream in MongoDB, and readings of air quality in SQLite."""
    with database(site, "postgresql") as (postgresql, run), database(site, "mongodb") as (mongodb, clicks):
        collector = air_quality(site, {"TRIBUTARY_PIPELINE__TELEMETRY__STORE": postgresql,
                                       "TRIBUTARY_PIPELINE__CLICKSTREAM__STORE": mongodb})
        collector.wait_until_subscribed(60)
        assert collector.ingest(reading(0), "telemetry").status == 202
        assert collector.ingest(CLICK, "clickstream").status == 202
        assert collector.ingest(hour(0), AIR).status == 202
        for pipeline in ("telemetry", "clickstream", AIR):
            collector.wait_for_account(60, pipeline, stored=1)
        assert run("SELECT sensor_id, temperature, humidity FROM events") == "sensor_1|25.4|60.2"
        assert clicks.events.find_one()["page"] == CLICK["page"]
        assert collector.events("telemetry") == [exactly(reading(0))]
        assert collector.events("clickstream") == [exactly(CLICK)]
        assert collector.events(AIR) == [exactly(hour(0))]
        collector.kill()
