"""The services under systemd itself, with everything that their units take from them."""

import json
import re

import booted
import pytest
from booted import Booted
from chroot import Chroot
from debian_package import PROGRAMS, DebianPackage, make_packages
from services.process import wait_until

REASON = booted.reason_to_skip()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
READING = ('{"sensor_id":"shed","timestamp":"2026-01-21T10:00:00Z","temperature":4.5,"humidity":71,'
           '"location":{"latitude":50.4,"longitude":3.9}}')
WATCHDOG = "[Service]\nWatchdogSec=2\nRestartSec=100ms\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    make_packages(PROGRAMS.parent)
    with Chroot() as root:
        root.install("systemd", "curl", "iproute2")
        for name in ("edge", "collector"):
            package = DebianPackage(name)
            package.install_in(root)
            root.write(f"/etc/systemd/system/{package.name}.service.d/test.conf", WATCHDOG)
        configuration = root.place("/etc/tributary/edge.toml")
        configuration.write_text(configuration.read_text() + '\n[[sensor]]\ntype = "host"\ninterval = "1s"\n')
        with Booted(root, tmp_path_factory.mktemp("machine") / "console.log") as machine:
            machine.root = root
            yield machine


def service(machine, name):
    """What systemd says of it."""
    shown = machine.run("systemctl", "show", f"tributary-{name}", "--property=ActiveState,MainPID,NRestarts,Result")
    return dict(line.split("=", 1) for line in shown.splitlines())


def wait_until_active(machine, name):
    machine.wait_until("systemctl", "is-active", f"tributary-{name}", says=("active",))
    return service(machine, name)


def ask(machine, url, *options):
    return json.loads(machine.run("curl", "--silent", "--show-error", *options, url))


@pytest.mark.parametrize("name", ["edge", "collector"])
def test_a_service_is_started_with_the_machine_and_has_no_privilege(machine, name):
    pid = wait_until_active(machine, name)["MainPID"]
    status = dict(line.split(":\t", 1) for line in machine.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == machine.run("id", "-u", "tributary").strip()
    assert (int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")


def test_the_collector_takes_stores_and_answers(machine):
    wait_until_active(machine, "collector")
    assert ask(machine, "http://127.0.0.1:8000/ingest", "--json", READING) == {"accepted": 1}
    wait_until(lambda: ask(machine, "http://127.0.0.1:8001/account")["stored"] == 1, 30, "the event is stored")
    assert ask(machine, "http://127.0.0.1:8001/data")["data"] == [json.loads(READING)]


def test_the_host_sensor_reads_what_it_needs(machine):
    wait_until_active(machine, "edge")
    def readings():
        lines = machine.run("curl", "--silent", "http://127.0.0.1:8003/buffer/export").splitlines()
        return lines if len(lines) > 1 else None  # a processor's use is known from the second on

    values = json.loads(wait_until(readings, 30, "two readings")[-1])["values"]
    assert {"cpu", "load", "memory", "disk"} <= {name.split("_")[0] for name in values}, values


@pytest.mark.parametrize("name", ["edge", "collector"])
def test_a_service_that_hangs_is_started_again(machine, name):
    before = wait_until_active(machine, name)
    machine.run("systemctl", "kill", "--signal=STOP", f"tributary-{name}")
    wait_until(lambda: int(service(machine, name)["NRestarts"]) > int(before["NRestarts"]), 30, "systemd starts it again")
    assert wait_until_active(machine, name)["MainPID"] != before["MainPID"]


def test_a_service_with_a_mistake_in_its_configuration_is_not_started_again_and_again(machine):
    wait_until_active(machine, "edge")
    place = machine.root.place("/etc/tributary/edge.toml")
    good = place.read_text()
    place.write_text(good + "\n[nonsense]\n")
    machine.run("systemctl", "restart", "tributary-edge", check=False)
    state = service(machine, "edge")
    assert (state["ActiveState"], state["Result"]) == ("failed", "exit-code"), state
    place.write_text(good)
    machine.run("systemctl", "restart", "tributary-edge")
    wait_until_active(machine, "edge")


def test_an_upgrade_starts_the_service_anew_and_a_removal_stops_it(machine, tmp_path):
    before = wait_until_active(machine, "edge")["MainPID"]
    later = DebianPackage("edge").later(tmp_path)
    machine.root.copy_in(later.path, "/root/later.deb")
    machine.run("dpkg", "--force-confold", "--install", "/root/later.deb")
    assert wait_until_active(machine, "edge")["MainPID"] != before
    machine.run("dpkg", "--remove", "tributary-edge")
    assert service(machine, "edge")["ActiveState"] == "inactive"
    machine.run("dpkg", "--purge", "tributary-edge")
    assert re.search("tributary-collector", machine.run("systemctl", "list-units", "--no-pager"))
    assert not machine.root.place("/var/lib/tributary/buffer").exists()
