"""Web backends post clicks, everything on their way through Kafka into PostgreSQL is killed again and again, and each
click is stored once. The variables of chaos_test.py make it longer."""

import json
import time
import uuid

import confluent_kafka
import pytest
from backbone import PARTITIONS, settled_account
from chaos_test import EVENTS, PATIENCE, SECONDS, Chaos
from harness import Collector
from services.kafka import Kafka
from services.postgresql import PostgreSQL
from services.process import pause, wait_until
from traffic import HttpClient

TOPIC, GROUP = "raw_events", "event_ingestors"
CLIENTS = 4
LENGTH = SECONDS / 2


def click(user, number):
    return {"event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{user}/{number}")), "user_id": number, "event_type": user,
            "page": "/checkout", "event_time": f"2026-01-13T10:{number // 60 % 60:02}:{number % 60:02}Z"}


class Backend(HttpClient):
    make_event = staticmethod(click)


class Chain:
    def __init__(self, place):
        self.place = place
        self.kafka, self.postgresql = Kafka(place, own=True), PostgreSQL(place, own=True)
        self.roles = {}

    def start(self):
        self.kafka.start()
        self.postgresql.start()
        password = self.place / "password"
        password.write_text(PostgreSQL.PASSWORD)
        pipeline = {"name": "clickstream", "stream": f"kafka://{self.kafka.address}",
                    "store": f"postgresql://{self.postgresql.address.rpartition('@')[2]}"}
        login = {"postgresql.user": PostgreSQL.USER, "postgresql.password_file": str(password)}
        for name, role in {"ingest": "ingest", "persist-1": "persist", "persist-2": "persist", "query": "query"}.items():
            self.roles[name] = Collector(self.place, "", name, **login, roles=[role], pipeline=[pipeline])
            self.roles[name].start_and_wait()
        return self

    def end(self):
        for process in (*self.roles.values(), self.kafka, self.postgresql):
            process.kill()

    def stored(self):
        return set(self.postgresql.run("SELECT event_id FROM events").splitlines())

    def committed(self):
        """By partition, the first offset that is not settled."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.kafka.address, "group.id": GROUP})
        found = consumer.committed([confluent_kafka.TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)], 2)
        consumer.close()
        return {part.partition: max(part.offset, 0) for part in found}

    def records(self):
        """The event_id of every record, by partition and offset."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.kafka.address, "group.id": uuid.uuid4().hex,
                                             "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        partitions = [confluent_kafka.TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)]
        left = sum(consumer.get_watermark_offsets(part, 10)[1] for part in partitions)
        consumer.assign(partitions)
        found = {}
        while len(found) < left:
            message = consumer.poll(30)
            assert message is not None and not message.error(), message and message.error()
            found[message.partition(), message.offset()] = json.loads(message.value())["event_id"]
        consumer.close()
        return found


@pytest.fixture
def chain(place):
    chain = Chain(place).start()
    yield chain
    chain.end()


def look(chain):
    """What is committed, and then what PostgreSQL has; None while one of them is away."""
    try:
        return chain.committed(), chain.stored()
    except (confluent_kafka.KafkaException, AssertionError):
        return None


def account_of_all(chain):
    """The account, and all records that it is of: what was sent twice may still be on its way into the topic."""
    account = settled_account(chain.roles["query"], PATIENCE, "clickstream")
    records = chain.records()
    return (account, records) if len(records) == account["records"] else None


def test_each_click_is_stored_once_while_everything_is_killed(chain, chance):
    share = EVENTS // CLIENTS
    clients = [Backend(f"backend-{number}", share, share / LENGTH, chain.roles["ingest"]) for number in range(CLIENTS)]
    chaos = Chaos(chance, chain.roles | {"kafka": chain.kafka, "postgresql": chain.postgresql})
    begin, looks = time.monotonic(), []
    for client in clients:
        client.start()
    try:
        while any(client.accepted < client.count for client in clients):
            assert not any(client.failure for client in clients), [client.failure for client in clients]
            assert time.monotonic() - begin < LENGTH + 3 * PATIENCE, "what was sent is accepted in time"
            if time.monotonic() - begin < LENGTH:
                chaos.go_on()
                looks += [look(chain)] if chance.random() < 0.25 else []
            else:
                chaos.end()
                pause(0.2)
    finally:
        for client in clients:
            client.end()
        chaos.end()
    chain.kafka.wait_for_answer()
    chain.postgresql.wait_for_answer()
    account, records = wait_until(lambda: account_of_all(chain), PATIENCE, "an account of all records")
    looks = [found for found in [*looks, look(chain)] if found]
    sent = {click(client.sensor_id, number)["event_id"] for client in clients for number in range(share)}
    print(f"{len(sent)} clicks, {account}, {chaos.kills.total()} kills {dict(chaos.kills)}, {len(looks)} looks at what is "
          f"committed, {time.monotonic() - begin:.0f} s in all")
    assert chaos.kills.total() >= LENGTH / 10
    assert chain.postgresql.run("SELECT count(*), count(DISTINCT event_id) FROM events") == f"{len(sent)}|{len(sent)}"
    assert chain.stored() == sent
    assert account["conflicts"] == account["rejected"] == 0
    assert account["stored"] <= len(sent) <= account["stored"] + account["duplicates"]
    for committed, stored in looks:
        settled = {event for (partition, offset), event in records.items() if offset < committed[partition]}
        assert settled <= stored, f"{len(settled - stored)} clicks are committed and not stored"
