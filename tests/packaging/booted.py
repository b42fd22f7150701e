"""A chroot that systemd starts, as a machine does, with its services: in a process, network and cgroup namespace of its
own, which the kernel takes away with it. It sees nothing of the host's devices, network and cgroups.

    with Chroot() as root:
        root.install("systemd", "curl")
        with Booted(root, log) as machine:
            machine.run("systemctl", "status")
"""

import contextlib
import os
import subprocess
from pathlib import Path

from chroot import Failed
from services.process import Process, wait_until

# $1 is the root, $2 its cgroup: the namespace begins there.
_BOOT = """
echo $$ >"$2/cgroup.procs"
exec setpriv --pdeathsig=KILL unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --net sh -e -c "$3" boot "$1"
"""
_INIT = """
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind "$1/proc/sys" "$1/proc/sys"
mount -o remount,bind,ro "$1/proc/sys"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t tmpfs -o mode=755 tmpfs "$1/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for device in null zero full random urandom tty; do
  : >"$1/dev/$device"
  mount --bind "/dev/$device" "$1/dev/$device"
done
mkdir "$1/dev/pts" "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
mount -t tmpfs tmpfs "$1/dev/shm"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
cd /
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-mknod,-wake_alarm chroot "$1" \
  /lib/systemd/systemd --log-target=console systemd.unit=multi-user.target
"""
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def reason_to_skip():
    """Why systemd can't be started here, or None."""
    try:
        _make_cgroup().rmdir()
    except (OSError, LookupError) as error:
        return f"no cgroup of one's own here: {error}"
    return None


class Booted:
    """For the thread that made it. `log` gets what systemd prints."""

    def __init__(self, root, log):
        self._root, self._log = root, log

    def __enter__(self):
        self._cgroup = _make_cgroup()
        command = ["sh", "-e", "-c", _BOOT, "boot", self._root.path, self._cgroup, _INIT]
        self._process = Process(command, self._log, _ENVIRONMENT | {"container": "test"})
        try:
            self._process.start()
            self.wait_until("systemctl", "is-system-running", says=("running", "degraded"))
            self.run("ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        # The processes of its namespace end with it, though not at once.
        wait_until(lambda: _remove(self._cgroup), 30, f"nothing runs in {self._cgroup}")

    def run(self, *command, check=True, limit_s=60):
        """Runs a command in it; what it printed. Failed when it ends with another status than 0 (unless `check` is false)."""
        first = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])
        done = subprocess.run(["nsenter", f"--target={first}", "--all", "--root", "--wd=/", *map(str, command)],
                              env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=limit_s, check=False)
        if check and done.returncode != 0:
            raise Failed(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}")
        return done.stdout

    def wait_until(self, *command, says, limit=60):
        """Returns once the command prints one of the texts."""
        def said():
            assert self._process.running, f"systemd ended:\n{self._process.log_text()[-3000:]}"
            with contextlib.suppress(IndexError, OSError):
                return self.run(*command, check=False).strip() in says
            return False

        try:
            wait_until(said, limit, f"{' '.join(command)} says one of {says}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._process.log_text()[-3000:]}") from None


def _make_cgroup():
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for _, place, kind, *_ in mounts:
        if kind == "cgroup2":
            cgroup = Path(place, f"tributary-test-{os.getpid()}")
            cgroup.mkdir()
            return cgroup
    raise LookupError("cgroup2 is not mounted")


def _remove(cgroup):
    try:
        for folder, _, _ in os.walk(cgroup, topdown=False):
            os.rmdir(folder)
    except OSError:
        return False
    return True
