"""Kafka, MongoDB and PostgreSQL that ask who comes."""

import confluent_kafka
import pytest
from backbone import Backbone, settled_account
from harness import Collector, exactly, reading
from services.certificates import Certificates
from services.kafka import Kafka
from services.mongodb import MongoDB
from services.postgresql import PostgreSQL
from services.process import wait_until

# Before it librdkafka repeats its nonce in the last message of SCRAM, which Kafka 4 refuses: README.md.
SCRAM_MENDED = 0x020601FF


def detail_of(collector, check):
    """What /health says of a check that isn't simply up, once it says something."""
    return wait_until(lambda: collector.health().json()["checks"][check].get("detail"), 30, f"health tells of {check}")


def test_sasl_and_tls_reach_kafka_and_a_wrong_password_is_told_without_it(place):
    kafka = Kafka(place, own=True, protocols=["SASL_SSL", "SASL_PLAINTEXT"]).start()
    backbone = Backbone(place)
    backbone.mongodb.start()
    backbone.kafka = kafka
    password, wrong = place / "password", place / "wrong"
    password.write_text(Kafka.PASSWORD + "\n")
    wrong.write_text("hunter2\n")
    try:
        for protocol in ("SASL_SSL", "SASL_PLAINTEXT"):
            access = {"kafka.user": Kafka.USER, "kafka.mechanism": "PLAIN"}
            if protocol == "SASL_SSL":
                access["kafka.tls.ca"] = str(kafka.ca)
            backbone.kafka_address = kafka.address_of(protocol)
            collector = backbone.start_collector(name=protocol, **access, **{"kafka.password_file": str(password)})
            assert collector.ingest(reading(0, protocol)).status == 202
            settled_account(collector, 60)
            collector.terminate()

            refused = backbone.collector("ingest+persist+query", name=f"{protocol}-refused", **access,
                                         **{"kafka.password_file": str(wrong)})
            refused.start_and_wait()
            detail = wait_until(lambda: refused.health().json()["checks"]["stream.telemetry"].get("detail"), 30, "health tells")
            assert Kafka.USER in detail and "hunter2" not in refused.log_text() + detail, detail
            refused.kill()
        assert backbone.count() == 2
    finally:
        backbone.end()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_reaches_kafka_or_health_tells_that_this_librdkafka_can_not(place, mechanism):
    kafka = Kafka(place, own=True, protocols=["SASL_PLAINTEXT"]).start()
    backbone = Backbone(place)
    backbone.mongodb.start()
    backbone.kafka = kafka
    backbone.kafka_address = kafka.address_of("SASL_PLAINTEXT")
    password = place / "password"
    password.write_text(Kafka.PASSWORD + "\n")
    try:
        collector = backbone.collector("ingest+persist+query", **{
            "kafka.user": Kafka.USER, "kafka.password_file": str(password), "kafka.mechanism": mechanism})
        collector.start_and_wait()
        if confluent_kafka.libversion()[1] >= SCRAM_MENDED:
            assert collector.ingest(reading(0)).status == 202
            settled_account(collector, 60, stored=1)
            return
        detail = detail_of(collector, "stream.telemetry")
        for words in (kafka.address_of("SASL_PLAINTEXT"), f"user {Kafka.USER}", mechanism, "Kafka 4 refuses the SCRAM of librdkafka",
                      confluent_kafka.libversion()[0], "PLAIN over TLS"):
            assert words in detail, (words, detail)
        assert Kafka.PASSWORD not in detail + collector.log_text()
        assert any("Kafka 4 refuses" in line["message"] for line in collector.log_lines() if line["level"] == "error")
    finally:
        backbone.end()


def test_mongodb_takes_its_user_and_a_wrong_password_is_told_without_it(place):
    mongodb = MongoDB(place, own=True, login=True)
    backbone = Backbone(place)
    backbone.kafka.start()
    backbone.mongodb = mongodb.start()
    password, wrong = place / "password", place / "wrong"
    password.write_text(MongoDB.PASSWORD + "\n")
    wrong.write_text("hunter2\n")
    store = {"store": f"{mongodb.address}/{backbone.database}?authSource=admin"}
    try:
        refused = backbone.collector("ingest+persist+query", name="refused", pipeline=store, **{
            "mongodb.user": MongoDB.USER, "mongodb.password_file": str(wrong)})
        refused.start_and_wait()
        assert refused.ingest(reading(0)).status == 202
        detail = detail_of(refused, "store.telemetry")
        assert "uthentication" in detail and "hunter2" not in refused.log_text() + detail, detail
        refused.kill()

        collector = backbone.start_collector(pipeline=store, **{"mongodb.user": MongoDB.USER, "mongodb.password_file": str(password)})
        settled_account(collector, 60, stored=1)
        assert backbone.count() == 1
        assert MongoDB.PASSWORD not in collector.log_text()
    finally:
        backbone.end()


def test_postgresql_takes_its_user_over_tls_and_a_wrong_password_or_authority_is_told(site):
    postgresql = site.keep(PostgreSQL(site.place, own=True, tls=True)).start()
    password, wrong = site.place / "password", site.place / "wrong"
    password.write_text(PostgreSQL.PASSWORD + "\n")
    wrong.write_text("hunter2\n")
    others = Certificates(site.place)
    others.make_authority()
    address = f"postgresql://{postgresql.address.rpartition('@')[2]}?sslmode=verify-full"

    def collector(name, store, file):
        return site.keep(Collector(site.place, "", name, **{
            "pipeline.telemetry.store": store, "postgresql.user": PostgreSQL.USER, "postgresql.password_file": str(file)}))

    for name, store, file, words in (("refused", f"{address}&sslrootcert={postgresql.ca}", wrong, PostgreSQL.USER),
                                     ("untrusted", f"{address}&sslrootcert={others.file('ca.pem')}", password, "certificate")):
        refused = collector(name, store, file).start_and_wait()
        detail = detail_of(refused, "store.telemetry")
        assert words in detail and not {"hunter2", PostgreSQL.PASSWORD} & set(detail.split()), detail
        assert "hunter2" not in refused.log_text() + detail and PostgreSQL.PASSWORD not in refused.log_text()
        assert refused.health().json()["checks"]["store.clickstream"]["status"] == "up", "one dead part stalls nothing else"
        refused.kill()

    trusted = collector("trusted", f"{address}&sslrootcert={postgresql.ca}", password).start_and_wait()
    assert trusted.ingest(reading(0)).status == 202
    trusted.wait_for_account(60, stored=1)
    assert trusted.events() == [exactly(reading(0))]
