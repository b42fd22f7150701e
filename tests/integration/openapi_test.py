"""/openapi.json and /docs: valid, complete, and what the collector really does."""

import hashlib
import json
import os
import re

import pytest

from harness import REPOSITORY, reading
from services.python_tools import OPENAPI

TOKEN = "0123456789abcdef" * 4


def collector_without_broker(site, **settings):
    return site.start_collector(**{"mqtt.url": ""} | settings)


def fill(collector, headers=None):
    events = "\n".join(json.dumps(reading(second, f"s{second % 7}")) for second in range(500))
    answer = collector.request("POST", "/ingest", events,
                               {"Content-Type": "application/x-ndjson"} | (headers or {}))
    assert answer.status == 202, answer


def write_document(site, collector):
    file = site.place / "openapi.json"
    file.write_bytes(collector.get("/openapi.json").body)
    return file


def test_the_openapi_document_is_valid(site):
    collector = collector_without_broker(site)
    status, printed = OPENAPI.run("-m", "openapi_spec_validator", write_document(site, collector))
    assert status == 0, printed


def test_the_openapi_document_has_each_pipeline_with_its_schema(site):
    document = collector_without_broker(site).get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for name in ("telemetry", "clickstream", "measurement"):
        for call in ("ingest", "data", "aggregate", "sensors", "live", "account", "dead-letters"):
            assert f"/{call}/{name}" in document["paths"], (call, name)
        assert document["components"]["schemas"][name]["title"] == name
    parameters = {parameter["name"] for parameter in document["paths"]["/data/clickstream"]["get"]["parameters"]}
    assert {"user_id", "event_id", "limit", "cursor"} <= parameters
    assert "securitySchemes" not in document["components"]


def test_the_openapi_document_is_given_once(site):
    collector = collector_without_broker(site)
    etag = collector.get("/openapi.json").headers["etag"]
    again = collector.get("/openapi.json", {"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


def test_docs_is_a_page_with_all_that_it_needs(site):
    collector = collector_without_broker(site)
    root = collector.get("/")
    assert (root.status, root.headers["location"]) == (302, "/docs")
    page = collector.get("/docs")
    assert (page.status, page.content_type) == (200, "text/html")
    files = re.findall(rb'(?:src|href)="(/docs/[^"]+)"', page.body)
    assert len(files) == 3
    for file in files:
        answer = collector.get(file.decode())
        # A program that was built without npm has the page's own script alone.
        assert answer.status == 200 or b"swagger" in file and answer.status == 404, (file, answer)
    for path in ("/docs/../openapi.json", "/docs/..%2fmain.cpp", "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/nothing.js"):
        assert collector.get(path).status == 404, path


def schemathesis(collector, seed, *options):
    """Drives every call but /live by the document; (cases, what it found, what it printed)."""
    status, printed = OPENAPI.run(
        "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{collector.port}/openapi.json", "--workers=1", "--no-color",
        "--exclude-checks=positive_data_acceptance", "--exclude-path-regex=^/live", "--phases=examples,coverage,fuzzing",
        "--continue-on-failure", "--max-examples=15", f"--seed={seed}", *options)
    cases = re.search(r"(\d+) generated", printed)
    assert cases, printed[-5000:]
    return int(cases[1]), status, printed


def test_a_client_driven_by_the_openapi_document_finds_nothing(site, chance):
    collector = collector_without_broker(site)
    fill(collector)
    cases, status, printed = schemathesis(collector, chance.randrange(1 << 32))
    assert status == 0, printed[-8000:]
    assert cases >= 2000
    assert collector.get("/health").status == 200
    collector.account()


def test_a_client_driven_by_the_document_finds_nothing_in_pipelines_of_a_users_own(site, chance):
    examples = REPOSITORY / "examples"
    collector = collector_without_broker(site, **{
        "pipeline": [{"name": "air-quality", "schema": examples / "air-quality/air-quality.json"},
                     {"name": "machine-alarms", "schema": examples / "machine-alarms/machine-alarm.json"}]})
    status, printed = OPENAPI.run("-m", "openapi_spec_validator", write_document(site, collector))
    assert status == 0, printed
    cases, status, printed = schemathesis(collector, chance.randrange(1 << 32))
    assert status == 0, printed[-8000:]
    assert cases >= 1000
    for pipeline in ("air-quality", "machine-alarms"):
        collector.account(pipeline)
    assert collector.get("/health").status == 200


@pytest.mark.parametrize("authenticated", [True, False])
def test_a_client_driven_by_the_document_finds_nothing_where_tokens_are_asked_for(site, chance, authenticated):
    tokens = site.place / "tokens"
    with os.fdopen(os.open(tokens, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(f"robot admin sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
    collector = collector_without_broker(site, **{"http.tokens": tokens})
    header = {"Authorization": f"Bearer {TOKEN}"}
    fill(collector, header)
    options = [f"--header=Authorization: Bearer {TOKEN}"] if authenticated else []
    cases, status, printed = schemathesis(collector, chance.randrange(1 << 32), *options)
    assert status == 0, printed[-8000:]
    assert cases >= 1000
