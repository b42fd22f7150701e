"""Dead letters, from their list to their replay, as operators meet them."""

import http.client
import json
import subprocess
import threading

import pytest
from backbone import Backbone, settled_account
from harness import exactly, reading
from mqtt_device import Device
from services.process import wait_until

REASONS = {"invalid", "conflict", "rejected", "unknown_pipeline", "damaged"}

DOOR = {
    "title": "door", "type": "object", "required": ["door", "at", "open"],
    "properties": {"door": {"type": "string", "maxLength": 40}, "at": {"type": "string", "format": "date-time"},
                   "open": {"type": "boolean"}, "battery": {"type": "number", "maximum": 100}},
    "x-tributary": {"key": ["door", "at"], "time": "at"},
}


def write_schema(path, battery_max):
    """The schema of doors whose batteries have at most so much."""
    schema = json.loads(json.dumps(DOOR))
    schema["properties"]["battery"]["maximum"] = battery_max
    path.write_text(json.dumps(schema))
    return path


def door(second, battery=50, **changes):
    return {"door": "north", "at": f"2026-01-21T10:00:{second:02}Z", "open": True, "battery": battery} | changes


def command(collector, *arguments, limit=60):
    """What `tributary-collector dead-letters …` gives: status, the JSON of its lines, its errors."""
    program, _, *rest = collector.command
    done = subprocess.run([program, "dead-letters", *map(str, arguments), *rest], cwd=collector.place, timeout=limit,
                          env=collector.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def replay(collector, pipeline="telemetry", body=None, **parameters):
    query = "?" + "&".join(f"{name}={value}" for name, value in parameters.items()) if parameters else ""
    return collector.request("POST", f"/dead-letters/{pipeline}/replay{query}",
                             None if body is None else json.dumps(body), {"Content-Type": "application/json"})


def counts(report):
    return {name: report[name] for name in ("replayed", "skipped", "invalid", "truncated")}


def outcome(replayed=0, skipped=0, invalid=0, truncated=0):
    return {"replayed": replayed, "skipped": skipped, "invalid": invalid, "truncated": truncated}


@pytest.fixture
def collector(site):
    """A collector without a broker, on its own stream and SQLite."""
    return site.start_collector(**{"mqtt.url": ""})


def bury(collector, *events, pipeline="telemetry"):
    answer = collector.ingest(list(events), pipeline, invalid="dead_letter")
    assert answer.json()["rejected"] == len(events), answer


def make_conflict(collector, second=0):
    assert collector.ingest(reading(second)).status == 202
    assert collector.ingest(reading(second, temperature=99.5)).status == 202


def test_letters_are_listed_by_their_reasons_with_all_that_is_known_of_them(collector):
    bury(collector, reading(1, humidity=130))
    make_conflict(collector)
    collector.wait_for_account(records=3, stored=1, conflicts=1, rejected=1)
    invalid, conflict = collector.dead_letters()
    assert (invalid["reason"], conflict["reason"]) == ("invalid", "conflict")
    assert conflict["place"] == f"sensor-events.dead/0/{conflict['offset']}" and conflict["origin"].startswith("sensor-events/0/")
    assert "origin" not in invalid and invalid["replayed_at"] is None and invalid["received_at"].endswith("Z")
    assert json.loads(invalid["event"]) == reading(1, humidity=130)

    assert collector.get("/dead-letters", reason="conflict").json()["data"] == [conflict]
    both = collector.get("/dead-letters/telemetry?reason=conflict&reason=invalid").json()["data"]
    assert both == [invalid, conflict]
    assert collector.get("/dead-letters", reason="rejected").json() == {"data": [], "next": None}
    refused = collector.get("/dead-letters", reason="dull")
    assert refused.status == 400 and "dull" in refused.json()["detail"], refused

    assert command(collector, "list", "--reason", "conflict") == (0, [conflict], "")
    assert collector.terminate() == 0
    assert command(collector, "list", "telemetry", "--reason", "conflict", "--reason", "invalid") == (0, both, "")


def test_mistakes_in_what_is_asked_for_are_named(collector):
    bury(collector, reading(1, humidity=130))
    for arguments, named in ((["list", "nowhere"], "nowhere"), (["replay", "nowhere"], "nowhere"),
                             (["replay", "--reason", "dull"], "dull"), (["replay", "--offset", "-1"], "-1"),
                             (["replay", "--offset", "x"], "x"), (["list", "--dry-run"], "--dry-run"),
                             (["bury"], "list|replay"), ([], "list|replay")):
        status, lines, errors = command(collector, *arguments)
        assert (status, lines) == (2, []) and named in errors, (arguments, errors)
    status, [report], errors = command(collector, "replay", "--offset", "7")
    assert status == 1 and report["not_found"] == [7] and "[7]" in errors, errors

    for body, named in (([], "object"), ({"reason": ["dull"]}, "dull"), ({"reason": 1}, "reason"), ({"offsets": [-1]}, "-1"),
                        ({"dry_run": 1}, "dry_run"), ({"offset": [1]}, "offset")):
        answer = replay(collector, body=body)
        assert answer.status == 400 and named in answer.json()["detail"], answer
    assert replay(collector, offset="x").status == 400
    for query, named in (("limit=0", "1 to 1000"), ("limit=1001", "1 to 1000"), ("cursor=x", "cursor"), ("reason=dull", "dull"),
                         ("limit=1&limit=2", "twice"), ("start=1", "there are reason, limit, cursor")):
        answer = collector.get("/dead-letters/telemetry?" + query)
        assert answer.status == 400 and named in answer.json()["detail"], answer
    assert replay(collector, "nowhere").status == 404
    assert collector.get("/dead-letters/telemetry/replay").status == 405

    collector.settings["http.listen"] = ["127.0.0.1:1"]
    collector.compose()
    status, lines, errors = command(collector, "list")
    assert status == 1 and "127.0.0.1:1" in errors and "http.listen" in errors, errors


def custom_pipeline(site):
    return [{"name": "doors", "schema": str(site.place / "door.json")}]


def test_letters_of_a_schema_that_was_too_strict_are_stored_by_a_replay_once_it_is_mended(site):
    write_schema(site.place / "door.json", 100)
    collector = site.start_collector(**{"mqtt.url": "", "pipeline": custom_pipeline(site)})
    assert collector.ingest(door(0)).status == 202
    high = [door(second, battery=150) for second in range(1, 6)]
    bury(collector, *high, door(9, open="ajar"), pipeline="doors")
    collector.wait_for_account(pipeline="doors", records=7, stored=1, rejected=6)
    assert counts(replay(collector, "doors").json()) == outcome(invalid=6)
    assert collector.terminate() == 0

    write_schema(site.place / "door.json", 200)
    status, [report], errors = command(collector, "replay", "doors", "--dry-run")
    assert (status, errors) == (0, "") and report["dry_run"] and counts(report) == outcome(replayed=5, invalid=1), report
    collector.start_and_wait()
    assert counts(replay(collector, "doors", {"dry_run": True}).json()) == outcome(replayed=5, invalid=1)
    assert all(letter["replayed_at"] is None for letter in collector.dead_letters("doors"))

    status, [report], errors = command(collector, "replay", "doors")
    assert (status, errors) == (0, "") and counts(report) == outcome(replayed=5, invalid=1), report
    assert report["reasons"] == {"invalid": outcome(replayed=5, invalid=1)}
    [mistake] = report["errors"]
    assert mistake["reason"] == "invalid" and "/open" in mistake["detail"], mistake
    collector.wait_for_account(pipeline="doors", records=12, stored=6, rejected=6)
    assert collector.events("doors") == [exactly(event) for event in [door(0), *high]]
    letters = collector.dead_letters("doors")
    assert [letter["replayed_at"] is not None for letter in letters] == [True] * 5 + [False]
    stored = collector.events("doors", meta="true")
    assert "replayed" not in stored[0]["_tributary"]
    assert [event["_tributary"]["replayed"] for event in stored[1:]] == [letter["place"] for letter in letters[:5]]
    assert {event["_tributary"]["source"] for event in stored} == {"http"}

    for _ in range(2):
        assert counts(replay(collector, "doors").json()) == outcome(skipped=5, invalid=1)
        assert collector.terminate() == 0
        collector.start_and_wait()
    assert command(collector, "list", "doors")[1] == [json.loads(json.dumps(letter)) for letter in letters]
    collector.wait_for_account(pipeline="doors", records=12, stored=6, rejected=6)


def test_a_conflict_is_replayed_only_when_it_is_named(collector):
    make_conflict(collector)
    collector.wait_for_account(records=2, stored=1, conflicts=1)
    assert counts(replay(collector).json()) == outcome()
    assert counts(replay(collector, reason="conflict", dry_run="true").json()) == outcome(replayed=1)
    assert counts(replay(collector, body={"reason": ["conflict"]}).json()) == outcome(replayed=1)
    collector.wait_for_account(records=3, stored=1, conflicts=2)
    first, second = collector.dead_letters()
    assert first["replayed_at"] and second["replay_of"] == first["place"] and second["replayed_at"] is None


def test_single_letters_are_replayed_by_their_offsets(collector):
    make_conflict(collector)
    bury(collector, *[reading(second, humidity=130) for second in range(1, 4)])
    collector.wait_for_account(records=5, stored=1, conflicts=1, rejected=3)
    letters = collector.dead_letters()
    offsets = [letter["offset"] for letter in letters]
    conflict = next(letter["offset"] for letter in letters if letter["reason"] == "conflict")
    report = replay(collector, body={"offsets": [offsets[2], conflict, 1000], "dry_run": True}).json()
    assert report["not_found"] == [1000] and report["reasons"]["conflict"]["replayed"] == 1, report
    assert sum(counts(report).values()) == (2 if conflict != offsets[2] else 1)
    status, [report], _ = command(collector, "replay", "--offset", conflict)
    assert status == 0 and counts(report) == outcome(replayed=1)


def test_letters_of_no_pipeline_go_where_their_topic_says_once_it_is_there(site):
    site.start_broker()
    write_schema(site.place / "door.json", 100)
    telemetry = [{"name": "telemetry"}]
    collector = site.start_collector(pipeline=telemetry)
    with Device(site.broker) as device:
        device.publish("\n".join(json.dumps(door(second)) for second in range(3)), topic="tributary/hall/events/doors")
        device.publish(json.dumps(door(7, battery=150)), topic="tributary/hall/events/doors")
        device.publish(json.dumps(reading(0)), topic="tributary/hall/events/windows")
    wait_until(lambda: len(collector.dead_letters("tributary")) == 3, 20, "three dead letters of no pipeline")
    report = replay(collector, "tributary").json()
    assert counts(report) == outcome(invalid=3) and "doors" in report["errors"][0]["detail"], report
    assert collector.terminate() == 0

    collector.settings["pipeline"] = telemetry + custom_pipeline(site)
    collector.compose()
    assert counts(command(collector, "replay", "tributary", "--dry-run")[1][0]) == outcome(replayed=1, invalid=2)
    collector.start_and_wait()
    report = replay(collector, "tributary").json()
    assert counts(report) == outcome(replayed=1, invalid=2), report
    assert "/battery" in report["errors"][0]["detail"] and "windows" in report["errors"][1]["detail"]
    collector.wait_for_account(pipeline="doors", records=3, stored=3)
    stored = collector.events("doors", meta="true")
    assert {event["_tributary"]["edge"] for event in stored} == {"hall"}
    assert {event["_tributary"]["replayed"].rsplit("/", 1)[0] for event in stored} == {"tributary.dead/0"}
    assert counts(replay(collector, "tributary").json()) == outcome(skipped=1, invalid=2)


def test_a_letter_whose_bytes_were_cut_is_not_replayed(collector):
    bury(collector, reading(1, pad="x" * (300 << 10)))
    [letter] = collector.dead_letters()
    assert letter["truncated"], letter["detail"]
    assert counts(replay(collector).json()) == outcome(truncated=1)


def test_a_collector_that_doesnt_run_is_replayed_into_by_the_command(collector, site):
    bury(collector, *[reading(second, humidity=130) for second in range(3)])
    assert collector.terminate() == 0
    status, [report], errors = command(collector, "replay")
    assert (status, errors) == (0, "") and counts(report) == outcome(invalid=3), report
    assert [mistake["detail"] for mistake in report["errors"]] == ["/humidity is 130: at most 100"] * 3


def many_doors(site, count):
    """A running collector with so many letters that are valid by now."""
    write_schema(site.place / "door.json", 100)
    collector = site.start_collector(**{"mqtt.url": "", "pipeline": custom_pipeline(site)})
    lines = [json.dumps(door(0, battery=150, door=f"door-{number}")) for number in range(count)]
    for begin in range(0, count, 20_000):
        answer = collector.ingest("\n".join(lines[begin:begin + 20_000]), "doors", "application/x-ndjson", invalid="dead_letter")
        assert answer.status == 202, answer
    assert collector.terminate() == 0
    write_schema(site.place / "door.json", 200)
    return collector.start_and_wait()


def test_a_second_replay_at_once_is_refused_and_status_is_told_meanwhile(site):
    count = 30_000
    collector = many_doors(site, count)
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=60)
    connection.request("POST", "/dead-letters/doors/replay")
    refused = replay(collector, "doors")
    assert refused.status == 409 and "under way" in refused.json()["detail"], refused
    assert replay(collector, "telemetry").status == 404
    assert collector.health().status == 200 and collector.ingest(door(1)).status == 202
    assert counts(json.loads(connection.getresponse().read())) == outcome(replayed=count)
    connection.close()
    collector.wait_for_account(60, "doors", records=2 * count + 1, stored=count + 1, rejected=count)


