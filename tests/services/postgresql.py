"""A real PostgreSQL 15, with user and password (SCRAM-SHA-256), that keeps its promises about disks.

TRIBUTARY_TEST_POSTGRESQL=postgresql://USER:PASSWORD@HOST:PORT/postgres names one that runs already."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from services.certificates import Certificates
from services.package import Unavailable
from services.process import free_port, wait_until
from services.service import Service

_DEBIAN = Path("/usr/lib/postgresql/15/bin")  # not on PATH
_ACCOUNT = "postgres"


def _program(name):
    beside = Path(shutil.which("postgres") or _DEBIAN / "postgres").resolve().with_name(name)
    if not beside.exists():
        raise Unavailable(f"there is no {beside}: apt-get install postgresql-15, or set TRIBUTARY_TEST_POSTGRESQL")
    return beside


def _as_account():
    """What a command begins with: PostgreSQL refuses to be root. It may still enter root's folders."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override", "--pdeathsig=KILL"]


def _children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything.
            state, parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return found


def _is_alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
    return False


class PostgreSQL(Service):
    """Of the test's `own` with `settings`: more of postgresql.conf; and with `tls`: it takes nothing else then,
    and its certificate is of the authority `ca`."""

    name, title = "postgresql", "PostgreSQL"
    USER, PASSWORD = "tributary", "for-tests-only"

    def __init__(self, directory, settings=None, tls=False, own=False):
        assert own or not (settings or tls), "the PostgreSQL that others use too is as it is"
        self._settings = settings or {}
        self._tls = tls
        self._address = ""
        self._stopped = []
        super().__init__(directory, own)

    @property
    def address(self):
        """postgresql://user:password@host:port/postgres"""
        return self._address

    @property
    def ca(self):
        """The file with the certificate of the authority, in PEM."""
        return self.directory / "certificates/ca.pem"

    def address_of(self, database):
        return self._address.rpartition("/")[0] + "/" + database

    def run(self, sql, database="postgres", limit=30):
        """What psql prints: a line for each row, its values with | between."""
        parts = urlsplit(self._address)
        environment = os.environ | {"PGPASSWORD": parts.password or "", "PGCONNECT_TIMEOUT": "3"}
        command = [_program("psql"), "--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align",
                   "--set=ON_ERROR_STOP=1", f"--host={parts.hostname}", f"--port={parts.port}", f"--username={parts.username}",
                   f"--dbname={database}", f"--command={sql}"]
        done = subprocess.run(list(map(str, command)), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=limit, check=False)
        assert done.returncode == 0, f"{sql}: {done.stderr}"
        return done.stdout.rstrip("\n")

    def answers(self):
        try:
            return self.run("SELECT 1", limit=5) == "1"
        except (AssertionError, subprocess.TimeoutExpired):
            return False

    def kill(self):
        """kill -9, also of the processes that it started: one that works would go on to its end, and hold up a start."""
        if self._process is None:
            return
        children = _children(self._process.pid) if self._process.running else []
        super().kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        wait_until(lambda: not any(map(_is_alive, children)), 30, "all of PostgreSQL has ended")

    def pause(self):
        super().pause()
        self._stopped = _children(self._process.pid)
        for child in self._stopped:
            os.kill(child, signal.SIGSTOP)

    def resume(self):
        for child in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)
        self._stopped = []
        super().resume()

    def stop(self, limit=60):
        """An orderly end that doesn't wait for its clients (SIGINT)."""
        self.resume()
        self._process.signal(signal.SIGINT)
        self._process.wait(limit)

    def _use(self, address):
        self._address = address

    def _prepare(self):
        server, initdb = _program("postgres"), _program("initdb")
        port = free_port()
        self._address = f"postgresql://{self.USER}:{self.PASSWORD}@127.0.0.1:{port}/postgres"
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        self._give(data)
        password = self.directory / "password"
        password.write_text(self.PASSWORD + "\n")
        self._give(password)
        self._call(*_as_account(), initdb, f"--pgdata={data}", f"--username={self.USER}", f"--pwfile={password}",
                   "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        password.unlink()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 200,
                    "log_min_messages": "fatal"}
        if self._tls:
            settings |= self._make_certificates(data)
            (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        with open(data / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in (settings | self._settings).items())
        return f"{server}", [*_as_account(), server, "-D", data], {}

    def _make_certificates(self, data):
        certificates = Certificates(self.directory)
        certificates.make_authority()
        certificates.issue("server")
        for kind in ("pem", "key"):
            file = data / f"server.{kind}"
            shutil.copy(certificates.file(file.name), file)
            file.chmod(0o600)
            self._give(file)
        return {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}

    def _give(self, path):
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(path, account.pw_uid, account.pw_gid)

    def _call(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}:\n{done.stdout}"
