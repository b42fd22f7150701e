"""What compose/ says, set up as a user does it and read by a real compose. No engine is needed for that."""

import json
import os
import shutil
import subprocess

import yaml

from services.package import REPOSITORY, Unavailable

PROFILES = ("telemetry", "clickstream")
# Not podman-compose: Debian's has no `config`.
_COMMANDS = (["docker", "compose"], ["docker-compose"])


def composes_at_hand():
    """The commands that answer; `docker compose` comes first."""
    found = []
    for command in _COMMANDS:
        if shutil.which(command[0]) and _call(*command, "version").returncode == 0:
            found.append(command)
    if not found:
        raise Unavailable("there is neither docker compose nor docker-compose: apt-get install docker-compose")
    return found


def _call(*command, directory=None):
    # A variable of the caller's would be stronger than .env.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(list(map(str, command)), cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)


class ComposeFile:
    """A copy of compose/ below `place`, after ./setup. `variables`: other values in .env."""

    def __init__(self, place, tls=False, **variables):
        self.directory = place / "compose"
        shutil.copytree(REPOSITORY / "compose", self.directory, ignore=shutil.ignore_patterns(".env", "secrets", "grafana"))
        self.files = ["compose.yaml", *(["compose.tls.yaml"] if tls else [])]
        example = (self.directory / ".env.example").read_text()
        dotenv = "".join(f"{_overwritten(line, variables)}\n" for line in example.splitlines())
        (self.directory / ".env.example").write_text(dotenv)
        self.setup(*(["--tls"] if tls else []))
        self._services = None

    def setup(self, *arguments):
        done = _call(self.directory / "setup", *arguments, directory=self.directory)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def variables(self):
        """What .env says."""
        lines = (self.directory / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def resolve(self, command, check=True):
        """The whole file with nothing left to fill in, as this compose prints it; what it says of mistakes, unless
        `check`."""
        files = [part for file in self.files for part in ("-f", file)]
        profiles = [part for profile in PROFILES for part in ("--profile", profile)]
        done = _call(*command, *files, *profiles, "config", directory=self.directory)
        if not check:
            return done.stderr if done.returncode else None
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return yaml.safe_load(done.stdout)

    @property
    def services(self):
        """{name: service} of the first compose at hand."""
        if self._services is None:
            self._services = self.resolve(composes_at_hand()[0])["services"]
        return self._services

    def services_of(self, profile):
        return {name for name, service in self.services.items() if profile in service["profiles"]}

    def environment(self, service):
        return {name: str(value) for name, value in (self.services[service].get("environment") or {}).items()}

    def published(self, service):
        """[(address, port, port inside)]"""
        ports = []
        for port in self.services[service].get("ports", []):
            if isinstance(port, str):
                address, outside, inside = port.removesuffix("/tcp").rsplit(":", 2)
            else:
                address, outside, inside = port.get("host_ip", ""), port["published"], port["target"]
            ports.append((address, int(outside), int(inside)))
        return ports

    def mounts(self, service):
        """{path inside: file or folder of this machine}"""
        return {mount["target"]: mount["source"] for mount in self.services[service].get("volumes", [])
                if mount["type"] == "bind"}


def _overwritten(line, variables):
    name, equals, _ = line.partition("=")
    return f"{name}={variables[name]}" if equals and name in variables else line


def comparable(model):
    """The parts of a resolved file that two composes must agree on, however they write them."""
    return json.dumps({
        name: [service["image"], sorted(service["profiles"]),
               {key: str(value) for key, value in service["environment"].items()}]
        for name, service in model["services"].items()}, sort_keys=True)
