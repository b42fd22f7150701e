#!/usr/bin/python3
"""What shared libraries a program needs, as the dpkg database of its system knows them: this machine's, or that of
the sysroot that it was built against. Run by CPack.

    libraries.py depends PROGRAM            prints the packages, as Depends of a Debian package has them
    libraries.py carry PROGRAM DIRECTORY    copies the libraries but the C library's to DIRECTORY/lib, their licences to
                                            DIRECTORY/licences, and fills in DIRECTORY/README

    --root DIRECTORY     the system (default: /)
    --triplet NAME       the folder of its libraries, as arm-linux-gnueabihf
    --objdump PROGRAM    one that reads the program (default: objdump)
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

GLIBC = "libc6"


class Unknown(Exception):
    """The text says what isn't known, and what to do."""


class System:
    """Libraries below `root`, and the packages that they belong to."""

    def __init__(self, root, triplet, objdump):
        self.root, self.triplet, self.objdump = root, triplet, objdump
        self._database = root / "var/lib/dpkg"
        self._owners = None
        self._packages = None

    def needed(self, program):
        return re.findall(r"^ +NEEDED +(\S+)$", self._dump("-p", program), re.MULTILINE)

    def versions(self, program, prefix):
        """The versions of symbols that it asks for, as (2, 34) of GLIBC_2.34."""
        found = re.findall(rf"\b{prefix}_([0-9.]+)\b", self._dump("-T", program))
        return {tuple(int(part) for part in version.split(".")) for version in found}

    def library(self, soname):
        """Its path; Unknown when there is none."""
        for folder in (f"usr/lib/{self.triplet}", f"lib/{self.triplet}", "usr/lib", "lib"):
            path = self.root / folder / soname
            if path.exists():
                return path
        raise Unknown(f"there is no {soname} below {self.root}")

    def package(self, library):
        """The name of the package that has it."""
        if self._owners is None:
            self._owners = self.owners(lambda path: ".so" in path and "/lib" in path)
        inside = "/" + library.relative_to(self.root).as_posix()
        # Where /lib is a link to /usr/lib, a package may have said either.
        for name in (inside, inside.removeprefix("/usr"), "/usr" + inside):
            if name in self._owners:
                return self._owners[name]
        raise Unknown(f"no package has {library}: without dpkg's database in {self._database} only the tarball can be made "
                      "(cpack -G TGZ)")

    def symbols(self, program):
        """What it takes from libraries, as dpkg's symbols files write it: {"fopen@GLIBC_2.2.5", "ssl_new@Base", ...}."""
        found = re.findall(r"\*UND\*\s+[0-9a-f]+\s+(?:\((\S+)\)|(\S+))?\s+(\S+)$", self._dump("-T", program), re.MULTILINE)
        return {f"{name}@{hidden or version or 'Base'}" for hidden, version, name in found}

    def dependency(self, package, soname, symbols):
        """What the package says that a program with these symbols of its library depends on, and the first versions
        that have them: ("libmosquitto1 #MINVER#", {"1.6", "2.0"}); or all of it, ("libmosquitto1 (>= 2.0.11)", set())."""
        for file in self._info(package, "symbols"):
            template, since = symbols_file(file.read_text(encoding="utf-8"), soname)
            if template:
                # A line may stand for all symbols of a version: "GLIBC_2.34@GLIBC_2.34".
                versions = {since.get(symbol) or since.get("@".join(2 * [symbol.partition("@")[2]])) for symbol in symbols}
                return template, versions - {None}
        name, version = split_soname(soname)
        for file in self._info(package, "shlibs"):
            for line in file.read_text(encoding="utf-8").splitlines():
                words = line.split("#")[0].split(None, 2)
                if words and not words[0].endswith(":") and words[:2] == [name, version]:
                    return words[2].strip(), set()
        raise Unknown(f"{package} does not say what users of {soname} depend on")

    def version(self, package):
        return self.fields(package)["Version"]

    def fields(self, package):
        """What dpkg knows of it: {"Version": "2.0.11-1.2", "Source": "mosquitto", ...}."""
        if self._packages is None:
            status = (self._database / "status").read_text(encoding="utf-8", errors="replace")
            paragraphs = (dict(re.findall(r"^([A-Z][\w-]*): (.*)$", paragraph, re.MULTILINE)) for paragraph in status.split("\n\n"))
            self._packages = {found["Package"]: found for found in paragraphs if "Version" in found}
        if package not in self._packages:
            raise Unknown(f"dpkg's database in {self._database} has no version of {package}")
        return self._packages[package]

    def documents(self, package):
        return self.root / "usr/share/doc" / package / "copyright"

    def _info(self, package, kind):
        info = self._database / "info"
        return [*info.glob(f"{package}.{kind}"), *info.glob(f"{package}:*.{kind}")]

    def owners(self, is_wanted):
        """{path: package} of the files of all packages whose paths are wanted."""
        owners = {}
        for file in (self._database / "info").glob("*.list"):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if is_wanted(line):
                    owners[line] = file.stem.split(":")[0]
        return owners

    def _dump(self, option, program):
        return subprocess.run([self.objdump, option, program], stdout=subprocess.PIPE, text=True, check=True).stdout


