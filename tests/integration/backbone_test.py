"""MQTT and HTTP → Kafka → MongoDB, with real ones."""

import json
import os
import subprocess
import threading
import time

import confluent_kafka
import pytest
from backbone import PARTITIONS, Backbone, settled_account
from harness import exactly, peak_memory, reading
from mqtt_device import Device
from services.mosquitto import Mosquitto
from services.process import pause, wait_until
from traffic import HttpClient, event

# Longer than any client's patience: by hand it was six minutes.
AWAY_SECONDS = int(os.environ.get("TRIBUTARY_TEST_AWAY_SECONDS", 30))
INDEX = [("sensor_id", 1), ("timestamp", 1), ("timestamp_ns", 1)]


@pytest.fixture
def backbone(place):
    """The shared Kafka and MongoDB; no broker."""
    backbone = Backbone(place).start()
    yield backbone
    backbone.end()


@pytest.fixture
def own_backbone(place):
    """Kafka and MongoDB that the test may end."""
    backbone = Backbone(place, own=True).start()
    yield backbone
    backbone.end()


def reasons(collector):
    return sorted(letter["reason"] for letter in collector.dead_letters())


def ingest_all(collector, events, size=5000):
    for first in range(0, len(events), size):
        answer = collector.ingest(events[first:first + size])
        assert answer.status == 202, answer


def test_an_event_goes_from_http_and_mqtt_through_kafka_into_mongodb(place):
    broker = Mosquitto(place).start()
    backbone = Backbone(place, broker).start()
    try:
        collector = backbone.start_collector()
        assert collector.ingest([reading(0), reading(1, timestamp="2026-01-21T11:30:00.123456789+01:30")]).status == 202
        with Device(broker) as device:
            device.publish(json.dumps(reading(2, note={"a": [1, 2.5, None]})))
        settled_account(collector, 60, records=3, stored=3)

        with backbone.events() as events:
            assert any(index["key"] == INDEX and index["unique"] for index in events.index_information().values())
            document = events.find_one({"timestamp_ns": 456789})
            assert document["timestamp"].isoformat() == "2026-01-21T10:00:00.123000"
            assert document["_tributary"]["source"] == "http" and len(document["_tributary"]["hash"]) == 16
            assert events.find_one({"note.a": 2.5})["_tributary"]["edge"] == "device"
        assert collector.events(sensor_id="sensor_1") == [
            exactly(reading(0)), exactly(reading(2, note={"a": [1, 2.5, None]})),
            exactly(reading(1, timestamp="2026-01-21T10:00:00.123456789Z"))]

        value, headers = next((value, headers) for _, _, value, headers in backbone.records(backbone.topic)
                              if headers["source"] == b"mqtt")
        assert json.loads(value) == reading(2, note={"a": [1, 2.5, None]})
        assert headers["pipeline"] == b"telemetry" and headers["schema"].startswith(b"telemetry@")
        assert headers["edge"] == b"device" and headers["received_at"].endswith(b"Z")
    finally:
        backbone.end()
        broker.stop()


def test_each_role_is_a_process_with_its_own_port_and_health(backbone):
    ingest, persist, query = (backbone.start_collector(role) for role in ("ingest", "persist", "query"))
    assert ingest.ingest([reading(second) for second in range(10)]).status == 202
    account = settled_account(query, 60, records=10, stored=10)
    assert settled_account(ingest, 10, records=10) == settled_account(persist, 10, records=10) == account
    assert len(query.events()) == 10
    assert ingest.get("/data").status == persist.get("/data").status == 404
    assert query.ingest(reading(0)).status == persist.ingest(reading(0)).status == 404
    checks = {role.settings["roles"][0]: set(role.health().json()["checks"]) for role in (ingest, persist, query)}
    assert checks == {"ingest": {"stream.telemetry", "stream.unrouted"},
                      "persist": {"stream.telemetry", "stream.unrouted", "store.telemetry", "persister.telemetry"},
                      "query": {"stream.telemetry", "stream.unrouted", "store.telemetry"}}


