"""TLS, certificates and passwords, between a real Mosquitto and the programs."""

import json
import ssl
import subprocess
import time

import pytest
from mqtt_parts import health_says, mqtt_health
from services.certificates import Certificates
from services.fake_broker import FakeBroker
from services.mosquitto import Mosquitto
from services.process import wait_until

SIMULATOR = {"type": "simulator", "pipeline": "telemetry", "count": 2, "rate": 50.0}
USER, PASSWORD = "gateway", "right-and-secret"


@pytest.fixture
def certificates(place):
    certificates = Certificates(place)
    certificates.make_authority("ca")
    certificates.make_authority("foreign-ca")
    certificates.issue("broker")
    return certificates


def start_broker(site, certificates, certificate="broker", mutual=False, settings=()):
    lines = [f"{what} {certificates.file(file)}" for what, file in
             (("certfile", f"{certificate}.pem"), ("keyfile", f"{certificate}.key"))]
    if mutual:
        certificates.issue("edge")
        lines += [f"cafile {certificates.file('ca.pem')}", "require_certificate true"]
    site.broker = Mosquitto(site.place, [*lines, *settings], own=True, tls=certificates.client_context("edge" if mutual else None))
    return site.broker.start()


def tls(certificates, ca="ca", certificate=None):
    settings = {"ca": certificates.file(f"{ca}.pem")}
    if certificate:
        settings |= {"certificate": certificates.file(f"{certificate}.pem"), "key": certificates.file(f"{certificate}.key")}
    return {"mqtt.tls": settings}


def both(site, **settings):
    """An edge and a collector that answer."""
    return [site.collector(**settings).start_and_wait(), site.edge(sensor=[SIMULATOR], **settings).start_and_wait()]


def assert_delivers(collector, edge, least=50):
    wait_until(lambda: collector.account()["records"] >= least, 30, "events come through")
    assert edge.terminate() == 0
    collector.wait_for_account(rejected=0, conflicts=0)


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_events_pass_over_tls_with_the_host_name_checked(site, certificates, version):
    broker = start_broker(site, certificates, settings=[f"tls_version {version}"])
    collector, edge = both(site, **tls(certificates))
    for program in (collector, edge):
        wait_until(lambda: mqtt_health(program)[0], 30, "it is connected")
    edge.kill()
    edge.settings["mqtt.url"] = f"mqtts://localhost:{broker.port}"
    edge.compose()
    edge.start_and_wait()
    assert_delivers(collector, edge)


def test_certificates_that_don_t_fit_are_refused_with_the_reason(site, certificates):
    broker = start_broker(site, certificates)
    for program in both(site, **tls(certificates, ca="foreign-ca")):
        health_says(program, f"broker 127.0.0.1:{broker.port}: its TLS certificate: unable to get local issuer certificate")
        program.kill()
    for program in both(site, **{"mqtt.tls": {}}):
        health_says(program, "its TLS certificate: ")
        program.kill()
    broker.stop()

    certificates.issue("elsewhere", hosts=("DNS:elsewhere.example", "IP:127.0.0.2"))
    start_broker(site, certificates, "elsewhere")
    for program in both(site, **tls(certificates)):
        health_says(program, "its TLS certificate: IP address mismatch")
        program.kill()
    for program in both(site, **tls(certificates) | {"mqtt.url": f"mqtts://localhost:{site.broker.port}"}):
        health_says(program, "its TLS certificate: hostname mismatch")
        program.kill()
    site.broker.stop()

    certificates.issue("expired", days=-1)
    start_broker(site, certificates, "expired")
    for program in both(site, **tls(certificates)):
        health_says(program, "its TLS certificate: certificate has expired")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_older_than_1_2_is_refused(site, certificates):
    old = certificates.server_context("broker")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    broker = FakeBroker(tls=old)
    site.broker = broker
    for program in both(site, **tls(certificates)):
        health_says(program, "TLS: ", "protocol")
    site.broker = None
    broker.close()


def test_with_mutual_tls_the_right_certificate_passes_and_others_are_told_that_they_don_t(site, certificates):
    start_broker(site, certificates, mutual=True)
    for program in both(site, **tls(certificates)):
        health_says(program, "TLS: ", "certificate required")
        program.kill()
    certificates.issue("stranger", authority="foreign-ca")
    for program in both(site, **tls(certificates, certificate="stranger")):
        health_says(program, "TLS: ", "unknown ca")
        program.kill()
    collector, edge = both(site, **tls(certificates, certificate="edge"))
    assert_delivers(collector, edge)


def test_a_file_of_tls_that_isn_t_there_is_named_at_the_start(site, certificates):
    start_broker(site, certificates)
    for program in (site.collector(**tls(certificates, ca="missing")), site.edge(sensor=[SIMULATOR], **tls(certificates, ca="missing"))):
        program.start()
        assert program.wait(20) in (1, 2)
        assert "missing.pem" in program.log_text()


@pytest.fixture
def guarded(site, place):
    """A broker that wants a user and a password."""
    passwords = place / "passwords"
    passwords.touch()
    subprocess.run(["mosquitto_passwd", "-b", passwords, USER, PASSWORD], check=True, timeout=30)
    passwords.chmod(0o644)
    site.broker = Mosquitto(place, ["allow_anonymous false", f"password_file {passwords}"], own=True).start()
    return site.broker


def test_a_password_comes_from_a_file_or_the_environment_and_is_never_shown(site, guarded, place):
    file = place / "password"
    file.write_text(PASSWORD + "\n")
    collector = site.collector(**{"mqtt.user": USER, "mqtt.password_file": file}).start_and_wait()
    edge = site.edge(sensor=[SIMULATOR], **{"mqtt.user": USER})
    edge.environment["TRIBUTARY_MQTT__PASSWORD"] = PASSWORD
    edge.start_and_wait()
    assert_delivers(collector, edge)
    assert PASSWORD not in collector.log_text() + edge.log_text()


def test_a_wrong_password_is_said_in_words_and_tried_more_and_more_seldom(site, guarded, place):
    file = place / "password"
    file.write_text("wrong-and-secret\n")
    begin = time.monotonic()
    programs = both(site, **{"mqtt.user": USER, "mqtt.password_file": file})
    for program in programs:
        health_says(program, f"broker 127.0.0.1:{guarded.port}: not authorised: check mqtt.user and its password")
    tries = lambda: (place / "mosquitto.log").read_text().count("not authorised")  # noqa: E731
    wait_until(lambda: tries() >= 8, 30, "they try again")
    # Ten tries a second each without backoff.
    assert tries() < 16 * (time.monotonic() - begin)
    shown = "".join(program.log_text() + json.dumps(str(program.health())) for program in programs)
    assert "wrong-and-secret" not in shown
    for program in both_without_password(site):
        health_says(program, "not authorised")


def both_without_password(site):
    for program in site.started:
        program.kill()
    site.started.clear()
    return both(site)


def test_an_edge_that_may_not_publish_keeps_its_events_and_says_so(site, place):
    file = place / "acl"
    file.write_text("topic read #\ntopic write tributary/+/status\ntopic write tributary/+/receipts\n")
    file.chmod(0o644)
    site.broker = Mosquitto(place, [f"acl_file {file}"], own=True).start()
    collector = site.start_collector()
    edge = site.edge(sensor=[SIMULATOR]).start_and_wait()
    health_says(edge, "the broker doesn't allow this edge to publish")
    wait_until(lambda: edge.buffered() > 20, 20, "events are kept")
    assert collector.account()["records"] == 0
