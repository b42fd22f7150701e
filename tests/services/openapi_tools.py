"""openapi-spec-validator and Schemathesis, from PyPI."""

import os
import subprocess
import sys

from services.package import cached, fetch_with

_PACKAGES = ("openapi-spec-validator==0.9.0", "schemathesis==4.32.5")


def _fetch(directory):
    fetch_with(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", f"--target={directory}", *_PACKAGES)


def run(module, *arguments, limit=300):
    """The exit status of a module of theirs, and what it printed."""
    place = cached("openapi-tools-1", _fetch)
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-B", "-m", module, *map(str, arguments)], env=environment, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=limit, check=False)
    return done.returncode, done.stdout
