"""compose/'s services without containers: the same programs, environments and files, on other ports and in other
folders."""

import os
import re
import shutil
import subprocess
import uuid
from urllib.parse import urlsplit

import pymongo
import pymongo.errors
from harness import Collector, Edge, Program, program_environment
from services.certificates import client_context
from services.compose_file import ComposeFile
from services.kafka import Kafka
from services.mongodb import program as mongodb_program
from services.mosquitto import answers
from services.mosquitto import program as mosquitto_program
from services.postgresql import PostgreSQL
from services.process import Process, free_port, wait_until

_CONFIGURATION = {"tributary-collector": "/etc/tributary/collector.toml", "tributary-edge": "/etc/tributary/edge.toml"}

# Stands for what the image brings.
_LOGGING = "Configuration: {Appenders: {}, Loggers: {Root: {level: info}, Logger: []}}\n"


def rewritten(text, names):
    """`text` with each of `names` as its value, the longest first."""
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(pattern, lambda match: str(names[match[0]]), text)


class ComposeSite:
    """A deployment below `place`. Everything that was started ends with end()."""

    def __init__(self, place, tls=False, **variables):
        self.place = place
        self.tls = tls
        self.mqtt_port, self.mqtts_port = free_port(), free_port()
        self.kafka_address, self.mongodb_address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.file = ComposeFile(place, tls, KAFKA_BOOTSTRAP_SERVERS=self.kafka_address, **variables)
        self.variables = self.file.variables
        self.names = {"kafka:9092": self.kafka_address, "0.0.0.0:9092": self.kafka_address,
                      "127.0.0.1:19092": f"127.0.0.1:{free_port()}", "127.0.0.1:9093": f"127.0.0.1:{free_port()}",
                      "mongodb:27017": self.mongodb_address,
                      "mosquitto:1883": f"127.0.0.1:{self.mqtt_port}", "mosquitto:8883": f"127.0.0.1:{self.mqtts_port}"}
        self._started = []

    def start(self, service):
        """A service with a start(), which is ended with the site."""
        self._started.append(service)
        return service.start()

    def end(self):
        for service in reversed(self._started):
            service.kill()

    def program(self, service):
        """A service that is a program of ours, not started."""
        return ComposedProgram(self, service)

    def start_program(self, service):
        return self.start(self.program(service)).wait_for_answer()

    def start_mosquitto(self):
        return self.start(ComposedMosquitto(self))

    def start_kafka(self):
        return self.start(ComposedKafka(self))

    def start_mongodb(self):
        return self.start(ComposedMongoDB(self))


class ComposedProgram(Program):
    """One of our programs, with the environment and the files that its container has. It calls as who may everything."""

    def __init__(self, site, service):
        self.program = site.file.services[service]["image"].split(":")[0]
        folder = site.place / service
        folder.mkdir()
        super().__init__(site.place, service, {})
        names = site.names | {"/etc/tributary": folder / "etc", "/var/lib/tributary": folder / "state",
                              **{f"0.0.0.0:{port}": f"127.0.0.1:{self.port}" for port in range(8000, 8004)}}
        for inside, source in site.file.mounts(service).items():
            copy = folder / "etc" / inside.removeprefix("/etc/tributary/")
            copy.parent.mkdir(exist_ok=True)
            with open(source, encoding="utf-8") as file:
                copy.write_text(rewritten(file.read(), names))
            copy.chmod(0o600)
        self.environment = program_environment(folder) | {
            name: rewritten(value, names) for name, value in site.file.environment(service).items()}
        self.configuration = rewritten(_CONFIGURATION[self.program], names)
        self.settings = {}
        self.state = folder / "state"
        self._token = site.variables["ADMIN_TOKEN"]
        self.compose()

    def command_line(self, command):
        """The exit status of another command of the program, and what it printed."""
        done = subprocess.run([self.command[0], command, *self.command[2:]], env=self.environment, cwd=self.directory,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                              check=False)
        return done.returncode, done.stdout

    def request(self, method, path, body=None, headers=None, timeout=60):
        return super().request(method, path, body, {"Authorization": f"Bearer {self._token}"} | (headers or {}), timeout)

    ingest, events, account, wait_for_account = Collector.ingest, Collector.events, Collector.account, Collector.wait_for_account
    buffered = Edge.buffered


