"""POST /ingest, as clients meet it."""

import http.client
import json
import signal

from harness import exactly, reading
from services.process import free_port, wait_until


def collector_without_broker(site):
    return site.start_collector(**{"mqtt.url": ""})


def ndjson(events):
    return "\n".join(json.dumps(event) for event in events)


def assert_problem(answer, status):
    """RFC 9457, with the request's own status."""
    assert answer.status == status, answer
    assert answer.content_type == "application/problem+json", answer
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"], answer
    return problem


def test_an_object_an_array_and_ndjson_are_accepted(site):
    collector = collector_without_broker(site)
    for body, content_type, accepted in (
        (json.dumps(reading(0)), "application/json", 1),
        (json.dumps([reading(1), reading(2)]), "application/json; charset=utf-8", 2),
        (ndjson([reading(3), reading(4), reading(5)]) + "\n", "application/x-ndjson", 3),
        (json.dumps(reading(6)), "Application/JSON\t; charset=utf-8", 1),
    ):
        answer = collector.ingest(body, content_type=content_type)
        assert (answer.status, answer.json()) == (202, {"accepted": accepted}), answer
        assert answer.content_type == "application/json"
    collector.wait_for_account(records=7, stored=7)
    assert collector.events() == [exactly(reading(second)) for second in range(7)]


def test_events_go_to_the_pipeline_that_the_path_names(site):
    collector = collector_without_broker(site)
    click = {"event_id": "0B7A6F0E-8F6B-4C3B-9E41-3F2A8C9D1E00", "user_id": 7, "event_type": "view", "page": "/start",
             "event_time": "2026-01-21T10:00:00+01:00"}
    measurement = {"sensor_id": "host", "timestamp": "2026-01-21T10:00:00.123456789Z", "values": {"cpu": 0.25},
                   "tags": {"rack": "b"}}
    assert collector.ingest(click, "clickstream").status == 202
    assert collector.ingest(measurement, "measurement").status == 202
    collector.wait_for_account(pipeline="clickstream", records=1, stored=1)
    collector.wait_for_account(pipeline="measurement", records=1, stored=1)
    assert collector.account("telemetry")["records"] == 0
    assert collector.events("clickstream")[0]["user_id"] == 7
    assert collector.events("measurement")[0]["timestamp"] == "2026-01-21T10:00:00.123456789Z"


def test_broken_json_is_refused_with_the_place_of_the_error(site):
    collector = collector_without_broker(site)
    for body in ('{"sensor_id": "a", ', "[1, 2", "hello", '{"a": 1, "a": 2}', '{"temperature": NaN}', "\xff\xfe"):
        problem = assert_problem(collector.ingest(body.encode("latin-1")), 400)
        assert problem["accepted"] == 0 and problem["errors"][0]["detail"], body
    assert_problem(collector.ingest(""), 400)
    assert collector.account()["records"] == 0


def test_wrong_types_missing_members_and_values_out_of_range_are_refused_with_pointer_and_index(site):
    collector = collector_without_broker(site)
    for changes, pointer in (
        ({"sensor_id": None}, ""), ({"timestamp": None}, ""), ({"temperature": None}, ""), ({"humidity": None}, ""),
        ({"location": None}, ""),
        ({"sensor_id": 7}, "/sensor_id"), ({"sensor_id": ""}, "/sensor_id"), ({"sensor_id": "x" * 129}, "/sensor_id"),
        ({"timestamp": "yesterday"}, "/timestamp"), ({"timestamp": "2026-01-21T10:00:00"}, "/timestamp"),
        ({"timestamp": "2026-02-30T10:00:00Z"}, "/timestamp"), ({"temperature": "25"}, "/temperature"),
        ({"humidity": 100.5}, "/humidity"), ({"humidity": -1}, "/humidity"),
        ({"location": {"latitude": 91, "longitude": 0}}, "/location/latitude"),
        ({"location": {"latitude": 0, "longitude": -180.5}}, "/location/longitude"),
        ({"location": [1, 2]}, "/location"), ({"_id": 1}, "/_id"), ({"_tributary": {}}, "/_tributary"),
        ({"timestamp_ns": 5}, "/timestamp_ns"),
    ):
        problem = assert_problem(collector.ingest([reading(0), reading(1, **changes)]), 400)
        assert problem["accepted"] == 1, changes
        [error] = problem["errors"]
        assert error["index"] == 1 and error["detail"], (changes, error)
        # A missing member is told at the object or at the place where it should be.
        missing = next(iter(changes)) if pointer == "" else None
        assert error["pointer"] == pointer or (missing and error["pointer"] == "/" + missing), (changes, error)
    account = collector.wait_for_account(stored=1)
    assert account["rejected"] == 0, "what HTTP refuses is outside of the account"


