#!/usr/bin/python3
"""Makes a directory of files as an installation leaves them: README.md says when to and what is in it.

    TRIBUTARY_BIN=DIRECTORY make.py DIRECTORY    with the programs in the one, into the other, which is new
"""

import contextlib
import json
import re
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

import confluent_kafka

TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

import log_files  # noqa: E402
from backbone import Backbone, settled_account  # noqa: E402
from conftest import Site  # noqa: E402
from harness import csv_sensor, reading  # noqa: E402
from mqtt_device import Device  # noqa: E402
from nothing_lost_test import write_recording  # noqa: E402
from services.process import wait_until  # noqa: E402

PIPELINES = [{"name": "telemetry"}, {"name": "clickstream"}]
DELIVERED, BUFFERED = 12, 20


def click(number, **changes):
    return {"event_id": f"0b7a6f0e-8f6b-4c3b-9e41-3f2a8c9d{number:04x}", "user_id": number, "event_type": "view",
            "page": "/start", "event_time": f"2026-01-21T10:00:{number:02}Z"} | changes


@contextlib.contextmanager
def held(databases):
    """Nobody else writes to them meanwhile."""
    connections = [sqlite3.connect(file, isolation_level=None) for file in databases]
    for connection in connections:
        connection.execute("BEGIN IMMEDIATE")
    yield
    for connection in connections:
        connection.execute("ROLLBACK")
        connection.close()


def run_edge(site, rows, condition):
    """The edge with a recording of its own, until the condition holds."""
    recording = write_recording(site.place / f"recording-{rows}.csv", rows)
    edge = site.edge(name="gateway-7", sensor=[csv_sensor(recording, f"office-{rows}")]).start_and_wait()
    wait_until(lambda: condition(edge), 30, "the edge is that far")
    edge.kill()
    return edge


def records(edge):
    """On the disk."""
    return sum(len(list(log_files.frames(file.read_bytes()))) for file in log_files.segments(edge.buffer / "telemetry"))


def settle_some(collector, device):
    """What ends before the kill: each outcome, and each kind of dead letter."""
    collector.ingest([reading(second) for second in range(4)])
    collector.ingest([click(number) for number in range(4)], "clickstream")
    collector.wait_for_account(stored=4 + DELIVERED)
    collector.ingest([reading(0), reading(1, temperature=-1), reading(9, humidity=130)], invalid="dead_letter")
    collector.ingest([click(0), click(1, page="/other"), click(9, user_id="nobody")], "clickstream", invalid="dead_letter")
    device.publish(json.dumps({"door": "north"}), "doors")
    collector.wait_for_account(stored=4 + DELIVERED, duplicates=1, conflicts=1, rejected=1)
    collector.wait_for_account(pipeline="clickstream", stored=4, duplicates=1, conflicts=1, rejected=1)
    wait_until(lambda: collector.dead_letters("tributary"), 30, "a dead letter of no pipeline")


def leave_some(collector):
    """What is accepted and not settled at the kill; how it will end."""
    collector.ingest([reading(second) for second in range(3, 10)] + [reading(2, temperature=-2)])
    collector.ingest([click(number) for number in range(3, 8)], "clickstream")
    return {"telemetry": {"stored": 6, "duplicates": 1, "conflicts": 1}, "clickstream": {"stored": 4, "duplicates": 1}}


def tell(collector, edge, unsettled):
    names = [pipeline["name"] for pipeline in PIPELINES]
    return {"edge": {"id": edge.settings["id"], "delivered": DELIVERED, "buffered": BUFFERED}, "unsettled": unsettled,
            "accounts": {name: json.loads(collector.get(f"/account/{name}").body) for name in names},
            "events": {name: [json.loads(line) for line in collector.get(f"/data/{name}", format="ndjson").body.splitlines()]
                       for name in names},
            "dead_letters": {name: json.loads(collector.get(f"/dead-letters/{name}").body)["data"]
                             for name in [*names, "tributary"]}}


def checkpoint(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make_own(site, target):
    """The edge's buffer and the collector's data."""
    site.start_broker(own=True)
    collector = site.start_collector(pipeline=PIPELINES)
    run_edge(site, DELIVERED, lambda edge: edge.metric("tributary_edge_published_total") == DELIVERED
             and edge.buffered() == 0)
    with Device(site.broker) as device:
        settle_some(collector, device)
    databases = sorted(collector.data.glob("*.db"))
    with held(databases):
        unsettled = leave_some(collector)
        site.broker.kill()
        edge = run_edge(site, BUFFERED, lambda edge: records(edge) == DELIVERED + BUFFERED)
        story = tell(collector, edge, unsettled)
        collector.kill()
    for database in databases:
        checkpoint(database)
    shutil.copytree(edge.buffer, target / "edge")
    shutil.copytree(collector.data, target / "collector")
    (target / "story.json").write_text(json.dumps(story, indent=1, ensure_ascii=False) + "\n")


def committed_texts(backbone):
    """What is in the metadata of the commits of the group and of its account."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": backbone.kafka.address, "group.id": "reader",
                                         "enable.partition.eof": True})
    topic = "__consumer_offsets"
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0) for partition in partitions])
    last, ended = {}, 0
    while ended < len(partitions):
        message = consumer.poll(30)
        if message.error():
            ended += 1
        elif backbone.group.encode() in message.key() and message.value():
            for text in re.findall(rb"tributary/[ -~]*", message.value()):
                last[message.key()] = text.decode()
    consumer.close()
    return sorted(last.values())


def make_kafka(place, target):
    backbone = Backbone(place).start()
    try:
        collector = backbone.start_collector()
        wait_until(lambda: collector.ingest(reading(0)).status == 202, 30, "the topic is there")
        settled_account(collector, 60, stored=1)
        collector.ingest([reading(0), reading(0, temperature=-1), reading(1), reading(2, humidity=130)], invalid="dead_letter")
        settled_account(collector, 60, records=5)
        assert collector.terminate() == 0
        (target / "kafka_metadata.txt").write_text("".join(text + "\n" for text in committed_texts(backbone)))
    finally:
        backbone.end()


def main():
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # Mosquitto gives up being root
        site = Site(Path(directory))
        try:
            make_own(site, target)
        finally:
            site.end()
        make_kafka(Path(directory), target)


if __name__ == "__main__":
    main()
