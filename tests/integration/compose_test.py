"""compose/ as composes read it, and its broker's rules kept by a real Mosquitto."""

import queue
import re
import ssl
from pathlib import Path

import pytest
from compose_site import ComposeSite
from harness import REPOSITORY
from mqtt_device import Session
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from services.compose_file import ComposeFile, comparable, composes_at_hand

OURS = {"ingest", "query", "persist", "edge", "clickstream-ingest", "clickstream-query", "clickstream-persist"}
NOT_AUTHORIZED = 0x87


@pytest.fixture
def file(place):
    return ComposeFile(place)


@pytest.mark.parametrize("tls", [False, True])
def test_every_compose_at_hand_reads_the_same_deployment(place, tls):
    file = ComposeFile(place, tls)
    print(commands := composes_at_hand())
    assert len({comparable(file.resolve(command)) for command in commands}) == 1


def test_without_setup_compose_says_what_to_do(file):
    dotenv = file.directory / ".env"
    dotenv.unlink()
    assert "run ./setup first" in file.resolve(composes_at_hand()[0], check=False)


def test_each_profile_has_what_it_promises_and_depends_on_nothing_else(file):
    assert file.services_of("telemetry") == {"mosquitto", "kafka", "mongodb", "ingest", "query", "persist", "edge"}
    assert file.services_of("clickstream") == {"kafka", "postgresql", "clickstream-ingest", "clickstream-query",
                                               "clickstream-persist"}
    for name, service in file.services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert set(service["profiles"]) <= set(file.services[other]["profiles"]), f"{name} without {other}"


def test_ports_are_published_on_loopback_only_and_no_two_services_want_the_same(place):
    file = ComposeFile(place, tls=True)
    ports = {name: file.published(name) for name in file.services}
    assert {port[0] for published in ports.values() for port in published} == {"127.0.0.1"}
    outside = sorted(port[1] for published in ports.values() for port in published)
    assert outside == [1883, 8000, 8001, 8002, 8003, 8010, 8011, 8012, 8883]
    assert [ports[name][0][1] for name in ("ingest", "query", "persist", "edge")] == [8000, 8001, 8002, 8003]


