"""A real Mosquitto.

TRIBUTARY_TEST_MOSQUITTO=HOST:PORT names one that runs already. It can't be killed, so tests that do
start their own all the same; and as everything on it is shared, such tests must run one at a time."""

import os
import shutil
import signal
import socket
from pathlib import Path

from services.process import Process, free_port, wait_until

# MQTT 5, 3.1: clean start, keep alive 10 s, no properties, a client id of the broker's choice.
_CONNECT = bytes.fromhex("10 0d 0004 4d515454 05 02 000a 00 0000")
_DISCONNECT = bytes.fromhex("e0 00")


def answers(host, port, tls=None, stranger=False):
    """Whether a broker at this address takes a connection (CONNACK with reason 0); `tls`: the context of a
    client; `stranger`: a CONNACK that refuses one without a password will do."""
    try:
        with socket.create_connection((host, port), 1) as plain:
            plain.settimeout(1)
            connection = tls.wrap_socket(plain) if tls else plain
            connection.sendall(_CONNECT)
            answer = connection.recv(4)
            connection.sendall(_DISCONNECT)
            return len(answer) == 4 and answer[0] == 0x20 and (stranger or answer[3] == 0)
    except OSError:
        return False


def plugin_file(name):
    """The file of a plugin that Debian's Mosquitto comes with."""
    return next(Path("/usr/lib").glob(f"*/{name}.so"))


def program():
    # Debian's is in /usr/sbin, which is not on everybody's PATH.
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError("there is no mosquitto on PATH: apt-get install mosquitto, or set TRIBUTARY_TEST_MOSQUITTO")
    return Path(found)


class Mosquitto:
    """A broker that keeps nothing on the disk. `settings`: more lines of mosquitto.conf. `own`: never
    the one of the environment. `tls`: the context of a client, if the settings ask for TLS."""

    def __init__(self, directory, settings=(), own=False, tls=None):
        self.host, self.port = "127.0.0.1", None
        self._process = None
        self._tls = tls
        self._stranger = "allow_anonymous false" in settings
        address = os.environ.get("TRIBUTARY_TEST_MOSQUITTO")
        if address and not own:
            self.host, _, port = address.rpartition(":")
            self.port = int(port)
            print(f"Mosquitto: {address} of TRIBUTARY_TEST_MOSQUITTO")
            return
        server = program()
        self.port = free_port()
        configuration = Path(directory, "mosquitto.conf")
        configuration.write_text("\n".join([f"listener {self.port} 127.0.0.1", "persistence false",
                                            *([] if self._stranger else ["allow_anonymous true"]), *settings, ""]))
        self._process = Process([server, "-c", configuration], Path(directory, "mosquitto.log"))
        print(f"Mosquitto: {server} on port {self.port}")

    @property
    def url(self):
        return f"{'mqtts' if self._tls else 'mqtt'}://{self.host}:{self.port}"

    def start(self):
        """Returns once it takes connections."""
        if self._process is not None:
            self._process.start()
        wait_until(lambda: answers(self.host, self.port, self._tls, self._stranger), 20, "Mosquitto takes connections")
        return self

    def kill(self):
        """kill -9: its sessions and queues are gone."""
        assert self._process is not None, "this Mosquitto is not ours to kill"
        self._process.kill()

    def reload(self):
        """Makes it read its files again: passwords, access lists."""
        self._process.signal(signal.SIGHUP)

    def stop(self):
        if self._process is not None:
            self._process.kill()