class ComposedMosquitto(Process):
    """Started by compose/mosquitto/start, as a user that isn't root."""

    def __init__(self, site):
        self._site = site
        folder = site.place / "mosquitto"
        shutil.copytree(site.file.directory / "mosquitto", folder / "config")
        (folder / "data").mkdir()
        (folder / "tmp").mkdir()
        mounts = site.file.mounts("mosquitto")
        names = {"/tmp/": f"{folder}/tmp/", "/mosquitto/config": folder / "config", "/mosquitto/data": folder / "data",
                 "/mosquitto/listeners": folder / "config" / os.path.basename(mounts["/mosquitto/listeners"]),
                 "/mosquitto/secrets": folder / "secrets", "listener 1883": f"listener {site.mqtt_port} 127.0.0.1",
                 "listener 8883": f"listener {site.mqtts_port} 127.0.0.1"}
        for inside, source in mounts.items():
            if inside.startswith("/mosquitto/secrets/"):
                (folder / "secrets").mkdir(exist_ok=True)
                shutil.copy(source, folder / "secrets")
        for file in (folder / "config").rglob("*"):
            if file.is_file():
                file.write_text(rewritten(file.read_text(), names))
        become = []
        if os.geteuid() == 0:
            become = ["setpriv", "--reuid=mosquitto", "--regid=mosquitto", "--clear-groups", "--pdeathsig=KILL"]
            for inside in ("data", "tmp"):
                shutil.chown(folder / inside, "mosquitto", "mosquitto")
        environment = site.file.environment("mosquitto") | {"PATH": f"{mosquitto_program().parent}:/usr/bin:/bin"}
        entrypoint = rewritten(site.file.services["mosquitto"]["entrypoint"][0], names)
        super().__init__([*become, entrypoint], site.place / "mosquitto.log", environment, folder)

    def start(self):
        super().start()
        wait_until(lambda: answers("127.0.0.1", self._site.mqtt_port, stranger=True), 20, "Mosquitto takes connections")
        if self._site.tls:
            wait_until(lambda: answers("127.0.0.1", self._site.mqtts_port, client_context(), stranger=True), 20,
                       "Mosquitto takes connections with TLS")
        return self


class ComposedKafka(Kafka):
    """With the properties that the image's own program makes of its environment."""

    def __init__(self, site):
        self._site = site
        super().__init__(site.place, own=True)

    def _prepare(self):
        prepared = super()._prepare()
        self._addresses["PLAINTEXT"] = self._site.names["127.0.0.1:19092"]
        return prepared

    def _format(self, storage, properties, environment):
        """The image's program has done it."""

    def _properties(self):
        environment = {name: rewritten(value, self._site.names | {"/var/lib/kafka": self.directory})
                       for name, value in self._site.file.environment("kafka").items()}
        folders = {kind: self.directory / kind for kind in ("default", "mounted", "final")}
        for folder in folders.values():
            folder.mkdir()
        for name, text in (("server.properties", ""), ("log4j2.yaml", _LOGGING), ("tools-log4j2.yaml", _LOGGING)):
            (folders["default"] / name).write_text(text)
        options = [part for kind, folder in folders.items() for part in (f"--{kind}-configs-dir", folder)]
        done = subprocess.run(list(map(str, [*self.java(), "kafka.docker.KafkaDockerWrapper", "setup", *options])),
                              env={"PATH": os.environ["PATH"]} | environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
        lines = (folders["final"] / "server.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line)


class ComposedMongoDB(Process):
    """With the command of its service, and the users that the image and create-user.js make."""

    def __init__(self, site):
        self._site = site
        folder = site.place / "mongodb"
        folder.mkdir()
        host, port = site.mongodb_address.split(":")
        command = [mongodb_program(), *site.file.services["mongodb"]["command"][1:], "--auth", "--dbpath", folder, "--port", port,
                   "--bind_ip", host, "--nounixsocket"]
        super().__init__(command, site.place / "mongodb.log", directory=folder)

    def start(self):
        super().start()
        environment = self._site.file.environment("mongodb")
        root = environment["MONGO_INITDB_ROOT_USERNAME"], environment["MONGO_INITDB_ROOT_PASSWORD"]
        wait_until(self._answers, 60, "MongoDB answers")
        with self.client() as client:
            client.admin.command("createUser", root[0], pwd=root[1], roles=["root"])
        # What create-user.js says, of which only its environment and its braces are JavaScript's own.
        script = (self._site.file.directory / "mongodb/create-user.js").read_text()
        database = re.search(r'getSiblingDB\("(\w+)"\)', script)[1]
        roles = re.findall(r'"(\w+)"', re.search(r"roles: (\[.*\])", script)[1])
        user, password = (environment[re.search(rf"{key}: process\.env\.(\w+)", script)[1]] for key in ("user", "pwd"))
        with self.client(username=root[0], password=root[1]) as client:
            client[database].command("createUser", user, pwd=password, roles=roles)
        return self

    def client(self, **login):
        return pymongo.MongoClient(f"mongodb://{self._site.mongodb_address}", serverSelectionTimeoutMS=5000, **login)

    def _answers(self):
        try:
            with self.client() as client:
                return client.admin.command("ping")["ok"]
        except pymongo.errors.PyMongoError:
            return False


class ComposedPostgreSQL:
    """A user and a database of its own, by compose/postgresql/create-user.sh, in the PostgreSQL of all tests."""

    def __init__(self, place):
        self.server = PostgreSQL(place).start()
        address = urlsplit(self.server.address)
        name = uuid.uuid4().hex[:8]
        self.variables = {"DB_HOST": address.hostname, "DB_PORT": str(address.port), "DB_NAME": f"events_{name}",
                          "DB_USER": f"collector_{name}"}
        self._login = {"POSTGRES_USER": address.username, "PGHOST": address.hostname, "PGPORT": str(address.port),
                       "PGPASSWORD": address.password}

    def create_user(self, site):
        script = site.file.mounts("postgresql")["/docker-entrypoint-initdb.d/create-user.sh"]
        environment = site.file.environment("postgresql") | self._login | {"PATH": os.environ["PATH"]}
        done = subprocess.run([script], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout

    def end(self):
        self.server.run(f'DROP DATABASE IF EXISTS "{self.variables["DB_NAME"]}" WITH (FORCE)')
        self.server.run(f'DROP ROLE IF EXISTS "{self.variables["DB_USER"]}"')
