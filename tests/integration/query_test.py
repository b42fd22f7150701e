"""GET /data, /health and /metrics."""

import random

import pytest
from harness import exactly, reading
from services.process import wait_until


@pytest.fixture
def collector(site):
    return site.start_collector(**{"mqtt.url": ""})


def store(collector, events):
    before = collector.account()["stored"]
    assert collector.ingest(events).status == 202
    collector.wait_for_account(60, stored=before + len(events))
    return [exactly(event) for event in events]


def in_order(events):
    """By time, then by key."""
    return sorted(events, key=lambda event: (event["timestamp"], event["sensor_id"]))


def page(collector, **parameters):
    answer = collector.get("/data", **parameters)
    assert answer.status == 200 and answer.content_type == "application/json", answer
    body = answer.json()
    assert set(body) == {"data", "next"}
    return body["data"], body["next"]


def two_sensors(collector, count=250):
    """Stored in any order."""
    events = [reading(second, sensor, temperature=second / 8, room="kitchen" if second % 2 else "hall")
              for second in range(count) for sensor in ("alpha", "beta")]
    random.Random(1).shuffle(events)
    return in_order(store(collector, events))


def test_events_come_by_time_and_then_key_a_hundred_a_page(collector):
    events = two_sensors(collector)
    data, following = page(collector)
    assert data == events[:100] and following
    data, following = page(collector, order="desc", limit=500)
    assert data == events[::-1] and following is None
    assert page(collector, limit=3)[0] == events[:3]
    assert collector.get("/data/telemetry", limit=3).json() == collector.get("/data", limit=3).json()


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_cursor_leads_through_all_pages_whatever_is_stored_meanwhile(collector, order):
    events = two_sensors(collector)
    expected = events if order == "asc" else events[::-1]
    found, cursor = [], None
    while True:
        data, cursor = page(collector, limit=37, order=order, **({"cursor": cursor} if cursor else {}))
        assert len(data) == 37 or cursor is None
        found += data
        if cursor is None:
            break
        # Behind the reader: it must not move what is in front of it.
        behind = reading(len(found), f"late-{len(found)}",
                         timestamp="2025-01-01T00:00:00Z" if order == "asc" else "2027-01-01T00:00:00Z")
        store(collector, [behind])
    assert found == expected


def test_ranges_are_half_open_and_compare_instants(collector):
    events = two_sensors(collector)

    def between(start, end):
        return [event for event in events if start <= event["timestamp"] < end]

    ten, twenty = "2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z"
    assert page(collector, start=ten, end=twenty)[0] == between(ten, twenty)
    assert page(collector, start="2026-01-01T05:30:10+05:30", end="2025-12-31T19:00:20-05:00")[0] == between(ten, twenty)
    assert page(collector, end=ten)[0] == between("", ten)
    assert page(collector, start=twenty, end=ten)[0] == []
    assert page(collector, start="2026-01-01T00:00:10.000000001Z", limit=1)[0] == between("2026-01-01T00:00:11Z", "3")[:1]


def test_any_field_filters(collector):
    events = two_sensors(collector)
    assert page(collector, sensor_id="alpha", limit=1000)[0] == [e for e in events if e["sensor_id"] == "alpha"]
    assert page(collector, room="hall", limit=1000)[0] == [e for e in events if e["room"] == "hall"]
    assert page(collector, temperature="12.5")[0] == [e for e in events if e["temperature"] == 12.5]
    assert page(collector, sensor_id="beta", temperature="1.0e1")[0] == [reading_of(events, "beta", 10)]
    assert page(collector, timestamp="2026-01-01T01:00:07+01:00", sensor_id="alpha")[0] == [reading_of(events, "alpha", "0.875")]
    assert page(collector, sensor_id="alph")[0] == []
    assert page(collector, nothing="x")[0] == []
    assert page(collector, sensor_id="alpha' OR '1'='1")[0] == []


def reading_of(events, sensor, temperature):
    return next(e for e in events if e["sensor_id"] == sensor and e["temperature"] == type(e["temperature"])(temperature))


def test_a_field_that_is_named_like_a_parameter_filters_with_where(collector):
    events = store(collector, [reading(0, order="first"), reading(1, order="second")])
    assert page(collector, **{"where.order": "second"})[0] == [events[1]]
    assert page(collector, **{"where.sensor_id": "sensor_1"})[0] == events


