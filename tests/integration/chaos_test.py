"""Edges, devices and HTTP clients send, everything is killed again and again, and nothing is lost or twice.

TRIBUTARY_TEST_CHAOS_EVENTS and TRIBUTARY_TEST_CHAOS_SECONDS make it longer than the short form that ./check runs, and
TRIBUTARY_TEST_CHAOS_PAUSE is for how long MongoDB is stopped in it."""

import collections
import os
import time

import pytest
from backbone import Backbone, settled_account
from harness import csv_sensor
from nothing_lost_test import write_recording
from services.mosquitto import Mosquitto
from services.process import pause, wait_until
from services.service import Service
from traffic import HttpClient, MqttClient

EVENTS = int(os.environ.get("TRIBUTARY_TEST_CHAOS_EVENTS", 20_000))
SECONDS = float(os.environ.get("TRIBUTARY_TEST_CHAOS_SECONDS", 50))
STOPPED_SECONDS = float(os.environ.get("TRIBUTARY_TEST_CHAOS_PAUSE", 12))
PATIENCE = 60 + SECONDS


@pytest.fixture
def backbone(place):
    # A session that is away must find everything when it is back.
    broker = Mosquitto(place, ["max_queued_messages 0", "max_inflight_messages 0"], own=True).start()
    backbone = Backbone(place, broker, own=True).start()
    yield backbone
    backbone.end()
    broker.kill()


class Chaos:
    """kill -9 at random moments, and a start again at another."""

    def __init__(self, chance, victims):
        self.chance, self.victims = chance, victims
        self.kills = collections.Counter()
        self._down = {}  # victim: when it is started again

    def go_on(self):
        """Once in a while a kill; starts what was down for long enough."""
        now = time.monotonic()
        for name in [name for name, until in self._down.items() if until <= now]:
            del self._down[name]
            start(self.victims[name])
        up = [name for name in self.victims if name not in self._down]
        if up and self.chance.random() < 0.25:
            name = self.chance.choice(up)
            self.victims[name].kill()
            self.kills[name] += 1
            self._down[name] = now + self.chance.uniform(0, 4)
        pause(self.chance.uniform(0, 1))

    def end(self):
        for name in self._down:
            start(self.victims[name])
        self._down = {}


def start(victim):
    """Starts the process; whether it answers is its own affair."""
    victim.start(limit=None) if isinstance(victim, Service) else victim.start()


def accepted_by(client):
    assert client.failure is None, f"{client.name}: {client.failure!r}"
    return client.accepted == client.count


def assert_each_event_once(backbone, sensors):
    """Of every sensor, each number that it sent is in one document."""
    with backbone.events() as events:
        for sensor_id, count in sensors.items():
            member = "light" if sensor_id == "edge" else "temperature"
            found = sorted(int(document[member]) for document in events.find({"sensor_id": sensor_id}, {member: True}))
            assert found == list(range(count)), f"{sensor_id}: {len(found)} documents instead of {count}"
        assert events.count_documents({}) == sum(sensors.values())


def settled_account_of_all(backbone, collector, sent):
    """The account of every record that the topic has had. Batches that were sent twice may still be on their way into
    it after the last one was accepted, and what a broker acknowledged may still wait in its queue."""
    def settled():
        account = settled_account(collector, PATIENCE)
        return account if sent <= account["records"] == backbone.records_ever(backbone.topic) else None

    return wait_until(settled, PATIENCE, f"an account of all that the topic has had, and of all {sent} events")


def run_chaos(backbone, chance, clients, edge, victims):
    begin = time.monotonic()
    chaos = Chaos(chance, victims)
    for client in clients:
        client.start()
    if edge is not None:
        edge.start_and_wait()
    stop_at = begin + SECONDS / 3
    stopped = False
    try:
        while not all(accepted_by(client) for client in clients) or (edge is not None and edge.running):
            assert time.monotonic() - begin < SECONDS + STOPPED_SECONDS + 3 * PATIENCE, "what was sent is accepted in time"
            if time.monotonic() - begin < SECONDS + STOPPED_SECONDS:
                chaos.go_on()
            else:
                chaos.end()
                pause(0.2)
            if not stopped and time.monotonic() > stop_at and backbone.mongodb.running:
                stopped = True
                backbone.mongodb.pause()
                pause(STOPPED_SECONDS)
                backbone.mongodb.resume()
    finally:
        for client in clients:
            client.end()
        chaos.end()
    backbone.kafka.wait_for_answer()
    backbone.mongodb.wait_for_answer()
    sent = sum(client.count for client in clients) + (0 if edge is None else edge.events)
    account = settled_account_of_all(backbone, victims["query"], sent)
    documents = backbone.count()
    print(f"{sent} events accepted, {documents} documents, {account}; {chaos.kills.total()} kills {dict(chaos.kills)}, MongoDB "
          f"stopped for {STOPPED_SECONDS:.0f} s, {time.monotonic() - begin:.0f} s in all; batches sent "
          f"{({client.name: client.sent for client in clients})}")
    assert stopped and chaos.kills.total() >= SECONDS / 10
    assert account["conflicts"] == account["rejected"] == 0
    assert account["stored"] <= documents <= account["stored"] + account["duplicates"]
    return account


def start_roles(backbone):
    names = {"ingest": "ingest", "persist-1": "persist", "persist-2": "persist", "query": "query"}
    return {name: backbone.start_collector(role, name=name) for name, role in names.items()}


def test_nothing_is_lost_or_twice_while_everything_is_killed(backbone, site, chance):
    roles = start_roles(backbone)
    site.broker = backbone.broker
    share = EVENTS // 5
    recording = write_recording(site.place / "recording.csv", share)
    edge = site.edge(sensor=[csv_sensor(recording, "edge", pace=share / SECONDS)], exit_when_done=True)
    edge.events = share
    rate = share / SECONDS
    clients = [HttpClient(f"http-{number}", share, rate, roles["ingest"]) for number in range(2)]
    clients += [MqttClient(f"device-{number}", share, rate, backbone.broker) for number in range(2)]
    victims = roles | {"kafka": backbone.kafka, "mongodb": backbone.mongodb, "mosquitto": backbone.broker}
    run_chaos(backbone, chance, clients, edge, victims)
    assert edge.wait(0) == 0
    assert_each_event_once(backbone, {client.sensor_id: share for client in clients} | {"edge": share})


def test_what_a_broker_acknowledged_to_plain_devices_is_stored_once_while_all_but_the_broker_is_killed(backbone, chance):
    roles = start_roles(backbone)
    share = EVENTS // 4
    clients = [MqttClient(f"plain-{number}", share, share / SECONDS, backbone.broker, receipts=False) for number in range(4)]
    victims = roles | {"kafka": backbone.kafka, "mongodb": backbone.mongodb}
    run_chaos(backbone, chance, clients, None, victims)
    assert_each_event_once(backbone, {client.sensor_id: share for client in clients})
