"""GET /live: server-sent events of what is accepted."""

import json
import socket

from harness import decode, exactly, reading, resident
from mqtt_device import Device
from services.process import wait_until


class Listener:
    """A client of /live that reads as fast as it is asked to."""

    def __init__(self, collector, target="/live", last_event_id=None):
        self._socket = socket.create_connection(("127.0.0.1", collector.port), timeout=20)
        header = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        # HTTP/1.0: the body is not chunked.
        self._socket.sendall(f"GET {target} HTTP/1.0\r\nAccept: text/event-stream\r\n{header}\r\n".encode())
        self._stream = self._socket.makefile("rb")
        self.status = int(self._stream.readline().split()[1])
        self.headers = {}
        while (line := self._stream.readline().decode().strip()):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()
        self._socket.close()

    def fields(self):
        """The next event's fields; comments and what only says how to come back are passed over. None at the end."""
        found = {}
        while True:
            line = self._stream.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                found[name] = value.removeprefix(" ")
            elif "data" in found:
                return found
            else:
                found = {}

    def event(self):
        fields = self.fields()
        assert fields is not None and "event" not in fields, fields
        return decode(fields["data"])

    def wait_until_heard(self, collector):
        """What is accepted from now on reaches it."""
        assert self._stream.readline().startswith(b": ")
        return self


def collector_without_broker(site, **settings):
    return site.start_collector(**{"mqtt.url": ""} | settings)


def test_what_is_accepted_is_seen_live_once_whole_and_in_order(site):
    collector = collector_without_broker(site)
    with Listener(collector) as listener, Listener(collector, "/live/clickstream") as clicks:
        assert listener.status == 200
        assert listener.headers["content-type"] == "text/event-stream"
        for part in (listener, clicks):
            part.wait_until_heard(collector)
        assert collector.ingest([reading(0), reading(1, note="two\nlines")]).status == 202
        assert collector.ingest([reading(2), reading(3, humidity=101)]).status == 400
        # Pretty-printed is one line still.
        assert collector.ingest(json.dumps(reading(4), indent=2)).status == 202
        assert [listener.event() for _ in range(4)] == [
            exactly(event) for event in (reading(0), reading(1, note="two\nlines"), reading(2), reading(4))]
        click = {"event_id": "0b7a6f0e-8f6b-4c3b-9e41-3f2a8c9d1e00", "user_id": 7, "event_type": "view",
                 "page": "/start", "event_time": "2026-01-21T10:00:00Z"}
        assert collector.ingest(click, "clickstream").status == 202
        assert clicks.event() == click


def test_what_comes_over_mqtt_is_seen_live_too(site):
    broker = site.start_broker()
    collector = site.start_collector()
    with Listener(collector) as listener, Device(broker) as device:
        listener.wait_until_heard(collector)
        device.publish(json.dumps(reading(5)))
        assert listener.event() == exactly(reading(5))


def test_live_events_are_filtered_by_their_fields(site):
    collector = collector_without_broker(site)
    with Listener(collector, "/live?sensor_id=b&temperature=25.40") as listener:
        listener.wait_until_heard(collector)
        collector.ingest([reading(0, "a"), reading(1, "b", temperature=3), reading(2, "b")])
        assert listener.event() == exactly(reading(2, "b"))
    assert collector.get("/live?temperature=warm").status == 400
    assert collector.get("/live/nobody").status == 404


def test_a_reader_that_comes_back_gets_what_it_missed(site):
    collector = collector_without_broker(site)
    with Listener(collector) as listener:
        listener.wait_until_heard(collector)
        collector.ingest([reading(second) for second in range(3)])
        ids = [listener.fields()["id"] for _ in range(3)]
    collector.ingest([reading(second) for second in range(3, 6)])
    with Listener(collector, last_event_id=ids[1]) as listener:
        assert [listener.event() for _ in range(4)] == [exactly(reading(second)) for second in range(2, 6)]
        collector.ingest(reading(6))
        assert listener.event() == exactly(reading(6))


def test_a_reader_that_comes_back_too_late_is_told_of_the_gap(site):
    collector = collector_without_broker(site)
    with Listener(collector) as listener:
        listener.wait_until_heard(collector)
        collector.ingest(reading(0))
        first = listener.fields()["id"]
        collector.ingest([reading(second) for second in range(1, 1200)])
        for _ in range(1199):
            listener.event()
    with Listener(collector, last_event_id=first) as listener:
        gap = listener.fields()
        assert (gap["event"], decode(gap["data"])) == ("gap", {"missed": 199})
        assert listener.event() == exactly(reading(200))
    with Listener(collector, last_event_id="abc-7") as listener:
        assert listener.fields()["event"] == "gap"
        assert listener.event() == exactly(reading(200))


def test_a_slow_reader_is_dropped_and_counted_and_ingest_goes_on(site):
    collector = collector_without_broker(site)
    note = "x" * 10_000
    with Listener(collector) as slow, Listener(collector, "/live?sensor_id=last") as other:
        for part in (slow, other):
            part.wait_until_heard(collector)

        def dropped():
            assert collector.ingest([reading(next(seconds), note=note) for _ in range(100)]).status == 202
            return collector.metric("tributary_collector_live_dropped_readers_total") == 1

        seconds = iter(range(100_000))
        wait_until(dropped, 60, "the reader that does not read is dropped")
        collector.ingest(reading(0, "last"))
        assert other.event() == exactly(reading(0, "last"))
        wait_until(lambda: collector.metric("tributary_collector_live_readers") == 1, 10, "one reader is left")


def test_many_slow_readers_take_little_memory_and_give_it_back_when_they_are_dropped(site):
    collector = collector_without_broker(site, **{"http.access_log": False})
    readers, seconds = 60, iter(range(10_000_000))
    growth = []
    for wave in range(3):
        listeners = [Listener(collector) for _ in range(readers)]
        collector.ingest([reading(next(seconds)) for _ in range(100)])
        before = resident(collector)
        dropped = collector.metric("tributary_collector_live_dropped_readers_total")

        def all_dropped():
            assert collector.ingest([reading(next(seconds)) for _ in range(2000)]).status == 202
            growth.append(resident(collector) - before)
            return collector.metric("tributary_collector_live_dropped_readers_total") == dropped + readers

        wait_until(all_dropped, 90, f"wave {wave}: those that do not read are dropped")
        wait_until(lambda: collector.metric("tributary_http_connections") == 1, 15, "their connections are gone before any timeout")
        for listener in listeners:
            listener.__exit__()
    assert max(growth) < 160 << 20, [part >> 20 for part in growth]


def test_there_may_be_so_many_readers_and_no_more(site):
    collector = collector_without_broker(site)
    readers = 201
    listeners = [Listener(collector) for _ in range(readers)]
    assert [listener.status for listener in listeners] == [200] * (readers - 1) + [503]
    for listener in listeners:
        listener.__exit__()
    wait_until(lambda: Listener(collector).status == 200, 30, "the seats of those that left are free")


def test_readers_are_let_go_when_the_collector_ends(site):
    collector = collector_without_broker(site)
    with Listener(collector) as listener:
        listener.wait_until_heard(collector)
        assert collector.terminate() == 0
        assert listener.fields() is None
