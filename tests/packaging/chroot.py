"""A minimal Debian 12 of a test's own, in which packages are installed and programs run as on a fresh machine.

It is made once by mmdebstrap from the Debian mirror that this machine's apt uses (its main suite alone), kept as
build/chroot/bookworm-minbase.tar, and unpacked for each use. What runs in it has a mount and a process namespace of
its own: /proc, /dev and /sys are mounted for that one command only, and when it ends, or the test does, everything
that it started ends, and the kernel takes the mounts away. The network is the host's.

    with Chroot() as root:
        root.install("mosquitto")
        print(root.run("mosquitto", "-h", check=False).stdout)
"""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

from services.package import REPOSITORY, Unavailable, fetch_with, locked
from services.process import Process, wait_until

SUITE = "bookworm"
CACHE = REPOSITORY / "build/chroot"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIMIT_S = 60
_INSTALL_LIMIT_S = 300

# $1 is the root. The mounts are seen by nobody else, and go with the last process of the namespace.
_ENTER = """
mount --rbind --make-rslave /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind -o ro /sys "$1/sys"
cd /
chroot "$@"
exit $?
"""
# It ends with the test, and with it the first process of the namespace, a shell, and with that all others.
_NAMESPACES = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]


def reason_to_skip():
    """Why there can be no chroot here at all, or None. (That a tool or a mirror is missing is no such reason:
    then making one fails with Unavailable.)"""
    if os.geteuid() != 0:
        return "a chroot takes root"
    tried = subprocess.run([*_NAMESPACES, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           errors="replace", check=False)
    if tried.returncode != 0:
        return f"no namespaces here: {tried.stderr.strip()}"
    return None


class Failed(AssertionError):
    """A command in a chroot ended with another status than 0, or not in time."""


class Chroot:
    """A Debian root below `parent` (build/chroot when not given), there from `with` to its end. For the thread that
    made it."""

    def __init__(self, parent=None):
        self._parent = Path(parent) if parent else CACHE
        self._running = []
        self.path = None

    def __enter__(self):
        tarball = _tarball()
        self._parent.mkdir(parents=True, exist_ok=True)
        with locked(self._parent / "roots.lock"):
            _remove_left_over(self._parent)
            self.path = Path(tempfile.mkdtemp(prefix="root-", dir=self._parent))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            _run_here("tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--file", tarball,
                      "--directory", self.path)
            # The names that the host finds, it finds.
            shutil.copyfile("/etc/resolv.conf", self.path / "etc/resolv.conf")
            (self.path / "etc/apt/apt.conf.d/90host").write_text(_apt_proxies(), encoding="utf-8")
            # It needn't survive a power cut.
            (self.path / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n", encoding="utf-8")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        for process in self._running:
            process.kill()
        self._remove()

    def run(self, *command, user="root", environment=None, directory="/", limit_s=_LIMIT_S, check=True, text=None):
        """Runs a command to its end, with `text` as its input: a CompletedProcess whose stdout has what it printed to
        both outputs. Failed when it ends with another status than 0 (unless `check` is false) or not in `limit_s`."""
        line = " ".join(map(str, command))
        process = subprocess.Popen(self._entering(command, user, directory), env=self._environment(environment),
                                   stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            output, _ = process.communicate(text, timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise Failed(f"not done within {limit_s} s: {line}\n{output}") from None
        except BaseException:
            process.kill()
            process.wait()
            raise
        done = subprocess.CompletedProcess(command, process.returncode, output)
        if check and done.returncode != 0:
            raise Failed(f"exit status {done.returncode}: {line}\n{output}")
        return done

    def start(self, *command, log, user="root", environment=None, directory="/"):
        """Starts a program that is to go on, a Service; what it prints is added to the file `log`, outside."""
        service = Service(self._entering(command, user, directory), command, log, self._environment(environment))
        self._running.append(service)
        return service.start()

    def install(self, *packages, options=(), limit_s=_INSTALL_LIMIT_S):
        """apt-get install; a package is a name, or the path of a .deb inside."""
        if not any((self.path / "var/lib/apt/lists").glob("*_Packages*")):
            self.update()
        return self.run("apt-get", "install", "--yes", "--no-install-recommends", "--quiet", *options, *packages,
                        limit_s=limit_s)

    def update(self):
        """apt-get update: for a root to which an architecture was added; install() does it the first time."""
        return self.run("apt-get", "update", "--quiet", limit_s=_INSTALL_LIMIT_S)

    def place(self, inside):
        """Where `inside`, an absolute path in the root, is on the host."""
        real = Path(os.path.realpath(self.path / str(inside).lstrip("/")))
        if not real.is_relative_to(self.path):
            raise ValueError(f"{inside} leads out of the root")
        return real

    def copy_in(self, source, inside, mode=None):
        """Copies a file or a folder of the host; what is there is replaced, missing folders are made. It belongs to
        root."""
        target = self.place(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
        for path in (target, *target.rglob("*")) if target.is_dir() else (target,):
            os.chown(path, 0, 0, follow_symlinks=False)
        if mode is not None:
            target.chmod(mode)
        return inside

    def write(self, inside, text, mode=0o644):
        target = self.place(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, inside):
        return self.place(inside).read_text(encoding="utf-8", errors="replace")

    def files(self, *, below="/"):
        """Every file and folder below `below` as {path: (kind and mode as of ls, user id, group id)}."""
        found = {}
        for folder, folders, names in os.walk(self.place(below)):
            for name in (*folders, *names):
                path = Path(folder, name)
                status = path.lstat()
                inside = "/" + path.relative_to(self.path).as_posix()
                found[inside] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid)
        return found

    def _entering(self, command, user, directory):
        # As a service's user has it: its groups, no capability, and no way to get one.
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={self._group_of(user)}",
                                            "--init-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        inside = ["env", f"--chdir={directory}", *become, *map(str, command)]
        return [*_NAMESPACES, "sh", "-e", "-c", _ENTER, "enter", str(self.path), *inside]

    def _group_of(self, user):
        for line in self.read("/etc/passwd").splitlines():
            name, _, _, group, *_ = line.split(":")
            if name == user:
                return group
        raise Failed(f"there is no user {user} in {self.path}/etc/passwd")

    def _environment(self, more):
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        return {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **proxies,
                **(more or {})}

    def _remove(self):
        # The mounts are not seen from here: what is removed is the root's own.
        shutil.rmtree(self.path)
        os.close(self._lock)


class Service(Process):
    """A program that runs in a chroot. Ended by kill() or terminate(), or with its chroot."""

    def __init__(self, entering, command, log, environment):
        super().__init__(entering, log, environment)
        # What the process shows as its command line before it is the program: the shell's, chroot's, env's, setpriv's.
        self._steps = {tuple(self.command[i:]) for i in range(len(self.command) - len(command))}
        self._name = str(command[0])

    @property
    def pid(self):
        """The program's own process id, as seen from outside; 0 as long as it isn't the program yet, and at its end."""
        try:
            first = _children(self._process.pid)[0]
            program = _children(first)[0]
            command = Path(f"/proc/{program}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")[:-1]
        except (OSError, IndexError):
            return 0
        is_step = not command or command[0] == "chroot" or tuple(command) in self._steps
        return 0 if is_step else program

    def signal(self, number):
        pid = wait_until(lambda: self.pid or not self.running, 30, f"{self._name} runs")
        if pid is not True:
            os.kill(pid, number)

    def terminate(self, limit=30):
        """SIGTERM to the program; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(limit)


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _tarball():
    """The root that all begin with. Waits while another process makes it."""
    tarball = CACHE / f"{SUITE}-minbase.tar"
    if tarball.is_file():
        return tarball
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "tarball.lock"):
        if not tarball.is_file():
            if not shutil.which("mmdebstrap"):
                raise Unavailable("there is no mmdebstrap to make a Debian root with: apt-get install mmdebstrap")
            part = CACHE / f"part-{SUITE}-minbase.tar"
            proxies = [f"--aptopt={line}" for line in _apt_proxies().splitlines()]
            fetch_with("mmdebstrap", "--quiet", "--variant=minbase", *proxies, SUITE, part,
                       f"deb {mirror()} {SUITE} main")
            part.rename(tarball)
    return tarball


def mirror():
    """Where this machine's apt has Debian 12's main suite from, or what TRIBUTARY_TEST_DEBIAN_MIRROR says."""
    if named := os.environ.get("TRIBUTARY_TEST_DEBIAN_MIRROR"):
        return named
    found = subprocess.run(["bash", "-c", "source tests/services/packages.sh; debian_mirror"], cwd=REPOSITORY,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if found:
        return found
    raise Unavailable(f"this machine's apt names no mirror with {SUITE} main: name one in TRIBUTARY_TEST_DEBIAN_MIRROR, "
                      "as http://HOST/debian")


def _apt_proxies():
    """The lines of the host's apt configuration that name a proxy."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if "proxy" in line.split(" ")[0].lower())


def _remove_left_over(parent):
    """Roots of tests that were killed: nobody holds their locks any more, and nothing runs in them."""
    for root in parent.glob("root-*"):
        try:
            lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(root, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)


def _run_here(*command):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Failed(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}")
