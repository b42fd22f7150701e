"""The two programs as tests see them: started with --set options, asked over HTTP, ended by their id."""

import http.client
import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from services.process import Process, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("TRIBUTARY_BIN", REPOSITORY / "build/release/bin"))
OFFICE_ROOM = REPOSITORY / "tests/data/office_room.csv"


def toml(value):
    """The value as TOML text, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(value)


def decode(text):
    """JSON with every number as it is written: 23.10 and 23.1 are equal, 23.1 and 23.100001 are not."""
    return json.loads(text, parse_float=Decimal)


def exactly(value):
    """The value as it comes back when nothing of it was changed."""
    return decode(json.dumps(value))


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def content_type(self):
        return self.headers.get("content-type", "").split(";")[0]

    def json(self):
        return decode(self.body)

    def ndjson(self):
        return [decode(line) for line in self.body.splitlines()]

    def __repr__(self):
        return f"{self.status} {self.content_type} {self.body[:500]!r}"


def program_environment(directory):
    """The environment of this process without what the programs read; state belongs below `directory`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIBUTARY_", "KAFKA_", "DB_"))}
    kept.pop("STATE_DIRECTORY", None)
    return kept | {"HOME": str(directory), "XDG_STATE_HOME": str(directory / "state")}


class Program(Process):
    """One of the programs with its HTTP address, in a directory of its own. It can be started, killed and
    started again."""

    program = ""
    programs = PROGRAMS  # where the program is
    emulator = ()        # what runs it, when it is for another processor

    def __init__(self, place, name, settings, configuration=None, command="run"):
        self.place = Path(place, name)
        self.place.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.settings = {"http.listen": [f"127.0.0.1:{self.port}"]} | settings
        self.configuration = configuration
        super().__init__([], Path(place, f"{name}.log"), program_environment(self.place), self.place)
        self.compose(command)

    def compose(self, command="run"):
        """Makes the command line anew, after a change of `settings`."""
        file = ["--config", self.configuration] if self.configuration else []
        sets = [part for key, value in self.settings.items() if value is not None
                for part in ("--set", f"{key}={toml(value)}")]
        self.command = [str(part) for part in [*self.emulator, self.programs / self.program, command, *file, *sets]]

    def start_and_wait(self, limit=30):
        """Returns once the process answers."""
        self.start()
        return self.wait_for_answer(limit)

    def wait_for_answer(self, limit=30):
        def answers():
            assert self.running, f"{self.program} ended with {self.wait(0)}:\n{self.log_text()[-2000:]}"
            try:
                return self.get("/health/live", timeout=2).status == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_until(answers, limit, f"{self.program} answers")
        return self

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None, timeout=60, **parameters):
        return self.request("GET", path + ("?" + urlencode(parameters) if parameters else ""), None, headers, timeout)

    def health(self):
        return self.get("/health")

    def metrics(self):
        """{(name, ((label, value), …)): value} of GET /metrics."""
        return parse_metrics(self.get("/metrics").body.decode())

    def metric(self, name, **labels):
        """The sum of the series of that name that have these labels."""
        return sum(value for (series, found), value in self.metrics().items()
                   if series == name and labels.items() <= dict(found).items())

    def log_lines(self):
        """The lines of the log that are JSON objects."""
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]


class Collector(Program):
    program = "tributary-collector"

    def __init__(self, place, broker_url, name="collector", **settings):
        self.data = Path(place, name, "data")
        super().__init__(place, name, {"data": self.data, "mqtt.url": broker_url} | settings)

    def ingest(self, body, pipeline="", content_type="application/json", **parameters):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        path = "/ingest" + ("/" + pipeline if pipeline else "")
        return self.request("POST", path + ("?" + urlencode(parameters) if parameters else ""),
                            body.encode() if isinstance(body, str) else body, {"Content-Type": content_type})

    def account(self, pipeline="telemetry"):
        account = self.get(f"/account/{pipeline}").json()
        ends = sum(account[end] for end in ("stored", "duplicates", "conflicts", "rejected", "lag"))
        assert account["records"] == ends, f"the account doesn't balance: {account}"
        return account

    def wait_for_account(self, limit=30, pipeline="telemetry", **expected):
        """The account, once it has these values and no lag."""
        def settled():
            account = self.account(pipeline)
            return account if account | expected | {"lag": 0} == account else None

        try:
            return wait_until(settled, limit, f"account of {pipeline} with lag 0 and {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.account(pipeline)}") from None

    def events(self, pipeline="telemetry", **parameters):
        """Every event of the pipeline that the parameters choose."""
        answer = self.get(f"/data/{pipeline}", format="ndjson", **parameters)
        assert answer.status == 200, answer
        return answer.ndjson()

    def dead_letters(self, pipeline="telemetry"):
        answer = self.get(f"/dead-letters/{pipeline}")
        assert answer.status == 200, answer
        return answer.json()["data"]

    def wait_until_subscribed(self, limit=30):
        wait_until(lambda: self.health().status == 200, limit, "the collector is up, with its subscription granted")
        return self


