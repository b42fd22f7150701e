"""`cmake --workflow --preset release-all`: every package, the same each time, with checksums and SBOM."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from services.package import REPOSITORY
from services.python_tools import CYCLONEDX

MADE = REPOSITORY / "build/release-all/packages"
VERSION = re.search(r"project\(tributary VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
PACKAGES = {*(f"tributary-edge_{VERSION}_{architecture}.deb" for architecture in ("amd64", "arm64", "armhf")),
            *(f"tributary-collector_{VERSION}_{architecture}.deb" for architecture in ("amd64", "arm64")),
            *(f"tributary-edge-{VERSION}-linux-{machine}.tar.gz" for machine in ("x86_64", "aarch64", "armv7"))}
SBOM = f"tributary-{VERSION}.cdx.json"

pytestmark = pytest.mark.skipif(not shutil.which("arm-linux-gnueabihf-g++") or not shutil.which("aarch64-linux-gnu-g++"),
                                reason="the compilers for ARM are not here: ./check installs them")


def make():
    done = subprocess.run(["cmake", "--workflow", "--preset", "release-all"], cwd=REPOSITORY, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1400, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return (MADE / "SHA256SUMS").read_text()


@pytest.fixture(scope="module")
def checksums():
    return make()


@pytest.fixture(scope="module")
def sbom(checksums):
    assert SBOM in checksums
    return json.loads((MADE / SBOM).read_text())


def libraries(sbom, package):
    """{name: how it is in there} of one package's libraries."""
    parts = {part["bom-ref"]: part for part in sbom["components"]}
    wanted = next(entry for entry in sbom["dependencies"] if entry["ref"] == package)["dependsOn"]
    return {parts[ref]["name"]: parts[ref]["properties"][0]["value"] for ref in wanted}


def test_every_package_has_a_checksum_that_holds(checksums):
    assert {line.split()[1] for line in checksums.splitlines()} == PACKAGES | {SBOM}
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=MADE, check=True)


def test_the_version_is_the_projects_everywhere(checksums):
    for package in PACKAGES:
        if package.endswith(".deb"):
            version = subprocess.run(["dpkg-deb", "--field", MADE / package, "Version"], stdout=subprocess.PIPE, text=True, check=True)
            assert version.stdout.strip() == VERSION


def test_the_same_commit_gives_the_same_bytes(checksums):
    assert make() == checksums


def test_the_sbom_is_a_valid_document_with_each_package_and_its_checksum(checksums, sbom):
    status, printed = CYCLONEDX.run(Path(__file__).with_name("validate_cyclonedx.py"), MADE / SBOM)
    assert status == 0, printed
    files = {part["bom-ref"]: part["hashes"][0]["content"] for part in sbom["components"] if part["type"] == "application"}
    assert files == {line.split()[1]: line.split()[0] for line in checksums.splitlines() if SBOM not in line}


def test_the_sbom_names_what_is_linked_and_what_is_compiled_in(sbom):
    agent = libraries(sbom, f"tributary-edge_{VERSION}_armhf.deb")
    assert {"libmosquitto1", "libssl3", "libc6", "libstdc++6"} <= {name for name, how in agent.items() if how == "shared"}
    assert {"libtomlplusplus-dev", "libcli11-dev", "librestinio-dev"} <= {name for name, how in agent.items() if how == "compiled in"}
    collector = libraries(sbom, f"tributary-collector_{VERSION}_arm64.deb")
    assert {"librdkafka1", "libmongoc-1.0-0", "libpq5", "libsqlite3-0", "libjemalloc2"} <= collector.keys()
    assert "librdkafka1" not in agent
    versions = {part["version"] for part in sbom["components"] if part["name"] == "libmosquitto1"}
    assert all(re.match(r"2\.", version) for version in versions) and versions
    assert all(part["purl"].startswith(("pkg:deb/debian/", "pkg:npm/")) for part in sbom["components"] if part["type"] == "library")


def test_the_sbom_names_swagger_ui_where_the_collector_has_it(sbom):
    program = (REPOSITORY / "build/release-all-release/bin/tributary-collector").read_bytes()
    has_it = b"asset_swagger_ui_bundle_js_begin" in program
    assert ("swagger-ui-dist" in libraries(sbom, f"tributary-collector_{VERSION}_amd64.deb")) == has_it
