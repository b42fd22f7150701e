"""A bad network on both sides of the broker: latency, resets, connections that are half-open for a while."""

import collections
import time

import pytest
from harness import csv_sensor
from nothing_lost_test import assert_every_sequence_once, rows_by_sensor, write_recording
from services.mosquitto import Mosquitto
from services.process import pause, wait_until
from services.tcp_proxy import TcpProxy

EVENTS = 3000
SECONDS = 20


@pytest.fixture
def networks(site, place, chance):
    """The edge's way to the broker, and the collector's."""
    site.broker = Mosquitto(place, ["max_queued_messages 0", "max_inflight_messages 0"], own=True).start()
    networks = [TcpProxy(site.broker.port, latency_s=(0, 0.03), seed=chance.randrange(1 << 32)) for _ in range(2)]
    yield networks
    for network in networks:
        network.close()


def disturb(networks, chance, seconds):
    """What was done how often."""
    done = collections.Counter()
    for network in networks:
        wait_until(lambda: network.connections > 0, 20, "somebody is connected")
        network.cut()
        done["reset"] += 1
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pause(chance.uniform(0.2, 1.5))
        network = chance.choice(networks)
        what = chance.choice(["reset", "reset", "stall", "stall and reset"])
        if what != "reset":
            network.stall()
            # Sometimes for longer than a client waits for the answer to a ping.
            pause(chance.choice([0.3, 0.3, 1, 8]))
        if what != "stall":
            network.cut()
        network.flow()
        done[what] += 1
    return done


def test_each_event_is_stored_once_through_latency_resets_and_half_open_connections(site, networks, place, chance):
    to_edge, to_collector = networks
    short = {"mqtt.keepalive": "5s"}
    collector = site.start_collector(**short | {"mqtt.url": to_collector.url})
    recording = write_recording(place / "recording.csv", EVENTS)
    edge = site.edge(sensor=[csv_sensor(recording, pace=EVENTS / SECONDS)], exit_when_done=True,
                     **short | {"mqtt.url": to_edge.url, "mqtt.receipt_timeout": "2s"}).start_and_wait()
    done = disturb(networks, chance, SECONDS)
    assert edge.wait(120) == 0, "every event has its receipt"
    wait_until(lambda: collector.health().status == 200, 60, "the collector is up")
    account = collector.wait_for_account(60, stored=EVENTS, rejected=0, conflicts=0)
    print(f"{dict(done)}; {to_edge.connections} connections of the edge, {to_collector.connections} of the collector; {account}")
    assert rows_by_sensor(collector.events()) == {"office": list(range(EVENTS))}
    assert_every_sequence_once(collector)
    assert to_edge.connections > 1 and to_collector.connections > 1
