"""What any MQTT device may send, good and bad."""

import json

import pytest
from harness import exactly, reading
from mqtt_device import Device
from services.process import wait_until


@pytest.fixture
def collector(site):
    site.start_broker()
    return site.start_collector()


@pytest.fixture
def device(collector, site):
    with Device(site.broker) as device:
        yield device


def wait_for_letters(collector, count, pipeline="telemetry"):
    return wait_until(lambda: len(letters := collector.dead_letters(pipeline)) >= count and letters, 20,
                      f"{count} dead letters of {pipeline}")


def test_one_event_an_array_and_ndjson_are_taken(collector, device):
    device.publish(json.dumps(reading(0)))
    device.publish(json.dumps([reading(1), reading(2)]))
    device.publish("\n".join(json.dumps(reading(second)) for second in (3, 4)) + "\n")
    device.publish(json.dumps(reading(5), indent=2))
    device.publish(json.dumps(reading(6)), qos=0)
    device.publish(json.dumps(reading(7)), qos=2)
    collector.wait_for_account(records=8, stored=8)
    assert collector.events() == [exactly(reading(second)) for second in range(8)]


def test_bad_payloads_go_to_the_dead_letters_byte_for_byte_and_what_follows_is_stored(collector, device):
    bad = ['{"sensor_id": "a", ', "hello", json.dumps(reading(1, humidity=130)), json.dumps(reading(2, location=None)),
           json.dumps(reading(3, temperature="warm"))]
    for payload in bad:
        device.publish(payload)
    device.publish(json.dumps(reading(4)))
    collector.wait_for_account(records=6, stored=1, rejected=5)
    letters = collector.dead_letters()
    assert [letter["event"] for letter in letters] == bad
    assert {letter["reason"] for letter in letters} == {"invalid"}
    assert {letter["topic"] for letter in letters} == {"tributary/device/events/telemetry"}
    assert all(letter["detail"] for letter in letters), letters


def test_one_bad_line_of_a_batch_is_rejected_alone(collector, device):
    lines = [json.dumps(reading(second)) for second in range(100)]
    lines[41] = lines[41][:-1]
    device.publish("\n".join(lines))
    collector.wait_for_account(records=100, stored=99, rejected=1)
    [letter] = collector.dead_letters()
    assert letter["event"] == lines[41]


def test_binary_payloads_go_to_the_dead_letters(collector, device):
    payload = bytes(range(256)) * 4
    device.publish(payload)
    device.publish(json.dumps(reading(0)))
    account = collector.wait_for_account(stored=1)
    assert account["rejected"] >= 1
    assert collector.dead_letters()[0]["reason"] == "invalid"


def test_an_event_over_256_kib_is_rejected(collector, device):
    device.publish(json.dumps(reading(0, note="x" * (300 << 10))))
    device.publish(json.dumps(reading(1)))
    collector.wait_for_account(records=2, stored=1, rejected=1)
    [letter] = collector.dead_letters()
    assert letter["reason"] == "invalid" and letter["event"].startswith('{"sensor_id"'), letter["detail"]


def test_an_event_for_an_unknown_pipeline_is_a_dead_letter_of_no_pipeline(collector, device):
    device.publish(json.dumps(reading(0)), pipeline="nowhere")
    [letter] = wait_for_letters(collector, 1, "tributary")
    assert letter["reason"] == "unknown_pipeline" and json.loads(letter["event"]) == reading(0), letter
    assert letter["topic"] == "tributary/device/events/nowhere"
    assert collector.account()["records"] == 0


def test_of_a_large_message_for_an_unknown_pipeline_every_record_is_kept_whole(collector, device):
    lines = [json.dumps(reading(second, note="x" * 1000)) for second in range(300)]
    device.publish("\n".join(lines), pipeline="nobody")
    wait_for_letters(collector, 100, "tributary")
    letters = collector.get("/dead-letters/tributary", limit=1000).json()["data"]
    assert [letter["event"] for letter in letters] == lines
    assert not any(letter.get("truncated") for letter in letters)


