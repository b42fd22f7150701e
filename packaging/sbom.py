#!/usr/bin/python3
"""Writes what is in the packages of a release, as a CycloneDX 1.5 document: each package with its checksum, and each
library that its program is linked to or has code of, with the version of the Debian package that it came from.

    sbom.py --version 0.1.0 --packages DIRECTORY --output FILE BUILD...

A BUILD is a build directory (Ninja) whose packages are in DIRECTORY. What a program has of headers alone, such as a
JSON library's, is known from the files that its compilation read.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

from libraries import System, Unknown, carried

PROGRAMS = ("tributary-edge", "tributary-collector")
# Parts of the compiler and the C library: what is used of them is in libstdc++6, libgcc-s1 and libc6.
TOOLCHAIN = re.compile(r"libc6-dev|linux-libc-dev|libstdc\+\+-\d+-dev|libgcc-\d+-dev|libcrypt-dev")


class Build:
    """A build directory: its programs, and the system that they were built against."""

    def __init__(self, directory):
        self.directory = directory
        found = json.loads((directory / "packaging/system.json").read_text(encoding="utf-8"))
        self.system = System(Path(found["root"]), found["triplet"], found["objdump"])
        self.architecture, self.machine = found["architecture"], found["machine"]
        self.npm = found["npm"]  # {program: {package: version, or "" when it was built without}}
        self._headers = None

    def program(self, name):
        path = self.directory / "bin" / name
        return path if path.exists() else None

    def linked(self, program):
        """{package: how} of the libraries that the program needs when it runs."""
        found = {package: "shared" for _, package in carried(self.system, program).values()}
        return found | {"libc6": "shared"}

    def compiled_in(self, program):
        """The same of packages whose headers are part of the program, and which have no library in it."""
        packages = {self._headers_owner(header) for header in self._headers_of(program)} - {None}
        sources = {self.source(package) for package in self.linked(program)}
        return {package: "compiled in" for package in packages
                if not TOOLCHAIN.fullmatch(package) and self.source(package) not in sources}

    def source(self, package):
        fields = self.system.fields(package)
        return fields.get("Source", package).split()[0]

    def _headers_of(self, program):
        inputs = set(run("ninja", "-C", self.directory, "-t", "inputs", f"bin/{program.name}").splitlines())
        headers, wanted = set(), False
        for line in run("ninja", "-C", self.directory, "-t", "deps").splitlines():
            if line and not line.startswith(" "):
                wanted = line.split(":")[0] in inputs
            elif wanted and line:
                headers.add(Path(self.directory, line.strip()).resolve())
        return headers

    def _headers_owner(self, header):
        if self._headers is None:
            self._headers = self.system.owners(lambda path: path.startswith("/usr/include/"))
        try:
            return self._headers.get("/" + header.relative_to(self.system.root).as_posix())
        except ValueError:
            return None


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def library(build, package, how):
    version = build.system.version(package)
    purl = f"pkg:deb/debian/{quote(package, safe='.')}@{quote(version, safe='.')}?arch={build.architecture}&distro=bookworm"
    return {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl,
            "properties": [{"name": "tributary:linkage", "value": how}]}


def npm_package(name, version):
    purl = f"pkg:npm/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "properties": [{"name": "tributary:linkage", "value": "compiled in"}]}


def files_of(build, program, packages, version):
    """The packages in the directory that have this program."""
    names = (f"{program}_{version}_{build.architecture}.deb", f"{program}-{version}-linux-{build.machine}.tar.gz")
    return [packages / name for name in names if (packages / name).exists()]


def document(version, packages, builds):
    components, dependencies = {}, []
    for build in builds:
        for name in PROGRAMS:
            program = build.program(name)
            if not program:
                continue
            files = files_of(build, name, packages, version)
            if not files:
                raise Unknown(f"{packages} has no package of {program}")
            libraries = [library(build, package, how)
                         for package, how in sorted((build.linked(program) | build.compiled_in(program)).items())]
            libraries += [npm_package(package, found) for package, found in build.npm.get(name, {}).items() if found]
            components |= {part["bom-ref"]: part for part in libraries}
            for file in files:
                components[file.name] = {"type": "application", "bom-ref": file.name, "name": name, "version": version,
                                         "hashes": [{"alg": "SHA-256", "content": sha256(file)}],
                                         "properties": [{"name": "tributary:file", "value": file.name},
                                                        {"name": "tributary:architecture", "value": build.architecture}]}
                dependencies.append({"ref": file.name, "dependsOn": [part["bom-ref"] for part in libraries]})
    content = {"metadata": {"component": {"type": "application", "bom-ref": "tributary", "name": "tributary", "version": version}},
               "components": list(components.values()),
               "dependencies": [{"ref": "tributary", "dependsOn": [entry["ref"] for entry in dependencies]}, *dependencies]}
    # The same packages give the same document.
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1} | content


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", required=True)
    parser.add_argument("--packages", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("builds", nargs="+", type=Path, metavar="BUILD")
    given = parser.parse_args()
    try:
        made = document(given.version, given.packages, [Build(directory.resolve()) for directory in given.builds])
    except Unknown as unknown:
        print(f"sbom.py: {unknown}", file=sys.stderr)
        return 1
    given.output.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
