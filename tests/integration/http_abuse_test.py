"""Clients that mean no good, against the real collector: it stays up, stays small, and serves the others."""

import gzip
import json
import re
import resource
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from harness import reading, resident
from services.process import pause, wait_until

GROWTH_MAX = 64 << 20
GET = b"GET /account/telemetry HTTP/1.1\r\nHost: x\r\n\r\n"


class Bystander(threading.Thread):
    """Another client, who asks all the time, and how big the process was meanwhile."""

    def __init__(self, collector):
        super().__init__()
        self.collector, self.answers, self.failures, self.largest = collector, 0, [], 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                assert self.collector.get("/account/telemetry", timeout=20).status == 200
                self.answers += 1
            except Exception as error:  # whatever it is, the test tells it
                self.failures.append(error)
            self.largest = max(self.largest, resident(self.collector))
            pause(0.01)


class Watch:
    """with Watch(collector): a bystander is served, and the process stays small and up."""

    def __init__(self, collector, others_get_in=True):
        self.bystander, self.others_get_in = Bystander(collector), others_get_in
        self.collector = collector

    def __enter__(self):
        self.collector.get("/account/telemetry")
        self.before = resident(self.collector)
        self.bystander.start()
        return self.bystander

    def __exit__(self, kind, *_):
        if kind is None:
            answered = self.bystander.answers
            if self.others_get_in:
                wait_until(lambda: self.bystander.answers > answered or self.bystander.failures, 30, "the bystander is served")
        self.bystander.over.set()
        self.bystander.join()
        if kind is not None:
            return
        assert self.collector.running, self.collector.log_text()[-2000:]
        grown = self.bystander.largest - self.before
        assert grown < GROWTH_MAX, f"it grew by {grown >> 20} MiB"
        if self.others_get_in:
            assert not self.bystander.failures, self.bystander.failures[:3]
        assert self.collector.get("/health/live").status == 200


@pytest.fixture
def start(site):
    """A collector without broker, with these settings of http."""
    return lambda **http: site.start_collector(**{"mqtt.url": ""} | {f"http.{key}": value for key, value in http.items()})


@pytest.fixture
def collector(start):
    return start()


def connect(collector, timeout=30):
    return socket.create_connection(("127.0.0.1", collector.port), timeout)


def read_to_end(connection):
    """What comes up to the end of the connection, or its reset."""
    received = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionError:
            return received
        if not piece:
            return received
        received += piece


def statuses(received):
    """Of the answers that came."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def exchange(collector, request, end=True):
    """What comes back to these bytes."""
    with connect(collector) as connection:
        try:
            connection.sendall(request)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may have said no already
        return read_to_end(connection)


def ended(connection):
    """Whether the server has ended the connection; what it sent is dropped."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def post(length, body=b"", more=b""):
    return (b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (length, more, body))


def test_requests_that_trickle_in_are_ended_by_a_limit_on_their_whole_time(start):
    """Slowloris: there is never a second without a byte."""
    collector = start(idle_timeout="3s")
    begins = [b"GET /data HTTP/1.1\r\nX-Slow: ", post(1000), b"POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"]
    drops = [b"x", b" ", b"1\r\n \r\n"]
    with Watch(collector), ExitStack() as stack:
        slow = [stack.enter_context(connect(collector)) for _ in range(300)]
        began = time.monotonic()
        for number, connection in enumerate(slow):
            connection.sendall(begins[number % 3])

        def all_ended():
            left = 0
            for number, connection in enumerate(slow):
                if connection.fileno() >= 0 and not ended(connection):
                    left += 1
                    try:
                        connection.setblocking(True)
                        connection.sendall(drops[number % 3])
                    except OSError:
                        pass
            return left == 0

        wait_until(all_ended, 30, "each slow request is ended")
        assert time.monotonic() - began > 2, "not before its time"
    wait_until(lambda: collector.metric("tributary_http_connections") <= 1, 10, "nothing is left of them")