class Edge(Program):
    program = "tributary-edge"

    def __init__(self, place, broker_url, name="edge", configuration=None, **settings):
        self.buffer = Path(place, name, "buffer")
        super().__init__(place, name, {"id": name, "buffer.path": self.buffer, "mqtt.url": broker_url} | settings,
                         configuration)

    def buffered(self):
        """Records that are not yet released."""
        return int(self.metric("tributary_edge_buffer_records"))

    def records_on_disk(self):
        """The same of an edge that doesn't run."""
        report = subprocess.run([*self.emulator, self.programs / self.program, "buffer", "--set", f"buffer.path={toml(self.buffer)}"],
                                env=self.environment, cwd=self.place, stdout=subprocess.PIPE, timeout=30, check=True)
        return sum(pipeline["records"] for pipeline in json.loads(report.stdout)["pipelines"])


def csv_sensor(path, sensor_id="office", pace="max", pipeline="telemetry"):
    """The csv sensor for recordings with the columns of office_room.csv."""
    return {"type": "csv", "path": path, "pipeline": pipeline,
            "time": {"column": "Date", "format": "%Y-%m-%d %H:%M:%S", "zone": "UTC"},
            "fields": {"temperature": "Temperature", "humidity": "Humidity", "light": "Light", "co2": "CO2"},
            "set": {"sensor_id": sensor_id, "location": {"latitude": 50.45, "longitude": 3.95}}, "pace": pace}


_SAMPLE = re.compile(r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: -?\d+)?')
_LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_COMMENT = re.compile(r"# (?:HELP [a-zA-Z_:][a-zA-Z0-9_:]* .*|TYPE [a-zA-Z_:][a-zA-Z0-9_:]* (?:counter|gauge|histogram|summary|untyped))")


def parse_metrics(text):
    """Prometheus' text exposition format 0.0.4; AssertionError for a line that isn't of it."""
    series = {}
    assert text.endswith("\n"), "the last line has no end"
    for line in text.splitlines():
        if not line:
            continue
        if line.startswith("#"):
            assert _COMMENT.fullmatch(line), line
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        labels, rest = [], match["labels"] or ""
        while rest:
            label = _LABEL.match(rest)
            assert label, line
            labels.append((label["name"], label["value"]))
            rest = rest[label.end():]
        key = (match["name"], tuple(sorted(labels)))
        assert key not in series, f"twice: {line}"
        series[key] = float(match["value"])
    return series


def resident(program):
    """The bytes that the process has in memory."""
    with open(f"/proc/{program.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_memory(program):
    """The most MiB that the process ever had in memory."""
    with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def reading(second=0, sensor_id="sensor_1", **changes):
    """A telemetry event, the `second`th of its sensor."""
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    event = {"sensor_id": sensor_id, "timestamp": f"2026-01-{1 + days:02}T{hours:02}:{minutes:02}:{seconds:02}Z",
             "temperature": 25.4, "humidity": 60.2, "location": {"latitude": 12.97, "longitude": 77.59}} | changes
    return {name: value for name, value in event.items() if value is not None}


CLICK = {"event_id": "c2eebc99-9c0b-4ef8-bb6d-6bb9bd380a33", "user_id": 101, "event_type": "checkout",
         "page": "/checkout/success", "event_time": "2026-01-13T10:20:00Z"}