def test_of_three_persisters_one_is_killed_and_its_partition_moves_over(backbone):
    ingest, query = backbone.start_collector("ingest"), backbone.start_collector("query")
    # A dead member is noticed after the session's time.
    persisters = [backbone.start_collector("persist", name=f"persist-{number}",
                                           **{"kafka.properties": {"session.timeout.ms": "6000"}}) for number in range(3)]

    def lags(persister):
        return persister.metric("tributary_collector_batch_records_count", pipeline="telemetry")

    clients = [HttpClient(f"sensor-{number}", 2000, 400, ingest) for number in range(6)]
    for client in clients:
        client.start()
    wait_until(lambda: all(lags(persister) > 0 for persister in persisters), 60, "each of the three has a partition")
    persisters[0].kill()
    for client in clients:
        client.join(120)
        assert client.failure is None and client.accepted == 2000, client.failure
    account = settled_account(query, 120)
    assert account["conflicts"] == account["rejected"] == 0
    assert account["stored"] <= backbone.count() == 12_000 <= account["stored"] + account["duplicates"]
    with backbone.events() as events:
        for client in clients:
            numbers = sorted(document["temperature"] for document in events.find({"sensor_id": client.sensor_id}))
            assert numbers == list(range(2000)), client.sensor_id
    print(f"killed one of three persisters: {account}")


def test_while_kafka_is_away_ingest_waits_refuses_with_503_and_loses_nothing(own_backbone):
    collector = own_backbone.start_collector(**{"kafka.queue_size": "1MiB", "http.ingest_timeout": "5s"})
    assert collector.ingest(reading(0, "before")).status == 202
    own_backbone.kafka.kill()
    # What a client does that gives up after five seconds.
    impatient = confluent_kafka.Producer({"bootstrap.servers": own_backbone.kafka.address, "message.timeout.ms": 5000})
    given_up = []
    impatient.produce(own_backbone.topic, b"expires", on_delivery=lambda error, message: given_up.append(error))

    clients = [HttpClient(f"sensor-{number}", 3000, 1e9, collector) for number in range(4)]
    began = time.monotonic()
    for client in clients:
        client.start()
    refusals = []
    while time.monotonic() - began < AWAY_SECONDS:
        pause(0.5)
        answer = collector.ingest([event("refused", number) for number in range(2000)])
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1, answer
        refusals.append(answer.json()["detail"])
    assert any("full" in detail for detail in refusals), set(refusals)
    health = collector.health()
    assert health.status == 503 and health.json()["checks"]["stream.telemetry"]["status"] == "down", health
    memory = peak_memory(collector)
    impatient.flush(1)
    assert [error.code() for error in given_up] == [confluent_kafka.KafkaError._MSG_TIMED_OUT]

    own_backbone.kafka.start()
    assert collector.ingest([event("refused", number) for number in range(2000)]).status in (202, 503)
    wait_until(lambda: collector.ingest([event("refused", number) for number in range(2000)]).status == 202, 60, "ingest goes on")
    for client in clients:
        client.join(120)
        assert client.failure is None and client.accepted == 3000, client.failure
    account = settled_account(collector, 120, conflicts=0, rejected=0)
    assert own_backbone.count() == 4 * 3000 + 2000 + 1
    print(f"Kafka away for {AWAY_SECONDS} s: {len(refusals)} answers of 503, VmHWM {memory:.0f} MiB, {account}")
    assert memory < 256


def test_while_mongodb_is_stopped_ingest_goes_on_and_everything_is_stored_afterwards(own_backbone):
    collector = own_backbone.start_collector()
    assert collector.ingest(reading(0)).status == 202
    settled_account(collector, 60, stored=1)
    own_backbone.mongodb.pause()
    for second in range(1, 200):
        assert collector.ingest(reading(second)).status == 202
    wait_until(lambda: collector.health().status == 503, 60, "health tells of it")
    checks = collector.health().json()["checks"]
    assert checks["stream.telemetry"]["status"] == "up", checks
    assert collector.account()["lag"] > 0
    own_backbone.mongodb.resume()
    account = settled_account(collector, 60, records=200)
    assert account["stored"] + account["duplicates"] == own_backbone.count() == 200
    wait_until(lambda: collector.health().status == 200, 60, "health is well again")


