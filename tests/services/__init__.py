"""Real services for tests, one module each, on free ports of 127.0.0.1 with their data in a temporary
folder. A service is, in this order: one that runs already, at an address given in the environment; a
program on PATH; and, where Debian has none, a package that is fetched once. It says which.

    python3 tests/services start kafka     the one that all tests of a run share, see shared.py
    python3 tests/services --help"""
