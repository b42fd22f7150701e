"""A deployment that is older than the product: its variables say where the clickstream goes."""

import json
import uuid
from urllib.parse import urlsplit

import confluent_kafka
import pytest
from configuration_test import USAGE, run
from confluent_kafka.admin import AdminClient, NewTopic
from harness import CLICK, exactly, reading
from services.kafka import Kafka
from services.postgresql import PostgreSQL

def click(number):
    return CLICK | {"event_id": str(uuid.UUID(int=number)), "event_time": f"2026-01-13T10:20:{number % 60:02}Z"}


def start_collector(site, variables, dotenv="", **settings):
    """A collector whose configuration says nothing of Kafka and databases but this."""
    collector = site.collector(**{"mqtt.url": ""} | settings)
    collector.environment |= variables
    (collector.place / ".env").write_text(dotenv)
    return collector.start_and_wait()


@pytest.fixture
def kafka(site):
    return site.keep(Kafka(site.place, own=True, protocols=["SASL_PLAINTEXT", "SASL_SSL"])).start()


def committed(kafka, group, topic):
    """The sum of the group's offsets."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": group})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        offsets = consumer.committed([confluent_kafka.TopicPartition(topic, part) for part in partitions], 10)
        return sum(max(0, part.offset) for part in offsets)
    finally:
        consumer.close()


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_variables_in_dotenv_and_environment_send_the_clickstream_through_a_kafka_with_sasl(site, kafka, protocol):
    collector = start_collector(
        site, {"KAFKA_TOPIC": "clicks"},
        f"KAFKA_BOOTSTRAP_SERVERS={kafka.address_of(protocol)}\nKAFKA_SASL_USER={Kafka.USER}\n"
        f"KAFKA_SASL_PASS='{Kafka.PASSWORD}'\nKAFKA_TOPIC=another\nKAFKA_GROUP_ID=Web.Ingestors\nTZ=UTC\n",
        **({"kafka.tls.ca": kafka.ca} if protocol == "SASL_SSL" else {}))
    collector.wait_until_subscribed(60)
    assert collector.ingest(CLICK, "clickstream").status == 202
    assert collector.ingest(CLICK, "clickstream").status == 202
    account = collector.wait_for_account(60, "clickstream", records=2, stored=1, duplicates=1)
    assert collector.events("clickstream") == [exactly(CLICK)], account
    topics = AdminClient({"bootstrap.servers": kafka.address}).list_topics(timeout=10).topics
    assert {"clicks", "clicks.dead"} <= set(topics) and "another" not in topics, topics
    assert committed(kafka, "Web.Ingestors", "clicks") == 2

    assert collector.ingest(reading(0)).status == 202
    collector.wait_for_account(30, "telemetry", stored=1)
    assert (collector.data / "stream").is_dir(), "telemetry's stream is embedded"
    assert Kafka.PASSWORD not in collector.log_text()


@pytest.fixture
def events_db(site):
    """A database of the test's own, as its variables; their characters mean something in a URI, in SQL or in a shell."""
    postgresql = PostgreSQL(site.place).start()
    name = f"events {uuid.uuid4().hex[:8]}/%?#é"
    user, password = f"me@home:{uuid.uuid4().hex[:8]}", "p@ss/w:rd?#%20 \"'$HOME\\"
    quoted = password.replace("'", "''")
    postgresql.run(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{quoted}'")
    postgresql.run(f'CREATE DATABASE "{name}" OWNER "{user}"')
    address = urlsplit(postgresql.address)
    yield postgresql, {"DB_HOST": address.hostname, "DB_PORT": str(address.port), "DB_NAME": name, "DB_USER": user,
                       "DB_PASS": password}
    postgresql.run(f'DROP DATABASE "{name}" WITH (FORCE)')
    postgresql.run(f'DROP ROLE "{user}"')


def in_dotenv(name, value):
    """The line of .env that says it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"\n'


@pytest.mark.parametrize("place_of_variables", ["environment", "dotenv"])
def test_variables_alone_carry_a_click_through_kafka_into_postgresql_once(site, kafka, events_db, place_of_variables):
    postgresql, database = events_db
    variables = database | {"KAFKA_BOOTSTRAP_SERVERS": kafka.address_of("SASL_PLAINTEXT"), "KAFKA_SASL_USER": Kafka.USER,
                            "KAFKA_SASL_PASS": Kafka.PASSWORD, "KAFKA_TOPIC": "raw_events", "KAFKA_GROUP_ID": "event_ingestors"}
    if place_of_variables == "environment":
        collector = start_collector(site, variables)
    else:
        collector = start_collector(site, {}, "".join(in_dotenv(name, value) for name, value in variables.items()))
    collector.wait_until_subscribed(60)
    for _ in range(2):
        answer = collector.request("POST", "/ingest/clickstream", json.dumps(CLICK), {"Content-Type": "application/json"})
        assert answer.status == 202, answer
    collector.wait_for_account(60, "clickstream", records=2, stored=1, duplicates=1)
    rows = postgresql.run("SET timezone = 'UTC'; SELECT event_id, user_id, event_type, page, event_time FROM events",
                          database["DB_NAME"])
    assert rows == "c2eebc99-9c0b-4ef8-bb6d-6bb9bd380a33|101|checkout|/checkout/success|2026-01-13 10:20:00+00"
    assert collector.events("clickstream") == [exactly(CLICK)]
    assert committed(kafka, "event_ingestors", "raw_events") == 2
    batches = [line for line in collector.log_lines() if line["component"] == "persister" and line["message"] == "batch"]
    assert sum(line["records"] for line in batches if line["pipeline"] == "clickstream") == 2, batches
    for secret in (database["DB_PASS"], json.dumps(database["DB_PASS"])[1:-1], Kafka.PASSWORD):
        assert secret not in collector.log_text()
    collector.kill()


def test_a_group_that_another_worker_left_goes_on_where_it_was(site, kafka):
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_topics([NewTopic("raw_events", 1, 1)])["raw_events"].result(30)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.address})
    for number in range(10):
        producer.produce("raw_events", json.dumps(click(number)))
    assert producer.flush(30) == 0
    worker = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": "event_ingestors"})
    worker.commit(offsets=[confluent_kafka.TopicPartition("raw_events", 0, 6)], asynchronous=False)
    worker.close()

    collector = start_collector(site, {"KAFKA_BOOTSTRAP_SERVERS": kafka.address})
    collector.wait_for_account(60, "clickstream", stored=4)
    assert collector.events("clickstream") == [exactly(click(number)) for number in range(6, 10)]
    assert collector.ingest(click(10), "clickstream").status == 202
    collector.wait_for_account(60, "clickstream", stored=5, duplicates=0, rejected=0)


def test_variables_that_say_nothing_alone_are_refused_and_those_without_effect_told(place):
    for command in ("check-config", "run"):
        status, output = run(place, "tributary-collector", command, environment={"KAFKA_TOPIC": "clicks", "DB_PASS": "hunter2"})
        assert status == USAGE and "KAFKA_TOPIC: says nothing without KAFKA_BOOTSTRAP_SERVERS" in output, output
        assert "DB_PASS: says nothing without DB_HOST" in output and "hunter2" not in output, output
    (place / ".env").write_text("DB_HOST=db\nDB_PORT=many\n")
    status, output = run(place, "tributary-collector", "check-config")
    assert status == USAGE and ".env:2: DB_PORT: \"many\" is no port" in output, output
    (place / ".env").write_text("DB_HOST=db\nDB_USER=me\nDB_PASS='pass word'\n")
    status, output = run(place, "tributary-collector", "check-config")
    assert status == 0 and "store postgresql://db:5432/events_db as me table events" in output, output
    assert "pass word" not in output
    status, output = run(place, "tributary-collector", "check-config", "--set", "pipeline.clickstream.store=sqlite:")
    assert status == 0 and "note: DB_HOST has no effect: pipeline.clickstream.store (--set" in output, output


def test_what_has_no_effect_is_told_in_the_log_at_the_start(site):
    collector = site.collector(**{"mqtt.url": "", "pipeline.clickstream.stream": "embedded:"})
    collector.environment |= {"KAFKA_BOOTSTRAP_SERVERS": "nowhere:1"}
    collector.start_and_wait()
    assert any(line["level"] == "warning" and line["message"].startswith("KAFKA_BOOTSTRAP_SERVERS has no effect")
               for line in collector.log_lines())
    assert collector.health().status == 200