def test_events_that_are_consumed_twice_are_stored_once_and_counted_as_duplicates(backbone):
    count = 100_000
    events = [event(f"sensor-{number % 50}", number // 50) for number in range(count)]
    collector = backbone.start_collector()
    ingest_all(collector, events)
    settled_account(collector, 120, records=count, stored=count)
    assert collector.terminate() == 0
    backbone.commit(offset=0)

    collector.start_and_wait()
    began = time.monotonic()
    account = settled_account(collector, 120, duplicates=count, conflicts=0, rejected=0)
    assert backbone.count() == count
    print(f"replayed {count} events in {time.monotonic() - began:.1f} s: {account}")
    assert collector.ingest(event("sensor-7", 3) | {"humidity": 1}).status == 202
    settled_account(collector, 60, conflicts=1)
    letter, = collector.dead_letters()
    assert letter["reason"] == "conflict" and "sensor-7" in letter["detail"], letter


def test_poison_in_the_topic_is_dead_lettered_or_stored_and_the_pipeline_goes_on(backbone):
    collector = backbone.start_collector()
    wait_until(lambda: collector.ingest(reading(0)).status == 202, 30, "the topic is there")
    hostile = reading(1) | {"$x": 1, "a.b": {"$set": {"c.d": 2}}, "": 3, "__proto__": 4, "$where": "1"}
    backbone.produce(json.dumps(hostile))
    poison = [b"not JSON", b"", json.dumps(reading(2, humidity=130)).encode(), b'{"sensor_id":', b"\xff\xfe\x00",
              json.dumps(reading(3) | {"nul\0member": 1}).encode(), json.dumps(reading(4, sensor_id=None)).encode(),
              json.dumps(reading(5) | {"_id": 1}).encode()]
    for partition, value in enumerate(poison):
        backbone.produce(value, partition=partition % PARTITIONS)
    wide = json.dumps(reading(6) | {"pad": "x" * (300 << 10)}).encode()
    backbone.produce(wide, headers=[("pipeline", b"\xff"), ("received_at", b"yesterday"), ("sequence", b"-1"), ("log", b"x")])
    assert collector.ingest(reading(7)).status == 202

    account = settled_account(collector, 60, stored=3, rejected=len(poison) + 1, conflicts=0)
    assert account["records"] == 3 + len(poison) + 1
    letters = collector.dead_letters()
    found = {letter.get("event", "").encode() or bytes.fromhex(letter.get("event_hex", "")) for letter in letters}
    assert found == {*poison, wide}, "each has its bytes"
    assert all(letter["detail"] and "offset" in letter and letter["topic"] == backbone.topic for letter in letters)
    assert exactly(hostile) in collector.events(), "hostile names are stored as they are"

    listed = subprocess.run([*collector.command[:1], "dead-letters", "list", *collector.command[2:]], cwd=collector.place,
                            env=collector.environment, stdout=subprocess.PIPE, timeout=60, check=True)
    assert [json.loads(line) for line in listed.stdout.splitlines()] == [json.loads(json.dumps(letter, default=str))
                                                                         for letter in letters]


def test_a_record_of_two_mebibytes_in_the_topic_is_dead_lettered_whole(own_backbone):
    collector = own_backbone.start_collector()
    wait_until(lambda: collector.ingest(reading(0)).status == 202, 30, "the topic is there")
    with_room(own_backbone)
    huge = b"x" * (2 << 20)
    own_backbone.produce(huge)
    settled_account(collector, 60, stored=1, rejected=1)
    (_, _, value, headers), = own_backbone.records(own_backbone.topic + ".dead")
    assert value == huge and headers["reason"] == b"rejected" and headers["partition"] == b"0", headers


def with_room(backbone):
    """Lets larger records into the topic than the collector itself would send."""
    from confluent_kafka.admin import AdminClient, ConfigResource
    admin = AdminClient({"bootstrap.servers": backbone.kafka.address})
    resource = ConfigResource("topic", backbone.topic, set_config={"max.message.bytes": str(4 << 20)})
    admin.alter_configs([resource])[resource].result(30)


def test_what_is_refused_at_ingest_is_in_the_dead_letters_of_kafka_and_in_the_account(backbone):
    collector = backbone.start_collector()
    answer = collector.ingest([reading(0), {"sensor_id": "x"}, reading(1)], invalid="dead_letter")
    assert answer.status == 202 and answer.json() == {"accepted": 2, "rejected": 1}, answer
    settled_account(collector, 60, records=3, stored=2, rejected=1)
    (_, _, value, headers), = backbone.records(backbone.topic + ".dead")
    assert json.loads(value) == {"sensor_id": "x"} and headers["reason"] == b"invalid", headers
    assert "partition" not in headers and "offset" not in headers
    assert collector.terminate() == 0
    collector.start_and_wait()
    settled_account(collector, 60, records=3, stored=2, rejected=1)


def test_a_persister_with_nothing_to_do_ends_at_once(backbone):
    collector = backbone.start_collector()
    assert collector.ingest(reading(0)).status == 202
    settled_account(collector, 60, stored=1)
    began = time.monotonic()
    assert collector.terminate() == 0
    assert time.monotonic() - began < 5


def test_an_ingest_that_waits_for_kafka_ends_soon_when_it_is_told_to(place):
    backbone = Backbone(place, own=True)
    try:
        collector = backbone.collector("ingest", **{"http.ingest_timeout": "5m"}).start_and_wait()
        poster = threading.Thread(target=lambda: pytest.raises(Exception, collector.ingest, reading(0)))
        poster.start()
        wait_until(lambda: collector.health().status == 503, 30, "health tells of Kafka")
        began = time.monotonic()
        assert collector.terminate() == 0
        assert time.monotonic() - began < 15
        poster.join(30)
    finally:
        backbone.end()


def test_health_tells_at_the_start_that_the_collection_cannot_hold_events(backbone):
    with backbone.events() as events:
        events.create_index([("sensor_id", 1), ("timestamp", 1)], unique=True, name="mine")
    collector = backbone.collector("ingest+persist+query").start_and_wait()
    def tells():
        check = collector.health().json()["checks"]["store.telemetry"].get("detail", "")
        return "mine" in check and "dropIndex" in check

    wait_until(tells, 30, "health tells of the index and the way out")
    with backbone.events() as events:
        events.drop_index("mine")
    collector.wait_until_subscribed(60)


def test_headers_that_are_no_text_are_left_out_of_the_store(backbone):
    collector = backbone.start_collector()
    wait_until(lambda: collector.ingest(reading(0)).status == 202, 30, "the topic is there")
    backbone.produce(json.dumps(reading(1)), headers=[("edge", b"\xff\xfe\x00z"), ("source", b"x" * 5000)])
    settled_account(collector, 60, stored=2)
    with backbone.events() as events:
        found = events.find_one({"timestamp_ns": 0, "_tributary.source": {"$exists": False}})
        assert "edge" not in found["_tributary"], found


def test_statistics_of_kafka_are_metrics(backbone):
    collector = backbone.start_collector(**{"kafka.properties": {"statistics.interval.ms": "200"}})
    assert collector.ingest(reading(0)).status == 202
    settled_account(collector, 60, stored=1)
    names = {name for name, _ in collector.metrics()}
    assert {"tributary_kafka_consumer_lag_records", "tributary_kafka_producer_queue_records"} <= names, sorted(names)
    partitions = {dict(labels).get("partition") for name, labels in collector.metrics()
                  if name == "tributary_kafka_consumer_lag_records"}
    assert partitions == {str(partition) for partition in range(PARTITIONS)}


def test_the_topic_is_made_with_what_the_configuration_asks_for(backbone):
    collector = backbone.start_collector(**{"kafka.partitions": 5, "kafka.retention": "48h"})
    assert collector.ingest(reading(0)).status == 202
    from confluent_kafka.admin import AdminClient, ConfigResource
    admin = AdminClient({"bootstrap.servers": backbone.kafka.address})
    topics = admin.list_topics(timeout=10).topics
    assert len(topics[backbone.topic].partitions) == 5 and len(topics[backbone.topic + ".dead"].partitions) == 1
    resource = ConfigResource("topic", backbone.topic)
    assert admin.describe_configs([resource])[resource].result(10)["retention.ms"].value == str(48 * 3600 * 1000)


def test_a_collector_starts_while_kafka_and_mongodb_are_away_and_works_once_they_are_there(place):
    backbone = Backbone(place, own=True)
    try:
        collector = backbone.collector("ingest+persist+query").start_and_wait()
        answers = []
        poster = threading.Thread(target=lambda: answers.append(collector.ingest(reading(0)).status))
        poster.start()
        assert collector.health().status == 503
        backbone.start()
        poster.join(60)
        wait_until(lambda: collector.ingest(reading(0)).status == 202, 60, "ingest goes on")
        settled_account(collector, 60, stored=1, conflicts=0, rejected=0)
        assert backbone.count() == 1 and answers[0] in (202, 503)
    finally:
        backbone.end()
