"""The Kafka, the MongoDB and the PostgreSQL that all tests of one run share, so that each is started once. Tests keep out of
each other's way by topic and database names of their own; one that ends a service starts its own instead.

A keeper process holds each one: the service lives as long as the keeper, which ends on SIGTERM, with its
owner (the process that TRIBUTARY_TEST_SERVICES_OWNER names), or a while after the last start(). The keeper
holds a lock on <name>.pid as long as it lives, so what is in there is true."""

import contextlib
import fcntl
import importlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from services.package import BUILD, Unavailable, locked
from services.process import pause, wait_until

RUN = BUILD / "run"
IDLE_LIMIT_S = 90 * 60
_START_LIMIT_S = 1000  # the first one fetches the program

# By name: (the variable that names one which runs already, module, class). Their modules are loaded when one
# is started only: start() is asked often.
SERVICES = {
    "kafka": ("TRIBUTARY_TEST_KAFKA", "services.kafka", "Kafka"),
    "mongodb": ("TRIBUTARY_TEST_MONGODB", "services.mongodb", "MongoDB"),
    "postgresql": ("TRIBUTARY_TEST_POSTGRESQL", "services.postgresql", "PostgreSQL"),
}


def start(name):
    """The address of the shared one, and what it is in a few words. Starts it, unless it runs or the
    environment names one. Unavailable when it can't be had."""
    variable = SERVICES[name][0]
    given = os.environ.get(variable)
    if given:
        return given, f"{given} of {variable}"
    RUN.mkdir(parents=True, exist_ok=True)
    with locked(RUN / f"{name}.lock"):
        if _keeper(name) is None:
            _launch(name)
        os.utime(RUN / f"{name}.pid")
        return _read_address(name)


def stop(name, owner=None):
    """Ends the shared one and removes its data; with `owner`, only if it was started for this process."""
    if not RUN.is_dir():
        return
    with locked(RUN / f"{name}.lock"):
        keeper = _keeper(name)
        if keeper is None or owner not in (None, keeper["owner"]):
            return
        os.kill(keeper["pid"], signal.SIGTERM)
        wait_until(lambda: _keeper(name) is None, 30, f"the shared {name} has ended")


def run(name, directory, owner=None, idle_limit_s=None, **options):
    """Runs one of the caller's own, with these options and its data in DIRECTORY/<name>, until SIGTERM, the end of the process
    `owner`, or `idle_limit_s` after the last change of DIRECTORY/<name>.pid; then the data is removed.
    DIRECTORY/<name>/address says where it is, as soon as it answers. AssertionError when it ends by itself."""
    _, module, kind = SERVICES[name]
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    born = _born(owner)
    pid_file = directory / f"{name}.pid"
    with _held(pid_file, {"pid": os.getpid(), "owner": owner}):
        service = None
        try:
            shutil.rmtree(directory / name, ignore_errors=True)
            service = getattr(importlib.import_module(module), kind)(directory, own=True, **options).start()
            _write(service.directory / "address", f"{service.address}\n{service.origin}\n")
            while born == _born(owner) and (idle_limit_s is None or time.time() - pid_file.stat().st_mtime < idle_limit_s):
                assert service.running, f"{service.title} ended by itself: see {name}.log"
                pause(0.5)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if service is not None:
                service.kill()
            shutil.rmtree(directory / name, ignore_errors=True)


def _end(*_):
    raise SystemExit(0)


def _launch(name):
    """Starts a keeper, which holds its lock when this returns, or has failed."""
    # One that was killed has left its address behind.
    shutil.rmtree(RUN / name, ignore_errors=True)
    owner = os.environ.get("TRIBUTARY_TEST_SERVICES_OWNER")
    # Debian's Python: the one that Debian's packages belong to.
    command = ["/usr/bin/python3", "-B", Path(__file__).parent, "run", name, RUN, f"--idle-limit={IDLE_LIMIT_S}"]
    with open(RUN / f"{name}.log", "wb") as log:
        keeper = subprocess.Popen([*command, *([f"--owner={owner}"] if owner else [])], stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log, start_new_session=True)
    wait_until(lambda: keeper.poll() is not None or _keeper(name) is not None, 60, f"the keeper of {name} runs")


def _keeper(name):
    """What the keeper that lives wrote of itself, or None."""
    with contextlib.suppress(FileNotFoundError), open(RUN / f"{name}.pid", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return wait_until(lambda: _parsed(RUN / f"{name}.pid"), 10, f"{name}.pid is written")
    return None


def _parsed(file):
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _read_address(name):
    """The two lines of the address file, once it is there."""
    def answers():
        with contextlib.suppress(FileNotFoundError):
            return (RUN / name / "address").read_text(encoding="utf-8").splitlines()
        if _keeper(name) is None:
            end = (RUN / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise Unavailable("\n".join([f"{name} doesn't start:", *end]))
        return None

    return wait_until(answers, _START_LIMIT_S, f"the shared {name} answers")


@contextlib.contextmanager
def _held(file, content):
    """Holds the lock of this file, with the content as JSON, until the end of the process at the latest."""
    with open(file, "a", encoding="utf-8") as lock:
        def take():
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True

        wait_until(take, 5, f"nothing else runs with {file}")
        lock.truncate(0)
        lock.write(json.dumps(content))
        lock.flush()
        yield


def _write(file, text):
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.rename(file)


def _born(pid):
    """When the process began, in ticks of the kernel; None when there is none (a process id is used again)."""
    with contextlib.suppress(OSError):
        # The name, in parentheses, may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return None
