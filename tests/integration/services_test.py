"""The real services of tests/services do what other tests rely on."""

import os
import subprocess
import threading
import uuid

import pymongo.errors
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from services import package, shared
from services.kafka import Kafka
from services.mongodb import MongoDB
from services.postgresql import PostgreSQL
from services.process import pause, wait_until


@pytest.fixture
def kafka(site):
    return site.keep(Kafka(site.place, own=True)).start()


@pytest.fixture
def mongodb(site):
    return site.keep(MongoDB(site.place, own=True)).start()


@pytest.fixture
def postgresql(site):
    return site.keep(PostgreSQL(site.place, own=True)).start()


def make_topic(address):
    """A new topic of one partition."""
    topic = f"test-{uuid.uuid4()}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    return topic


def produce(address, topic, value, **client):
    """Returns once the broker has it; KafkaException when it doesn't take it."""
    failures = []
    producer = Producer({"bootstrap.servers": address, "message.timeout.ms": 10_000} | client)
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error))
    producer.flush(20)
    assert failures, "nothing was heard of the message"
    if failures[0] is not None:
        raise KafkaException(failures[0])


def consume_one(address, topic):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        message = wait_until(lambda: consumer.poll(0.2), 30, "a message comes")
        return message.value()
    finally:
        consumer.close()


def test_a_kafka_that_was_ended_has_its_messages_at_the_same_address(kafka):
    address = kafka.address
    for end in (kafka.kill, kafka.stop):
        topic = make_topic(address)
        produce(address, topic, b"kept")
        end()
        assert not kafka.answers()
        kafka.start()
        assert kafka.address == address and consume_one(address, topic) == b"kept"


def test_a_mongodb_that_was_ended_has_its_documents_at_the_same_address(mongodb):
    address = mongodb.address
    for end in (mongodb.kill, mongodb.stop):
        with mongodb.client() as client:
            client.test.get_collection("kept", write_concern=pymongo.WriteConcern("majority", j=True)).insert_one({})
        end()
        assert not mongodb.answers()
        mongodb.start()
    assert mongodb.address == address
    with mongodb.client() as client:
        assert client.test.kept.count_documents({}) == 2


def test_a_postgresql_that_was_ended_has_its_rows_at_the_same_address(postgresql):
    address = postgresql.address
    postgresql.run("CREATE TABLE kept (n integer)")
    for end in (postgresql.kill, postgresql.stop):
        postgresql.run("INSERT INTO kept VALUES (1)")
        end()
        assert not postgresql.answers()
        postgresql.start()
    assert postgresql.address == address
    assert postgresql.run("SELECT count(*) FROM kept") == "2"


def test_postgresql_takes_its_user_and_no_other_and_with_tls_nothing_else(site):
    postgresql = site.keep(PostgreSQL(site.place, own=True, tls=True)).start()
    assert postgresql.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"

    def refused(address, options):
        done = subprocess.run(["psql", "--no-password", f"--dbname={address}?{options}", "--command=SELECT 1"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        return done.stderr if done.returncode != 0 else None

    authority = f"sslmode=verify-full&sslrootcert={postgresql.ca}"
    assert refused(postgresql.address, authority) is None
    assert "no encryption" in refused(postgresql.address, "sslmode=disable")
    assert "password authentication failed" in refused(postgresql.address.replace(postgresql.PASSWORD, "another"), authority)


def test_a_service_that_is_paused_says_nothing_until_it_goes_on(kafka, mongodb, postgresql):
    for service in (kafka, mongodb, postgresql):
        service.pause()
        assert service.running and not service.answers()
        service.resume()
        service.wait_for_answer(30)


def test_kafka_takes_its_user_and_no_other_and_shows_a_certificate_of_its_authority(site):
    kafka = site.keep(Kafka(site.place, own=True, protocols=("SASL_PLAINTEXT", "SSL", "SASL_SSL"))).start()
    topic = make_topic(kafka.address)
    tls = {"ssl.ca.location": str(kafka.ca)}
    user = {"sasl.username": kafka.USER, "sasl.password": kafka.PASSWORD}
    produce(kafka.address_of("SSL"), topic, b"x", **tls, **{"security.protocol": "SSL"})
    for protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        client = {"security.protocol": protocol, "sasl.mechanism": "PLAIN"} | tls | user
        produce(kafka.address_of(protocol), topic, b"x", **client)
    stranger = client | {"sasl.password": "another", "message.timeout.ms": 2000}
    with pytest.raises(KafkaException):
        produce(kafka.address_of("SASL_SSL"), topic, b"x", **stranger)


def test_what_all_tests_share_is_started_once_and_ends_with_its_owner(place, monkeypatch):
    monkeypatch.setattr(shared, "RUN", place)
    monkeypatch.delenv("TRIBUTARY_TEST_MONGODB", raising=False)
    with subprocess.Popen(["sleep", "600"]) as owner:
        monkeypatch.setenv("TRIBUTARY_TEST_SERVICES_OWNER", str(owner.pid))
        answers = []
        callers = [threading.Thread(target=lambda: answers.append(shared.start("mongodb"))) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        address, _ = answers[0]
        assert answers == [answers[0]] * 4
        mongodb = MongoDB(place)
        assert mongodb.address == address and mongodb.answers()
        mongodb.kill()
        assert mongodb.answers(), "it is not the test's to kill"
        shared.stop("mongodb", owner=os.getpid())
        assert mongodb.answers(), "it is another owner's"
        owner.kill()
    wait_until(lambda: not (place / "mongodb").exists(), 30, "its data is removed")
    assert not mongodb.answers()


def test_an_address_in_the_environment_is_taken(place, monkeypatch):
    monkeypatch.setenv("TRIBUTARY_TEST_KAFKA", "127.0.0.1:1")
    kafka = Kafka(place)
    assert kafka.address == "127.0.0.1:1" and not kafka.answers()


def test_a_package_is_fetched_once_and_never_seen_in_part(place, monkeypatch):
    monkeypatch.setenv("TRIBUTARY_TEST_SERVICES_CACHE", str(place))
    fetches = []

    def fetch(directory):
        fetches.append(directory)
        (directory / "program").write_text("half")
        if len(fetches) == 1:
            package.fetch_with("sh", "-c", "echo the registry is away; exit 1")
        pause(0.2)
        (directory / "program").write_text("whole")

    with pytest.raises(package.Unavailable, match="the registry is away"):
        package.cached("thing", fetch)
    found = []
    callers = [threading.Thread(target=lambda: found.append((package.cached("thing", fetch) / "program").read_text()))
               for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == ["whole"] * 3 and len(fetches) == 2
