"""SIGTERM, and a second process on the same data."""

import json
from pathlib import Path

from harness import Collector, csv_sensor, reading
from nothing_lost_test import rows_by_sensor, write_recording
from services.process import wait_until


def test_a_collector_that_is_told_to_stop_drains_first_and_exits_with_0(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    assert collector.ingest(json.dumps([reading(second) for second in range(20_000)], separators=(",", ":"))).status == 202
    assert collector.terminate() == 0
    collector.start_and_wait()
    account = collector.account()
    assert (account["lag"], account["stored"]) == (0, 20_000), account


def test_an_edge_that_is_told_to_stop_exits_with_0_and_keeps_what_is_not_delivered(site):
    recording = write_recording(site.place / "recording.csv", 1000)
    site.prepare_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(recording)]).start_and_wait()
    wait_until(lambda: edge.buffered() == 1000, 30, "the buffer has the recording")
    assert edge.terminate() == 0
    site.broker.start()
    collector = site.start_collector()
    edge.settings |= {"sensor": None, "exit_when_done": True}
    edge.compose()
    edge.start()
    assert edge.wait(60) == 0
    collector.wait_for_account(records=1000, stored=1000)
    assert rows_by_sensor(collector.events()) == {"office": list(range(1000))}


def test_a_second_collector_on_the_same_data_is_refused_and_the_first_goes_on(site):
    first = site.start_collector(**{"mqtt.url": ""})
    second = Collector(site.place, "", name="second", **{"data": first.data, "mqtt.url": ""})
    site.started.append(second)
    second.start()
    assert second.wait(20) == 1
    assert str(first.data) in second.log_text() and "another process" in second.log_text(), second.log_text()
    assert first.ingest(reading(0)).status == 202
    first.wait_for_account(stored=1)


def test_a_second_edge_on_the_same_buffer_is_refused_and_the_first_goes_on(site):
    site.start_broker()
    simulator = [{"type": "simulator", "pipeline": "telemetry", "count": 1, "rate": 10.0}]
    collector = site.start_collector()
    first = site.edge(sensor=simulator).start_and_wait()
    second = site.edge(name="second", **{"buffer.path": first.buffer, "sensor": simulator}).start()
    assert second.wait(20) == 1
    assert str(first.buffer) in second.log_text() and "another process" in second.log_text(), second.log_text()
    stored = collector.account()["stored"]
    wait_until(lambda: collector.account()["stored"] > stored + 5, 20, "the first one goes on")


def test_a_collector_that_is_killed_leaves_nothing_in_shared_memory(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    left = Path(f"/dev/shm/mongoc-{collector.pid}")
    collector.kill()
    assert not left.exists()
