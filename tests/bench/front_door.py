#!/usr/bin/python3
"""The collector's front door under wrk: queries of a full store, exports, and ingest of one event a request.

    front_door.py ingest|sqlite|mongodb [--events N] [--sensors N] [--seconds S] [--connections N]

Prints requests/s with p50 and p99, against the bare driver (bare_query) or a RESTinio handler that does nothing
(bare_http) in the same run. Each sensor has a reading every 15 minutes from 2026-01-01 on.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from harness import PROGRAMS, Collector  # noqa: E402
from services.mongodb import MongoDB  # noqa: E402
from services.process import Process, free_port, wait_until  # noqa: E402

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
INTERVAL = timedelta(minutes=15)
TICKS = os.sysconf("SC_CLK_TCK")


def text_of(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def load(collector, events, sensors):
    """Posts them in the order of time, and waits until they are stored."""
    begun = time.monotonic()
    lines, sent = [], 0
    for number in range(events):
        round_, sensor = divmod(number, sensors)
        lines.append(json.dumps({
            "sensor_id": f"s{sensor}", "timestamp": text_of(BEGIN + round_ * INTERVAL),
            "temperature": 15 + (number * 7919 % 1000) / 100, "humidity": 40 + number % 20,
            "location": {"latitude": 50.4, "longitude": 3.9}}))
        if len(lines) == 5000 or number + 1 == events:
            answer = collector.ingest("\n".join(lines), content_type="application/x-ndjson")
            assert answer.status == 202, answer
            sent += len(lines)
            lines = []
    collector.wait_for_account(600, stored=events)
    print(f"{events} events of {sensors} sensors posted and stored in {time.monotonic() - begun:.1f} s")


class Script:
    """What wrk asks, in Lua."""

    def __init__(self, place, name, text):
        self.path = Path(place, f"{name}.lua")
        self.path.write_text("counter = 0\nfunction setup(thread) counter = counter + 1; "
                             "thread:set('id', counter) end\n" + text)


def get_script(place, name, target):
    """`target` is Lua for the path, in which sensor is a number of one."""
    return Script(place, name, f"function init() math.randomseed(id) end\n"
                               f"function request() return wrk.format('GET', {target}) end\n")


def post_script(place, name):
    """One event a request, each another one, by 10 sensors a thread."""
    return Script(place, name, """
number = 0
headers = {["Content-Type"] = "application/json"}
function request()
  number = number + 1
  local second = math.floor(number / 10)
  return wrk.format("POST", "/ingest", headers, string.format(
    '{"sensor_id":"w%d-%d","timestamp":"2026-02-%02dT%02d:%02d:%02d.%06dZ","temperature":21.5,"humidity":48.2,' ..
    '"location":{"latitude":50.4,"longitude":3.9}}', id, number % 10, 1 + math.floor(second / 86400) % 28,
    math.floor(second / 3600) % 24, math.floor(second / 60) % 60, second % 60, run % 1000000))
end
""".replace("run % 1000000", str(int(time.time()) % 1000000)))


def milliseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk(port, script, connections, seconds):
    """(requests/s, p50 ms, p99 ms), of those that were answered; AssertionError when one failed."""
    done = subprocess.run(["wrk", "--latency", "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s",
                           "-s", str(script.path), f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True,
                          timeout=seconds + 60, check=True)
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)[1])
    parts = [re.search(rf"^\s+{part}%\s+(\S+)$", done.stdout, re.M) for part in (50, 99)]
    return rate, *(milliseconds(part[1]) if part else float("nan") for part in parts)


def show(what, figures, more=""):
    rate, p50, p99 = figures
    print(f"  {what:<44} {rate:>9.0f}/s   p50 {p50:>8.2f} ms   p99 {p99:>8.2f} ms   {more}", flush=True)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(process):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def export(collector, form, events):
    """Reads all of it; the largest growth of the collector's memory meanwhile."""
    before = largest = memory_mib(collector)
    begun = time.monotonic()
    lines = size = 0
    with subprocess.Popen(["curl", "--silent", "--fail", "--no-buffer",
                           f"http://127.0.0.1:{collector.port}/data?format={form}"], stdout=subprocess.PIPE) as curl:
        while piece := curl.stdout.read(1 << 20):
            lines += piece.count(b"\n")
            size += len(piece)
            largest = max(largest, memory_mib(collector))
    assert curl.returncode == 0 and lines == events + (form == "csv"), (curl.returncode, lines)
    print(f"  all as {form:<37} {lines} lines, {size / 2**20:.0f} MiB in {time.monotonic() - begun:.1f} s, "
          f"RSS {before:.0f} -> {largest:.0f} MiB", flush=True)


