"""The same over another broker than Mosquitto."""

import json

import pytest
from harness import csv_sensor, reading
from mqtt_device import Device
from mqtt_parts import mqtt_health
from nothing_lost_test import assert_every_sequence_once, rows_by_sensor, write_recording
from services.hivemq import HiveMQ
from services.process import wait_until

EVENTS = 600
SUBSCRIPTION = {"topic": "sensors/+/reading", "pipeline": "telemetry", "fields": {"sensor_id": 1}}


@pytest.fixture
def hivemq(site, place):
    site.broker = HiveMQ(place).start()
    yield site.broker
    site.broker.kill()
    site.broker = None


def test_edge_and_collector_exchange_events_and_receipts_over_hivemq_through_its_restart(site, hivemq, place):
    collector = site.start_collector(**{"mqtt.subscription": [SUBSCRIPTION]})
    edge = site.edge(sensor=[csv_sensor(write_recording(place / "recording.csv", EVENTS), pace=60.0)], exit_when_done=True,
                     **{"mqtt.receipt_timeout": "2s"}).start_and_wait()
    wait_until(lambda: edge.metric("tributary_edge_published_total") >= EVENTS / 4, 30, "receipts come")
    assert mqtt_health(edge)[0] and mqtt_health(collector)[0]
    hivemq.stop()  # in order: after a kill -9 it may keep what is queued to itself
    wait_until(lambda: not mqtt_health(edge)[0] and not mqtt_health(collector)[0], 20, "both miss the broker")
    hivemq.start()
    assert edge.wait(90) == 0, "every event has its receipt"
    collector.wait_for_account(60, stored=EVENTS, rejected=0, conflicts=0)
    assert rows_by_sensor(collector.events()) == {"office": list(range(EVENTS))}
    assert_every_sequence_once(collector)
    with Device(hivemq) as device:
        device.subscribe("tributary/device/receipts")
        device.publish(json.dumps(reading(0, sensor_id=None)), topic="sensors/shed/reading", qos=2,
                       response_topic="tributary/device/receipts", correlation_data=b"1")
        assert device.receipt() == (b"1", {"accepted": "1", "rejected": "0"}, b"")
    collector.wait_for_account(stored=EVENTS + 1)
