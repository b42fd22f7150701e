"""The real recording, from a csv file into the store."""

import csv
from decimal import Decimal

from harness import OFFICE_ROOM
from services.process import wait_until

# As a user writes it.
EDGE_TOML = """
exit_when_done = true

[[sensor]]
type = "csv"
path = "{path}"
pipeline = "telemetry"
time = {{ column = "Date", format = "%Y-%m-%d %H:%M:%S", zone = "{zone}" }}
fields = {{ temperature = "Temperature", humidity = "Humidity", light = "Light", co2 = "CO2" }}
set = {{ sensor_id = "office", location = {{ latitude = 50.45, longitude = 3.95 }} }}
pace = {pace}
"""


def configuration(place, zone="UTC", pace='"max"', path=OFFICE_ROOM):
    file = place / "edge.toml"
    file.write_text(EDGE_TOML.format(path=path, zone=zone, pace=pace))
    return file


def rows():
    with open(OFFICE_ROOM, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(row):
    return {"sensor_id": "office", "timestamp": row["Date"].replace(" ", "T") + "Z",
            "temperature": Decimal(row["Temperature"]), "humidity": Decimal(row["Humidity"]),
            "light": Decimal(row["Light"]), "co2": Decimal(row["CO2"]),
            "location": {"latitude": Decimal("50.45"), "longitude": Decimal("3.95")}}


def test_a_recording_arrives_to_the_last_digit_and_once_however_often_it_is_sent(site):
    site.start_broker()
    collector = site.start_collector()
    edge = site.edge(configuration=configuration(site.place)).start()
    assert edge.wait(60) == 0, edge.log_text()[-2000:]

    collector.wait_for_account(records=8143, stored=8143, duplicates=0, conflicts=0, rejected=0)
    events = collector.events(sensor_id="office")
    assert len(events) == 8143
    for event, row in zip(events, rows(), strict=True):
        assert event == expected(row)

    edge.start()
    assert edge.wait(60) == 0
    collector.wait_for_account(records=2 * 8143, stored=8143, duplicates=8143, conflicts=0, rejected=0)
    assert len(collector.events(sensor_id="office")) == 8143


def test_the_zone_of_a_recording_moves_its_times(site):
    site.start_broker()
    collector = site.start_collector()
    edge = site.edge(configuration=configuration(site.place, zone="+05:30")).start()
    assert edge.wait(60) == 0
    collector.wait_for_account(stored=8143)
    first = collector.get("/data", sensor_id="office", limit=1).json()["data"][0]
    assert first["timestamp"] == "2015-02-04T12:21:00Z"  # 17:51 five and a half hours east


def test_a_recording_at_a_pace_keeps_its_distances_in_time(site):
    """At 600 times its speed a reading a minute is ten a second; an edge that stops half-way stops at once."""
    site.start_broker()
    collector = site.start_collector()
    edge = site.edge(configuration=configuration(site.place, pace=600)).start_and_wait()
    wait_until(lambda: collector.account()["stored"] >= 20, 20, "twenty readings are stored")
    assert collector.account()["stored"] < 200
    assert edge.terminate() == 0
