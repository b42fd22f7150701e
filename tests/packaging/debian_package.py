"""The packages that CPack made, and what they hold."""

import configparser
import os
import re
import shlex
import socket
import subprocess
from pathlib import Path

from chroot import Failed
from services.package import REPOSITORY, locked
from services.process import free_port, wait_until

PROGRAMS = Path(os.environ.get("TRIBUTARY_BIN", REPOSITORY / "build/release/bin"))
PACKAGES = REPOSITORY / "build/packages"


def run(*command, **options):
    """A program of the host; Failed with what it said when it ends with another status than 0."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)
    if done.returncode != 0:
        raise Failed(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def make_packages(build):
    """Packs what is built in that folder of CMake, unless its packages are newer. Tests may do so at the same time."""
    sources = [build / "CPackConfig.cmake", *build.glob("bin/tributary-*"), *(build / "packaging").rglob("*"),
               *(REPOSITORY / "packaging").rglob("*")]
    newest = max(path.stat().st_mtime for path in sources if path.is_file())
    made = build / "cpack.made"
    with locked(build / "cpack.lock"):
        if made.exists() and made.stat().st_mtime > newest and all(map(os.path.exists, made.read_text().splitlines())):
            return
        output = run("cpack", "--config", build / "CPackConfig.cmake", cwd=build)
        made.write_text("\n".join(re.findall(r"- package: (\S+) generated", output)))


def version():
    return re.search(r"project\(tributary VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]


class DebianPackage:
    def __init__(self, name, architecture="amd64", path=None):
        self.name = f"tributary-{name}"
        self.short_name = name
        self.architecture = architecture
        self.path = path or PACKAGES / f"{self.name}_{version()}_{architecture}.deb"

    @property
    def configuration(self):
        return f"/etc/tributary/{self.short_name}.toml"

    def field(self, name):
        return run("dpkg-deb", "--field", self.path, name).strip()

    def later(self, place):
        """The same package as it may be one day: with a higher version and another default configuration."""
        unpacked = place / f"{self.name}-later"
        run("dpkg-deb", "--raw-extract", self.path, unpacked)
        control = unpacked / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*", "Version: 99.0.0", control.read_text()))
        with open(unpacked / self.configuration.lstrip("/"), "a", encoding="utf-8") as configuration:
            configuration.write("\n# A default of a later version.\n")
        path = place / f"{self.name}_99.0.0_{self.architecture}.deb"
        run("dpkg-deb", "--root-owner-group", "--build", unpacked, path)
        return DebianPackage(self.short_name, self.architecture, path)

    def install_in(self, root, *options):
        root.copy_in(self.path, f"/root/{self.path.name}", mode=0o644)
        try:
            return root.install(f"/root/{self.path.name}", options=options)
        finally:
            root.place(f"/root/{self.path.name}").unlink()


class Unit:
    """The service in a chroot, as systemd would run it: its user, environment, directories and notifications."""

    def __init__(self, root, package, log, emulator=None):
        self.root, self.log, self.emulator = root, log, emulator
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str
        parsed.read_string(root.read(f"/usr/lib/systemd/system/{package.name}.service"))
        self.service = parsed["Service"]
        self.port = free_port()
        # What an administrator would write there; the network is the host's.
        root.write(f"/etc/default/{package.name}", f"TRIBUTARY_HTTP__LISTEN='[\"127.0.0.1:{self.port}\"]'\n"
                   f"TRIBUTARY_MQTT__URL=mqtt://127.0.0.1:{free_port()}\n", mode=0o600)
        self._running = None

    def environment(self):
        values = {}
        for line in self.root.read(self.service["EnvironmentFile"].removeprefix("-")).splitlines():
            name, value = line.split("=", 1)
            values[name] = shlex.split(value)[0]
        return values | {"STATE_DIRECTORY": f"/var/lib/{self.service['StateDirectory']}", "HOME": "/nonexistent"}

    def start(self):
        """Returns once it says that it serves."""
        inside = "/run/tributary-test-notify"
        self.root.place(inside).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.root.place(inside)))
            self.root.place(inside).chmod(0o666)
            manager.settimeout(0.05)
            self._running = self.root.start(
                *([self.emulator] if self.emulator else []), *shlex.split(self.service["ExecStart"]),
                user=self.service["User"], directory=self.service["WorkingDirectory"], log=self.log,
                environment=self.environment() | {"NOTIFY_SOCKET": inside})

            def ready():
                assert self._running.running, f"the service ended:\n{self._running.log_text()}"
                try:
                    return manager.recv(4096).startswith(b"READY=1")
                except TimeoutError:
                    return False

            wait_until(ready, 60, "the service says that it is ready")
        self.root.place(inside).unlink()
        return self

    def status(self):
        """Of the process that runs."""
        text = Path(f"/proc/{self._running.pid}/status").read_text(encoding="ascii")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def stop(self):
        assert self._running.terminate(60) == 0, self._running.log_text()
