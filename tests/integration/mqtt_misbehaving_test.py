"""Brokers that fall silent, and packets larger than anybody may send."""

import contextlib
import fcntl
import json
import socket
import struct

import pytest
from harness import peak_memory, reading
from mqtt_device import Device
from mqtt_parts import health_says
from services.certificates import Certificates
from services.fake_broker import FakeBroker
from services.process import wait_until

HUGE = 0x0FFFFFFF  # the largest Remaining Length there is: 256 MiB less a byte
SIMULATOR = {"type": "simulator", "pipeline": "telemetry", "count": 10, "rate": 100.0}
EDGE_MIB = 8
FROM_SILENCE = {"mqtt.keepalive": "5s"}


def start(site, kind, broker, **settings):
    """An edge or a collector of this broker."""
    site.broker = broker
    if kind == "edge":
        program = site.edge(sensor=[SIMULATOR], **settings)
    else:
        program = site.collector(**settings)
    return program.start_and_wait()


@pytest.fixture
def fake(site):
    brokers = []

    def make(**arguments):
        brokers.append(FakeBroker(**arguments))
        return brokers[-1]

    yield make
    site.broker = None
    for broker in brokers:
        broker.close()


def send_256_mib(connection):
    """One PUBLISH of that size, as fast as it is taken, right behind a small one."""
    connection.sendall(b"\x30\x04\x00\x01t\x00" + b"\x30\xff\xff\xff\x7f\x00\x01t")
    chunk = bytes(1 << 20)
    for _ in range(HUGE >> 20):
        connection.sendall(chunk)


def announce_256_mib_slowly(connection):
    """The same, its first bytes one at a time."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"\x30\xff\xff\xff\x7f\x00\x01t":
        connection.sendall(bytes([byte]))
        with contextlib.suppress(AssertionError):  # the client is gone
            wait_until(lambda: unsent(connection) == 0, 2, "the byte has arrived")
    for _ in range(HUGE >> 20):
        connection.sendall(bytes(1 << 20))


def unsent(connection):
    """Bytes that the peer's machine hasn't acknowledged (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(connection, 0x5411, bytes(4)))[0]


def assert_leaves_in_words(program, broker, memory_max_mib=None):
    before = peak_memory(program)
    wait_until(lambda: len(broker.accepted) >= 5, 40, "it connects again and again")
    health_says(program, f"broker 127.0.0.1:{broker.port}: it sends a packet of 268435460 bytes")
    after = peak_memory(program)
    print(f"{program.program}: {before:.2f} MiB, then {after:.2f} MiB")
    assert after < before + 1
    assert memory_max_mib is None or after < memory_max_mib
    assert broker.accepted[4] - broker.accepted[0] > 0.15, "it waits before it connects again"


@pytest.mark.parametrize("then", [send_256_mib, announce_256_mib_slowly])
@pytest.mark.parametrize(("kind", "protocol"), [("edge", 5), ("collector", 5), ("collector", 4)])
def test_a_broker_that_announces_256_mib_is_left_with_clear_words_and_bounded_memory(site, fake, kind, protocol, then):
    broker = fake(then=then, protocol=protocol)
    assert_leaves_in_words(start(site, kind, broker), broker, EDGE_MIB if kind == "edge" else None)


@pytest.mark.parametrize("then", [send_256_mib, announce_256_mib_slowly])
@pytest.mark.parametrize("kind", ["edge", "collector"])
def test_a_broker_that_announces_256_mib_over_tls_is_left_in_the_same_way(site, place, fake, kind, then):
    certificates = Certificates(place)
    certificates.make_authority()
    certificates.issue("broker")
    broker = fake(then=then, tls=certificates.server_context("broker"))
    # TLS may take some memory with the first connections.
    program = start(site, kind, broker, **{"mqtt.tls": {"ca": certificates.file("ca.pem")}})
    wait_until(lambda: len(broker.accepted) >= 2, 30, "it has had a connection")
    assert_leaves_in_words(program, broker)


def test_a_broker_that_announces_256_mib_while_an_edge_waits_for_its_answers_is_left_in_the_same_way(site, fake):
    broker = fake(then=send_256_mib, publications=4)
    assert_leaves_in_words(start(site, "edge", broker), broker, EDGE_MIB)


@pytest.mark.parametrize("kind", ["edge", "collector"])
def test_a_broker_that_never_answers_connect_is_given_up_and_asked_again(site, fake, kind):
    broker = fake(answers=())
    program = start(site, kind, broker)
    health_says(program, f"broker 127.0.0.1:{broker.port}: it accepts connections, but doesn't answer as an MQTT broker")
    wait_until(lambda: len(broker.accepted) >= 2, 30, "it tries again")


@pytest.mark.parametrize("kind", ["edge", "collector"])
def test_a_broker_that_never_answers_subscribe_is_given_up_and_asked_again(site, fake, kind):
    broker = fake(answers=(FakeBroker.CONNECT, FakeBroker.PINGREQ))
    program = start(site, kind, broker, **FROM_SILENCE)
    health_says(program, "subscription")
    wait_until(lambda: len(broker.accepted) >= 2, 40, "it tries again")


@pytest.mark.parametrize("kind", ["edge", "collector"])
def test_a_broker_that_never_answers_pings_is_left_and_asked_again(site, fake, kind):
    broker = fake(answers=(FakeBroker.CONNECT, FakeBroker.SUBSCRIBE))
    program = start(site, kind, broker, **FROM_SILENCE)
    health_says(program, "it doesn't answer pings any more")
    wait_until(lambda: len(broker.accepted) >= 2, 30, "it tries again")


def test_a_publisher_that_announces_256_mib_harms_nobody(site):
    site.start_broker(own=True)
    collector = site.start_collector()
    before = peak_memory(collector)
    topic = b"tributary/giant/events/telemetry"
    with socket.create_connection((site.broker.host, site.broker.port)) as giant, Device(site.broker) as device:
        giant.sendall(bytes.fromhex("10 0d 0004 4d515454 05 02 000a 00 0000"))
        assert giant.recv(4)[0] == 0x20
        giant.sendall(b"\x30\xff\xff\xff\x7f\x00" + bytes([len(topic)]) + topic + b"\x00" + bytes(1 << 20))
        device.publish(json.dumps(reading(0)))
        collector.wait_for_account(records=1, stored=1)
    # All of it: larger than what a collector takes of a broker, which leaves it out.
    with socket.create_connection((site.broker.host, site.broker.port)) as giant, Device(site.broker) as device:
        giant.sendall(bytes.fromhex("10 0d 0004 4d515454 05 02 000a 00 0000"))
        assert giant.recv(4)[0] == 0x20
        giant.sendall(b"\x30\xff\xff\xff\x7f\x00" + bytes([len(topic)]) + topic + b"\x00")
        rest = HUGE - len(topic) - 3
        while rest:
            rest -= giant.send(bytes(min(rest, 1 << 20)))
        giant.sendall(b"\xc0\x00")
        giant.settimeout(30)
        while not giant.recv(100).endswith(b"\xd0\x00"):
            pass
        device.publish(json.dumps(reading(1)))
        collector.wait_for_account(records=2, stored=2)
    assert peak_memory(collector) < before + 16
    assert collector.health().status == 200
