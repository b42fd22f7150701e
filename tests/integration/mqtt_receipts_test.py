"""Receipts that come late, get lost or aren't allowed; PUBACKs as the edge's word; brokers and clients of 3.1.1."""

import json
import threading

import pytest
from harness import csv_sensor, exactly, reading
from mqtt_device import Device
from mqtt_parts import health_says, mqtt_health, subscriptions_only_to
from nothing_lost_test import assert_every_sequence_once, rows_by_sensor, write_recording
from paho.mqtt import client as paho
from services.mosquitto import Mosquitto
from services.process import wait_until
from services.tcp_proxy import TcpProxy, refuse_mqtt_5

EVENTS = 1000
PUBLISH = 3
PUBACK_MODE = {"mqtt.acknowledge": "puback"}


def is_receipt(packet):
    return packet[0] >> 4 == PUBLISH and b"/receipts" in packet[:80]


@pytest.fixture
def recording(place):
    return write_recording(place / "recording.csv", EVENTS)


@pytest.fixture
def proxied(site):
    """make(what of a TcpProxy): a proxy before the site's broker."""
    proxies = []

    def make(**arguments):
        proxies.append(TcpProxy(site.broker.port, **arguments))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


def assert_stored_once(collector, sensor_id="office", rows=EVENTS):
    account = collector.wait_for_account(60, stored=rows, rejected=0, conflicts=0)
    assert rows_by_sensor(collector.events()) == {sensor_id: list(range(rows))}
    assert_every_sequence_once(collector)
    return account


def test_in_puback_mode_events_wait_for_a_subscriber_through_a_restart(site, recording):
    site.start_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(recording)], **PUBACK_MODE).start_and_wait()
    health_says(edge, "nobody is subscribed to tributary/+/events/+")
    wait_until(lambda: edge.buffered() == EVENTS, 30, "the buffer keeps everything that nobody takes")
    assert edge.terminate() == 0
    edge.settings |= {"sensor": None}
    edge.compose()
    edge.start_and_wait()
    assert edge.buffered() == EVENTS
    collector = site.start_collector()
    assert_stored_once(collector)
    wait_until(lambda: edge.buffered() == 0, 30, "the PUBACKs release the buffer")
    assert mqtt_health(edge) == (True, "")


def test_a_broker_of_3_1_1_alone_delivers_in_puback_mode_and_is_named_in_health(site, recording, proxied):
    site.start_broker(own=True)
    proxy = proxied(answer=refuse_mqtt_5)
    collector = site.collector(**{"mqtt.url": proxy.url}).start_and_wait()
    health_says(collector, "the broker speaks MQTT 3.1.1: it carries no receipts", up=True)
    edge = site.edge(sensor=[csv_sensor(recording)], **PUBACK_MODE | {"mqtt.url": proxy.url}).start_and_wait()
    health_says(edge, "the broker speaks MQTT 3.1.1", up=True)
    collector.wait_for_account(60, records=EVENTS, stored=EVENTS)
    assert rows_by_sensor(collector.events()) == {"office": list(range(EVENTS))}
    wait_until(lambda: edge.buffered() == 0, 30, "the PUBACKs release the buffer")


def test_with_a_broker_of_3_1_1_alone_an_edge_that_wants_receipts_says_what_to_do(site, recording, proxied):
    site.start_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(recording)], **{"mqtt.url": proxied(answer=refuse_mqtt_5).url}).start_and_wait()
    health_says(edge, "the broker speaks MQTT 3.1.1, which has no receipts: set mqtt.acknowledge = \"puback\"")
    wait_until(lambda: edge.buffered() == EVENTS, 30, "the buffer keeps everything")


def test_receipts_for_an_earlier_process_are_ignored_and_counted_and_nothing_is_lost_or_twice(site, recording, proxied):
    site.start_broker(own=True)
    collector = site.start_collector()
    # The first process gets no receipts: they stay in the network until it is dead.
    late, answered = [], threading.Event()

    def withhold(packet):
        if is_receipt(packet) and not answered.is_set():
            late.append(packet)
            return False
        return True

    proxy = proxied(keep=withhold)
    edge = site.edge(sensor=[csv_sensor(recording)], **{"mqtt.url": proxy.url}).start_and_wait()
    wait_until(lambda: len(late) >= 3, 30, "batches are in flight that the collector has answered")
    edge.kill()
    edge.settings |= {"sensor": None}
    edge.compose()
    answered.set()
    edge.start_and_wait()
    wait_until(lambda: edge.metric("tributary_edge_connected") == 1, 20, "it is connected")
    before = edge.metric("tributary_edge_foreign_receipts_total")
    for packet in late:
        proxy.inject(packet)
    wait_until(lambda: edge.metric("tributary_edge_foreign_receipts_total") == before + len(late), 20, "they are counted")
    wait_until(lambda: edge.buffered() == 0, 30, "its own receipts release the buffer")
    collector.wait_for_account(60, rejected=0, conflicts=0)
    assert rows_by_sensor(collector.events()) == {"office": list(range(EVENTS))}
    assert_every_sequence_once(collector)


