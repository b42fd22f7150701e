"""Texts that other programs choke on come back byte for byte, as sensor ids, pages, names and values, or are refused with
a reason."""

import json
import uuid

import pytest
from backbone import Backbone
from harness import Collector, exactly, reading
from services.process import wait_until

CONTROLS = [chr(code) for code in [*range(1, 0x20), *range(0x7F, 0xA0)]]
SPACES = [" ", "  ", "\t", "a b", " a", "a ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2060", "\ufeff", "a\ufeffb", "\u00ad",
          "\u180e", "\u1680", "\u2028", "\u2029", "\u0085"]
SCRIPTS = ["Ω≈ç√∫˜µ≤≥÷", "žluťoučký kůň", "Здравствуйте", "社會科學院語學研究所", "ﬁnd ﬂ", "ｆｕｌｌ ｗｉｄｔｈ", "표준어", "ประเทศไทย", "ß ẞ ı İ ſ K",
           "e\u0301", "\u00e9", "Z\u0351\u036b\u0343\u036a\u0302a\u036d\u0308\u0366lgo", "\u0301", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "\U0010ffff", "\ufffe", "\uffff", "\ufffd",
           "\U000e0041", "\ue000"]
RIGHT_TO_LEFT = ["مرحبا بالعالم", "שלום", "\u202etest\u202c", "a\u200fb", "\u2066ltr\u2069", "\u061c", "الكل في المجمو عة (5)", "\u202d12\u202c:34"]
EMOJI = ["😍", "👩🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇺🇳🇫🇷", "❤️", "1️⃣", "👾 🙇 💁 🙅"]
CODE = ["__proto__", "constructor", "prototype", "hasOwnProperty", "toString", "__class__", "self", "this", "undefined", "null", "NULL",
        "nil", "None", "true", "false", "NaN", "Infinity", "-Infinity", "0", "-0", "00", "1e309", "0x10", "1/0", "9007199254740993",
        "' OR '1'='1", "1; DROP TABLE events; --", "\"; DROP COLLECTION events", "\\'; --", "events\"; --", "%' ESCAPE '", "*/ SELECT 1 /*",
        "$where", "$ne", "$gt", "$set", "$", "$$ROOT", "a.$.b", "a.b", ".", "..", ".a", "a.", "a..b", "[0]", "a[0]", "{$ne: 1}",
        "{\"$ne\": 1}", "$oid", "$date", "$numberLong", "?limit=1", "&sensor_id=b", "a=b&c=d", "#", "%00", "%", "%zz", "+", "a+b", "/", "//",
        "../../etc/passwd", "..\\..\\windows", "C:\\", "\\", "\\\\", "\\u0041", "\\n", "%s%n%x", "{0}", "{{7*7}}", "${HOME}", "$(id)", "`id`",
        "|", ";", "<script>alert(1)</script>", "<!--", "]]>", "&amp;", "&#65;", "\"", "\"\"", "'", "`", ",", ":", "{", "}", "[", "]", "\r\n",
        "\n", "a\nb", "data: x\n\n", "\x1b[31mred\x1b[0m", "sensor_id", "timestamp", "humidity", "location.latitude", "values.cpu", "limit",
        "cursor", "where.sensor_id", "_", "__", "_x", "id", "tributary"]
NULS = ["\x00", "a\x00b", "\x00\x00"]
STRINGS = list(dict.fromkeys(CONTROLS + SPACES + SCRIPTS + RIGHT_TO_LEFT + EMOJI + CODE + NULS + ["x" * 128, "é" * 128]))
TAKEN = {"sensor_id", "timestamp", "humidity", "temperature", "location"}  # members of every reading
LARGE = "n" * 200_000
RESERVED = ["_id", "_tributary", "_tributary_x", "timestamp_ns"]


def readings():
    """Every text in each place of an event of its own."""
    events = [reading(0, sensor_id=text) for text in STRINGS]
    events += [reading(0, sensor_id=f"name-{number}", **{text: number}) for number, text in enumerate(STRINGS) if text not in TAKEN]
    events += [reading(0, sensor_id=f"value-{number}", note=text) for number, text in enumerate(STRINGS)]
    events += [reading(0, sensor_id=f"deep-{number}", more={text: [text, {text: text}]}) for number, text in enumerate(STRINGS)]
    return events + [reading(0, sensor_id="large-name", **{LARGE: 1}), reading(0, sensor_id="large-value", note=LARGE)]


def clicks():
    return [{"event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{place}-{number}")), "user_id": number, "event_type": "view", "page": "/",
             "event_time": "2026-01-21T10:00:00Z"} | {place: text}
            for place in ("page", "event_type") for number, text in enumerate(STRINGS)]


def send(collector, events, pipeline):
    """In parts, so that no body is too large; what was rejected at the door."""
    rejected = 0
    for begin in range(0, len(events), 100):
        answer = collector.ingest(json.dumps(events[begin:begin + 100]), pipeline, invalid="dead_letter")
        assert answer.status == 202, answer
        rejected += answer.json()["rejected"]
    return rejected


