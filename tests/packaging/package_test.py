"""The Debian packages and the tarball, from their making to a purge that leaves nothing."""

import json
import re
import tarfile
import urllib.error
import urllib.request

import pytest
from chroot import Chroot
from debian_package import PACKAGES, PROGRAMS, DebianPackage, Unit, make_packages, run, version
from services.package import REPOSITORY
from services.process import wait_until

# Where Debian's machinery keeps its own account, and what adduser leaves of the files that it changed.
BOOKKEEPING = re.compile(r"/var/(cache|log|backups)/.*|/var/lib/(dpkg|apt)/.*|/etc/ld\.so\.cache|/tmp/.*|/run/adduser"
                         r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-|/etc/\.pwd\.lock")
KEEP_CONFIGURATION = ("--option", "Dpkg::Options::=--force-confold")
NAMES = pytest.mark.parametrize("name", ["edge", "collector"])
SIMULATOR = '\n[[sensor]]\ntype = "simulator"\nrate = 50.0\n'
READING = {"sensor_id": "shed", "timestamp": "2026-01-21T10:00:00Z", "temperature": 4.5, "humidity": 71,
           "location": {"latitude": 50.4, "longitude": 3.9}}

# What of ARM was built here; ./check builds both.
EMULATORS = {"aarch64": ("arm64", "qemu-aarch64-static", ["edge", "collector"]),
             "armv7": ("armhf", "qemu-arm-static", ["edge"])}
ARM = [(preset, name) for preset, (_, _, names) in EMULATORS.items() for name in names
       if (REPOSITORY / f"build/{preset}/CPackConfig.cmake").exists()
       and all((REPOSITORY / f"build/{preset}/bin/tributary-{each}").exists() for each in names)]


@pytest.fixture(scope="module", autouse=True)
def built():
    make_packages(PROGRAMS.parent)
    for preset in {preset for preset, _ in ARM}:
        make_packages(REPOSITORY / "build" / preset)


@pytest.fixture
def root():
    with Chroot() as made:
        yield made


def ask(unit, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{unit.port}{path}", body and json.dumps(body).encode(),
                                     {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def owner(root, path):
    """(mode as of ls, user, group), by their names."""
    return tuple(root.run("stat", "--format=%A %U %G", path).stdout.split())


def what_is_there(root):
    return {path: what for path, what in root.files().items() if not BOOKKEEPING.fullmatch(path)}


def differences(before, after):
    return {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
            if before.get(path) != after.get(path)}


def fill(unit, root, name):
    """Puts data where it must stay; what there is of it, in words that can be compared."""
    if name == "edge":
        configuration = root.place("/etc/tributary/edge.toml")
        original = configuration.read_text()
        configuration.write_text(original + SIMULATOR)
        unit.start()
        wait_until(lambda: ask(unit, "/buffer")[1]["pipelines"][0]["records"] >= 20, 30, "the buffer has some")
        unit.stop()
    else:
        unit.start()
        assert ask(unit, "/ingest", READING)[0] == 202
        wait_until(lambda: ask(unit, "/account")[1]["stored"] == 1, 30, "the event is stored")
        unit.stop()


def data(unit, root, name):
    """What is kept, in words that can be compared."""
    if name == "edge":
        return root.run("tributary-edge", "buffer", "--export", "--config", "/etc/tributary/edge.toml", user="tributary").stdout
    unit.start()
    answer = ask(unit, "/data")
    unit.stop()
    return answer


def check_installation(root, package):
    assert root.run("getent", "passwd", "tributary").stdout.split(":")[5:] == ["/var/lib/tributary", "/usr/sbin/nologin\n"]
    assert owner(root, "/var/lib/tributary") == ("drwxr-x---", "tributary", "tributary")
    assert owner(root, package.configuration) == ("-rw-r-----", "root", "tributary")
    assert (root.place("/etc/systemd/system/multi-user.target.wants") / f"{package.name}.service").is_symlink()


def check_run(root, unit, name):
    """The service's command, as its user, with its unit's environment."""
    unit.start()
    assert ask(unit, "/health/live") == (200, {"status": "up"})
    checks = ask(unit, "/health")[1]["checks"]
    # No broker is there: everything else works.
    assert [part for part, check in checks.items() if check["status"] != "up"] == ["mqtt"], checks
    status = unit.status()
    user = root.run("id", "-u", "tributary").stdout.strip()
    assert status["Uid"].split() == [user] * 4
    assert int(status["CapEff"], 16) == 0
    unit.stop()
    state = {"edge": "/var/lib/tributary/buffer", "collector": "/var/lib/tributary/stream"}[name]
    assert owner(root, state)[1:] == ("tributary", "tributary")


def dependencies(depends):
    """The libraries' packages of a field Depends."""
    return {part.split()[0] for part in depends.split(",")} - {"adduser"}


def add_machine(root, preset):
    """Makes the root one that runs that machine's programs, too, by the emulator whose path it returns."""
    architecture, emulator, _ = EMULATORS[preset]
    root.copy_in(f"/usr/bin/{emulator}", f"/usr/bin/{emulator}")
    root.run("dpkg", "--add-architecture", architecture)
    root.update()
    return f"/usr/bin/{emulator}"


def purge(root, package):
    root.run("dpkg", "--purge", package.name)


@NAMES
def test_an_installed_package_works_survives_an_upgrade_and_leaves_nothing(root, name, tmp_path):
    package = DebianPackage(name)
    root.update()
    before = what_is_there(root)
    package.install_in(root)
    check_installation(root, package)
    program = root.run(package.name, "check-config", "--config", package.configuration, user="tributary").stdout
    assert "the configuration is good" in program
    unit = Unit(root, package, tmp_path / "service.log")
    check_run(root, unit, name)

    fill(unit, root, name)
    configuration = root.read(package.configuration)
    kept = data(unit, root, name)
    package.later(tmp_path).install_in(root, *KEEP_CONFIGURATION)
    assert "99.0.0" in root.run("dpkg-query", "--show", package.name).stdout
    check_installation(root, package)
    if name == "edge":
        assert root.read(package.configuration) == configuration, "what was changed stays"
    else:
        assert root.read(package.configuration) == configuration + "\n# A default of a later version.\n"
    assert data(unit, root, name) == kept
    if name == "edge":
        assert kept.count("\n") >= 20

    root.run("dpkg", "--remove", package.name)
    assert not root.place(f"/usr/bin/{package.name}").exists()
    assert owner(root, package.configuration) == ("-rw-r-----", "root", "tributary")
    package.install_in(root, *KEEP_CONFIGURATION, "--allow-downgrades")
    assert data(unit, root, name) == kept, "removed and installed again, it goes on"

    root.write("/etc/tributary/tokens", "a secret of this machine")
    purge(root, package)
    root.run("apt-get", "autoremove", "--purge", "--yes", "--quiet")
    assert differences(before, what_is_there(root)) == {}
    assert root.run("getent", "passwd", "tributary", check=False).returncode == 2


@NAMES
def test_a_purge_takes_nothing_from_the_other_package(root, name, tmp_path):
    other = {"edge": "collector", "collector": "edge"}[name]
    packages = {short: DebianPackage(short) for short in (name, other)}
    for package in packages.values():
        package.install_in(root)
    units = {short: Unit(root, package, tmp_path / f"{short}.log") for short, package in packages.items()}
    root.write("/var/lib/tributary/.env", "# of both\n")
    for short, unit in units.items():
        fill(unit, root, short)
    kept = data(units[other], root, other)
    purge(root, packages[name])
    check_installation(root, packages[other])
    left = {path.name for path in root.place("/var/lib/tributary").iterdir()}
    assert ("buffer" in left, "stream" in left) == (other == "edge", other == "collector"), left
    assert ".env" in left
    assert data(units[other], root, other) == kept
    purge(root, packages[other])
    assert not root.place("/var/lib/tributary").exists() and not root.place("/etc/tributary").exists()
    assert root.run("getent", "passwd", "tributary", check=False).returncode == 2


def test_a_purge_takes_nothing_from_a_package_that_is_removed_and_has_lost_its_configuration(root):
    for name in ("edge", "collector"):
        DebianPackage(name).install_in(root)
    root.write("/var/lib/tributary/telemetry.db", "a database")
    root.run("dpkg", "--remove", "tributary-collector")
    root.place("/etc/tributary/collector.toml").unlink()
    purge(root, DebianPackage("edge"))
    assert root.read("/var/lib/tributary/telemetry.db") == "a database"
    assert root.run("getent", "passwd", "tributary").returncode == 0
    purge(root, DebianPackage("collector"))
    assert not root.place("/var/lib/tributary").exists()
    assert root.run("getent", "passwd", "tributary", check=False).returncode == 2


def test_a_purge_empties_a_state_folder_that_is_a_disk_of_its_own(root):
    DebianPackage("collector").install_in(root)
    root.write("/var/lib/tributary/telemetry.db", "a database")
    # The mount is there for this command alone.
    said = root.run("sh", "-ec", "mount --bind /var/lib/tributary /var/lib/tributary; dpkg --purge tributary-collector").stdout
    assert "/var/lib/tributary stays" in said
    assert not any(root.place("/var/lib/tributary").iterdir())
    assert root.run("dpkg-query", "--show", "tributary-collector", check=False).returncode == 1


@pytest.mark.parametrize(("preset", "name"), ARM)
def test_a_package_for_arm_is_installed_and_works(root, preset, name, tmp_path):
    architecture = EMULATORS[preset][0]
    emulator = add_machine(root, preset)
    package = DebianPackage(name, architecture)
    assert package.field("Architecture") == architecture
    # What apt takes out again of another architecture is its own affair.
    root.install(*(f"{each}:{architecture}" for each in dependencies(package.field("Depends"))))
    before = what_is_there(root)
    package.install_in(root)
    check_installation(root, package)
    unit = Unit(root, package, tmp_path / "service.log", emulator=emulator)
    unit.start()
    assert ask(unit, "/health/live") == (200, {"status": "up"})
    unit.stop()
    purge(root, package)
    assert differences(before, what_is_there(root)) == {}


def test_lintian_finds_no_error():
    run("lintian", "--allow-root", "--fail-on", "error,warning", *sorted(PACKAGES.glob(f"*_{version()}_*.deb")))


@NAMES
def test_dependencies_are_those_that_debians_own_tool_finds(name, tmp_path):
    """Cross builds ask libraries.py, as dpkg-shlibdeps doesn't know the sysroot's packages."""
    triplet = run("gcc", "-print-multiarch").strip()
    found = run("python3", "-B", REPOSITORY / "packaging/libraries.py", "--triplet", triplet, "depends",
                PROGRAMS / f"tributary-{name}")
    of_debian = DebianPackage(name).field("Depends")
    assert set(found.strip().split(", ")) == set(of_debian.split(", ")) - {"adduser"}, "with the same versions"
    for preset, built_name in ARM:
        if built_name == name:
            of_arm = DebianPackage(name, EMULATORS[preset][0]).field("Depends")
            assert dependencies(of_arm) == dependencies(found), preset


def test_the_services_are_sound_and_confined_in_systemds_eyes(root):
    root.install("systemd")
    for name in ("edge", "collector"):
        package = DebianPackage(name)
        package.install_in(root)
        unit = f"/usr/lib/systemd/system/{package.name}.service"
        assert root.run("systemd-analyze", "verify", "--man=no", unit).stdout == ""
        # 0 is a service that can do nothing, 10 one that can do everything. Above the threshold it fails.
        shown = root.run("systemd-analyze", "security", "--offline=true", "--threshold=17", "--no-pager", unit).stdout
        print(shown.splitlines()[-1])


@pytest.mark.parametrize("machine", ["x86_64", *dict.fromkeys(preset for preset, _ in ARM)])
def test_the_tarball_runs_where_none_of_its_libraries_is_installed(root, machine):
    emulator = []
    if machine in EMULATORS:
        emulator = [add_machine(root, machine)]
        root.install(f"libc6:{EMULATORS[machine][0]}")
    # A system that had them would hide what is missing.
    assert not list(root.place("/usr/lib").rglob("libmosquitto*")) and not list(root.place("/usr/lib").rglob("libspdlog*"))
    name = f"tributary-edge-{version()}-linux-{machine}"
    with tarfile.open(PACKAGES / f"{name}.tar.gz") as archive:
        archive.extractall(root.place("/opt"))
    home = f"/opt/{name}"
    readme = root.read(f"{home}/README")
    assert "%" not in readme and re.search(r"glibc 2\.\d+ or later", readme), readme
    program = [*emulator, f"{home}/bin/tributary-edge"]
    loaded = root.run("env", "LD_TRACE_LOADED_OBJECTS=1", *program).stdout
    others = [path for path in re.findall(r"=> (/\S+)", loaded) if not path.startswith(f"{home}/lib/") and
              not path.startswith(f"{home}/bin/../lib/")]
    assert {path.rsplit("/", 1)[1] for path in others} <= {"libc.so.6", "libm.so.6"}, loaded
    assert "libmosquitto.so.1 => /" in loaded and "not found" not in loaded, loaded
    shown = root.run(*program, "sample", "--set", 'sensor=[{type="simulator"}]', user="nobody")
    assert "temperature" in json.loads(shown.stdout)
    root.run("install", "-D", "-m", "0644", f"{home}/edge.toml", "/etc/tributary/edge.toml")
    checked = root.run(*program, "check-config", "--config", "/etc/tributary/edge.toml", user="nobody").stdout
    assert "the configuration is good" in checked
    assert "ExecStart=/opt/tributary-edge/bin/tributary-edge run" in root.read(f"{home}/tributary-edge.service")
