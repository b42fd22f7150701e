#!/usr/bin/python3
"""What the layout (ARCHITECTURE.md) and the style ask of the tree, as far as a program can tell.

    style.py [ROOT]    prints one line for each finding; exit status 1 when there are any

Each rule is a function of a Tree that yields findings; RULES has them all.
"""

import posixpath
import re
import sys
from pathlib import Path

SOURCES = {".h", ".cpp"}
SCRIPTS = {".py", ".sh", ".cmake", ".txt", ".ts"}
LINES_MAX = 600

# Within shared/, what a folder may use beside itself.
SHARED_MAY_USE = {
    "base": set(),
    "io": {"base"},
    "log": {"io", "base"},
    "event": {"base"},
    "mqtt": {"base"},
    "config": {"base"},
    "observe": {"base"},
    "http": {"base"},
    "front": {"base", "config", "observe", "http"},
}

# A library's headers are included by its one adapter only (and by tests, which stand outside).
LIBRARY_HOMES = {
    r"mosquitto\.h|mqtt_protocol\.h": "shared/mqtt",
    r"restinio/.*|asio\.hpp|asio/.*": "shared/http",
    r"toml\+\+/.*|toml\.hpp|CLI/.*": "shared/config",
    r"spdlog/.*|prometheus/.*": "shared/observe",
    r"valijson/.*|re2/.*": "shared/event",
    r"sqlite3\.h|(mongoc|bson)/.*|libpq-fe\.h": "collector/store",
    r"librdkafka/.*": "collector/stream",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
FIXED_WAIT = re.compile(r"\b(sleep_for|sleep_until|nanosleep|usleep|sleep)\s*\(|^\s*sleep\s+[0-9.]+", re.MULTILINE)
LOOP = re.compile(r"\b(while|until)\b|\bwait_(for|until)\s*\(|\bfor \(;")
LOOP_LINES = 8
TARGET = re.compile(r"^\s*(tributary_library|add_library|add_executable)\s*\(\s*(\S+)([^)]*)\)", re.MULTILINE)
VAGUE_NAME = re.compile(r"(^|_)(managers?|utils?|utilities|helpers?|common|misc)(_|\.|$)")


class Finding:
    def __init__(self, path, line, text):
        self.path, self.line, self.text = path, line, text

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """The files of a working copy, by their paths from its root, without what is built."""

    def __init__(self, root):
        self.root = Path(root)
        self.files = {}
        for top in ("edge", "collector", "shared", "tests", "toolchains", "packaging"):
            for path in sorted((self.root / top).rglob("*")):
                if path.suffix in SOURCES | SCRIPTS and path.is_file() and "node_modules" not in path.parts:
                    text = path.read_text(encoding="utf-8", errors="replace")
                    self.files[path.relative_to(self.root).as_posix()] = text
        for name in ("demo", "check", ".ci/run", "CMakeLists.txt"):
            if (self.root / name).is_file():
                self.files[name] = (self.root / name).read_text(encoding="utf-8", errors="replace")

    def sources(self, *tops):
        for path, text in self.files.items():
            if Path(path).suffix in SOURCES and (not tops or path.split("/")[0] in tops):
                yield path, text

    def includes(self, *tops):
        """(path, line, name, whether in quotes) of every #include."""
        for path, text in self.sources(*tops):
            for match in INCLUDE.finditer(text):
                yield path, line_of(text, match), match[2], match[1] == '"'


def line_of(text, match):
    return text.count("\n", 0, match.start(match.lastindex or 0)) + 1


def folder_of(path):
    """shared/log/log.h → shared/log; edge/main.cpp → edge."""
    return path.rsplit("/", 1)[0]


def layers(tree):
    """Includes go from edge and collector to shared, and within shared downwards only."""
    for path, line, name, _ in tree.includes("edge", "collector", "shared"):
        top, target = path.split("/")[0], name.split("/")
        if target[0] not in ("edge", "collector", "shared", "tests"):
            continue
        if target[0] == "tests":
            yield Finding(path, line, f"includes {name}: no program uses the tests")
        elif top != "shared":
            if target[0] not in (top, "shared"):
                yield Finding(path, line, f"includes {name}: {top}/ uses {top}/ and shared/ only")
        elif target[0] != "shared":
            yield Finding(path, line, f"includes {name}: shared/ uses shared/ only")
        else:
            source = path.split("/")[1]
            if source not in SHARED_MAY_USE:
                yield Finding(path, line, f"shared/{source} has no place in the layers: give it one in style.py")
            elif target[1] not in SHARED_MAY_USE[source] | {source}:
                allowed = ", ".join(sorted(SHARED_MAY_USE[source])) or "nothing"
                yield Finding(path, line, f"includes {name}: shared/{source} uses {allowed} beside itself")


def linked_layers(tree):
    """What a folder of shared/ links is what it may include."""
    for path, text in tree.files.items():
        parts = path.split("/")
        if len(parts) == 3 and parts[0] == "shared" and parts[2] == "CMakeLists.txt":
            for match in re.finditer(r"tributary::(\w+)", text):
                if match[1] not in SHARED_MAY_USE.get(parts[1], set()):
                    yield Finding(path, line_of(text, match), f"links {match[0]}: shared/{parts[1]} may not use it")


def library_homes(tree):
    """A library is known to its one adapter."""
    for path, line, name, _ in tree.includes("edge", "collector", "shared"):
        for pattern, home in LIBRARY_HOMES.items():
            if re.fullmatch(pattern, name) and folder_of(path) != home:
                yield Finding(path, line, f"includes {name}, which only {home} knows")


def resolved_includes(tree):
    """Every include in quotes is the path of a file from the root, or one that CMake makes."""
    made = "\n".join(text for path, text in tree.files.items() if path.endswith(("CMakeLists.txt", ".cmake")))
    for path, line, name, quoted in tree.includes():
        if quoted and name not in tree.files and f"generated/{name}" not in made:
            yield Finding(path, line, f'includes "{name}", and there is no such file')


def check_stays_in_sources(tree):
    """shared/base/check.h defines a macro that Catch2 defines too, so headers leave it alone."""
    for path, line, name, _ in tree.includes():
        if name == "shared/base/check.h" and path.endswith(".h"):
            yield Finding(path, line, "a header includes shared/base/check.h: .cpp files only")


def no_fixed_waits(tree):
    """Tests wait for a condition with a limit: a pause stands between two looks at it, close below the head
    of its loop."""
    for path, text in tree.files.items():
        if path.startswith("tests/") and not path.startswith("tests/style/"):
            for match in FIXED_WAIT.finditer(text):
                line = line_of(text, match)
                if not LOOP.search("\n".join(text.splitlines()[max(0, line - 1 - LOOP_LINES):line])):
                    yield Finding(path, line, f"waits for a fixed time: {match[0].strip()}")


def sizes(tree):
    """A file has one subject."""
    for path, text in tree.files.items():
        lines = text.count("\n")
        if lines > LINES_MAX:
            yield Finding(path, lines, f"has {lines} lines: one subject, or several? (at most {LINES_MAX})")


def one_target_each(tree):
    """Each folder with sources is one CMake target; a program's main.cpp may be a second one, beside the
    library of its folder. Every source is in one."""
    folders = {}
    for path, _ in tree.sources("edge", "collector", "shared"):
        if path.endswith(".cpp"):
            folders.setdefault(folder_of(path), []).append(path.rsplit("/", 1)[1])
    built = {posixpath.normpath(posixpath.join(folder_of(path), name)) for path, text in tree.files.items()
             if path.endswith("CMakeLists.txt") for name in re.findall(r"[\w./-]+\.cpp", text)}
    for folder, files in folders.items():
        listing = f"{folder}/CMakeLists.txt"
        if listing not in tree.files:
            yield Finding(folder, 0, "has sources and no CMakeLists.txt")
            continue
        text = tree.files[listing]
        targets = [(match[1], match[2], match[3]) for match in TARGET.finditer(text)]
        libraries = [name for command, name, _ in targets if command != "add_executable"]
        programs = [name for command, name, _ in targets if command == "add_executable"]
        if len(libraries) > 1 or len(programs) > 1 or not targets or (programs and "main.cpp" not in files):
            yield Finding(listing, 1, f"has {len(targets)} targets ({', '.join(n for _, n, _ in targets)}): one for each folder")
        for file in sorted(files):
            if f"{folder}/{file}" not in built:
                yield Finding(f"{folder}/{file}", 1, "is in no target")


def names(tree):
    """A file is named for what it is about; .h, .cpp and .py files in snake_case."""
    for path in tree.files:
        name = path.rsplit("/", 1)[-1]
        if VAGUE_NAME.search(name):
            yield Finding(path, 1, "has a name that says nothing (manager, util, helper, common, misc)")
        elif Path(name).suffix in {".h", ".cpp", ".py"} and not re.fullmatch(r"[a-z0-9_]+\.\w+", name):
            yield Finding(path, 1, "is not named in snake_case")


RULES = [layers, linked_layers, library_homes, resolved_includes, check_stays_in_sources, no_fixed_waits, sizes,
         one_target_each, names]


def findings(root):
    tree = Tree(root)
    return [finding for rule in RULES for finding in rule(tree)]


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    tree = Tree(root)
    if not any(tree.sources()):
        print(f"{root} has no sources to look at", file=sys.stderr)
        return 2
    found = findings(root)
    for finding in found:
        print(finding)
    print(f"{len(tree.files)} files, {len(RULES)} rules, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
