"""Clients that keep what they have until they know that it was accepted."""

import http.client
import json
import queue
import socket
import threading

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from services.process import pause

BATCH = 50


def event(sensor_id, number):
    """The `number`th event of its sensor; its temperature is that number."""
    minutes, second = divmod(number, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return {"sensor_id": sensor_id, "timestamp": f"2026-02-{1 + day:02}T{hour:02}:{minute:02}:{second:02}Z",
            "temperature": number, "humidity": 50.5, "location": {"latitude": 12.97, "longitude": 77.59}}


class Client(threading.Thread):
    """Sends `count` events of one sensor, in order, `rate` of them a second at most, each batch again and
    again until it is accepted. `sent` counts the batches that were sent, `accepted` the events."""

    make_event = staticmethod(event)

    def __init__(self, sensor_id, count, rate):
        super().__init__(name=sensor_id, daemon=True)
        self.sensor_id, self.count, self.rate = sensor_id, count, rate
        self.sent = self.accepted = 0
        self.failure = None
        self._ended = threading.Event()

    def end(self):
        self._ended.set()

    def run(self):
        try:
            while self.accepted < self.count and not self._ended.is_set():
                batch = [self.make_event(self.sensor_id, number)
                         for number in range(self.accepted, min(self.accepted + BATCH, self.count))]
                self.deliver(batch)
                self.accepted += len(batch)
                pause(len(batch) / self.rate)
        except Exception as failure:  # for the test that waits for it
            self.failure = failure

    def deliver(self, batch):
        while not self._ended.is_set():
            self.sent += 1
            if self.attempt(batch):
                return
            pause(0.2)
        raise AssertionError(f"{self.name} was ended with {self.count - self.accepted} events left")

    def attempt(self, batch):
        """Whether the batch was accepted."""
        raise NotImplementedError


class HttpClient(Client):
    """Posts JSON arrays until 202."""

    def __init__(self, sensor_id, count, rate, collector):
        super().__init__(sensor_id, count, rate)
        self._collector = collector

    def attempt(self, batch):
        try:
            answer = self._collector.ingest(batch)
        except (OSError, http.client.HTTPException):
            return False
        assert answer.status in (202, 503), answer
        return answer.status == 202


class MqttClient(Client):
    """Publishes NDJSON with QoS 1 and asks for a receipt; without `receipts` the PUBACK is its word."""

    def __init__(self, sensor_id, count, rate, broker, receipts=True):
        super().__init__(sensor_id, count, rate)
        self._broker, self._receipts = broker, receipts
        self._arrived = queue.Queue()
        self._mqtt = None

    def _connect(self):
        """A connection that may lose everything at any time, with its receipts subscribed."""
        mqtt = paho.Client(client_id=self.name, protocol=paho.MQTTv5)
        ready = threading.Event()
        mqtt.on_connect = lambda *_: mqtt.subscribe(self._receipt_topic) if self._receipts else ready.set()
        mqtt.on_subscribe = lambda *_: ready.set()
        mqtt.on_message = lambda client, data, message: self._arrived.put(
            (message.properties.CorrelationData, dict(message.properties.UserProperty)))
        mqtt.on_publish = lambda client, data, mid: self._arrived.put((mid, {}))
        mqtt.connect(self._broker.host, self._broker.port, keepalive=5)
        mqtt.loop_start()
        if not ready.wait(3):
            self._close(mqtt)
            return None
        return mqtt

    @property
    def _receipt_topic(self):
        return f"tributary/{self.name}/receipts"

    @staticmethod
    def _close(mqtt):
        mqtt.disconnect()
        mqtt.loop_stop()

    def attempt(self, batch):
        try:
            self._mqtt = self._mqtt or self._connect()
            if self._mqtt is None:
                return False
            properties = Properties(PacketTypes.PUBLISH)
            correlation = f"{batch[0]['temperature']}/{self.sent}".encode()
            if self._receipts:
                properties.ResponseTopic = self._receipt_topic
                properties.CorrelationData = correlation
            payload = "\n".join(map(json.dumps, batch))
            message = self._mqtt.publish(f"tributary/{self.name}/events/telemetry", payload, 1, properties=properties)
            if self._answer(correlation if self._receipts else message.mid, batch):
                return True
        except (OSError, socket.timeout, ValueError):
            pass
        if self._mqtt is not None:
            self._close(self._mqtt)
            self._mqtt = None
        return False

    def _answer(self, wanted, batch):
        """Whether the receipt (or the PUBACK) of that name comes within a while."""
        while True:
            try:
                found, properties = self._arrived.get(timeout=10)
            except queue.Empty:
                return False
            if found != wanted:
                continue
            if self._receipts:
                assert properties == {"accepted": str(len(batch)), "rejected": "0"}, properties
            return True

    def run(self):
        super().run()
        if self._mqtt is not None:
            self._close(self._mqtt)
