"""What the edge's buffer accepted is in the store once, whatever is killed on the way."""

import collections
import time

from harness import csv_sensor, reading
from services.process import pause, wait_until

EVENTS = 20_000


def write_recording(file, rows):
    """One reading a second; no two are alike."""
    with open(file, "w", encoding="utf-8") as out:
        out.write('"Date","Temperature","Humidity","Light","CO2"\n')
        for row in range(rows):
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_700_000_000 + row))
            out.write(f'"{moment}",{row / 1000},{row % 100},{row},400\n')
    return file


def rows_by_sensor(events):
    """For each sensor, the rows of its events in order."""
    found = collections.defaultdict(list)
    for event in events:
        found[event["sensor_id"]].append(int(event["light"]))
    return found


def assert_each_sequence_once(collector):
    """No record of the edge's buffer gave two events."""
    origins = [(event["_tributary"]["log"], event["_tributary"]["sequence"]) for event in collector.events(meta="true")]
    assert len(set(origins)) == len(origins)


def test_nothing_is_lost_while_kill_9_hits_edge_collector_and_broker(site, chance):
    recording = write_recording(site.place / "recording.csv", EVENTS)
    broker = site.start_broker(own=True)
    collector = site.start_collector()
    edge = site.edge()
    kills = collections.Counter()
    down = {}  # what is dead, and when it is to come back

    def restart_edge(number, **more):
        """Each start is a sensor of its own, so that each start's events can be told apart."""
        edge.settings |= {"sensor": [csv_sensor(recording, f"start-{number}", pace=1000.0)]} | more
        edge.compose()
        edge.start()

    def restart_what_is_due(everything=False):
        for victim in [victim for victim, due in down.items() if everything or time.monotonic() >= due]:
            del down[victim]
            victim.start()

    def kill_one(victims):
        victim = chance.choice([victim for victim in victims if victim not in down])
        victim.kill()
        kills[type(victim).__name__] += 1
        return victim

    begin = time.monotonic()
    accepted_at_least = {}
    # The edge is killed several times, and the others with it.
    for number in range(5):
        restart_edge(number)
        end = time.monotonic() + chance.uniform(1.0, 4.0)
        while time.monotonic() < end:
            pause(chance.uniform(0.1, 0.8))
            restart_what_is_due()
            if len(down) < 2:
                down[kill_one([collector, broker])] = time.monotonic() + chance.uniform(0.0, 1.5)
        # What the edge calls released is in the stream for good; the rest is judged as a prefix below.
        try:
            accepted_at_least[f"start-{number}"] = edge.metric("tributary_edge_sampled_total")
        except OSError:
            pass  # killed before it listened
        edge.kill()
        kills["Edge"] += 1

    # The last start reads the whole recording, and only the others are killed.
    restart_edge("last", exit_when_done=True)
    while edge.running and time.monotonic() - begin < 120:
        pause(chance.uniform(0.1, 1.2))
        restart_what_is_due()
        if len(down) < 2 and sum(kills.values()) < 60:
            down[kill_one([collector, broker])] = time.monotonic() + chance.uniform(0.0, 1.5)
        if sum(kills.values()) >= 60:
            restart_what_is_due(everything=True)
    restart_what_is_due(everything=True)
    assert edge.wait(90) == 0, "the edge's last run delivers everything"
    collector.wait_for_answer()
    account = collector.wait_for_account(60)
    print(f"{dict(kills)} kills in {time.monotonic() - begin:.0f} s; {account}; sampled at least {accepted_at_least}")
    assert min(kills[name] for name in ("Edge", "Collector", "Mosquitto")) >= 3

    events = collector.events()
    assert len(events) == account["stored"]
    assert account["conflicts"] == account["rejected"] == 0
    found = rows_by_sensor(events)
    assert found["start-last"] == list(range(EVENTS))
    for sensor, rows in found.items():
        # The buffer takes a sensor's readings in order: what a killed edge had accepted is a prefix.
        assert rows == list(range(len(rows))), sensor
    assert_each_sequence_once(collector)


def test_what_was_buffered_without_a_broker_survives_a_kill_and_arrives(site):
    recording = write_recording(site.place / "recording.csv", 5000)
    site.prepare_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(recording)]).start_and_wait()
    wait_until(lambda: edge.buffered() == 5000, 30, "the buffer has the recording")
    answer = edge.health()
    assert answer.status == 503 and answer.json()["checks"]["mqtt"]["status"] == "down", answer
    edge.kill()

    site.broker.start()
    collector = site.start_collector()
    edge.settings["sensor"] = None
    edge.compose()
    edge.start_and_wait()
    collector.wait_for_account(60, stored=5000, rejected=0, conflicts=0)
    assert rows_by_sensor(collector.events()) == {"office": list(range(5000))}
    wait_until(lambda: edge.buffered() == 0, 30, "the buffer is empty")
    assert edge.running, "without a sensor the edge stays up"


def test_an_event_that_was_accepted_over_http_survives_a_kill(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    for second in range(5):
        assert collector.ingest(reading(second)).status == 202
        collector.kill()
        collector.start_and_wait()
    collector.wait_for_account(stored=5, records=5)
    assert [event["timestamp"] for event in collector.events()] == [reading(second)["timestamp"] for second in range(5)]


def test_the_account_survives_restarts(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    collector.ingest([reading(0), reading(1), reading(0)])
    collector.ingest(reading(1, temperature=1.5))
    collector.ingest([reading(2, temperature="warm")], invalid="dead_letter")
    before = collector.wait_for_account(records=5, stored=2, duplicates=1, conflicts=1, rejected=1)
    collector.kill()
    collector.start_and_wait()
    assert collector.account() == before
    assert collector.terminate() == 0
    collector.start_and_wait()
    assert collector.account() == before
