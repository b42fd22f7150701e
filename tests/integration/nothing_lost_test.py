"""What the edge's buffer accepted is in the store once, whatever is killed on the way."""

import collections
import http.client
import time

from harness import csv_sensor, exactly, reading
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


def assert_every_sequence_once(collector):
    """Each record that the edge's buffer gave a number is one event."""
    sequences = sorted(event["_tributary"]["sequence"] for event in collector.events(meta="true"))
    assert sequences == list(range(1, len(sequences) + 1))


class Killing:
    """kill -9 in the midst of the work: each time when events have come through since the last kill, or a
    long wait for the next connection has passed, at a random moment."""

    def __init__(self, chance, collector, broker):
        self.chance, self.collector, self.broker = chance, collector, broker
        self.kills = collections.Counter()
        self.in_the_midst = 0  # kills with events coming through
        self.records = 0

    def came_through(self):
        try:
            records = self.collector.account()["records"]
        except (OSError, http.client.HTTPException):
            return False
        came, self.records = records > self.records, records
        return came

    def wait_for_a_moment(self):
        try:
            wait_until(self.came_through, 5, "events come through")
            self.in_the_midst += 1
        except AssertionError:
            pass
        pause(self.chance.uniform(0, 0.5))

    def kill(self, victim):
        victim.kill()
        self.kills[type(victim).__name__] += 1

    def kill_and_restart(self):
        self.wait_for_a_moment()
        victim = self.chance.choice([self.collector, self.collector, self.broker])
        self.kill(victim)
        pause(self.chance.uniform(0, 0.3))
        victim.start()


def test_nothing_is_lost_while_kill_9_hits_edge_collector_and_broker(site, chance):
    recording = write_recording(site.place / "recording.csv", EVENTS)
    broker = site.start_broker(own=True)
    collector = site.start_collector()
    edge = site.edge()
    killing = Killing(chance, collector, broker)
    begin = time.monotonic()

    # Each start of the edge has a sensor of its own, so that its events can be told from the others'.
    accepted = {}  # how many of a start the buffer took, at least
    for number in range(4):
        sensor = csv_sensor(recording, f"start-{number}", pace=500.0)
        edge.settings |= {"sensor": [sensor], "buffer.sync": "always"}
        edge.compose()
        edge.start_and_wait()
        for _ in range(chance.randrange(3)):
            killing.kill_and_restart()
        killing.wait_for_a_moment()
        # Each sample is durable before the next one is taken.
        accepted[f"start-{number}"] = int(edge.metric("tributary_edge_sampled_total")) - 1
        killing.kill(edge)

    # The last start reads the whole recording, and only the others are killed.
    edge.settings |= {"sensor": [csv_sensor(recording, "whole", pace=500.0)], "buffer.sync": None, "exit_when_done": True}
    edge.compose()
    edge.start_and_wait()
    while edge.running and time.monotonic() - begin < 90:
        killing.kill_and_restart()
    assert edge.wait(90) == 0, "the edge's last run delivers everything"
    collector.wait_for_answer()
    account = collector.wait_for_account(60)

    found = rows_by_sensor(collector.events())
    print(f"{killing.kills.total()} kills, {killing.in_the_midst} in the midst of the work, {dict(killing.kills)}, in "
          f"{time.monotonic() - begin:.0f} s; {account}; accepted of each start at least {accepted}, stored "
          f"{({sensor: len(rows) for sensor, rows in found.items()})}")
    assert min(killing.kills[name] for name in ("Edge", "Collector", "Mosquitto")) >= 3
    assert account["conflicts"] == account["rejected"] == 0
    assert found["whole"] == list(range(EVENTS))
    for sensor, least in accepted.items():
        # The buffer takes the readings in order: what it accepted before the kill is a beginning of them.
        assert found[sensor] == list(range(len(found[sensor]))) and len(found[sensor]) >= least, sensor
    # What was stored but not settled at a kill counts as a duplicate.
    assert account["stored"] <= sum(map(len, found.values())) <= account["stored"] + account["duplicates"]
    assert_every_sequence_once(collector)


def test_what_was_buffered_without_a_broker_survives_a_kill_and_arrives(site):
    recording = write_recording(site.place / "recording.csv", 2000)
    site.prepare_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(recording)], **{"buffer.sync": "always"}).start_and_wait()
    wait_until(lambda: edge.buffered() == 2000, 60, "the buffer has the recording")
    answer = edge.health()
    assert answer.status == 503 and answer.json()["checks"]["mqtt"]["status"] == "down", answer
    edge.kill()
    accepted = edge.records_on_disk()
    assert accepted >= 1999, "each sample is durable before the next one is taken"

    site.broker.start()
    collector = site.start_collector()
    edge.settings["sensor"] = None
    edge.compose()
    edge.start_and_wait()
    collector.wait_for_account(60, stored=accepted, rejected=0, conflicts=0)
    assert rows_by_sensor(collector.events()) == {"office": list(range(accepted))}
    wait_until(lambda: edge.buffered() == 0, 30, "the buffer is empty")
    assert edge.running, "without a sensor the edge stays up"


def test_an_event_that_was_accepted_over_http_survives_a_kill(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    for second in range(5):
        assert collector.ingest(reading(second)).status == 202
        collector.kill()
        collector.start_and_wait()
    # What was stored but not settled at a kill counts as a duplicate.
    account = collector.wait_for_account(records=5, rejected=0, conflicts=0)
    assert account["stored"] + account["duplicates"] == 5
    assert collector.events() == [exactly(reading(second)) for second in range(5)]


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