def test_ndjson_has_one_event_a_line_and_all_of_them(collector):
    events = two_sensors(collector, 1500)
    answer = collector.get("/data", format="ndjson")
    assert answer.content_type == "application/x-ndjson" and answer.ndjson() == events
    assert collector.get("/data", {"Accept": "application/x-ndjson"}, sensor_id="beta").ndjson() == \
        [event for event in events if event["sensor_id"] == "beta"]
    assert collector.get("/data", format="ndjson", limit=7, order="desc").ndjson() == events[:-8:-1]
    assert collector.get("/data", format="ndjson", sensor_id="nobody").body == b""


def test_times_are_given_out_in_utc_to_the_nanosecond_and_are_events_of_their_own(collector):
    written = ["2026-01-01T05:30:00+05:30", "2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.100Z",
               "2026-01-01T00:00:00.10025-00:00", "2016-12-31T23:59:60Z"]
    store(collector, [reading(timestamp=time) for time in written])
    assert [event["timestamp"] for event in page(collector)[0]] == [
        "2016-12-31T23:59:60Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.100Z",
        "2026-01-01T00:00:00.100250Z"]


def test_members_beyond_the_schema_and_any_text_come_back_as_they_were_sent(collector):
    events = store(collector, [reading(0, "sensör \u0001\u202e\U0001f600'\";--", note="a\tb\\c\u2028", nested={"$x": [1, None, True]},
                                       big=9007199254740993, tiny=5e-324, zero=-0.0)])
    assert page(collector)[0] == events
    assert page(collector, sensor_id=events[0]["sensor_id"])[0] == events


def test_where_an_event_came_from_is_told_only_when_asked(collector):
    store(collector, [reading(0)])
    assert "_tributary" not in page(collector)[0][0]
    told = page(collector, meta="true")[0][0]["_tributary"]
    assert told["source"] == "http" and told["schema"].startswith("telemetry@") and told["received_at"].endswith("Z"), told
    assert told["hash"]


def test_questions_that_make_no_sense_are_refused(collector):
    for parameters in ({"limit": "many"}, {"limit": "-1"}, {"order": "up"}, {"start": "yesterday"}, {"end": "2026-13-01T00:00:00Z"},
                       {"cursor": "made-up"}, {"format": "xml"}, {"timestamp": "noon"}):
        answer = collector.get("/data", **parameters)
        assert answer.status == 400 and answer.content_type == "application/problem+json", (parameters, answer)
        assert next(iter(parameters)) in answer.json()["detail"], (parameters, answer)
    for path in ("/data/nowhere", "/account/nowhere", "/dead-letters/nowhere"):
        assert collector.get(path).status == 404


def test_health_has_one_check_for_each_part(site):
    site.start_broker()
    collector = site.start_collector()
    answer = collector.health()
    report = answer.json()
    assert (answer.status, answer.content_type, report["status"]) == (200, "application/json", "up"), answer
    assert set(part.split(".")[0] for part in report["checks"]) >= {"mqtt", "stream", "store", "persister"}, report
    assert {check["status"] for check in report["checks"].values()} == {"up"}, report
    edge = site.edge(sensor=[{"type": "simulator", "pipeline": "telemetry"}]).start_and_wait()
    wait_until(lambda: edge.health().status == 200, 20, "the edge is up")
    report = edge.health().json()
    assert set(part.split(":")[0] for part in report["checks"]) >= {"mqtt", "buffer", "sensor"}, report


def test_the_process_is_live_while_the_broker_is_down(site):
    site.start_broker(own=True)
    programs = [site.start_collector(), site.edge().start_and_wait()]
    site.broker.kill()
    for program in programs:
        wait_until(lambda: program.health().status == 503, 20, "the lost broker is noticed")
        report = program.health().json()
        assert report["status"] == "down" and report["checks"]["mqtt"]["status"] == "down", report
        assert program.get("/health/live").status == 200


def test_metrics_are_prometheus_text_and_agree_with_the_account(site):
    site.start_broker()
    collector = site.start_collector()
    edge = site.edge(sensor=[{"type": "simulator", "pipeline": "telemetry", "count": 3, "rate": 50.0}]).start_and_wait()
    collector.ingest([reading(0), reading(0)])
    collector.wait_for_account(duplicates=1)
    assert edge.terminate() == 0
    account = collector.wait_for_account()
    for name in ("records", "stored", "duplicates", "conflicts", "rejected"):
        assert collector.metric(f"tributary_collector_{name}_total", pipeline="telemetry") == account[name]
    edge.settings["sensor"] = None
    edge.compose()
    edge.start_and_wait()
    assert "tributary_edge_buffer_records" in {name for name, _ in edge.metrics()}
    for program in (edge, collector):
        answer = program.get("/metrics")
        assert answer.content_type == "text/plain" and "version=0.0.4" in answer.headers["content-type"]
        assert all(name.startswith("tributary_") for name, _ in program.metrics()), "names begin with tributary_"
