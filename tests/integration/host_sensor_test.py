"""The machine's own sensor, and what an edge says of itself."""

import json
import subprocess

from harness import PROGRAMS, program_environment, toml
from mqtt_device import Device
from services.process import wait_until


def edge_command(place, *arguments):
    return subprocess.run([PROGRAMS / "tributary-edge", *arguments], env=program_environment(place), cwd=place,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=False)


def test_what_this_machine_says_of_itself_is_in_data_measurement(site):
    site.start_broker()
    collector = site.start_collector()
    edge = site.edge(sensor=[{"type": "host", "interval": "200ms", "tags": {"site": "roof"}},
                             {"type": "simulator", "rate": 5.0}]).start_and_wait()
    wait_until(lambda: collector.account("measurement")["stored"] >= 3, 20, "three measurements are stored")
    assert edge.terminate() == 0
    account = collector.wait_for_account(pipeline="measurement", rejected=0, duplicates=0, conflicts=0)

    events = collector.events("measurement", sensor_id="edge-host")
    assert len(events) == account["stored"]
    assert collector.account("telemetry")["stored"] > 0
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        total = int(meminfo.readline().split()[1]) * 1024
    for event in events:
        assert event["tags"] == {"site": "roof"}
        values = event["values"]
        assert values["memory_total_bytes"] == total
        assert 0 < values["memory_available_bytes"] <= total
        assert values["uptime_seconds"] > 0
        assert values["load_1m"] >= 0
    assert "cpu_usage_percent" not in events[0]["values"]
    # Where two readings lie 200 ms apart there is a tick between them.
    assert all(0 <= event["values"]["cpu_usage_percent"] <= 100 for event in events[1:])

    hours = collector.get("/aggregate/measurement", bucket="1h", fields="values.load_1m", functions="max,count").json()
    assert sum(row["count"] for row in hours["data"]) == len(events)


def test_sample_list_shows_what_is_found_and_what_is_missing_without_a_configuration(place):
    result = edge_command(place, "sample", "--list")
    assert result.returncode == 0, result
    lines = result.stdout.splitlines()
    assert lines[0].endswith("-host, pipeline measurement, every 10 s:")
    found = {words[0]: words for words in map(str.split, lines[1:]) if len(words) >= 3}
    assert found["memory_total_bytes"][2] == "/proc/meminfo"
    assert float(found["memory_total_bytes"][1]) > 1e6
    assert 0 <= float(found["cpu_usage_percent"][1]) <= 100
    assert "cpu_temperature_celsius" in found  # with a value, or among those that are missing
    assert lines[-1] == 'It is not configured: [[sensor]] type = "host" is enough.'


def test_sample_list_shows_the_sensors_that_are_configured(place):
    sensors = [{"type": "host", "sensor_id": "me", "groups": ["network"], "interfaces": ["none7"]},
               {"type": "csv", "path": "/there/is/none.csv"}]
    result = edge_command(place, "sample", "--list", "--set", f"sensor={toml(sensors)}")
    assert result.returncode == 0, result
    assert result.stdout.startswith("Host sensor me, pipeline measurement, every 10 s:\n")
    assert "network_none7_  /proc/net/dev has no none7" in result.stdout
    assert "memory_" not in result.stdout
    assert result.stdout.endswith("Configured sensors:\n  me, pipeline measurement\n"
                                  "  csv /there/is/none.csv, pipeline telemetry\n")

    wrong = edge_command(place, "sample", "--list", "3")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "takes no number" in wrong.stderr


def test_the_retained_status_says_what_an_edge_holds_and_whether_it_is_there(site):
    """`buffer_oldest` is the time that `tributary-edge buffer` tells."""
    site.start_broker(own=True)
    site.broker.kill()
    edge = site.edge(sensor=[{"type": "host", "interval": "100ms"}]).start_and_wait()
    wait_until(lambda: edge.buffered() >= 5, 20, "five events wait for the broker")
    waiting = edge.get("/buffer").json()["pipelines"][0]
    site.broker.start()

    def retained():
        """What a newcomer gets."""
        with Device(site.broker, "newcomer") as device:
            device.subscribe("tributary/edge/status")
            message = device.received.get(timeout=20)
            return json.loads(message.payload)

    wait_until(lambda: edge.metric("tributary_edge_connected") == 1, 40, "the edge is connected")
    status = retained()
    assert list(status) == ["status", "version", "uptime_seconds", "buffer_records", "buffer_bytes", "buffer_oldest",
                            "sampled", "published", "dropped", "damaged"]
    assert status["status"] == "online"
    assert status["version"] == edge_command(site.place, "version").stdout.split()[1]
    assert status["buffer_oldest"] == waiting["oldest"]
    assert 5 <= status["buffer_records"] <= status["sampled"]
    assert (status["published"], status["dropped"], status["damaged"]) == (0, 0, 0)
    assert 0 <= status["uptime_seconds"] < 60

    edge.kill()
    wait_until(lambda: retained() == {"status": "offline"}, 20, "the broker has told the edge's will")
    edge.start_and_wait()
    wait_until(lambda: retained()["status"] == "online", 20, "the edge is back")
    assert edge.terminate() == 0
    assert retained() == {"status": "offline"}
