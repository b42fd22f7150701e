"""compose/'s deployment as a chain, on real services: what goes in comes out, in both profiles at once."""

import json

import pytest
from compose_site import ComposedPostgreSQL, ComposeSite
from harness import CLICK, exactly, reading
from services.process import wait_until

MEASUREMENT = {"sensor_id": "host", "timestamp": "2026-01-21T10:00:00Z", "values": {"load": 0.5}, "tags": {}}


@pytest.fixture
def postgresql(place):
    database = ComposedPostgreSQL(place)
    yield database
    database.end()


@pytest.mark.parametrize("tls", [False, True])
def test_both_profiles_of_compose_carry_readings_and_clicks_to_their_databases(place, postgresql, tls):
    site = ComposeSite(place, tls, **postgresql.variables)
    try:
        postgresql.create_user(site)
        site.start_mosquitto()
        kafka = site.start_kafka()
        mongodb = site.start_mongodb()
        kafka.wait_for_answer()
        programs = {name: site.start_program(name) for name in site.file.services if name in (
            "ingest", "query", "persist", "edge", "clickstream-ingest", "clickstream-query", "clickstream-persist")}
        for name, program in programs.items():
            wait_until(lambda program=program: program.command_line("health")[0] == 0, 40, f"{name} is healthy")

        assert programs["ingest"].ingest(reading(0)).status == 202
        query = programs["query"]
        wait_until(lambda: query.events(sensor_id="sensor_1") == [exactly(reading(0))], 30, "the reading is in /data")
        wait_until(lambda: query.events(sensor_id="gateway-1-sim-1"), 30, "the edge's are there, too")
        with mongodb.client(username=site.variables["MONGODB_USER"], password=site.variables["MONGODB_PASSWORD"],
                            authSource="sensor_db") as client:
            assert client.sensor_db.events.count_documents({"sensor_id": "sensor_1"}) == 1
        assert programs["ingest"].ingest(MEASUREMENT, "measurement").status == 202
        wait_until(lambda: query.events("measurement") == [exactly(MEASUREMENT)], 30, "the measurement is in /data")
        assert programs["clickstream-ingest"].ingest(CLICK).status == 202
        wait_until(lambda: programs["clickstream-query"].events("clickstream") == [exactly(CLICK)], 30, "the click is in /data")
        rows = postgresql.server.run("SELECT event_id FROM events", postgresql.variables["DB_NAME"])
        assert rows == CLICK["event_id"]

        keep_nothing = [name for name in programs if name not in ("ingest", "edge")]
        assert not [name for name in keep_nothing if programs[name].state.exists()], "they have a tmpfs there"
        stranger = programs["ingest"].request("POST", "/ingest", json.dumps(reading(1)),
                                              {"Content-Type": "application/json", "Authorization": "Bearer x"})
        assert stranger.status == 401
        for program in programs.values():
            assert program.terminate() == 0
    finally:
        site.end()
