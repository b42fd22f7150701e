"""The programs for ARM, through qemu, beside those of this machine."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import OFFICE_ROOM, REPOSITORY, Collector, Edge, csv_sensor, reading
from services.process import wait_until

AGENT_SIZE_MAX = 1536 << 10
QEMU = {"armv7": "qemu-arm-static", "aarch64": "qemu-aarch64-static"}
TRIPLET = {"armv7": "arm-linux-gnueabihf", "aarch64": "aarch64-linux-gnu"}


def programs(processor):
    return REPOSITORY / "build" / processor / "bin"


def emulator(processor):
    return QEMU[processor], "-L", REPOSITORY / "build/sysroot" / processor


class Armv7Edge(Edge):
    programs = programs("armv7")
    emulator = emulator("armv7")


class Aarch64Edge(Edge):
    programs = programs("aarch64")
    emulator = emulator("aarch64")


class Aarch64Collector(Collector):
    programs = programs("aarch64")
    emulator = emulator("aarch64")


def text_of(*command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIBUTARY_")}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=60).stdout.decode()


def test_the_agents_for_arm_are_what_they_say_and_have_at_most_1_5_mib(place):
    kinds = {"armv7": r"ELF 32-bit LSB pie executable, ARM, EABI5 .*interpreter /lib/ld-linux-armhf\.so\.3",
             "aarch64": r"ELF 64-bit LSB pie executable, ARM aarch64"}
    for processor, kind in kinds.items():
        agent = programs(processor) / "tributary-edge"
        assert re.search(kind, text_of("file", agent)), text_of("file", agent)
        stripped = place / f"tributary-edge-{processor}"
        subprocess.run([f"{TRIPLET[processor]}-strip", "-o", stripped, agent], check=True, timeout=60)
        print(f"{processor}: {stripped.stat().st_size} bytes stripped")
        assert stripped.stat().st_size <= AGENT_SIZE_MAX
        assert re.search(r"\(commit \w+.*, Linux (armv7l|aarch64), ", text_of(*emulator(processor), agent, "version"))


def test_a_recording_sent_by_the_armv7_agent_arrives_whole_though_it_is_killed_on_the_way(site):
    site.start_broker()
    collector = site.start_collector()
    edge = site.keep(Armv7Edge(site.place, site.broker.url, sensor=[csv_sensor(OFFICE_ROOM)], exit_when_done=True))
    edge.start()
    wait_until(lambda: collector.account()["records"] > 0, 60, "something of the recording has come")
    edge.kill()
    edge.start()
    assert edge.wait(120) == 0, edge.log_text()[-2000:]

    wait_until(lambda: len(collector.events(sensor_id="office")) == 8143, 30, "the recording is in /data")
    account = collector.wait_for_account(stored=8143, conflicts=0, rejected=0)
    print(f"killed once on the way, sent twice: {account}")


def test_the_aarch64_agent_and_collector_work_together(site):
    site.start_broker()
    collector = site.keep(Aarch64Collector(site.place, site.broker.url))
    collector.start_and_wait(60).wait_until_subscribed()
    edge = site.keep(Aarch64Edge(site.place, site.broker.url,
                                 sensor=[{"type": "simulator", "pipeline": "telemetry", "count": 2, "rate": 20.0}]))
    edge.start_and_wait(60)
    wait_until(lambda: collector.account()["stored"] >= 40, 60, "forty readings are stored")
    assert edge.terminate() == 0, edge.log_text()[-2000:]
    assert collector.ingest(reading()).status == 202
    collector.wait_for_account(limit=60, rejected=0, conflicts=0)
    assert [event["sensor_id"] for event in collector.events(sensor_id="sensor_1")] == ["sensor_1"]
    assert text_of(*emulator("aarch64"), programs("aarch64") / "tributary-collector", "health", "--set",
                   f"http.listen={json.dumps([f'127.0.0.1:{collector.port}'])}").startswith('{"status"')
    assert collector.terminate() == 0, collector.log_text()[-2000:]


def configure(build, sysroot):
    environment = {name: value for name, value in os.environ.items() if name not in ("CXX", "TRIBUTARY_SYSROOT")}
    return subprocess.run(["cmake", "--preset", "armv7", "-B", build, "-DTRIBUTARY_TESTS=OFF", f"-DTRIBUTARY_SYSROOT={sysroot}"],
                          cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)


@pytest.fixture
def own_sysroot(place):
    """The one of the preset under another name, with headers of its own."""
    sysroot, made = place / "sysroot", REPOSITORY / "build/sysroot/armv7"
    (sysroot / "usr/include").mkdir(parents=True)
    for name in ("usr/bin", "usr/lib", "usr/share", "lib"):
        if (made / name).exists():
            (sysroot / name).symlink_to(made / name)
    for entry in (made / "usr/include").iterdir():
        (sysroot / "usr/include" / entry.name).symlink_to(entry)
    return sysroot


def test_a_sysroot_of_ones_own_is_taken_and_one_that_cannot_work_is_refused(place, own_sysroot):
    done = configure(place / "build", own_sysroot)
    assert done.returncode == 0, done.stdout[-2000:]
    cache = Path(place, "build/CMakeCache.txt").read_text()
    assert str(own_sysroot) in cache and str(REPOSITORY / "build/sysroot") not in cache

    features = own_sysroot / "usr/include/features.h"
    text = features.read_text()
    features.unlink()
    features.write_text(re.sub(r"(#define\s+__GLIBC_MINOR__\s+)\d+", r"\g<1>31", text))
    refused = configure(place / "build2", own_sysroot)
    assert refused.returncode != 0 and "give the compiler that belongs to it by CXX" in " ".join(refused.stdout.split())

    refused = configure(place / "build3", place)
    assert refused.returncode != 0 and "has no usr/include" in " ".join(refused.stdout.split())
