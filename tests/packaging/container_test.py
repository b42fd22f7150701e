"""compose/Containerfile's instructions, in order and in a plain Debian, up to programs that run and are healthy."""

import json
import os
import shutil
import time
import urllib.request

import pytest
from chroot import Chroot
from containerfile import ContainerFile, Ignored, Image, Refused, instructions
from debian_package import PACKAGES, PROGRAMS, make_packages
from services.mosquitto import Mosquitto
from services.package import REPOSITORY
from services.process import free_port, wait_until

FILE = REPOSITORY / "compose/Containerfile"
STATE = "/var/lib/tributary"
USER_ID = 10001


@pytest.fixture(scope="module")
def build_stage(tmp_path_factory):
    """The root that the stage `build` leaves: with the packages of the check's own build, or, with
    TRIBUTARY_TEST_BUILD_STAGE=1, really built, which takes minutes."""
    if os.environ.get("TRIBUTARY_TEST_BUILD_STAGE") == "1":
        begin = time.monotonic()
        with Image(ContainerFile(FILE), "build", REPOSITORY) as image:
            print(f"the stage build took {time.monotonic() - begin:.0f} s and has {image.size_bytes() >> 20} MiB")
            yield image.root.path
        return
    make_packages(PROGRAMS.parent)
    place = tmp_path_factory.mktemp("build-stage")
    shutil.copytree(PACKAGES, place / "source/build/packages", ignore=shutil.ignore_patterns("*_99*"))
    for package in (place / "source/build/packages").glob("*.deb"):
        if not package.name.endswith("_amd64.deb"):
            package.unlink()  # for other machines: a container is built on its own kind
    yield place


@pytest.fixture(scope="module")
def images(build_stage):
    file = ContainerFile(FILE)
    with Image(file, "collector", REPOSITORY, {"build": build_stage}) as collector, \
            Image(file, "edge", REPOSITORY, {"build": build_stage}) as edge:
        yield {"collector": collector, "edge": edge}


@pytest.fixture
def broker(tmp_path):
    broker = Mosquitto(tmp_path, own=True).start()
    yield broker
    broker.stop()


def test_both_images_run_in_order_up_to_healthy_programs_that_deliver(images, broker, tmp_path):
    ports = {name: free_port() for name in images}
    environments = {name: {"TRIBUTARY_HTTP__LISTEN": f"127.0.0.1:{ports[name]}", "TRIBUTARY_MQTT__URL": broker.url} for name in images}
    environments["edge"]["TRIBUTARY_SENSOR"] = '[{type = "simulator", pipeline = "telemetry"}]'
    for name, image in images.items():
        before = image.root.files()
        environment = environments[name]
        assert not image.is_healthy(environment), "nothing runs yet"
        program = image.start(tmp_path / f"{name}.log", environment)
        wait_until(lambda image=image, environment=environment: image.is_healthy(environment), 60, f"{name} is healthy")
        with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status if ":" in line)
        assert fields["Uid"].split() == [str(USER_ID)] * 4 and int(fields["CapBnd"], 16) == 0
        written = {path for path, what in image.root.files().items() if before.get(path) != what}
        assert all(path.startswith(f"{STATE}/") for path in written), f"the root is read-only in a container: {written}"

    def readings():
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['collector']}/data?format=ndjson", timeout=10) as answer:
            return [json.loads(line) for line in answer]

    wait_until(readings, 30, "the edge's readings are in /data")


def test_an_image_says_what_it_is_and_has_no_more_than_it_needs(images):
    with Chroot() as bare:
        debian = {path.lstrip("/") for path in bare.files()}
    for name, image in images.items():
        assert image.labels["org.opencontainers.image.title"] == f"tributary-{name}"
        assert image.volumes == [STATE] and image.directory == STATE
        assert image.ports == {"collector": [8000, 8001, 8002], "edge": [8003]}[name]
        assert image.run("version").returncode == 0
        owner = image.root.place(STATE).stat()
        assert (owner.st_uid, owner.st_gid) == (USER_ID, USER_ID)
        assert not list(image.root.place("/var/lib/apt/lists").iterdir()) and not list(image.root.place("/tmp").iterdir())
        more = image.size_bytes(since=debian)
        print(f"{name}: {more >> 20} MiB beside Debian")
        assert more < {"collector": 64 << 20, "edge": 32 << 20}[name]


def test_what_is_no_part_of_an_image_stays_out_of_the_context():
    ignored = Ignored(REPOSITORY)
    for path in (".git/HEAD", "build/release/bin/tributary-edge", "compose/.env", "compose/secrets/tokens", "tests/style/style.py",
                 "packaging/__pycache__/x.pyc"):
        assert ignored(path), path
    for path in ("tests/services/packages.sh", "CMakeLists.txt", "edge/main.cpp", "packaging/edge.toml", "LICENSE"):
        assert not ignored(path), path


@pytest.mark.parametrize("line", ["ADD x /y", "SHELL [\"/bin/bash\"]", "RUN --mount=type=cache,target=/x true",
                                  "COPY --link x /y", "ENTRYPOINT tributary-edge", "USER nobody-there", "ENV A $B"])
def test_what_the_steps_here_would_do_otherwise_than_a_builder_is_refused(tmp_path, line):
    (tmp_path / "Containerfile").write_text(f"FROM debian:bookworm AS one\n{line}\n")
    with pytest.raises(Refused), Image(ContainerFile(tmp_path / "Containerfile"), "one", tmp_path):
        pass


def test_lines_that_go_on_are_one_instruction():
    text = "# a\nRUN a \\\n  # b\n  && b\n\nCMD [\"c\"]\n"
    assert [(step.line, step.name, step.text) for step in instructions(text)] == [(2, "RUN", "a && b"), (6, "CMD", '["c"]')]
