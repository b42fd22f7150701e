"""What every route has in common: the access log, metrics, compression, pages of other origins."""

import gzip
import json
import subprocess
import zlib
from urllib.request import Request, urlopen

from harness import PROGRAMS, program_environment, reading
from http_tokens import bearer, guarded_collector
from services.process import wait_until


def test_each_answer_has_its_line_in_the_access_log(site):
    collector = guarded_collector(site)
    collector.get("/data/telemetry", bearer("reader") | {"X-Request-Id": "look-1"}, sensor_id="private")
    collector.get("/nowhere" + "x" * 1000, {"X-Request-Id": "look-2"})

    def lines():
        found = {line["request_id"]: line for line in collector.log_lines() if line["component"] == "http" and "path" in line}
        return found if {"look-1", "look-2"} <= found.keys() else None

    found = wait_until(lines, 10, "both are in the log")
    line = found["look-1"]
    assert line["level"] == "info" and line["method"] == "GET" and line["status"] == 200
    assert line["path"] == "/data/telemetry" and line["route"] == "/data/{pipeline}" and "private" not in str(line)
    assert line["client"] == "127.0.0.1" and line["token"] == "reader" and line["bytes"] > 0 and line["duration_ms"] > 0
    assert found["look-2"]["status"] == 404 and len(found["look-2"]["path"]) == 256 and found["look-2"]["route"] == ""


def test_metrics_tell_how_long_each_route_takes(site):
    collector = site.start_collector(**{"mqtt.url": "", "http.access_log": False})
    for _ in range(3):
        collector.get("/account/telemetry")
    collector.get("/nowhere")
    collector.get("/else")
    name = "tributary_http_request_seconds"
    assert collector.metric(name + "_count", route="/account/{pipeline}", method="GET", status="2xx") == 3
    assert collector.metric(name + "_count", route="none", method="none", status="4xx") == 2
    assert collector.metric("tributary_http_connections") >= 1, "that of the scrape itself"
    assert ("tributary_http_refused_total", (("reason", "unreadable"),)) in collector.metrics()
    assert not any("path" in line for line in collector.log_lines()), "access_log = false"


def test_long_answers_are_compressed_when_asked_for(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    events = [reading(second) for second in range(5000)]
    assert collector.ingest(events).status == 202
    collector.wait_for_account(60, stored=len(events))
    wanted = {"Accept-Encoding": "br, gzip"}
    for parameters in ({"format": "ndjson"}, {"limit": 1000}):
        plain = collector.get("/data", **parameters)
        packed = collector.get("/data", wanted, **parameters)
        assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["vary"] and "Accept-Encoding" in packed.headers["vary"]
        assert "Accept," in plain.headers["vary"], "which chooses the format"
        assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 5
        assert packed.content_type == plain.content_type
    assert "content-encoding" not in collector.get("/health/live", wanted).headers, "too short to be worth it"
    assert collector.get("/metrics", wanted).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in collector.get("/data", {"Accept-Encoding": "gzip;q=0"}, format="ndjson").headers


def test_a_compressed_stream_is_readable_as_far_as_it_came(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    events = [reading(second) for second in range(20_000)]
    assert collector.ingest(events).status == 202
    collector.wait_for_account(60, stored=len(events))
    request = Request(f"http://127.0.0.1:{collector.port}/data?format=ndjson", headers={"Accept-Encoding": "gzip"})
    with urlopen(request, timeout=30) as response:
        reader = zlib.decompressobj(wbits=31)
        text = b""
        while b"\n" not in text:
            text += reader.decompress(response.read1(1000))
        assert text.startswith(b"{"), "the first lines are there before the last are made"


def test_pages_of_the_configured_origins_may_call(site):
    collector = site.start_collector(**{"mqtt.url": "", "http.cors.origins": ["https://grafana.example"]})
    page = {"Origin": "https://grafana.example"}
    preflight = collector.request("OPTIONS", "/ingest", None, page | {"Access-Control-Request-Method": "POST"})
    assert preflight.status == 204 and preflight.body == b""
    assert preflight.headers["access-control-allow-origin"] == "https://grafana.example"
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    answer = collector.get("/data", page)
    assert answer.headers["access-control-allow-origin"] == "https://grafana.example" and "Origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in collector.get("/data", {"Origin": "https://evil.example"}).headers


def test_without_a_word_no_page_may_call(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    page = {"Origin": "https://grafana.example"}
    assert "access-control-allow-origin" not in collector.get("/data", page).headers
    answer = collector.request("OPTIONS", "/data", None, page)
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_no_page_but_our_own_changes_anything(site):
    """A browser sends a simple POST for any page, without asking first."""
    collector = site.start_collector(**{"mqtt.url": "", "http.cors.origins": ["https://grafana.example"]})
    event = json.dumps(reading(1))

    def post(path, origin):
        return collector.request("POST", path, event, {"Content-Type": "application/json", "Origin": origin})

    for origin in ("https://evil.example", "null", "", f"http://127.0.0.1:{collector.port + 1}",
                   f"127.0.0.1:{collector.port}", f"http://evil.example/127.0.0.1:{collector.port}"):
        for path in ("/ingest", "/ingest/telemetry", "/dead-letters/telemetry/replay"):
            answer = post(path, origin)
            assert answer.status == 403 and "http.cors.origins" in answer.json()["detail"], (path, origin, answer)
    for origin in (f"http://127.0.0.1:{collector.port}", "https://grafana.example"):
        assert post("/ingest", origin).status == 202, origin
    assert collector.get("/data", {"Origin": "https://evil.example"}).status == 200, "the browser keeps it from the page"
    collector.wait_for_account(30, records=2)


def test_an_origin_that_is_none_is_refused(place):
    done = subprocess.run([PROGRAMS / "tributary-collector", "check-config", "--set", 'http.cors.origins=["example.org/"]'],
                          cwd=place, timeout=20, text=True, env=program_environment(place), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 2 and "origins" in done.stdout and "example.org/" in done.stdout, done.stdout