def settled(collector, pipeline, records):
    def account():
        found = collector.account(pipeline)
        return found if found["records"] == records and found["lag"] == 0 else None

    return wait_until(account, 60, f"an account of {records} records of {pipeline}")


def stored_by(collector, pipeline, key):
    """Every stored event, by the text of its key."""
    return {event[key]: event for event in collector.events(pipeline)}


def holds_nul(value):
    return "\\u0000" in json.dumps(value)


def assert_all_come_back(collector, events, pipeline, key, refused):
    """What the store refuses is among the dead letters with a reason; all else is as it was sent."""
    send(collector, events, pipeline)
    account = settled(collector, pipeline, len(events))
    expected = {event[key]: exactly(event) for event in events if not refused(event)}
    found = stored_by(collector, pipeline, key)
    assert found == expected, {name: (found.get(name), expected.get(name)) for name in found.keys() ^ expected.keys()}
    letters = collector.get(f"/dead-letters/{pipeline}", limit=1000).json()["data"]
    assert len(letters) == account["rejected"] == len(events) - len(expected)
    assert all(letter["detail"] and json.loads(letter["event"]) for letter in letters), letters
    print(f"{pipeline}: {len(events)} events, {len(expected)} back as they were, {len(letters)} refused")


def assert_each_is_found_by_its_id(collector, refused):
    for text in STRINGS:
        event = reading(0, sensor_id=text)
        if not refused(event):
            assert collector.events(sensor_id=text) == [exactly(event)], repr(text)


@pytest.fixture
def sqlite(site):
    return site.start_collector(**{"mqtt.url": ""})


@pytest.fixture
def mongodb(place):
    backbone = Backbone(place).start()
    click_pipeline = backbone.pipeline | {"name": "clickstream", "topic": f"clicks-{backbone.database}", "collection": "clicks"}
    collector = Collector(place, "", pipeline=[backbone.pipeline, click_pipeline])
    backbone.collectors.append(collector)
    yield collector.start_and_wait().wait_until_subscribed(60)
    backbone.end()


def test_naughty_strings_come_back_from_sqlite(sqlite):
    assert_all_come_back(sqlite, readings(), "telemetry", "sensor_id", lambda event: False)
    assert_each_is_found_by_its_id(sqlite, lambda event: False)
    assert_all_come_back(sqlite, clicks(), "clickstream", "event_id", lambda event: False)


def has_nul_in_a_name(value):
    if isinstance(value, dict):
        return any("\x00" in name or has_nul_in_a_name(part) for name, part in value.items())
    return isinstance(value, list) and any(map(has_nul_in_a_name, value))


def test_naughty_strings_come_back_from_mongodb_but_for_names_that_bson_cant_hold(mongodb):
    assert_all_come_back(mongodb, readings(), "telemetry", "sensor_id", has_nul_in_a_name)
    assert_each_is_found_by_its_id(mongodb, has_nul_in_a_name)
    assert_all_come_back(mongodb, clicks(), "clickstream", "event_id", has_nul_in_a_name)


def test_what_no_event_may_hold_is_refused_with_its_place(sqlite):
    good = json.dumps(reading(0))
    bad = [(good.replace('"sensor_id": "', '"sensor_id": "' + text), place) for text, place in
           [("\\ud800", ""), ("\\udfff", ""), ("\\ud83d\\ud83d", ""), ("\\x", ""), ("\t", ""), ("\n", ""), ("x" * 129, "/sensor_id")]]
    bad += [(json.dumps(reading(0, **{name: 1})), name) for name in RESERVED]
    bad += [(good[:-1] + ', "a": 1, "a": 2}', ""), (json.dumps(reading(0, more=json.loads("[" * 80 + "]" * 80))), ""),
            (good.replace("{", '{"large": "' + "x" * 1_000_000 + '", ', 1), "262144"), (good.replace("{", '{"' + "x" * 1_000_000 + '": 1, ', 1), "262144"),
            (good[:-1] + ', "n": 1e309}', ""), (good[:-1] + ', "n": NaN}', ""), (good[:-1] + ', "n": -Infinity}', ""), (good[:-1] + ', "n": 9223372036854775808}', "")]
    bodies = [(text.encode(), place) for text, place in bad]
    bodies += [(good.replace("sensor_1", "").encode().replace(b'"sensor_id": "', b'"sensor_id": "' + broken, 1), "") for broken in
               (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80")]
    for body, place in bodies:
        answer = sqlite.ingest(body)
        assert answer.status == 400, (body[:200], answer)
        [error] = answer.json()["errors"]
        assert error["detail"] and place in error["pointer"] + error["detail"], (body[:200], error)
    assert sqlite.health().status == 200 and sqlite.account()["records"] == 0