def test_a_sequence_that_no_log_can_have_is_not_taken_for_one(collector, device):
    device.publish(json.dumps(reading(0)), user_properties=[("log", "0" * 31 + "1"), ("sequence", str(2**63 - 1))])
    collector.wait_for_account(records=1, stored=1)
    [event] = collector.events(meta="true")
    assert "sequence" not in event["_tributary"], event


def test_an_empty_payload_is_a_dead_letter_and_an_empty_retained_one_is_ignored_and_counted(collector, device):
    device.publish(b"")
    [letter] = wait_for_letters(collector, 1)
    assert letter["reason"] == "invalid" and letter["event"] == "", letter
    device.publish(b"", retain=True)
    wait_until(lambda: collector.metric("tributary_collector_mqtt_empty_retained_total") == 1, 20, "it is counted")
    assert len(collector.dead_letters()) == 1
    assert collector.account()["records"] == 1


def test_a_device_gets_the_receipt_that_it_asks_for_once_its_events_are_durable(collector, device):
    device.subscribe("tributary/device/receipts")
    good, bad = json.dumps(reading(0)), json.dumps(reading(1, temperature=None))
    device.publish("\n".join([good, bad, json.dumps(reading(2))]), response_topic="tributary/device/receipts",
                   correlation_data=b"\x00mine\xff")
    assert device.receipt() == (b"\x00mine\xff", {"accepted": "2", "rejected": "1"}, b"")
    collector.kill()
    collector.start_and_wait()
    # What was stored but not settled at the kill counts as a duplicate.
    account = collector.wait_for_account(records=3, rejected=1)
    assert account["stored"] + account["duplicates"] == 2
    assert collector.events() == [exactly(reading(0)), exactly(reading(2))]


def test_a_response_topic_outside_of_the_allowed_ones_gets_no_receipt(collector, device):
    device.subscribe("#")
    for second, topic in enumerate(("victim/commands", "tributary/device/events/telemetry", "tributary/a/b/receipts")):
        device.publish(json.dumps(reading(second)), response_topic=topic)
    device.publish(json.dumps(reading(3)), response_topic="tributary/device/receipts", correlation_data=b"last")
    collector.wait_for_account(records=4, stored=4)
    topics = []
    while not topics or topics[-1] != "tributary/device/receipts":
        topics.append(device.received.get(timeout=10).topic)
    # The device sees its own four events and the one receipt that is allowed.
    assert sorted(topics) == ["tributary/device/events/telemetry"] * 4 + ["tributary/device/receipts"]
    assert collector.metric("tributary_collector_receipts_forbidden_total") == 3


def test_events_published_while_the_collector_is_away_wait_at_the_broker(collector, device):
    assert collector.terminate() == 0
    for second in range(100):
        device.publish(json.dumps(reading(second)))
    collector.start_and_wait()
    collector.wait_for_account(records=100, stored=100)


def test_the_largest_event_under_the_longest_topic_is_taken_and_what_follows_too(collector, device):
    event = reading(0, note="")
    event["note"] = "x" * (256 * 1024 - len(json.dumps(event)))
    device.publish(json.dumps(event), topic="tributary/" + "e" * 60_000 + "/events/telemetry")
    device.publish(json.dumps(reading(1)))
    collector.wait_for_account(records=2, stored=2)
    assert collector.events()[0] == exactly(event)


def test_an_event_one_byte_too_large_goes_to_the_dead_letters_and_what_follows_is_stored(collector, device):
    event = reading(0, note="")
    event["note"] = "x" * (256 * 1024 + 1 - len(json.dumps(event)))
    device.publish(json.dumps(event), topic="tributary/" + "e" * 60_000 + "/events/telemetry")
    device.publish(json.dumps(reading(1)))
    collector.wait_for_account(records=2, stored=1, rejected=1)
    [letter] = wait_for_letters(collector, 1)
    assert "cut from 262145 bytes" in letter["detail"]