def test_one_bad_record_among_fifty_thousand_is_named_and_the_others_are_accepted(site):
    collector = collector_without_broker(site)
    events = [reading(second) for second in range(50_000)]
    events[31_337]["humidity"] = "wet"
    answer = collector.ingest(json.dumps(events, separators=(",", ":")))
    problem = assert_problem(answer, 400)
    assert problem["accepted"] == 49_999
    assert [(error["index"], error["pointer"]) for error in problem["errors"]] == [(31_337, "/humidity")]
    collector.wait_for_account(60, stored=49_999, records=49_999)


def test_a_body_of_nine_mebibytes_is_refused(site):
    collector = collector_without_broker(site)
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
    connection.putrequest("POST", "/ingest")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(9 << 20))
    connection.endheaders()
    try:
        connection.send(b" " * (9 << 20))
    except OSError:
        pass  # it may say no without reading it all
    response = connection.getresponse()
    assert response.status == 413 and response.getheader("Content-Type").startswith("application/problem+json")
    connection.close()
    assert collector.ingest(reading(0)).status == 202, "and goes on"


def test_what_waits_when_the_collector_ends_is_told_to_come_again(site):
    port = free_port()
    collector = site.collector(**{"mqtt.url": "", "pipeline.telemetry.stream": f"kafka://127.0.0.1:{port}",
                                  "http.ingest_timeout": "60s"})
    collector.start_and_wait()
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
    connection.request("POST", "/ingest", json.dumps(reading(0)), {"Content-Type": "application/json"})
    wait_until(lambda: collector.metric("tributary_http_connections") >= 2, 10, "it waits")
    collector.signal(signal.SIGTERM)
    response = connection.getresponse()
    assert response.status == 503 and response.getheader("Retry-After") and b"send it again" in response.read()
    assert collector.wait(30) == 0


def test_an_unknown_pipeline_and_a_wrong_content_type_are_refused(site):
    collector = collector_without_broker(site)
    assert "nowhere" in assert_problem(collector.ingest(reading(0), "nowhere"), 404)["detail"]
    assert_problem(collector.ingest("sensor_id=1", content_type="application/x-www-form-urlencoded"), 415)
    assert_problem(collector.get("/nothing/here"), 404)
    assert_problem(collector.request("DELETE", "/ingest"), 405)
    assert collector.account()["records"] == 0


def test_invalid_records_go_to_the_dead_letters_when_the_client_asks_for_it(site):
    collector = collector_without_broker(site)
    bad = reading(1, temperature="warm")
    answer = collector.ingest([reading(0), bad], invalid="dead_letter")
    assert (answer.status, answer.json()) == (202, {"accepted": 1, "rejected": 1}), answer
    collector.wait_for_account(records=2, stored=1, rejected=1)
    [letter] = collector.dead_letters()
    assert letter["reason"] == "invalid" and "temperature" in letter["detail"], letter
    assert json.loads(letter["event"]) == bad, letter


def test_the_same_event_is_a_duplicate_and_other_content_under_its_key_a_conflict(site):
    collector = collector_without_broker(site)
    collector.ingest(reading(0))
    collector.wait_for_account(stored=1)
    # The same content in other words: the order of members, the form of the time, of numbers.
    same = {"location": {"longitude": 77.59, "latitude": 12.97}, "humidity": 60.20, "temperature": 2.54e1,
            "timestamp": "2026-01-01T05:30:00.000+05:30", "sensor_id": "sensor_1"}
    assert collector.ingest(same).status == 202
    collector.wait_for_account(stored=1, duplicates=1)
    assert collector.ingest(reading(0, temperature=25.5)).status == 202
    collector.wait_for_account(records=3, stored=1, duplicates=1, conflicts=1)
    [letter] = collector.dead_letters()
    assert letter["reason"] == "conflict" and json.loads(letter["event"])["temperature"] == 25.5, letter
    [event] = collector.events()
    assert float(event["temperature"]) == 25.4, "the first one stays"
