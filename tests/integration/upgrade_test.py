"""Today's programs on what earlier versions left (tests/data/upgrade), and on what later ones might."""

import contextlib
import hashlib
import json
import shutil
import sqlite3

import log_files
from harness import REPOSITORY, csv_sensor, exactly
from nothing_lost_test import write_recording
from services.process import wait_until

UPGRADE = REPOSITORY / "tests/data/upgrade"
VERSIONS = sorted(directory for directory in UPGRADE.iterdir() if directory.is_dir() and directory.name[0] != "_")
PIPELINES = [{"name": "telemetry"}, {"name": "clickstream"}]
MORE = 3  # readings that the edge takes after the upgrade


def story_of(version):
    return json.loads((version / "story.json").read_text())


def copy_of(site, version, name=""):
    """An edge and a collector on a copy of the files, not started."""
    story = story_of(version)
    edge_name, name = story["edge"]["id"] + name, "collector" + name
    edge = site.edge(name=edge_name, id=story["edge"]["id"], sensor=[])
    collector = site.collector(name=name, pipeline=PIPELINES)
    shutil.copytree(version / "edge", edge.buffer)
    shutil.copytree(version / "collector", collector.data)
    return edge, collector, story


def copy_of_collector(site, number):
    site.prepare_broker()
    return copy_of(site, VERSIONS[-1], f"-{number}")[1]


def account_after(story, pipeline, arrived=0):
    account = dict(story["accounts"][pipeline])
    for end, count in story["unsettled"][pipeline].items():
        account[end] += count
        account["lag"] -= count
    assert account["lag"] == 0
    return account | {"records": account["records"] + arrived, "stored": account["stored"] + arrived}


def as_told_today(letter):
    """At first a letter's `offset` was the one of the record in the stream, `origin` today."""
    letter = exactly(letter)
    if "partition" in letter:
        letter["origin"] = f"{letter['topic']}/{letter.pop('partition')}/{letter.pop('offset')}"
    return letter


def assert_kept(collector, story):
    """What was stored and dead-lettered before is there, in front of what came since."""
    for pipeline, events in story["events"].items():
        found = collector.events(pipeline)
        assert [event for event in events if exactly(event) not in found] == []
        assert len(found) == collector.account(pipeline)["stored"]
    for pipeline, letters in story["dead_letters"].items():
        found = collector.dead_letters(pipeline)
        for letter, now in zip(letters, found):
            assert as_told_today(letter).items() <= now.items()
        ends = story["unsettled"].get(pipeline, {})
        assert len(found) == len(letters) + ends.get("conflicts", 0) + ends.get("rejected", 0), found


def assert_rolled_up(collector):
    """Each event is in the rollups of its hour."""
    for database in collector.data.glob("*.db"):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)
            [[events, rolled_up]] = connection.execute(
                "SELECT (SELECT count(*) FROM events), (SELECT sum(events) FROM tributary_events_rollups WHERE scope = 0)")
            assert events == rolled_up > 0, database


def let_edge_deliver(site, edge, collector, story):
    """Its sequences go on, in the same log."""
    log_id = log_files.segments(edge.buffer / "telemetry")[0].read_bytes()[16:32].hex()
    recording = write_recording(site.place / "more.csv", MORE)
    edge.settings["sensor"] = [csv_sensor(recording, "more")]
    edge.compose()
    edge.start_and_wait()
    arrived = story["edge"]["buffered"] + MORE
    collector.wait_for_account(**account_after(story, "telemetry", arrived))
    told = [event["_tributary"] for event in collector.events(meta="true") if event["_tributary"]["source"] == "mqtt"]
    assert {(one["edge"], one["log"]) for one in told} == {(story["edge"]["id"], log_id)}, told
    assert sorted(one["sequence"] for one in told) == list(range(1, story["edge"]["delivered"] + arrived + 1))
    assert [one["_tributary"]["sequence"] for one in collector.events(sensor_id="more", meta="true")] == \
        list(range(story["edge"]["delivered"] + arrived - MORE + 1, story["edge"]["delivered"] + arrived + 1))
    assert edge.terminate() == 0


