"""Who may call what: tokens, scopes, addresses that others can reach."""

import http.client
import json
import subprocess

from harness import PROGRAMS, program_environment, reading, toml
from http_tokens import TOKENS, bearer, guarded_collector, secret_of, tokens_file
from services.process import wait_until


def post(collector, headers):
    return collector.request("POST", "/ingest", json.dumps(reading(0)),
                             {"Content-Type": "application/json"} | headers).status


def assert_admits(call, *names):
    """These names and no others."""
    assert call({}) == 401
    for name in TOKENS:
        status = call(bearer(name))
        assert (status < 300) if name in names else status == 403, (name, status)


def test_each_route_asks_for_the_scope_it_needs(site):
    collector = guarded_collector(site)
    assert_admits(lambda headers: post(collector, headers), "writer", "both", "keeper")
    for path in ("/data", "/data/clickstream", "/account", "/account/telemetry", "/metrics"):
        assert_admits(lambda headers, path=path: collector.get(path, headers).status, "reader", "both", "keeper")
    for path in ("/dead-letters", "/dead-letters/telemetry"):
        assert_admits(lambda headers, path=path: collector.get(path, headers).status, "keeper")
    assert_admits(lambda headers: collector.request("POST", "/dead-letters/telemetry/replay", "{}", headers).status, "keeper")
    for path in ("/health", "/health/live"):
        assert collector.get(path).status == 200, "those who look whether it lives need no token"


def test_a_token_off_by_one_byte_is_refused(site):
    collector = guarded_collector(site)
    secret = secret_of("writer")
    for wrong in (secret[:-1], secret + "0", secret[:-1] + "e", "v" + secret[1:], secret.upper(), "", " "):
        answer = collector.get("/data", {"Authorization": f"Bearer {wrong}"})
        assert answer.status == 401, wrong
        assert answer.headers["www-authenticate"].startswith('Bearer realm="tributary"')
        assert answer.json()["status"] == 401 and answer.content_type == "application/problem+json"
        assert not wrong.strip() or wrong not in answer.body.decode()
    assert 'error="invalid_token"' in collector.get("/data", {"Authorization": "Bearer x"}).headers["www-authenticate"]
    assert "error" not in collector.get("/data").headers["www-authenticate"]
    answer = collector.get("/data", bearer("writer"))
    assert answer.status == 403 and "query" in answer.json()["detail"], "it says which scope"
    assert collector.get("/data", bearer("reader")).status == 200
    assert secret not in collector.log_text(), "no token is logged"


def test_a_changed_file_of_tokens_is_used_and_a_broken_one_is_not(site):
    collector = guarded_collector(site)
    assert post(collector, bearer("writer")) == 202
    tokens_file(site.place, "reader", "keeper")
    wait_until(lambda: post(collector, bearer("writer")) == 401, 20, "the token that was taken out is refused")
    file = site.place / "tokens"
    file.write_text("writer ingest nonsense\n")

    def complaints():
        return [line for line in collector.log_lines() if line["level"] == "error" and "tokens:1:" in line["message"]]

    wait_until(complaints, 20, "the mistake is in the log, with its line")
    assert collector.get("/data", bearer("reader")).status == 200, "those that were good stay good"
    tokens_file(site.place)
    wait_until(lambda: post(collector, bearer("writer")) == 202, 20, "the mended file is used")
    assert len(complaints()) == 1, "a mistake is told once"


def test_a_file_of_tokens_is_read_again_when_only_its_mode_changes(site):
    collector = guarded_collector(site)
    file = tokens_file(site.place, "writer", mode=0o666)
    wait_until(lambda: "chmod 600" in collector.log_text(), 10, "the log says what to do")
    assert collector.get("/data", bearer("reader")).status == 200, "the tokens that were read before stay good"
    file.chmod(0o600)
    wait_until(lambda: collector.get("/data", bearer("reader")).status == 401, 10, "the new ones are read")


