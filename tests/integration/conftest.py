import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Collector, Edge  # noqa: E402
from services.mosquitto import Mosquitto  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True


@pytest.fixture
def place(request):
    """A directory of the test's own, which stays when the test fails; the ends of its logs are printed."""
    directory = Path(tempfile.mkdtemp(prefix="tributary-"))
    directory.chmod(0o755)  # Mosquitto gives up being root
    yield directory
    if not getattr(request.node, "failed", False):
        shutil.rmtree(directory)
        return
    print(f"\nWhat the programs left is in {directory}")
    for log in sorted(directory.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"--- {log.name}, the last of {len(lines)} lines", *(line[:500] for line in lines[-30:]), sep="\n")


@pytest.fixture
def chance():
    """Random numbers whose seed is printed; TRIBUTARY_SEED replays them."""
    seed = int(os.environ.get("TRIBUTARY_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"TRIBUTARY_SEED={seed}")
    return random.Random(seed)


class Site:
    """A broker and the programs around it; everything that was started ends with the test."""

    def __init__(self, place):
        self.place = place
        self.broker = None
        self.started = []

    def start_broker(self, own=False):
        self.broker = self.broker or self.prepare_broker(own)
        return self.broker.start()

    def prepare_broker(self, own=False):
        """A broker with an address, not started."""
        self.broker = Mosquitto(self.place, own=own)
        return self.broker

    def collector(self, **settings):
        """A collector, not started."""
        return self.keep(Collector(self.place, self.broker.url if self.broker else "", **settings))

    def start_collector(self, **settings):
        """A collector that answers and, where there is a broker, has its subscription."""
        return self.collector(**settings).start_and_wait().wait_until_subscribed()

    def edge(self, **settings):
        """An edge, not started."""
        return self.keep(Edge(self.place, self.broker.url, **settings))

    def keep(self, program):
        """A program or service, which is killed at the end of the test."""
        self.started.append(program)
        return program

    def end(self):
        for program in self.started:
            program.kill()
        if self.broker:
            self.broker.stop()


@pytest.fixture
def site(place):
    site = Site(place)
    yield site
    site.end()