def test_todays_programs_go_on_with_what_an_earlier_version_left(site):
    assert VERSIONS
    site.start_broker(own=True)
    for version in VERSIONS:
        edge, collector, story = copy_of(site, version)
        client_id = (version / "collector/mqtt_client_id").read_text()
        collector.start_and_wait().wait_until_subscribed()
        for pipeline in story["accounts"]:
            collector.wait_for_account(pipeline=pipeline, **account_after(story, pipeline))
        assert_kept(collector, story)
        assert client_id in (site.place / "mosquitto.log").read_text()
        let_edge_deliver(site, edge, collector, story)
        for _ in range(2):
            assert_kept(collector, story)
            assert (collector.data / "mqtt_client_id").read_text() == client_id
            assert collector.terminate() == 0
            assert_rolled_up(collector)
            collector.start_and_wait().wait_until_subscribed()
        assert collector.account() == account_after(story, "telemetry", story["edge"]["buffered"] + MORE)
        for program in (edge, collector):
            program.kill()
            shutil.rmtree(program.place)


def snapshot(directory):
    """The hash of a file, or of every file in a directory."""
    if directory.is_file():
        return hashlib.sha256(directory.read_bytes()).hexdigest()
    return {str(file.relative_to(directory)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in directory.rglob("*") if file.is_file()}


def assert_refused(program, directory, *words):
    """It ends with status 1 and these words, and leaves the directory as it is."""
    before = snapshot(directory)
    program.start()
    status = program.wait(30)
    assert status == 1, (status, program.log_text()[-1000:])
    said = program.log_text().splitlines()[-1]
    assert all(word in said for word in words), (words, said)
    assert snapshot(directory) == before, words


def rewrite(file, change):
    file.write_bytes(change(file.read_bytes()))


def first_segment(log):
    return log_files.segments(log)[0]


def raise_segment(log):
    rewrite(first_segment(log), log_files.of_newer_version)
    return first_segment(log).name, "version 2"


def add_feature(log):
    rewrite(first_segment(log), lambda segment: log_files.of_newer_version(segment, features=1))
    return first_segment(log).name, "features 1"


def raise_cursor(log):
    [file] = log.glob("*.cursor")
    rewrite(file, lambda cursor: log_files.cursor_with(cursor, log_files.raise_cursor_version))
    return file.name, "version 2"


def raise_totals(log):
    [file] = log.glob("*.cursor")
    rewrite(file, lambda cursor: log_files.cursor_with(cursor, log_files.raise_data_version))
    return "version 2", "use a newer one"


def raise_format(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 3")
    return database.name, "its format is 3"


def test_an_edge_refuses_a_buffer_of_a_later_version_untouched(site):
    site.prepare_broker()
    for number, damage in enumerate((raise_segment, add_feature, raise_cursor)):
        edge, _, _ = copy_of(site, VERSIONS[-1], f"-{number}")
        edge.settings["sensor"] = [{"type": "simulator", "pipeline": pipeline} for pipeline in ("another", "telemetry")]
        edge.compose()
        assert_refused(edge, edge.buffer / "telemetry", *damage(edge.buffer / "telemetry"))


def test_a_collector_refuses_data_of_a_later_version_untouched(site):
    clicks, letters = "stream/raw_events", "stream/raw_events.dead"
    cases = [(raise_segment, clicks), (add_feature, letters), (raise_cursor, clicks), (raise_cursor, letters),
             (raise_format, "clickstream.db")]
    for number, (damage, where) in enumerate(cases):
        collector = copy_of_collector(site, number)
        assert_refused(collector, collector.data / where, *damage(collector.data / where))


def test_a_collector_refuses_totals_of_a_later_version_again_and_again(site):
    for number, where in enumerate(("stream/raw_events", "stream/raw_events.dead")):
        collector = copy_of_collector(site, number)
        words = raise_totals(collector.data / where)
        for _ in range(2):  # the first start has not overwritten them
            collector.start()
            assert collector.wait(30) == 1
            said = collector.log_text().splitlines()[-1]
            assert all(word in said for word in words), (words, said)


def test_an_edge_keeps_a_record_of_a_later_version_and_says_so(site):
    site.start_broker()
    collector = site.start_collector()
    story = story_of(VERSIONS[-1])["edge"]
    edge = site.edge(id=story["id"], sensor=[])
    shutil.copytree(VERSIONS[-1] / "edge", edge.buffer)
    rewrite(first_segment(edge.buffer / "telemetry"), log_files.with_newer_record)
    edge.start_and_wait()
    collector.wait_for_account(stored=story["buffered"] - 1)
    wait_until(lambda: "newer program" in str(edge.health().json()), 20, "the edge's health tells of the record")
    wait_until(lambda: edge.buffered() == 1, 20, "the record stays alone")