def test_replays_may_follow_each_other_at_once(collector):
    bury(collector, reading(0, humidity=130))
    assert {replay(collector, dry_run="true").status for _ in range(50)} == {200}


def test_an_answer_that_cant_be_written_is_a_failure(collector):
    bury(collector, reading(0, humidity=130))
    program, _, *rest = collector.command
    for arguments in (["dead-letters", "list"], ["dead-letters", "replay", "--dry-run"], ["check-config"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([program, *arguments, *rest], cwd=collector.place, timeout=60, env=collector.environment,
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1 and b"could not be written" in done.stderr, (arguments, done)


def test_a_replay_that_is_killed_goes_on_where_it_was_and_stores_nothing_twice(site, chance):
    count = 30_000
    collector = many_doors(site, count)
    running = threading.Thread(target=lambda: pytest.raises(OSError, replay, collector, "doors"))
    running.start()
    part = chance.randrange(1, count * 2 // 3)
    wait_until(lambda: collector.account("doors")["records"] > count + part, 60, "a part is replayed")
    collector.kill()
    running.join()
    collector.start_and_wait()
    report = replay(collector, "doors").json()
    assert report["replayed"] + report["skipped"] == count and report["skipped"] > 0 and report["replayed"] > 0, report
    account = collector.wait_for_account(60, "doors", stored=count, rejected=count)
    print(f"{report['skipped']} were marked, {account['duplicates']} came twice")
    assert counts(replay(collector, "doors").json()) == outcome(skipped=count)


@pytest.fixture
def backbone(place):
    backbone = Backbone(place).start()
    yield backbone
    backbone.end()


def test_letters_in_kafka_are_replayed_into_mongodb_once_the_schema_is_mended(backbone):
    schema = write_schema(backbone.place / "door.json", 100)
    collector = backbone.start_collector(pipeline={"schema": str(schema)})
    high = [door(second, battery=150) for second in range(1, 6)]
    wait_until(lambda: collector.ingest(door(0)).status == 202, 30, "the topic is there")
    bury(collector, *high)
    backbone.produce(json.dumps(door(6, battery=150)))
    backbone.produce(b"not JSON")
    settled_account(collector, 60, records=8, stored=1, rejected=7)
    assert counts(replay(collector).json()) == outcome(invalid=7)
    assert collector.terminate() == 0

    write_schema(schema, 200)
    collector.start_and_wait()
    status, [report], errors = command(collector, "replay", "--dry-run")
    assert (status, errors) == (0, "") and counts(report) == outcome(replayed=6, invalid=1), report
    report = replay(collector).json()
    assert counts(report) == outcome(replayed=6, invalid=1), report
    assert report["reasons"] == {"invalid": outcome(replayed=5), "rejected": outcome(replayed=1, invalid=1)}
    account = settled_account(collector, 60, stored=7, rejected=7)
    assert account["records"] == 14 and backbone.count() == 7
    letters = collector.dead_letters()
    assert [letter["replayed_at"] is not None for letter in letters] == [True] * 6 + [False]
    places = {letter["place"] for letter in letters[:6]}
    assert places == {f"{backbone.topic}.dead/0/{offset}" for offset in range(6)}
    with backbone.events() as events:
        assert {found["_tributary"]["replayed"] for found in events.find({"_tributary.replayed": {"$exists": True}})} == places
    assert {headers["replayed"].decode() for _, _, _, headers in backbone.records(backbone.topic) if "replayed" in headers} == places

    assert counts(replay(collector).json()) == outcome(skipped=6, invalid=1)
    assert collector.terminate() == 0
    status, [report], errors = command(collector, "replay")  # by itself
    assert (status, errors) == (0, "") and counts(report) == outcome(skipped=6, invalid=1), report
    collector.start_and_wait()
    assert collector.dead_letters() == letters
    assert settled_account(collector, 60, stored=7, rejected=7)["records"] == 14
