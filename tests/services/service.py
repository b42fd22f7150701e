"""What a test can do with a real server, whichever it is."""

import os
from pathlib import Path

from services import shared
from services.process import Process, wait_until


class Service:
    """A server with a port and data of its own: it can be ended in several ways and started again with both.
    Its log is DIRECTORY/<name>.log, all else is in DIRECTORY/<name>. Used by the main thread only.

    Without `own` it is the one that all tests share (shared.py): started and ended by somebody else."""

    name = ""   # as in file names and commands
    title = ""  # as people write it

    def __init__(self, directory, own):
        self.directory = Path(directory, self.name).resolve()
        self._process = None
        if own:
            self.directory.mkdir(parents=True, exist_ok=True)
            log = Path(directory, f"{self.name}.log").resolve()
            what, command, environment = self._prepare()
            self._process = Process(command, log, os.environ | environment, self.directory)
            self.origin = f"{what} at {self.address}"  # in a few words
        else:
            address, self.origin = shared.start(self.name)
            self._use(address)
        print(f"{self.title}: {self.origin}", flush=True)

    @property
    def address(self):
        """As the environment gives it and clients take it."""
        raise NotImplementedError

    def answers(self):
        """Whether it does its work, not only takes connections."""
        raise NotImplementedError

    def _use(self, address):
        """Takes the address of one that runs already."""
        raise NotImplementedError

    def _prepare(self):
        """Chooses ports and writes what the program needs. Which program it is, in a few words; its command;
        what it finds in the environment."""
        raise NotImplementedError

    def start(self, limit=90):
        """Returns once it does its work, with what its data holds; at once when `limit` is None."""
        if self._process is not None:
            self._process.start()
        if limit is not None:
            self.wait_for_answer(limit)
        return self

    def wait_for_answer(self, limit=90):
        def answers():
            assert self._process is None or self._process.running, \
                f"{self.title} ended with {self._process.wait(0)}:\n{self._process.log_text()[-2000:]}"
            return self.answers()

        wait_until(answers, limit, f"{self.title} at {self.address} answers")

    @property
    def running(self):
        return self._process is not None and self._process.running

    def _ours(self):
        assert self._process is not None, f"others use this {self.title}: {self.origin}"
        return self._process

    def stop(self, limit=60):
        """An orderly end (SIGTERM)."""
        self._ours().resume()
        self._process.terminate(limit)

    def kill(self):
        """kill -9. The one that others use too is left alone."""
        if self._process is not None:
            self._process.kill()

    def pause(self):
        """SIGSTOP: connections stay open, and nothing answers."""
        self._ours().suspend()

    def resume(self):
        self._ours().resume()