def symbols_file(text, soname):
    """(what to depend on, {symbol: the version that has it first}) of one library in a file of deb-symbols(5); (None, {})."""
    template, since, is_it = None, {}, False
    for line in text.splitlines():
        if line and line[0] not in " |*#":
            is_it = line.split()[0] == soname
            template = line.partition(" ")[2] if is_it else template
        elif is_it and line.startswith(" "):
            symbol, version = line.split()[:2]
            since[symbol] = version
    return template, since


def latest(versions):
    """The last of these, as Debian orders versions; "0" of none."""
    last = "0"
    for version in versions:
        if subprocess.run(["dpkg", "--compare-versions", version, "gt", last], check=False).returncode == 0:
            last = version
    return last


def split_soname(soname):
    """("libmongoc-1.0", "0") of libmongoc-1.0.so.0, and ("libdb", "5.3") of libdb-5.3.so, as dpkg-shlibdeps does it."""
    match = re.fullmatch(r"(.+)\.so\.(.+)", soname) or re.fullmatch(r"(.+)-([0-9.]+)\.so", soname)
    if not match:
        raise Unknown(f"{soname} is no name of a library with a version")
    return match.groups()


def is_loader(soname):
    return soname.startswith("ld-linux")


def depends(system, program):
    found, symbols = {}, system.symbols(program)
    for soname in system.needed(program):
        if not is_loader(soname):
            template, versions = system.dependency(system.package(system.library(soname)), soname, symbols)
            found.setdefault(template, set()).update(versions)
    return ", ".join(sorted(template.replace("#MINVER#", f"(>= {latest(versions)})") for template, versions in found.items()))


def carried(system, program):
    """{soname: (path, package)} of all that it needs, and what they need, but the C library."""
    found, wanted = {}, [program]
    while wanted:
        for soname in system.needed(wanted.pop()):
            if is_loader(soname) or soname in found:
                continue
            path = system.library(soname)
            package = system.package(path)
            if package != GLIBC:
                found[soname] = (path, package)
                wanted.append(path)
    return found


def carry(system, program, directory):
    libraries = carried(system, program)
    (directory / "lib").mkdir(parents=True, exist_ok=True)
    packages = {}
    for soname, (path, package) in libraries.items():
        target = directory / "lib" / soname
        shutil.copyfile(path, target)
        target.chmod(0o644)
        packages.setdefault(package, []).append(soname)
    for package in packages:
        copy_licence(system, package, directory / "licences")
    everything = [program, *(directory / "lib" / soname for soname in libraries)]
    glibc = max(version for file in everything for version in system.versions(file, "GLIBC"))
    listing = "\n".join(f"    {package} {system.version(package)}: {', '.join(sorted(sonames))}"
                        for package, sonames in sorted(packages.items()))
    readme = directory / "README"
    text = readme.read_text(encoding="utf-8")
    text = text.replace("%GLIBC%", ".".join(map(str, glibc))).replace("%LIBRARIES%", listing)
    readme.write_text(text, encoding="utf-8")


def copy_licence(system, package, directory):
    """Its copyright file, and the licences that this one points to."""
    source = system.documents(package)
    if not source.exists():
        raise Unknown(f"{source} is missing: what is carried goes with its licence")
    directory.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8", errors="replace")
    (directory / package).write_text(text, encoding="utf-8")
    for name in set(re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text)):
        for root in (system.root, Path("/")):
            licence = root / "usr/share/common-licenses" / name
            if licence.exists():
                shutil.copyfile(licence, directory / name)
                break


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--triplet", default="")
    parser.add_argument("--objdump", default="objdump")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("depends", "carry"):
        command = commands.add_parser(name)
        command.add_argument("program", type=Path)
        if name == "carry":
            command.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    system = System(arguments.root, arguments.triplet, arguments.objdump)
    try:
        if arguments.command == "depends":
            print(depends(system, arguments.program))
        else:
            carry(system, arguments.program, arguments.directory)
    except (Unknown, OSError, subprocess.CalledProcessError) as error:
        print(f"libraries.py: {arguments.program}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