def given(options):
    """The settings of --set."""
    return {name: json.loads(value) for name, _, value in (text.partition("=") for text in options.set)}


def bench_queries(place, store, options):
    settings = {"mqtt.url": "", "http.access_log": False} | given(options)
    mongodb = None
    if store == "mongodb":
        mongodb = MongoDB(place).start()
        target = f"{mongodb.address}/front_door_{os.getpid()}"
        settings["pipeline.telemetry.store"] = target
    collector = Collector(place, "", **settings)
    target = target if mongodb else str(collector.data / "telemetry.db")
    try:
        collector.start_and_wait(60)
        load(collector, options.events, options.sensors)
        rounds = options.events // options.sensors
        end = BEGIN + rounds * INTERVAL
        day = BEGIN + timedelta(days=1)
        sensor = f"math.random(0, {options.sensors - 1})"
        day_range = f"&start={text_of(BEGIN)}&end={text_of(day)}"
        limit = options.connections
        print(f"{store}, {limit} connections, {options.seconds} s each:")
        data = wrk(collector.port, get_script(
            place, "data", f"'/data?limit=100&start={text_of(BEGIN)}&end={text_of(end)}&sensor_id=s' .. {sensor}"),
            limit, options.seconds)
        bare = [float(figure) for figure in subprocess.run(
            [PROGRAMS / "bare_query", target, str(options.sensors), str(int(BEGIN.timestamp())),
             str(int(end.timestamp())), "8", str(options.seconds)],
            stdout=subprocess.PIPE, text=True, timeout=options.seconds + 60, check=True).stdout.split()]
        show("/data, 100 by sensor and range", data, f"ratio to the bare driver {data[0] / bare[0]:.2f}")
        show("the bare driver, 8 threads", bare)
        show("/aggregate, a day in 5 minutes, a sensor", wrk(collector.port, get_script(
            place, "aggregate_one", f"'/aggregate?bucket=5m{day_range}&sensor_id=s' .. {sensor}"), limit, options.seconds))
        show("/sensors, the first 100", wrk(collector.port, get_script(
            place, "sensors", "'/sensors?limit=100'"), limit, options.seconds))
        for form in ("csv", "ndjson"):
            export(collector, form, options.events)
        # Last: what a database is asked and nobody waits for any more, it goes on with for a while.
        show("/aggregate, a day in 5 minutes, all", wrk(collector.port, get_script(
            place, "aggregate_all", f"'/aggregate?bucket=5m{day_range}'"), limit, options.seconds))
    finally:
        if collector.running:
            collector.terminate(60)
        if mongodb:
            with mongodb.client() as client:
                client.drop_database(target.rpartition("/")[2])


def bench_ingest(place, options):
    collector = Collector(place, "", **{"mqtt.url": "", "http.access_log": options.access_log} | given(options))
    port = free_port()
    rounds = (32, 256)
    bare = Process([PROGRAMS / "bare_http", str(port), str(60 + len(rounds) * options.seconds * 3)], Path(place, "bare.log"))
    try:
        collector.start_and_wait()
        bare.start()
        wait_until(lambda: listens(port), 10, "the handler that does nothing listens")
        for connections in rounds:
            print(f"POST /ingest, one event a request, durable, {connections} connections, {options.seconds} s:")
            begun_bare = cpu_seconds(bare)
            nothing = wrk(port, post_script(place, "bare"), connections, options.seconds)
            bare_cpu = (cpu_seconds(bare) - begun_bare) / (nothing[0] * options.seconds) * 1e5
            begun = cpu_seconds(collector)
            figures = wrk(collector.port, post_script(place, f"post{connections}"), connections, options.seconds)
            wait_until(lambda: collector.account()["lag"] == 0, 120, "all is stored")
            cpu = (cpu_seconds(collector) - begun) / (figures[0] * options.seconds) * 1e5
            show("a RESTinio handler that does nothing", nothing, f"{bare_cpu:.2f} CPU s per 100,000")
            show("the collector, embedded stream and SQLite", figures,
                 f"{cpu:.2f} CPU s per 100,000   ratio {figures[0] / nothing[0]:.2f}")
    finally:
        if collector.running:
            collector.terminate(60)
        bare.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("ingest", "sqlite", "mongodb"))
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--set", action="append", default=[], help="of the collector: http.workers=8")
    parser.add_argument("--access-log", action="store_true", help="of ingest: with a line for each request")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tributary-bench-") as place:
        if options.part == "ingest":
            bench_ingest(Path(place), options)
        else:
            bench_queries(Path(place), options.part, options)


if __name__ == "__main__":
    main()
