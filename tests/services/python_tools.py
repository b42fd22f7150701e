"""Tools from PyPI, each set in a directory of its own."""

import os
import subprocess
import sys

from services.package import cached, fetch_with


class PythonTools:
    def __init__(self, name, *packages):
        """`name`: its directory in the cache; to be counted up when the packages change."""
        self._name, self._packages = name, packages

    def run(self, *arguments, limit=300):
        """The exit status of Python with these arguments, and what it printed."""
        place = cached(self._name, self._fetch)
        environment = os.environ | {"PYTHONPATH": str(place), "PYTHONWARNINGS": "ignore"}
        done = subprocess.run([sys.executable, "-B", *map(str, arguments)], env=environment, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, check=False)
        return done.returncode, done.stdout

    def _fetch(self, directory):
        fetch_with(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", f"--target={directory}", *self._packages)


OPENAPI = PythonTools("openapi-tools-1", "openapi-spec-validator==0.9.0", "schemathesis==4.32.5")
CYCLONEDX = PythonTools("cyclonedx-1", "cyclonedx-python-lib[json-validation]==11.12.0")
