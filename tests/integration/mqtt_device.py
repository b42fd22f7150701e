"""A device that speaks MQTT 5 by itself, without an edge."""

import queue

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Session:
    """An MQTT 5 client that works beside the test, from its connect() to the end of `with`."""

    def __init__(self, name):
        self.received, self._granted = queue.Queue(), queue.Queue()
        self._client = paho.Client(client_id=name, protocol=paho.MQTTv5)
        self._client.on_message = lambda client, data, message: self.received.put(message)
        self._client.on_subscribe = lambda client, data, id, reasons, properties: self._granted.put(reasons)

    def connect(self, host, port, **options):
        self._client.connect(host, port, **options)
        self._client.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic):
        self._client.subscribe(topic, qos=1)
        self._granted.get(timeout=10)


class Device(Session):
    def __init__(self, broker, name="device"):
        super().__init__(name)
        self.name = name
        self.connect(broker.host, broker.port)

    def publish(self, payload, pipeline="telemetry", topic=None, qos=1, retain=False, response_topic=None,
                correlation_data=None, user_properties=()):
        """Returns once the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation_data is not None:
            properties.CorrelationData = correlation_data
        if user_properties:
            properties.UserProperty = list(user_properties)
        topic = topic or f"tributary/{self.name}/events/{pipeline}"
        self._client.publish(topic, payload, qos, retain, properties).wait_for_publish(10)

    def receipt(self, limit=10):
        """The next message: (correlation data, user properties, payload)."""
        message = self.received.get(timeout=limit)
        return message.properties.CorrelationData, dict(message.properties.UserProperty), message.payload
