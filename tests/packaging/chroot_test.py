"""A chroot is what the tests of packages rely on: Debian, alone with itself, and nothing left of it."""

import os
from pathlib import Path

import pytest
from chroot import Chroot, Failed
from services.process import wait_until


@pytest.fixture(scope="module")
def root():
    with Chroot() as made:
        yield made


def mounts_below(path):
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(path) in line]


def test_a_command_runs_in_a_debian_12_of_its_own(root):
    assert root.run("cat", "/etc/debian_version").stdout.startswith("12")
    root.run("sh", "-c", "echo here > /root/file && test -c /dev/null && test -d /proc/1 && test -d /sys/kernel")
    assert root.read("/root/file") == "here\n"
    assert mounts_below(root.path) == []
    assert not any(root.place("/proc").iterdir())


def test_a_failed_command_says_what_failed_and_what_it_said(root):
    with pytest.raises(Failed, match="(?s)exit status 3: sh -c .*out of luck"):
        root.run("sh", "-c", "echo out of luck >&2; exit 3")
    assert root.run("false", check=False).returncode == 1
    with pytest.raises(Failed, match="not done within 0.5 s: sleep 60"):
        root.run("sleep", "60", limit_s=0.5)


def test_a_user_has_no_capability_and_its_own_environment(root):
    shown = root.run("sh", "-c", "id -un; grep CapEff /proc/self/status; echo $COLOUR; pwd", user="nobody",
                     environment={"COLOUR": "blue"}, directory="/tmp").stdout.split()
    assert shown == ["nobody", "CapEff:", "0000000000000000", "blue", "/tmp"]


def test_input_is_given_and_files_are_copied_in(root, tmp_path):
    assert root.run("cat", text="a line\n").stdout == "a line\n"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/script").write_text("#!/bin/sh\necho ran\n")
    before = root.files()
    root.copy_in(tmp_path / "folder", "/opt/folder")
    root.copy_in(tmp_path / "folder/script", "/opt/alone", mode=0o755)
    assert root.run("/opt/alone").stdout == "ran\n"
    after = root.files()
    assert set(after) - set(before) == {"/opt/folder", "/opt/folder/script", "/opt/alone"}
    assert after["/opt/alone"] == ("-rwxr-xr-x", 0, 0)


def test_a_path_that_leads_out_of_the_root_is_refused(root):
    with pytest.raises(ValueError, match="leads out of the root"):
        root.place("/../../etc")


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_program_goes_on_until_it_is_told_to_end(root, tmp_path, user):
    program = root.start("sh", "-c", "trap 'echo ending; exit 4' TERM; echo began; while :; do sleep 0.05; done",
                         user=user, log=tmp_path / "log")
    wait_until(lambda: "began" in program.log_text(), 30, "it says that it began")
    owner = Path(f"/proc/{program.pid}").stat().st_uid
    assert owner == (0 if user == "root" else 65534)
    assert program.terminate() == 4
    assert program.log_text() == "began\nending\n"
    assert not program.running


def test_what_a_test_leaves_behind_ends_and_goes(tmp_path):
    with Chroot() as other:
        other.start("sh", "-c", "sleep 1000 & exec sleep 2000", user="nobody", log=tmp_path / "log")
        inside = wait_until(lambda: processes_in(other.path), 30, "something runs there")
        assert inside
    wait_until(lambda: not processes_in(other.path), 30, "nothing runs there")
    assert not other.path.exists()


def processes_in(path):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and os.readlink(entry / "root").startswith(str(path)):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def test_apt_installs_from_the_mirror_of_this_machine(root):
    root.install("hello")
    assert "Hello, world" in root.run("hello").stdout
