"""What a service manager hears of the two programs, by sd_notify(3)'s protocol."""

import socket
import time

import pytest
from services.process import wait_until

WATCHDOG_S = 0.4
PROGRAMS = pytest.mark.parametrize("program", ["edge", "collector"])


class ServiceManager:
    """The end of the protocol that systemd has."""

    def __init__(self, place):
        self.path = place / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def watch(self, program):
        program.environment |= {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        return program

    def heard(self, limit=30):
        """The next thing that it is told; None when there is nothing within `limit` seconds."""
        self._socket.settimeout(limit)
        try:
            return self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None

    def forget(self):
        while self.heard(0):
            pass


@pytest.fixture
def manager(site):
    return ServiceManager(site.place)


@PROGRAMS
def test_a_service_says_that_it_is_ready_works_and_stops(site, manager, program):
    site.prepare_broker(own=True)  # not started: a program works without one
    service = manager.watch(getattr(site, program)()).start()
    assert manager.heard() == "READY=1"
    assert service.get("/health/live").status == 200
    began = time.monotonic()
    for _ in range(4):
        assert manager.heard() == "WATCHDOG=1"
    assert time.monotonic() - began > WATCHDOG_S, "it says so twice in the time it has, and not all the time"
    assert service.terminate() == 0
    assert next(state for state in iter(manager.heard, None) if state != "WATCHDOG=1") == "STOPPING=1"


@PROGRAMS
def test_a_service_that_hangs_does_not_say_that_it_works(site, manager, program):
    site.prepare_broker(own=True)
    service = manager.watch(getattr(site, program)()).start()
    assert manager.heard() == "READY=1"
    assert manager.heard() == "WATCHDOG=1"
    service.suspend()
    manager.forget()
    assert manager.heard(2 * WATCHDOG_S) is None
    service.resume()
    assert manager.heard() == "WATCHDOG=1"


def test_a_service_that_can_not_start_is_never_ready(site, manager):
    first = site.collector().start_and_wait()
    second = manager.watch(site.collector(name="second", data=first.data)).start()
    assert second.wait(20) == 1
    assert manager.heard(0) is None
    wait_until(lambda: first.running, 1, "the first one goes on")
