"""`tributary-edge buffer`, with an edge that runs and one that doesn't."""

import json
import subprocess

import pytest
from harness import OFFICE_ROOM, csv_sensor
from services.process import wait_until

READINGS = 8143


@pytest.fixture
def edge(site):
    """An edge whose broker is away, with a recording in its buffer."""
    site.prepare_broker()
    edge = site.edge(sensor=[csv_sensor(OFFICE_ROOM)])
    edge.start_and_wait()
    wait_until(lambda: edge.get("/buffer/export").body.count(b"\n") == READINGS, 60, "the recording is in the buffer, durable")
    return edge


def command(edge, *arguments, limit=60):
    """What `tributary-edge buffer …` gives: status, output, errors."""
    program, _, *rest = edge.command
    done = subprocess.run([program, "buffer", *map(str, arguments), *rest], cwd=edge.place, env=edge.environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def stop(edge):
    assert edge.terminate() == 0


def report_of(edge):
    status, text, errors = command(edge)
    assert (status, errors) == (0, ""), errors
    [pipeline] = json.loads(text)["pipelines"]
    return pipeline


def test_the_state_of_the_buffer_is_told_for_people_and_for_programs(edge):
    for _ in ("running", "stopped"):
        report = report_of(edge)
        assert report["pipeline"] == "telemetry" and report["records"] == READINGS, report
        assert 0 < report["bytes"] <= report["size_max"] == 256 << 20 and report["when_full"] == "block", report
        assert report["dropped"] == report["damaged"] == report["damaged_bytes"] == report["kept_aside_bytes"] == 0
        status, table, _ = command(edge, "--format", "table")
        head, line = table.splitlines()
        assert status == 0 and head.split()[:3] == ["PIPELINE", "RECORDS", "OLDEST"], table
        assert line.split()[:3] == ["telemetry", str(READINGS), report["oldest"]] and "256.0 MiB" in line, table
        if edge.running:
            stop(edge)


def test_an_export_has_every_event_that_waits_and_releases_none(edge, place):
    status, running, errors = command(edge, "--export")
    assert (status, errors) == (0, ""), errors
    events = [json.loads(line) for line in running.splitlines()]
    assert len(events) == READINGS and {event["sensor_id"] for event in events} == {"office"}
    assert events[0]["timestamp"].startswith("2015-02-0") and running.endswith("\n")
    assert edge.get("/buffer/export").body.decode() == running
    assert edge.buffered() == READINGS

    file = place / "export.ndjson"
    assert command(edge, "--export", "--pipeline", "telemetry", "--output", file) == (0, "", "")
    assert file.read_text() == running
    stop(edge)
    assert command(edge, "--export") == (0, running, "")
    assert command(edge, "--export", "--output", file) == (0, "", "")
    assert file.read_text() == running
    assert report_of(edge)["records"] == READINGS


def test_what_was_delivered_is_not_exported_and_an_export_doesnt_disturb_delivery(site, edge):
    site.start_broker()
    collector = site.start_collector()
    exports = 0
    while edge.buffered() > 0:
        status, _, errors = command(edge, "--export")
        assert (status, errors) == (0, ""), errors
        exports += 1
    print(f"{exports} exports while it was delivered")
    assert command(edge, "--export") == (0, "", "")
    collector.wait_for_account(60, stored=READINGS, duplicates=0)


def test_a_reader_that_has_enough_ends_an_export_quietly(edge):
    for _ in ("running", "stopped"):
        program, _, *rest = edge.command
        with subprocess.Popen([program, "buffer", "--export", *rest], cwd=edge.place, env=edge.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as export:
            assert json.loads(export.stdout.readline())["sensor_id"] == "office"
            export.stdout.close()
            errors = export.stderr.read()
            assert (export.wait(30), errors) == (0, b"")
        if edge.running:
            assert edge.health().body and edge.buffered() == READINGS
            stop(edge)


def test_mistakes_are_named(edge, place):
    file = place / "no" / "export.ndjson"
    for _ in ("running", "stopped"):
        for arguments, status, named in (
            (["--export", "--pipeline", "nowhere"], 2, "nowhere"), (["--export", "--output", file], 1, str(file)),
            (["--export", "--output", "/dev/full"], 1, "/dev/full"), (["--output", file], 2, "--output"),
            (["--format", "xml"], 2, "xml"), (["--export", "--format", "json"], 2, "--format"), (["list"], 2, "list"),
        ):
            found, output, errors = command(edge, *arguments)
            assert (found, output) == (status, "") and named in errors, (arguments, found, errors)
        if edge.running:
            assert edge.get("/buffer/export?pipeline=nowhere").status == 404
            assert edge.get("/buffer?format=xml").status == 400
            edge.settings["http.listen"] = ["127.0.0.1:1"]
            edge.compose()
            for arguments in ([], ["--export"]):
                status, output, errors = command(edge, *arguments)
                assert (status, output) == (1, "") and "127.0.0.1:1" in errors and "http.listen" in errors, errors
            edge.settings["http.listen"] = [f"127.0.0.1:{edge.port}"]
            edge.compose()
            stop(edge)


def test_an_edge_that_starts_during_an_export_is_refused_and_delivers_once_it_is_over(site, edge):
    stop(edge)
    program, _, *rest = edge.command
    with subprocess.Popen([program, "buffer", "--export", *rest], cwd=edge.place, env=edge.environment,
                          stdout=subprocess.PIPE) as export:
        export.stdout.read(1)  # it has the buffer open, and waits for its reader
        edge.settings["sensor"] = None
        edge.compose()
        edge.start()
        assert edge.wait(20) == 1 and "LOCK" in edge.log_text(), edge.log_text()[-500:]
        export.stdout.read()
    edge.start_and_wait()


def test_records_that_were_damaged_are_told_and_the_others_are_exported(edge):
    everything = command(edge, "--export")[1].splitlines()
    edge.kill()
    log = min((edge.buffer / "telemetry").glob("*.log"))
    content = bytearray(log.read_bytes())
    place = content.index(b'"sensor_id"', len(content) // 2)
    content[place] ^= 1
    log.write_bytes(content)

    for _ in ("stopped", "running"):
        status, output, errors = command(edge, "--export")
        assert status == 0 and "1 records are missing" in errors, errors
        assert len(output.splitlines()) == READINGS - 1 and set(output.splitlines()) < set(everything)
        report = report_of(edge) if edge.running else json.loads(command(edge)[1])["pipelines"][0]
        assert report["damaged"] == 1 and report["damaged_bytes"] > 0 and report["kept_aside_bytes"] > 0, report
        if not edge.running:
            edge.settings["sensor"] = None
            edge.compose()
            edge.start_and_wait()