def test_a_long_answer_ends_with_its_token(site):
    collector = guarded_collector(site)
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
    connection.request("GET", "/live", headers=bearer("reader"))
    response = connection.getresponse()
    assert response.status == 200 and response.readline().startswith(b": ")
    tokens_file(site.place, "writer")
    wait_until(lambda: collector.get("/data", bearer("reader")).status == 401, 10, "the token is good no more")
    collector.request("POST", "/ingest", json.dumps(reading(1)), bearer("writer"))
    try:
        rest = response.read()
    except (http.client.IncompleteRead, ConnectionResetError) as end:
        rest = getattr(end, "partial", b"")
    assert b"data:" not in rest, rest


def test_an_address_that_others_can_reach_needs_tokens_or_a_word(place):
    def check(program, *sets):
        arguments = [part for setting in sets for part in ("--set", setting)]
        done = subprocess.run([PROGRAMS / program, "check-config", *arguments], cwd=place, timeout=20, text=True,
                              env=program_environment(place), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    everywhere = 'http.listen=["127.0.0.1:8000", "0.0.0.0:8001"]'
    file = tokens_file(place)
    for program in ("tributary-collector", "tributary-edge"):
        status, text = check(program, everywhere)
        assert status == 2, text
        for words in ("0.0.0.0:8001", "http.tokens", "127.0.0.1", "http.insecure"):
            assert words in text, (words, text)
        assert "127.0.0.1:8000" not in text
        assert check(program, everywhere, "http.insecure=true")[0] == 0
        assert check(program, everywhere, f"http.tokens={toml(file)}")[0] == 0
        file.chmod(0o666)
        status, text = check(program, f"http.tokens={toml(file)}")
        assert status == 2 and "chmod 600" in text, text
        file.chmod(0o600)
        (place / "bad").write_text("writer dance sha256:00\n")
        (place / "bad").chmod(0o600)
        status, text = check(program, f"http.tokens={toml(place / 'bad')}")
        assert status == 2 and "bad:1:" in text and "dance" in text, text
        status, text = check(program, "http.token=abc")
        assert status == 2 and "http.token" in text and "token_file" in text, text


def test_the_commands_use_a_token_of_a_file_or_the_environment(site):
    collector = guarded_collector(site)
    secret = site.place / "secret"
    secret.write_text(secret_of("keeper") + "\n")
    weak = site.place / "weak"
    weak.write_text(secret_of("reader") + "\n")

    def dead_letters(*more, environment=None):
        settings = [part for key, value in collector.settings.items() for part in ("--set", f"{key}={toml(value)}")]
        return subprocess.run([PROGRAMS / "tributary-collector", "dead-letters", "list", *map(str, settings), *more],
                              cwd=site.place, env=collector.environment | (environment or {}), timeout=30, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    assert collector.request("POST", "/ingest?invalid=dead_letter", '{"sensor_id": 7}',
                             {"Content-Type": "application/json"} | bearer("writer")).status == 202
    for done in (dead_letters(), dead_letters("--set", f"http.token_file={toml(weak)}")):
        assert done.returncode == 1 and "http.token_file" in done.stdout, done.stdout
    for done in (dead_letters("--set", f"http.token_file={toml(secret)}"),
                 dead_letters(environment={"TRIBUTARY_HTTP__TOKEN": secret_of("keeper")})):
        assert done.returncode == 0 and json.loads(done.stdout)["reason"] == "invalid", done.stdout


def test_the_edge_asks_for_tokens_and_its_commands_have_one(site):
    site.prepare_broker(own=True)
    sensor = {"type": "simulator", "pipeline": "telemetry", "rate": 1.0}
    edge = site.edge(**{"http.tokens": tokens_file(site.place), "sensor": [sensor]}).start_and_wait()
    assert_admits(lambda headers: edge.get("/buffer", headers).status, "keeper")
    assert_admits(lambda headers: edge.get("/metrics", headers).status, "reader", "both", "keeper")
    secret = site.place / "secret"
    secret.write_text(secret_of("keeper") + "\n")
    for arguments, status in ((["--set", f"http.token_file={toml(secret)}"], 0), ([], 1)):
        settings = [part for key, value in edge.settings.items() for part in ("--set", f"{key}={toml(value)}")]
        done = subprocess.run([PROGRAMS / "tributary-edge", "buffer", *map(str, settings), *arguments], cwd=site.place,
                              env=edge.environment, timeout=30, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == status, done.stdout
