"""A real Kafka 4.1: one node, broker and controller in one, in KRaft mode.

TRIBUTARY_TEST_KAFKA=HOST:PORT names one that runs already."""

import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from services.package import Unavailable, cached, fetch_with
from services.process import free_port
from services.service import Service

VERSION = "4.1.0"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tributary</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""

_LOGGING = """rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c: %m%n%throwable
"""

_CLUSTER_ID = "dHJpYnV0YXJ5LXRlc3RzIQ"
_NODE_ID = 1
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
# Metadata, version 4, of no topic: it names the brokers that are there for clients.
_METADATA = struct.pack(">hhihib", 3, 4, 1, -1, 0, 0)


def names_a_broker(host, port):
    """Whether the one at this address answers, and counts itself as ready for clients."""
    try:
        with socket.create_connection((host, port), 2) as connection:
            connection.settimeout(2)
            connection.sendall(struct.pack(">i", len(_METADATA)) + _METADATA)
            with connection.makefile("rb") as answer:
                _size, _correlation, _throttle_ms, brokers = struct.unpack(">iiii", answer.read(16))
                return brokers > 0
    except (OSError, struct.error):
        return False


def _fetch(directory):
    pom = directory / "pom.xml"
    pom.write_text(_POM)
    fetch_with("mvn", "--batch-mode", "--quiet", f"--file={pom}", "dependency:copy-dependencies", "-DincludeScope=runtime",
               f"-DoutputDirectory={directory / 'libs'}")


class Kafka(Service):
    """Of the test's `own` with `settings`: more of server.properties; and `protocols`: listeners beside
    PLAINTEXT, of SASL_PLAINTEXT, SSL and SASL_SSL. SASL takes USER and PASSWORD, by PLAIN, SCRAM-SHA-256 or
    SCRAM-SHA-512 (not from librdkafka before 2.6.1, which repeats its nonce: Kafka 4 refuses that); the
    certificate of TLS is of the authority `ca`."""

    name, title = "kafka", "Kafka"
    USER, PASSWORD = "tributary", "for-tests-only"

    def __init__(self, directory, settings=None, own=False, protocols=(), java_options=("-Xms256m", "-Xmx512m")):
        assert own or not (settings or protocols), "the Kafka that others use too is as it is"
        self._settings = settings or {}
        self._java_options = list(java_options)
        self._protocols = ("PLAINTEXT", *protocols)
        self._addresses = {}
        super().__init__(directory, own)
        for protocol in protocols:
            login = f", user {self.USER}, password {self.PASSWORD}" if protocol.startswith("SASL") else ""
            print(f"{self.title} with {protocol}: {self.address_of(protocol)}{login}", flush=True)

    @property
    def address(self):
        return self.address_of("PLAINTEXT")

    def address_of(self, protocol):
        """host:port of the listener with this protocol."""
        return self._addresses[protocol]

    @property
    def ca(self):
        """The file with the certificate of the authority, in PEM."""
        return self.directory / "ca.pem"

    def answers(self):
        host, _, port = self.address.rpartition(":")
        return names_a_broker(host, int(port))

    def _use(self, address):
        self._addresses["PLAINTEXT"] = address

    def _prepare(self):
        self._addresses = {protocol: f"127.0.0.1:{free_port()}" for protocol in self._protocols}
        if any(protocol.endswith("SSL") for protocol in self._protocols):
            self._make_certificates()
        properties = self.directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        logging = self.directory / "log4j2.properties"
        logging.write_text(_LOGGING)
        options = [*self._java_options, f"-Dlog4j2.configurationFile={logging}"]

        script = shutil.which("kafka-server-start.sh")
        if script is not None:
            what, server, storage = script, [script], [Path(script).with_name("kafka-storage.sh")]
            environment = {"KAFKA_HEAP_OPTS": " ".join(self._java_options), "LOG_DIR": str(self.directory / "logs"),
                           "KAFKA_LOG4J_OPTS": options[-1]}
        else:
            base = self.java(*options)
            what, environment = f"kafka_2.13 {VERSION} of Maven", {}
            server, storage = [*base, "kafka.Kafka"], [*base, "kafka.tools.StorageTool"]
        self._format(storage, properties, environment)
        return what, [*server, properties], environment

    @staticmethod
    def java(*options):
        """What a command begins with that runs a class of the fetched Kafka."""
        java = shutil.which("java")
        if java is None:
            raise Unavailable("there is no java on PATH: apt-get install openjdk-17-jre-headless, or set TRIBUTARY_TEST_KAFKA")
        return [java, *options, "-cp", cached(f"kafka-{VERSION}", _fetch) / "libs/*"]

    def _format(self, storage, properties, environment):
        users = [argument for mechanism in _SCRAM if self._with_sasl()
                 for argument in ("--add-scram", f"{mechanism}=[name={self.USER},password={self.PASSWORD}]")]
        command = [*storage, "format", "--cluster-id", _CLUSTER_ID, "--config", properties, *users]
        done = subprocess.run(list(map(str, command)), env=os.environ | environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"Kafka's storage can't be formatted:\n{done.stdout}"

    def _with_sasl(self):
        return any(protocol.startswith("SASL") for protocol in self._protocols)

    def _properties(self):
        clients = ",".join(f"{protocol}://{address}" for protocol, address in self._addresses.items())
        controller = f"127.0.0.1:{free_port()}"
        properties = {
            "process.roles": "broker,controller",
            "node.id": _NODE_ID,
            "controller.quorum.voters": f"{_NODE_ID}@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{clients},CONTROLLER://{controller}",
            "advertised.listeners": clients,
            "listener.security.protocol.map":
                ",".join(f"{protocol}:{protocol}" for protocol in self._protocols) + ",CONTROLLER:PLAINTEXT",
            "log.dirs": self.directory / "data",
            "num.partitions": 3,
            "auto.create.topics.enable": "false",
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 3,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 3,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 2 << 20,
            # After a kill -9 the broker is let in again only when the session of the dead one is over.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
        }
        if self._with_sasl():
            properties["sasl.enabled.mechanisms"] = ",".join(("PLAIN", *_SCRAM))
        security = "org.apache.kafka.common.security"
        for protocol in self._protocols:
            if protocol.startswith("SASL"):
                listener = f"listener.name.{protocol.lower()}"
                properties[f"{listener}.plain.sasl.jaas.config"] = \
                    f'{security}.plain.PlainLoginModule required user_{self.USER}="{self.PASSWORD}";'
                for mechanism in _SCRAM:
                    properties[f"{listener}.{mechanism.lower()}.sasl.jaas.config"] = f"{security}.scram.ScramLoginModule required;"
            if protocol.endswith("SSL"):
                properties |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": self.directory / "broker.pem"}
        return properties | self._settings

    def _make_certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=60, check=True)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Tributary tests",
                "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", "-x509", *key, "-keyout", "broker.key", "-out", "broker.crt", "-days", "30", "-subj", "/CN=broker",
                "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-addext", "basicConstraints=CA:FALSE")
        (self.directory / "broker.pem").write_text("".join((self.directory / file).read_text()
                                                           for file in ("broker.key", "broker.crt")))
