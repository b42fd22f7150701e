"""A broker that misbehaves as a test wants it."""

import collections
import socket
import threading
import time

from services.process import free_port
from services.tcp_proxy import protocol_level, take_packets


class FakeBroker:
    """A server that speaks just enough MQTT 5 to lead a client on. `answers`: the types of packets that it
    answers; `then(connection)` runs once a client has subscribed
    and published `publications` times;     `protocol`: 5, or 4 for one that knows only 3.1.1; `tls`: the context of a server."""

    CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12

    def __init__(self, answers=(CONNECT, SUBSCRIBE, PINGREQ), then=None, publications=0, protocol=5, tls=None):
        self.port = free_port()
        self.url = f"{'mqtts' if tls else 'mqtt'}://127.0.0.1:{self.port}"
        self.accepted = []  # when
        self._answers, self._then, self._publications = answers, then, publications
        self._protocol, self._tls = protocol, tls
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted.append(time.monotonic())
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        buffer = bytearray()
        heard = collections.Counter()
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while received := connection.recv(1 << 16):
                buffer += received
                for packet in take_packets(buffer):
                    connection.sendall(self._answer(packet))
                    heard[packet[0] >> 4] += 1
                    if self._then and heard[self.SUBSCRIBE] and heard[self.PUBLISH] >= self._publications:
                        self._then(connection)
        except OSError:
            pass
        connection.close()

    def _answer(self, packet):
        kind = packet[0] >> 4
        if kind not in self._answers:
            return b""
        if kind == self.CONNECT:
            if protocol_level(packet) != self._protocol:
                return b"\x20\x02\x00\x01"
            return b"\x20\x03\x00\x00\x00" if self._protocol == 5 else b"\x20\x02\x00\x00"
        if kind == self.SUBSCRIBE:
            return b"\x90\x04" + packet[2:4] + b"\x00\x00" if self._protocol == 5 else b"\x90\x03" + packet[2:4] + b"\x00"
        return b"\xd0\x00"