def test_every_service_has_a_health_check_a_limit_and_a_fixed_version(file):
    version = re.search(r"project\(tributary VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    containers = (REPOSITORY / "compose/Containerfile").read_text()
    for name, service in file.services.items():
        assert service["restart"] == "unless-stopped" and service["mem_limit"] and service["stop_grace_period"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        image, _, tag = service["image"].partition(":")
        if name not in OURS:
            assert service["healthcheck"]["test"] and re.search(r"\d+\.\d+", tag), name
            continue
        assert (service["read_only"], service["cap_drop"], tag) == (True, ["ALL"], version), name
        stage = containers.partition(f" AS {service['build']['target']}\n")[2].partition("\nFROM ")[0]
        assert re.search(rf'HEALTHCHECK [^\[]*\["{image}", "health"', stage), f"{image}: its image says how its health is asked for"


def test_every_variable_is_in_the_example_and_every_mounted_file_there(place):
    file = ComposeFile(place, tls=True)
    used = {name for text in file.files for name in re.findall(r"\$\{(\w+)", (REPOSITORY / "compose" / text).read_text())}
    own = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "INGEST_TOKEN", "QUERY_TOKEN", "ADMIN_TOKEN"}
    assert used | own == set(file.variables)
    assert {name for name in used if re.match("KAFKA|DB", name)} == {
        "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_USER", "KAFKA_SASL_PASS", "KAFKA_TOPIC", "KAFKA_GROUP_ID",
        "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASS"}
    assert not [name for name in file.variables if name.startswith("TRIBUTARY_")], "tributary-collector reads .env, too"
    for name in file.services:
        for source in file.mounts(name).values():
            assert Path(source).exists(), f"{name}: {source}"


def test_setup_makes_secrets_of_its_own_and_keeps_what_is_there(file):
    dotenv = (file.directory / ".env").read_text()
    values = list(file.variables.values())
    assert "change-me" not in values
    secrets = [value for value in values if re.fullmatch("[0-9a-f]{48}", value)]
    assert len(set(secrets)) == len(secrets) == 10
    for path, mode in ((".env", 0o600), ("secrets", 0o700), ("secrets/tokens", 0o644)):
        assert (file.directory / path).stat().st_mode & 0o777 == mode, path
    tokens = (file.directory / "secrets/tokens").read_text()
    assert not [secret for secret in secrets if secret in tokens]
    configuration = file.directory / "collector/telemetry.toml"
    configuration.chmod(0o600)
    file.setup("--tls", "broker.example", "192.0.2.7")
    assert configuration.stat().st_mode & 0o777 == 0o644, "the containers' users are others than ours"
    certificate = (file.directory / "secrets/mosquitto.pem").read_bytes()
    with pytest.raises(AssertionError, match="remove it to have one for these"):
        file.setup("--tls", "other.example")
    file.setup("--tls")
    assert (file.directory / ".env").read_text() == dotenv and (file.directory / "secrets/tokens").read_text() == tokens
    assert (file.directory / "secrets/mosquitto.pem").read_bytes() == certificate


def test_setup_refuses_what_nobody_changed_and_tokens_that_are_missing(file):
    dotenv = file.directory / ".env"
    text = dotenv.read_text()
    for wrong, said in ((re.sub("(?m)^DB_PASS=.*", "DB_PASS=change-me", text), "still says change-me"),
                        (re.sub("(?m)^QUERY_TOKEN=.*", "QUERY_TOKEN=", text), "has no QUERY_TOKEN"),
                        (re.sub("(?m)^(QUERY|ADMIN)_TOKEN=.*", r"\1_TOKEN=same", text), "are the same token")):
        dotenv.write_text(wrong)
        with pytest.raises(AssertionError, match=said):
            file.setup()


@pytest.mark.parametrize(("line", "said"), [
    ('INGEST_TOKEN="quoted"', "no quotes"), ("INGEST_TOKEN=a # note", "no comment behind"), ("KAFKA_SASL_PASS=a b", "KAFKA_SASL_PASS"),
    ("DB_PASS=$x", "DB_PASS"), ("MQTT_EDGE_PASSWORD=a:b", "MQTT_EDGE_PASSWORD"), ("MQTT_DEVICES=gateway-2:pw", "in quotes"),
    ('MQTT_DEVICES="gateway-2"', "in quotes"), ("export DB_PORT=1", "must be NAME=value"), ("DB_PORT=5432\nDB_PORT=5432", "DB_PORT is there twice")])
def test_setup_refuses_values_that_compose_shells_and_brokers_would_read_differently(file, line, said):
    dotenv = file.directory / ".env"
    name = line.partition("=")[0]
    dotenv.write_text(re.sub(f"(?m)^{name}=.*\n", "", dotenv.read_text()) + line)
    with pytest.raises(AssertionError, match=f"(?s)line \\d+: .*{said}"):
        file.setup()


def test_setup_takes_devices_in_quotes(file):
    dotenv = file.directory / ".env"
    dotenv.write_text(re.sub("(?m)^MQTT_DEVICES=.*", 'MQTT_DEVICES="gateway-2:p gateway-3:q"', dotenv.read_text()))
    file.setup()


def test_the_programs_take_the_configuration_of_their_services(place):
    site = ComposeSite(place, tls=True)
    for service in sorted(OURS):
        status, output = site.program(service).command_line("check-config")
        assert status == 0 and "note:" not in output, f"{service}: {output}"
        if service.startswith("clickstream"):
            store = "store postgresql://postgresql:5432/events_db as collector table events"
            assert f"as collector topic raw_events group event_ingestors, {store}" in output


@pytest.fixture
def compose_site(place):
    site = ComposeSite(place)
    yield site
    site.end()


class Client(Session):
    """One that logs in."""

    def __init__(self, site, user, password, keep=False, ca=None, name=None):
        super().__init__(name or f"client-of-{user}")
        connected = queue.Queue()
        self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, data, flags, reason, properties: connected.put(reason)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600 if keep else 0
        if ca:
            self._client.tls_set(ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.connect("127.0.0.1", site.mqtts_port if ca else site.mqtt_port, clean_start=not keep, properties=properties)
        self.granted = connected.get(timeout=10)

    def publish(self, *topics, payload=b"x"):
        """Returns once the broker has answered each."""
        for topic in topics:
            self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def hear(self, number, limit=10):
        """The next messages: (topic, payload)."""
        messages = [self.received.get(timeout=limit) for _ in range(number)]
        return [(message.topic, message.payload) for message in messages]


def collector_of(site, **more):
    return Client(site, "collector", site.variables["MQTT_COLLECTOR_PASSWORD"], **more)


def edge_of(site, **more):
    return Client(site, "gateway-1", site.variables["MQTT_EDGE_PASSWORD"], **more)


def test_an_edge_can_neither_speak_for_another_one_nor_hear_what_is_not_for_it(place):
    site = ComposeSite(place, MQTT_DEVICES='"shed:hunter2 barn:hunter3"')
    site.start_mosquitto()
    try:
        def barn_of(site):
            return Client(site, "barn", "hunter3")

        def attempt(who, *topics):
            for topic in topics:  # Debian's Mosquitto ends a connection that publishes where it may not
                with who(site) as client:
                    client.publish(topic)

        with collector_of(site) as collector, edge_of(site, name="ear") as edge, barn_of(site) as barn:
            for client in (collector, edge, barn):
                client.subscribe("tributary/#")
            attempt(edge_of, "tributary/barn/events/telemetry", "tributary/barn/status", "tributary/gateway-1/receipts",
                    "tributary/barn/receipts", "tributary/events/telemetry", "elsewhere", "tributary/gateway-1/events/telemetry")
            assert collector.hear(1) == [("tributary/gateway-1/events/telemetry", b"x")]
            barn.publish("tributary/barn/status")
            assert collector.hear(1) == [("tributary/barn/status", b"x")]
            collector.publish("tributary/barn/receipts", "tributary/gateway-1/receipts")
            assert {topic for topic, _ in collector.hear(2)} == {"tributary/barn/receipts", "tributary/gateway-1/receipts"}
            assert edge.hear(1) == [("tributary/gateway-1/receipts", b"x")]
            assert barn.hear(1) == [("tributary/barn/receipts", b"x")]
            attempt(lambda site: collector_of(site, name="mouth"), "tributary/barn/events/telemetry", "tributary/barn/status")
            collector_end, barn_end = "tributary/gateway-1/receipts", "tributary/barn/receipts"
            with collector_of(site, name="voice") as voice:
                voice.publish(collector_end, barn_end)
            assert {topic for topic, _ in collector.hear(2)} == {collector_end, barn_end}, "and nothing before"
            assert edge.hear(1) == [(collector_end, b"x")] and barn.hear(1) == [(barn_end, b"x")]
        for user, password in ((None, None), ("gateway-1", "hunter2"), ("nobody", "hunter2")):
            with Client(site, user, password) as stranger:
                assert stranger.granted.value == NOT_AUTHORIZED
    finally:
        site.end()


def test_whatever_waits_for_an_absent_collector_comes_through_a_restart_of_the_broker(compose_site):
    broker = compose_site.start_mosquitto()
    with collector_of(compose_site, keep=True) as collector:
        collector.subscribe("tributary/+/events/+")
    payloads = [b"%d" % number for number in range(2000)]
    with edge_of(compose_site) as edge:
        for payload in payloads:
            edge.publish("tributary/gateway-1/events/telemetry", payload=payload)
    assert broker.terminate() == 0
    broker.start()
    with collector_of(compose_site, keep=True) as collector:
        assert [payload for _, payload in collector.hear(len(payloads))] == payloads


def test_the_broker_speaks_tls_with_the_certificate_that_setup_makes(place):
    site = ComposeSite(place, tls=True)
    site.start_mosquitto()
    try:
        ca = site.file.directory / "secrets/ca.pem"
        with collector_of(site, ca=ca) as collector, edge_of(site, ca=ca) as edge:
            collector.subscribe("tributary/+/events/+")
            edge.publish("tributary/gateway-1/events/telemetry")
            assert collector.hear(1)
    finally:
        site.end()