def test_receipts_that_get_lost_are_asked_for_again_and_the_account_balances(site, recording, proxied, chance):
    site.start_broker(own=True)
    collector = site.start_collector()
    proxy = proxied(keep=lambda packet: not is_receipt(packet) or chance.random() < 0.75)
    edge = site.edge(sensor=[csv_sensor(recording, pace=400.0)], exit_when_done=True,
                     **{"mqtt.url": proxy.url, "mqtt.receipt_timeout": "1s"}).start_and_wait()
    assert edge.wait(90) == 0
    account = collector.wait_for_account(rejected=0, conflicts=0, stored=EVENTS)
    print(f"{proxy.dropped} receipts lost, {account}")
    assert proxy.dropped > 0 and account["duplicates"] > 0
    assert rows_by_sensor(collector.events()) == {"office": list(range(EVENTS))}


def test_receipts_that_the_broker_doesn_t_let_pass_are_asked_for_by_one_probe_at_a_time(site, recording, place):
    acl = place / "acl"
    acl.write_text("topic write #\ntopic read tributary/+/events/+\n")
    acl.chmod(0o644)
    site.broker = Mosquitto(place, [f"acl_file {acl}"], own=True).start()
    collector = site.start_collector()
    edge = site.edge(sensor=[csv_sensor(recording)], **{"mqtt.receipt_timeout": "1s"}).start_and_wait()
    health_says(edge, "the broker takes batches, but no receipts come")
    account = collector.wait_for_account(stored=EVENTS, rejected=0)
    wait_until(lambda: edge.buffered() == EVENTS, 30, "the buffer keeps everything")
    # One batch a second at most, not all of them again and again.
    wait_until(lambda: collector.account()["duplicates"] > 0, 20, "the probe went")
    assert account["records"] <= 2 * EVENTS
    acl.write_text("topic readwrite #\n")
    site.broker.reload()
    wait_until(lambda: edge.buffered() == 0, 60, "receipts come again")
    assert_stored_once(collector)


def test_an_edge_whose_subscription_to_receipts_is_refused_says_so_and_keeps_its_events(site, recording, place):
    site.broker = Mosquitto(place, subscriptions_only_to(place, "tributary/+/events/+"), own=True).start()
    collector = site.start_collector()
    edge = site.edge(sensor=[csv_sensor(recording)]).start_and_wait()
    health_says(edge, "the broker refuses the subscription for receipts: tributary/edge/receipts: Not authorized")
    wait_until(lambda: edge.buffered() == EVENTS, 30, "the buffer keeps everything")
    assert collector.account()["records"] == 0


def test_a_forbidden_response_topic_of_a_mapped_device_is_not_answered_but_counted_and_its_events_are_stored(site):
    site.start_broker(own=True)
    collector = site.start_collector(**{"mqtt.receipt_topics": ["answers/+"], "mqtt.subscription": [
        {"topic": "s/+", "pipeline": "telemetry", "fields": {"sensor_id": 1}}]})
    with Device(site.broker) as device:
        device.subscribe("tributary/device/receipts")
        device.subscribe("answers/+")
        device.publish(json.dumps(reading(0, sensor_id="x")), topic="s/x", response_topic="tributary/device/receipts")
        device.publish(json.dumps(reading(1, sensor_id="x")), topic="s/x", response_topic="answers/device", correlation_data=b"2")
        assert device.receipt() == (b"2", {"accepted": "1", "rejected": "0"}, b"")
    collector.wait_for_account(records=2, stored=2)
    assert collector.metric("tributary_collector_receipts_forbidden_total") == 1


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_clients_of_3_1_1_publish_with_any_qos_and_each_event_is_stored_once(site, qos):
    site.start_broker(own=True)
    collector = site.start_collector()
    client = paho.Client(client_id="old", protocol=paho.MQTTv311)
    client.connect(site.broker.host, site.broker.port)
    client.loop_start()
    for second in range(100):
        client.publish("tributary/old/events/telemetry", json.dumps(reading(second)), qos).wait_for_publish(10)
    account = collector.wait_for_account(stored=100)
    client.disconnect()
    client.loop_stop()
    assert account["records"] == 100, account
    assert collector.events() == [exactly(reading(second)) for second in range(100)]


def test_a_retained_event_is_a_duplicate_at_most_after_each_connect(site):
    site.start_broker(own=True)
    collector = site.start_collector(**{"mqtt.subscription": [{"topic": "s/+", "pipeline": "telemetry"}]})
    with Device(site.broker) as device:
        device.publish(json.dumps(reading(0)), retain=True)
        device.publish(json.dumps(reading(1)), topic="s/x", retain=True)
        collector.wait_for_account(records=2, stored=2)
        assert collector.terminate() == 0
        collector.start_and_wait().wait_until_subscribed()
        device.publish(json.dumps(reading(2)))
        account = collector.wait_for_account(stored=3)
        assert account["duplicates"] <= 2 and account["rejected"] == account["conflicts"] == 0
        for topic in ("tributary/device/events/telemetry", "s/x"):
            device.publish(b"", topic=topic, retain=True)
        wait_until(lambda: collector.metric("tributary_collector_mqtt_empty_retained_total") == 2, 20, "they are counted")
        assert collector.wait_for_account(stored=3)["rejected"] == 0
