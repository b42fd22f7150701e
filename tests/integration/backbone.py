"""The collector in separate roles on a real Kafka and a real MongoDB."""

import contextlib
import http.client
import uuid

import confluent_kafka
import pymongo
from harness import Collector
from services.kafka import Kafka
from services.mongodb import MongoDB
from services.process import wait_until

PARTITIONS = 3


class Backbone:
    """A pipeline `telemetry` with a topic and a database of its own. `own`: Kafka and MongoDB of the test's
    own, which it may end. Everything that was started ends with the test."""

    def __init__(self, place, broker=None, own=False, mosquitto_url=None):
        self.place, self.broker = place, broker
        self.kafka = Kafka(place, own=own)
        self.mongodb = MongoDB(place, own=own)
        name = uuid.uuid4().hex[:8]
        self.topic, self.group, self.database = f"sensor-events-{name}", f"persisters-{name}", f"sensor_db_{name}"
        self.kafka_address = self.kafka.address
        self.collectors = []
        self._broker_url = mosquitto_url or (broker.url if broker else "")
        self._own = own

    def start(self):
        self.kafka.start()
        self.mongodb.start()
        return self

    @property
    def pipeline(self):
        return {"name": "telemetry", "stream": f"kafka://{self.kafka_address}", "topic": self.topic, "group": self.group,
                "store": f"{self.mongodb.address}/{self.database}"}

    def collector(self, roles, name=None, pipeline=None, **settings):
        """A collector with these roles, not started."""
        roles = roles.split("+")
        own = {"roles": roles, "pipeline": [self.pipeline | (pipeline or {})]}
        url = self._broker_url if "ingest" in roles else ""
        collector = Collector(self.place, url, name or "-".join(roles), **(own | settings))
        self.collectors.append(collector)
        return collector

    def start_collector(self, roles="ingest+persist+query", **settings):
        """A collector of which every part is up."""
        return self.collector(roles, **settings).start_and_wait().wait_until_subscribed(60)

    def produce(self, value, headers=(), topic=None, partition=0):
        """Puts a record into the topic as somebody else would, not through the collector."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.kafka.address, "message.max.bytes": 8 << 20})
        errors = []
        producer.produce(topic or self.topic, value, partition=partition, headers=list(headers),
                         on_delivery=lambda error, message: errors.append(error))
        assert producer.flush(30) == 0 and errors == [None], errors

    def records(self, topic):
        """Every record of the topic: (partition, offset, value, headers)."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.kafka.address, "group.id": uuid.uuid4().hex,
                                             "enable.auto.commit": False, "enable.partition.eof": True,
                                             "auto.offset.reset": "earliest"})
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0) for partition in partitions])
        found, ended = [], 0
        while ended < len(partitions):
            message = consumer.poll(30)
            assert message is not None, f"{topic} can be read"
            if message.error() and message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                ended += 1
            else:
                assert not message.error(), message.error()
                found.append((message.partition(), message.offset(), message.value(), dict(message.headers() or [])))
        consumer.close()
        return found

    def records_ever(self, topic):
        """How many records the topic has had."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.kafka.address, "group.id": uuid.uuid4().hex})
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        ends = sum(consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), 10)[1]
                   for partition in partitions)
        consumer.close()
        return ends

    def commit(self, offset):
        """Sets the group's offset in every partition; no persister may run."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.kafka.address, "group.id": self.group})
        consumer.commit(offsets=[confluent_kafka.TopicPartition(self.topic, partition, offset)
                                 for partition in range(PARTITIONS)], asynchronous=False)
        consumer.close()

    @contextlib.contextmanager
    def events(self):
        """The collection that the events are in."""
        with self.mongodb.client(30_000) as client:
            yield client[self.database]["events"]

    def documents(self, **filters):
        """Every document, without what MongoDB and the collector add."""
        with self.events() as events:
            return list(events.find(filters, {"_id": False, "_tributary": False}))

    def count(self):
        with self.events() as events:
            return events.count_documents({})

    def end(self):
        for collector in self.collectors:
            collector.kill()
        if not self._own:
            with contextlib.suppress(pymongo.errors.PyMongoError), self.mongodb.client() as client:
                client.drop_database(self.database)
        self.kafka.kill()
        self.mongodb.kill()


def settled_account(collector, limit, pipeline="telemetry", **expected):
    """The account once nothing is under way and it is known, whatever is being started again."""
    def settled():
        try:
            account = collector.account(pipeline)
        except (OSError, http.client.HTTPException, KeyError, ValueError):
            return None
        return account if account["lag"] == 0 and account | expected == account else None

    return wait_until(settled, limit, f"an account without lag, with {expected}")