def test_two_thousand_idle_connections_leave_room_for_others_when_their_time_is_over(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"this needs 4096 open files, and the limit is {hard}")
    # The usual limit for the collector, who must help itself, and more for us.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    collector = start(connections_max=1000, idle_timeout="10s")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    try:
        with Watch(collector, others_get_in=False) as bystander, ExitStack() as stack:
            idle = [stack.enter_context(connect(collector)) for _ in range(2000)]
            # Those above the limit are told so, and let go.
            refused = set()

            def thousand_refused():
                for connection in idle:
                    if connection not in refused:
                        connection.setblocking(False)
                        try:
                            if connection.recv(65536).startswith(b"HTTP/1.1 503 "):
                                refused.add(connection)
                        except BlockingIOError:
                            pass
                return len(refused) >= 999

            wait_until(thousand_refused, 8, "those above the limit are refused at once")
            served = bystander.answers
            wait_until(lambda: bystander.answers > served + 5, 30, "others get in when the idle have timed out")
        wait_until(lambda: collector.metric("tributary_http_connections") <= 1, 10, "all of them are gone")
        assert collector.metric("tributary_http_refused_total", reason="connections") >= 999
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_body_of_a_gibibyte_is_refused_before_it_is_read(collector):
    with Watch(collector):
        received = exchange(collector, post(1 << 30, b"[" * 1000), end=False)
        assert statuses(received) == [413], received[:200]
        for length in (b"99999999999999999999999", b"-1", b"0x10", b"1 1"):
            received = exchange(collector, b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n[]")
            assert statuses(received) == [400], (length, received[:200])


def test_a_body_streamed_without_end_is_refused_at_the_limit(collector):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with Watch(collector), connect(collector) as connection:
        connection.sendall(b"POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 1 << 30:
                connection.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        assert sent < 200 << 20, "it reads a little on, so that the client sees the answer, and no more"
        try:
            connection.settimeout(5)
            received = read_to_end(connection)
        except TimeoutError:
            received = b""
        assert statuses(received) in ([413], []), received[:200]  # a reset may have taken it away

    # One that listens gets its answer.
    received = exchange(collector, b"POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 129, end=False)
    assert statuses(received) == [413], received[:200]


def test_a_body_too_large_is_refused_instead_of_asked_for(collector):
    with Watch(collector):
        received = exchange(collector, post(1 << 30, more=b"Expect: 100-continue\r\n"), end=False)
        assert statuses(received) == [413], received[:200]
        with connect(collector) as connection:
            body = json.dumps(reading(0)).encode()
            connection.sendall(post(len(body), more=b"Expect: 100-continue\r\n"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body)
            connection.shutdown(socket.SHUT_WR)
            assert statuses(read_to_end(connection)) == [202]


def test_a_header_of_64_kib_is_refused(collector):
    with Watch(collector):
        for fields in (b"X-Long: " + b"x" * 65536 + b"\r\n",
                       b"x" * 65536 + b": long\r\n",
                       b"".join(b"X-%d: %b\r\n" % (number, b"x" * 800) for number in range(80)),
                       b"".join(b"X-%d: y\r\n" % number for number in range(8000))):
            received = exchange(collector, b"GET /data HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
            assert statuses(received) == [431], (fields[:20], received[:200])
        received = exchange(collector, b"GET /data?" + b"x" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(received) in ([414], [431]), received[:200]


def test_chunks_that_are_none_are_refused(collector):
    head = b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Watch(collector):
        for body in (b"zz\r\n", b"-1\r\n[]\r\n0\r\n\r\n", b"\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n[]\r\n0\r\n\r\n",
                     b"0x2\r\n[]\r\n0\r\n\r\n", b"\x00\xff\r\n"):
            received = exchange(collector, head + body)
            assert statuses(received) in ([400], [413]), (body, received[:200])
        endless = exchange(collector, head + b"1;" + b"x" * 200_000 + b"\r\n[\r\n")
        assert statuses(endless) in ([400], [413], [431], []), endless[:200]
        assert collector.metric("tributary_http_refused_total", reason="unreadable") >= 7


def test_pipelined_requests_are_answered_in_order_up_to_the_bad_one(collector):
    body = json.dumps(reading(0)).encode()
    with Watch(collector):
        received = exchange(collector, GET + post(len(body), body) + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        assert statuses(received) == [200, 202, 404, 200]
        received = exchange(collector, GET + post(len(body), body) + GET + b"\x16\x03\x01 not http\r\n\r\n" + GET)
        assert statuses(received) == [200, 202, 200, 400], "nothing behind the bad one is answered"


def test_one_connection_with_many_requests_ahead_starves_nobody(collector):
    with Watch(collector), connect(collector) as connection:
        count = 2000
        writer = threading.Thread(target=lambda: connection.sendall(GET * count + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
        writer.start()
        received = read_to_end(connection)
        writer.join()
        assert statuses(received) == [200] * (count + 1)


def test_no_path_leads_out_of_the_routes(collector):
    with Watch(collector):
        for path in ("/../../etc/passwd", "/docs/..%2f..%2fetc%2fpasswd", "/docs/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                     "/data/../../../etc/passwd", "/..%5c..%5cetc", "/docs/..%252f..%252fetc", "/docs/....//etc/passwd",
                     "/data/..%00", "/%00", "/%c0%ae%c0%ae/etc/passwd", "/data/%2e%2e%2fdata", "file:///etc/passwd", "/%", "*"):
            received = exchange(collector, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert statuses(received) and statuses(received)[0] in (400, 404), (path, received[:200])
            assert b"root:" not in received


def test_bytes_that_are_no_text_are_refused(collector):
    with Watch(collector):
        for request in (b"\x00" * 1000, b"\xff" * 1000, bytes(range(256)) * 10, b"GET /data\x00 HTTP/1.1\r\n\r\n",
                        b"GET /data HTTP/1.1\r\nX-A: a\x00b\r\n\r\n", b"GET /data HTTP/1.1\r\nX\x01: a\r\n\r\n",
                        b"GET /data HTTP/1.1\r\nX-A: a\x07b\r\n\r\n", b"GET\x00 /data HTTP/1.1\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", gzip.compress(b"GET / HTTP/1.1\r\n\r\n")):
            received = exchange(collector, request)
            assert statuses(received) == [400], (request[:40], received[:200])


def test_a_length_in_two_ways_is_refused(collector):
    """What one server takes for a body another one takes for the next request (RFC 9112, 11.2)."""
    smuggled = b"0\r\n\r\n" + GET
    head = b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with Watch(collector):
        for fields in (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n",
                       b"Content-Length: 2, 2\r\n", b"Content-Length: +2\r\n", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"Transfer-Encoding: chunked, identity\r\n",
                       b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
                       b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length : 5\r\n", b"Content-Length: \r\n",
                       b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                       b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: identity, chunked\r\n",
                       b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked;q=1\r\n"):
            received = exchange(collector, head + fields + b"\r\n" + smuggled)
            assert statuses(received) == [400], (fields, received[:300])
        received = exchange(collector, head.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n" + smuggled)
        assert statuses(received) == [400], received[:300]


def test_a_request_names_one_host(collector):
    """A proxy in front may have chosen by another one (RFC 9112, 3.2)."""
    for fields in (b"", b"Host: x\r\nHost: y\r\n", b"Host: x\r\nhost: x\r\n"):
        received = exchange(collector, b"GET /account HTTP/1.1\r\n" + fields + b"\r\n" + GET)
        assert statuses(received) == [400] and b"Host" in received, received[:300]
    assert statuses(exchange(collector, b"GET /account HTTP/1.0\r\n\r\n")) == [200]


def test_methods_and_versions_that_are_none_are_refused(collector):
    with Watch(collector):
        for request, expected in ((b"MAKEITSO /data HTTP/1.1\r\nHost: x\r\n\r\n", (405,)), (b"get /data HTTP/1.1\r\n\r\n", (400,)),
                                  (b"X" * 10_000 + b" / HTTP/1.1\r\n\r\n", (400,)), (b" /data HTTP/1.1\r\n\r\n", (400,)),
                                  (b"GET /data\r\n\r\n", (505,)), (b"GET /data HTTP/0.9\r\n\r\n", (505,)),
                                  (b"GET /data HTTP/2.0\r\n\r\n", (505,)), (b"GET /data HTTP/99.99\r\n\r\n", (400,)),
                                  (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)), (b"GET  HTTP/1.1\r\n\r\n", (400,)),
                                  (b"TRACE /data HTTP/1.1\r\nHost: x\r\n\r\n", (405,)), (b"PURGE /data HTTP/1.1\r\nHost: x\r\n\r\n", (405,)),
                                  (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n", (400, 404, 405)),
                                  (b"GET http://127.0.0.1:22/data HTTP/1.1\r\nHost: x\r\n\r\n", (200,))):
            received = exchange(collector, request)
            assert statuses(received) and statuses(received)[0] in expected, (request[:40], received[:200])


def test_a_compressed_body_is_refused(collector):
    """A small one may be a large one."""
    bomb = gzip.compress(b" " * (64 << 20))
    with Watch(collector):
        received = exchange(collector, post(len(bomb), bomb, b"Content-Encoding: gzip\r\n"))
        assert statuses(received) == [415], received[:200]


def test_readers_that_never_read_are_let_go(start):
    collector = start(idle_timeout="3s")
    collector.ingest([reading(second) for second in range(20_000)])
    collector.wait_for_account(60, stored=20_000)
    request = b"GET /data?format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n"
    with Watch(collector), ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", collector.port))
            connection.sendall(request)
        wait_until(lambda: collector.metric("tributary_http_connections") >= 40, 10, "they are there")
        wait_until(lambda: collector.metric("tributary_http_connections") <= 5, 40, "those who take nothing are let go")
