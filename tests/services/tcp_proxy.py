"""A network in a test's hand: stands between MQTT clients and a broker, delays, drops and breaks what passes."""

import contextlib
import random
import socket
import struct
import threading

from services.process import free_port, pause


def packet_size(data):
    """The size of the MQTT packet that these bytes begin with; None while that can't be told."""
    length, shift = 0, 0
    for index, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return 2 + index + length
    return None


def take_packets(buffer):
    """Takes the whole packets from the front of the bytearray."""
    while (size := packet_size(buffer)) is not None and size <= len(buffer):
        yield bytes(buffer[:size])
        del buffer[:size]


def protocol_level(connect):
    """Of a CONNECT: 5, or 4 for 3.1.1."""
    return connect[connect.index(b"MQTT") + 4]


def refuse_mqtt_5(connect):
    """An `answer` that makes the broker behind one that knows only 3.1.1."""
    return b"\x20\x02\x00\x01" if protocol_level(connect) == 5 else None


class TcpProxy:
    """`answer(first packet)`: what to say instead of connecting, or None; `keep(packet)`: whether a packet for
    the client passes. Its methods are for the test's thread."""

    def __init__(self, server_port, answer=None, keep=None, latency_s=(0, 0), seed=0):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.connections = 0
        self.dropped = 0
        self.keep = keep
        self._server_port, self._answer = server_port, answer
        self._latency_s, self._chance = latency_s, random.Random(seed)
        self._open = set()
        self._newest = None
        self._lock = threading.Lock()
        self._sending = threading.Lock()  # whole packets, to clients
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        self._thread(self._accept)

    def stall(self):
        """Half-open: connections stay, and nothing passes in either direction."""
        self._flowing.clear()

    def flow(self):
        self._flowing.set()

    def cut(self):
        """Resets every connection, as when a gateway forgets them."""
        with self._lock:
            sockets, self._open = self._open, set()
        for connection in sockets:
            _reset(connection)

    def inject(self, packet):
        """Sends this to the newest client, as if it came from the broker."""
        with self._sending:
            self._newest.sendall(packet)

    def close(self):
        self._listener.close()
        self.flow()
        self.cut()

    @staticmethod
    def _thread(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._thread(self._begin, client)

    def _begin(self, client):
        try:
            first = bytearray()
            while packet_size(first) is None or len(first) < packet_size(first):
                received = client.recv(4096)
                if not received:
                    return
                first += received
            said = self._answer(bytes(first)) if self._answer else None
            if said is not None:
                client.sendall(said)
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self._server_port), 5)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        for connection in (client, server):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
            self._newest = client
        self._thread(self._forward, client, server, first, None)
        self._thread(self._forward, server, client, bytearray(), self._passes)

    def _passes(self, packet):
        if self.keep is None or self.keep(packet):
            return True
        self.dropped += 1
        return False

    def _forward(self, source, target, buffer, passes):
        try:
            while True:
                if buffer:
                    pause(self._chance.uniform(*self._latency_s))
                    self._flowing.wait()
                    chunk = b"".join(filter(passes, take_packets(buffer)))
                    if passes is None:
                        chunk += bytes(buffer)
                        buffer.clear()
                    with self._sending if passes else contextlib.nullcontext():
                        target.sendall(chunk)
                received = source.recv(1 << 16)
                if not received:
                    break
                buffer += received
        except OSError:
            pass
        with self._lock:
            self._open -= {source, target}
        _reset(source)
        _reset(target)


def _reset(connection):
    """Ends it with a RST, and the threads that wait for it."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
