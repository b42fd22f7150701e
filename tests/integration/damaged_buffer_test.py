"""An edge starts on a damaged buffer, says what it lost, and delivers the rest."""

import shutil

import log_files
from harness import csv_sensor
from nothing_lost_test import write_recording
from services.process import free_port, wait_until

ROWS = 700  # in three segments
STARTS = 20
SETTINGS = {"buffer.segment_size": "64KiB"}


def fill_buffer(site, name, recording):
    """An edge that has the recording, which the sensor `name` read, in its buffer, and has stopped."""
    edge = site.edge(name=name, sensor=[csv_sensor(recording, name)], **SETTINGS,
                     **{"mqtt.url": f"mqtt://127.0.0.1:{free_port()}"})
    edge.start_and_wait()
    wait_until(lambda: edge.buffered() == ROWS, 30, "the buffer has the recording")
    assert edge.terminate() == 0
    return edge


def log_directory(edge):
    return next(edge.buffer.rglob("*.log")).parent


def records(directory):
    """{sequence: (file, offset, bytes)} of every record."""
    found = {}
    for file in log_files.segments(directory):
        data = file.read_bytes()
        for frame in log_files.frames(data):
            found[frame.sequence] = file, frame.offset, data[frame.offset:frame.offset + frame.size]
    return found


def undamaged(before):
    return {sequence for sequence, (file, offset, data) in before.items()
            if file.exists() and file.read_bytes()[offset:offset + len(data)] == data}


def deliver(site, edge):
    """Runs the edge, without sensors, until its buffer is empty; what its metric and its log tell of damage."""
    edge.settings |= {"sensor": None, "mqtt.url": site.broker.url}
    edge.compose()
    edge.start_and_wait()
    wait_until(lambda: edge.buffered() == 0, 60, "the buffer is delivered")
    damaged = int(edge.metric("tributary_edge_damaged_records_total"))
    report = edge.get("/buffer").json()["pipelines"][0]
    assert report["damaged"] == damaged and report["records"] == 0, report
    assert edge.terminate() == 0
    return damaged, edge.log_text()


def snapshot(directory):
    return {file.relative_to(directory): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_an_edge_starts_on_any_damaged_buffer_and_delivers_every_record_that_is_whole(site, chance):
    recording = write_recording(site.place / "recording.csv", ROWS)
    site.start_broker(own=True)
    collector = site.start_collector()
    damages = log_files.DAMAGES * (STARTS // len(log_files.DAMAGES) + 1)
    for number, damage in enumerate(damages[:STARTS]):
        edge = fill_buffer(site, f"edge-{number}", recording)
        directory = log_directory(edge)
        before = records(directory)
        assert len(before) == ROWS and len(log_files.segments(directory)) >= 3
        damage(directory, chance)
        whole = undamaged(before)
        cut = ROWS not in whole

        told, log = deliver(site, edge)
        collector.wait_for_account()
        events = collector.events(sensor_id=edge.settings["id"], meta="true")
        arrived = {event["_tributary"]["sequence"] for event in events}
        print(f"{damage.__name__}: {ROWS - len(whole)} records hit, {len(arrived)} arrived, {told} told as damaged")
        assert arrived == whole, (damage.__name__, sorted(arrived ^ whole))
        # An end that is gone, or beyond recognition, looks like a write that was cut short.
        lost = ROWS - len(whole)
        assert told == lost or (cut and told <= lost), damage.__name__
        assert not told or damage is log_files.remove or "damaged" in log
    account = collector.account()
    assert account["rejected"] == account["conflicts"] == 0, account


def test_an_edge_sets_a_segment_of_another_log_aside_and_delivers_its_own(site):
    recording = write_recording(site.place / "recording.csv", ROWS)
    site.start_broker(own=True)
    collector = site.start_collector()
    edge, other = (fill_buffer(site, name, recording) for name in ("own", "other"))
    directory = log_directory(edge)
    foreign = log_files.segments(log_directory(other))[0]
    shutil.copy(foreign, directory / f"{ROWS + 1:020}.log")
    told, log = deliver(site, edge)
    assert told == 0 and "belongs to another log" in log
    assert (directory / "damaged" / f"{ROWS + 1:020}.log").read_bytes() == foreign.read_bytes()
    collector.wait_for_account()
    assert len(collector.events(sensor_id="own")) == ROWS and collector.events(sensor_id="other") == []


def test_an_edge_refuses_a_buffer_of_a_newer_program_and_leaves_it_as_it_is(site):
    recording = write_recording(site.place / "recording.csv", ROWS)
    site.start_broker(own=True)
    edge = fill_buffer(site, "edge", recording)
    file = log_files.segments(log_directory(edge))[1]
    file.write_bytes(log_files.of_newer_version(file.read_bytes()))
    before = snapshot(edge.buffer)
    edge.start()
    assert edge.wait(30) == 1
    assert "version 2" in edge.log_text() and file.name in edge.log_text(), edge.log_text()[-1000:]
    assert snapshot(edge.buffer) == before
