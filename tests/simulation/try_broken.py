#!/usr/bin/python3
"""Shows that the simulation finds what it is for: builds each of the deliberately broken versions of the product in
broken/ and runs the simulation on it, which has to turn red.

    tests/simulation/try_broken.py [--check] [--seconds N] [NAME …]

--check only looks whether every patch still applies. The versions are built in build/broken, one after the other, from
a copy of what is committed. Exit status: 0 when each version was found out."""

import argparse
import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPY = ROOT / "build" / "broken" / "source"
BUILD = ROOT / "build" / "broken" / "build"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def applies(patch):
    done = subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{patch.name} does not apply any more:\n{done.stderr}", file=sys.stderr)
    return done.returncode == 0


def copy_sources():
    """What is committed or changed here; files that are the same keep their times, so that little is built again."""
    for name in run("git", "ls-files", cwd=ROOT, capture_output=True, text=True).stdout.splitlines():
        original, copy = ROOT / name, COPY / name
        if not copy.exists() or not filecmp.cmp(original, copy, shallow=False):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(original, copy)


def build():
    run("cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", stdout=subprocess.DEVNULL)
    run("cmake", "--build", BUILD, "--target", "test_simulation", stdout=subprocess.DEVNULL)


def found_out(patch, seconds):
    """Runs the simulation on the version; what it says, nothing when it is content."""
    copy_sources()
    run("git", "apply", f"--directory={COPY.relative_to(ROOT)}", patch, cwd=ROOT)
    build()
    done = subprocess.run([BUILD / "bin" / "test_simulation", "what was accepted*"], capture_output=True, text=True,
                          env={"TRIBUTARY_TEST_SIMULATION_SECONDS": str(seconds), "PATH": "/usr/bin:/bin"})
    if done.returncode == 0:
        return ""
    lines = (done.stdout + done.stderr).replace("\r", "\n").splitlines()
    signs = ("accepted, and not stored", "accepted, rejected", "the account", "a dead letter", "conflicts", "SIGABRT",
             "not everything arrived", "a thread spins", "a receipt of")
    telling = [line.strip() for line in lines if any(sign in line for sign in signs) and "whatever fails" not in line]
    runs = sum(line.startswith("TRIBUTARY_SEED=") for line in lines)
    return f"in run {runs}: {telling[0] if telling else lines[-1]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    patches = sorted(patch for patch in (HERE / "broken").glob("*.patch")
                     if not arguments.names or patch.stem in arguments.names)
    if not patches or not all([applies(patch) for patch in patches]):
        return 1
    if arguments.check:
        return 0
    content = 0
    for patch in patches:
        words = found_out(patch, arguments.seconds)
        print(f"{patch.stem}: {'red ' + words if words else 'NOT FOUND OUT'}", flush=True)
        content += not words
    return content > 0


if __name__ == "__main__":
    sys.exit(main())
