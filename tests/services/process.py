"""A program that a test starts, watches and ends, by its process id."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def pause(seconds):
    """Lets time go by where the passing of time is what a test is about: a random moment for a kill."""
    threading.Event().wait(seconds)


def wait_until(condition, limit, what):
    """The first true value of condition(), asked again and again; AssertionError after `limit` seconds."""
    end = time.monotonic() + limit
    interval = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what} (the last value was {value!r})")
        pause(interval)
        interval = min(interval * 1.5, 0.1)


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses, outside of the range that outgoing connections take
    theirs from: it stays free while a program is down."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _die_with_parent():
    # A test that is killed at its time limit leaves no program behind.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program, which can be started again after its end. What it prints is added to the file `log`.
    Started by the main thread only: it ends with the thread that started it."""

    def __init__(self, command, log, environment=None, directory=None):
        self.command = [str(part) for part in command]
        self.log = log
        self.environment = environment
        self.directory = directory
        self._process = None

    def start(self):
        assert not self.running, f"{self.command[0]} runs already"
        with open(self.log, "ab") as output:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                             env=self.environment, cwd=self.directory, preexec_fn=_die_with_parent)
        return self

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    def wait(self, limit):
        """The exit status; AssertionError when it still runs after `limit` seconds."""
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} still runs after {limit} s") from None

    def kill(self):
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def suspend(self):
        """SIGSTOP: it is there and says nothing, until resume(). Returns once all its threads have stopped."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def signal(self, number):
        self._process.send_signal(number)

    def terminate(self, limit=30):
        """SIGTERM; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(limit)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()
