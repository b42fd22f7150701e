"""The instructions of a container file, carried out in a plain Debian instead of a container engine.

What it knows is what compose/Containerfile uses; anything else is refused, so that nothing is passed over. Images and
layers there are none: a stage is a chroot, and FROM debian:… is chroot.py's minimal Debian."""

import fnmatch
import json
import re
import shlex
import shutil
from pathlib import Path

from chroot import SUITE, Chroot

_BASES = (f"debian:{SUITE}", f"debian:{SUITE}-slim")
_KNOWN = {"FROM", "ARG", "ENV", "LABEL", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
_RUN_LIMIT_S = 3600


class Refused(Exception):
    """An instruction, or a way to write one, that isn't known here."""


class Instruction:
    def __init__(self, line, text):
        self.line = line
        self.name, _, self.text = text.partition(" ")
        self.text = self.text.strip()
        self.options = {}
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", self.text):
            if match[1] in self.options:
                raise self.refused("an option twice")
            self.options[match[1]] = match[2]
            self.text = self.text[match.end():]
        if self.name not in _KNOWN or self.text.startswith("--"):
            raise self.refused("unknown here")

    def refused(self, why):
        return Refused(f"line {self.line}: {self.name}: {why}")

    def only(self, *options):
        if unknown := set(self.options) - set(options):
            raise self.refused(f"unknown here: {', '.join(sorted(unknown))}")

    def plain(self):
        if "$" in self.text:
            raise self.refused("variables are not filled in here")
        return self.text

    def command(self):
        """Of the form with brackets."""
        if not self.text.startswith("["):
            raise self.refused("only the form with brackets is known here")
        return json.loads(self.text)


def instructions(text):
    """Those of a file, in order, with continued lines joined and comments left out."""
    joined, begin = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begin = begin if joined else number
        joined += line.strip()
        if joined.endswith("\\"):
            joined = joined[:-1].rstrip() + " "
            continue
        yield Instruction(begin, joined)
        joined = ""
    if joined:
        raise Refused(f"line {begin}: ends with a backslash")


class ContainerFile:
    def __init__(self, path):
        self.stages = {}  # {name: (what it is from, instructions)}
        stage = None
        for instruction in instructions(Path(path).read_text(encoding="utf-8")):
            if instruction.name != "FROM":
                if stage is None:
                    raise instruction.refused("before the first FROM")
                stage.append(instruction)
                continue
            instruction.only()
            match = re.fullmatch(r"(\S+) AS ([a-z]+)", instruction.plain())
            if not match or match[2] in self.stages:
                raise instruction.refused("a stage of no name, or of one that is taken")
            if match[1] not in self.stages and match[1] not in _BASES:
                raise instruction.refused(f"{match[1]} is neither a stage nor one of {', '.join(_BASES)}")
            stage = []
            self.stages[match[2]] = (match[1], stage)

    def steps(self, stage):
        """All instructions that make the stage, from its Debian on."""
        base, own = self.stages[stage]
        return own if base in _BASES else self.steps(base) + own


class Image:
    """A stage in a chroot, and what its instructions say of the containers that are to come."""

    def __init__(self, file, stage, context, other_stages=None):
        """`context`: the folder to build in; `other_stages`: {name: the root that such a stage left}."""
        self.root = None
        self.environment, self.labels = {}, {}
        self.user, self.directory = "root", "/"
        self.ports, self.volumes = [], []
        self.healthcheck = self.entrypoint = self.command = None
        self._arguments = {}
        self._steps = file.steps(stage)
        self._context = Path(context)
        self._other_stages = other_stages or {}
        self._chroot = Chroot()

    def __enter__(self):
        self.root = self._chroot.__enter__()
        try:
            for step in self._steps:
                getattr(self, f"_{step.name.lower()}")(step)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._chroot.__exit__()

    def start(self, log, environment):
        """Starts what a container would start."""
        return self.root.start(*self.entrypoint, *self.command, user=self.user, directory=self.directory, log=log,
                               environment=self._all(environment))

    def run(self, *arguments, environment=None):
        """The entry point with other arguments: a CompletedProcess."""
        return self.root.run(*self.entrypoint, *arguments, user=self.user, directory=self.directory,
                             environment=self._all(environment), check=False)

    def is_healthy(self, environment):
        return self.root.run(*self.healthcheck, user=self.user, directory=self.directory,
                             environment=self._all(environment), check=False).returncode == 0

    def size_bytes(self, since=frozenset()):
        """Of all files but those in `since`, each once."""
        seen, size = set(), 0
        for path in self.root.path.rglob("*"):
            status = path.lstat()
            inside = path.relative_to(self.root.path).as_posix()
            if inside not in since and not path.is_dir() and status.st_ino not in seen:
                seen.add(status.st_ino)
                size += status.st_blocks * 512
        return size

    def _all(self, more=None):
        return {"HOME": self._home(), **self.environment, **(more or {})}

    def _home(self):
        for line in self.root.read("/etc/passwd").splitlines():
            name, _, _, _, _, home, _ = line.split(":")
            if name == self.user:
                return home
        return "/"

    def _arg(self, step):
        step.only()
        name, equals, value = step.plain().partition("=")
        if not equals:
            raise step.refused("without a default")
        self._arguments[name] = shlex.split(value)[0] if shlex.split(value) else ""

    def _pairs(self, step):
        step.only()
        pairs = [word.partition("=") for word in shlex.split(step.plain())]
        if not all(equals for _, equals, _ in pairs):
            raise step.refused("only NAME=VALUE is known here")
        return {name: value for name, _, value in pairs}

    def _env(self, step):
        self.environment |= self._pairs(step)

    def _label(self, step):
        self.labels |= self._pairs(step)

    def _workdir(self, step):
        step.only()
        self.directory = step.plain()
        # As a builder does: what isn't there is made, and root's.
        self.root.place(self.directory).mkdir(parents=True, exist_ok=True)

    def _user(self, step):
        step.only()
        number, _, group = step.plain().partition(":")
        for line in self.root.read("/etc/passwd").splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if uid == number and group in ("", gid):
                self.user = name
                return
        raise step.refused(f"nobody there is {step.text}")

    def _expose(self, step):
        step.only()
        self.ports += map(int, step.plain().split())

    def _volume(self, step):
        step.only()
        self.volumes += step.plain().split()

    def _healthcheck(self, step):
        step.only("interval", "timeout", "start-period", "retries")
        if not step.text.startswith("CMD "):
            raise step.refused("only CMD is known here")
        step.text = step.text.removeprefix("CMD ").strip()
        self.healthcheck = step.command()

    def _entrypoint(self, step):
        step.only()
        self.entrypoint, self.command = step.command(), []

    def _cmd(self, step):
        step.only()
        self.command = step.command()

    def _copy(self, step):
        step.only("from", "chown")
        *sources, target = step.plain().split()
        inside = self.root.place(target if target.startswith("/") else f"{self.directory}/{target}")
        origin = self._other_stage(step) if "from" in step.options else self._context
        ignored = Ignored(self._context) if "from" not in step.options else lambda path: False
        for source in sources:
            copied = _copy_tree(origin, source.lstrip("/"), inside, ignored, target.endswith("/"))
            if not copied:
                raise step.refused(f"there is no {source}")
            if "chown" in step.options:
                for path in copied:
                    self.root.run("chown", "-h", step.options["chown"], "/" + path.relative_to(self.root.path).as_posix())

    def _other_stage(self, step, name=None):
        name = name or step.options["from"]
        if name not in self._other_stages:
            raise step.refused(f"nobody made the stage {name}")
        return Path(self._other_stages[name])

    def _run(self, step):
        step.only("mount")
        mounted = None
        if "mount" in step.options:
            mount = dict(part.split("=", 1) for part in step.options["mount"].split(","))
            if mount.keys() != {"type", "from", "source", "target"} or mount["type"] != "bind":
                raise step.refused("only a bind mount from another stage is known here")
            mounted = self.root.place(mount["target"])
            shutil.copytree(self._other_stage(step, mount["from"]) / mount["source"].lstrip("/"), mounted)
        command = step.command() if step.text.startswith("[") else ["/bin/sh", "-c", step.text]
        # A builder sets neither of them.
        unset = ["env", "--unset=LANG", "--unset=DEBIAN_FRONTEND"]
        self.root.run(*unset, *command, user=self.user, directory=self.directory, limit_s=_RUN_LIMIT_S,
                      environment=self._arguments | self._all())
        if mounted:
            shutil.rmtree(mounted)


class Ignored:
    """What .dockerignore keeps out of the context: the last line that names a path, or a folder above it, decides."""

    def __init__(self, context):
        self._lines = []
        for line in (context / ".dockerignore").read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                pattern = line.strip().removeprefix("!")
                self._lines.append((pattern.removeprefix("**/"), pattern.startswith("**/"), line.startswith("!")))
        self.has_exceptions_below = {str(parent) for pattern, _, kept in self._lines if kept
                                     for parent in Path(pattern).parents}

    def __call__(self, path):
        """`path`: relative to the context."""
        ignored = False
        above = [path, *Path(path).parents][:-1]
        for pattern, anywhere, kept in self._lines:
            names = [Path(part).name if anywhere else str(part) for part in above]
            if any(fnmatch.fnmatch(name, pattern) for name in names):
                ignored = not kept
        return ignored


def _copy_tree(origin, source, target, ignored, into):
    """Copies a file into `target`, or a folder's contents; what it made."""
    start = origin / source
    if start.is_file():
        made = target / start.name if into else target
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(start, made)
        return [made]
    made = []
    for path in start.iterdir() if start.is_dir() else []:
        relative = path.relative_to(origin).as_posix()
        keeps_part = isinstance(ignored, Ignored) and relative in ignored.has_exceptions_below
        if ignored(relative) and not keeps_part:
            continue
        inside = target / path.name
        if path.is_dir() and not path.is_symlink():
            inside.mkdir(parents=True, exist_ok=True)
            made.append(inside)
            made += _copy_tree(origin, relative, inside, ignored, into)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, inside, follow_symlinks=False)
            made.append(inside)
    return made
