"""The listener's own HTTP: kept connections, slow and hostile clients, an end in order."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import connections
from collectors.connections import Answer, Connections
from collectors.requests import Request
from tests.servers import wait_until


class _Site:
    """A site whose answers a test sets; `asked` are the paths."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.body = b"hello\n"
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request.path)
        if request.path == "/wait":
            self.gate.wait(10)
        if request.path == "/fail":
            raise ValueError("a mistake of ours")
        return 200, self.body, "Content-Type: text/plain\r\n"


@pytest.fixture
def site() -> _Site:
    return _Site()


@pytest.fixture
def listening(site: _Site) -> Iterator[Connections]:
    running = Connections("127.0.0.1", 0, site, lambda: None, 8)
    running.start()
    yield running
    site.gate.set()
    running.stop(5.0)


@contextlib.contextmanager
def _client(listening: Connections) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", listening.port), timeout=10) as sock:
        yield sock


def _answer(sock: socket.socket) -> tuple[str, bytes]:
    """Status line and body of the next answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock, 1)
    head = data.decode("latin-1")
    size = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
    body = b""
    while len(body) < size:
        body += _some(sock, size - len(body))
    return head.partition("\r\n")[0], body


def _some(sock: socket.socket, size: int) -> bytes:
    data = sock.recv(size)
    assert data, "the connection was closed"
    return data


def _rest(sock: socket.socket) -> bytes:
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_connection_serves_many_requests(listening: Connections, site: _Site) -> None:
    with _client(listening) as sock:
        for _ in range(20):
            sock.sendall(GET)
            assert _answer(sock) == ("HTTP/1.1 200 OK", b"hello\n")
    assert len(site.asked) == 20


def test_requests_that_come_at_once_are_answered_in_order(listening: Connections, site: _Site) -> None:
    with _client(listening) as sock:
        sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(50)))
        for _ in range(50):
            assert _answer(sock)[0] == "HTTP/1.1 200 OK"
    assert site.asked == [f"/{number}" for number in range(50)]


def test_a_request_may_come_byte_by_byte(listening: Connections) -> None:
    with _client(listening) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET:
            sock.sendall(bytes([byte]))
        assert _answer(sock)[1] == b"hello\n"


def test_close_is_said_and_done(listening: Connections) -> None:
    with _client(listening) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in _rest(sock)


def test_head_has_no_body(listening: Connections) -> None:
    with _client(listening) as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = _rest(sock)
    assert b"Content-Length: 6\r\n" in answer and answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "sent, status",
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\n\n", b"400"),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1", b"400"),  # TLS where there is none
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}{}{}{}{", b"405"),
        (b"GET / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000, b"413"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000, b"431"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431"),
    ],
)
def test_a_bad_request_is_told_why_and_closed(listening: Connections, sent: bytes, status: bytes) -> None:
    with _client(listening) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(sent)
        answer = _rest(sock)
    assert answer.startswith(b"HTTP/1.1 " + status) and answer.count(b"HTTP/1.1 4") == 1


def test_a_mistake_of_ours_is_500_and_the_next_request_is_answered(listening: Connections) -> None:
    with _client(listening) as sock:
        sock.sendall(b"GET /fail HTTP/1.1\r\n\r\n" + GET)
        assert _answer(sock)[0] == "HTTP/1.1 500 Internal Server Error"
        assert _answer(sock)[0] == "HTTP/1.1 200 OK"


def test_clients_that_send_nothing_cost_no_thread(listening: Connections) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(_client(listening)) for _ in range(100)]
        for sock in idle[::2]:
            sock.sendall(GET[:9])
        with _client(listening) as sock:
            sock.sendall(GET)
            assert _answer(sock)[1] == b"hello\n"
        assert sum(thread.name == "metrics" for thread in threading.enumerate()) <= 8


def test_a_client_that_does_not_read_costs_no_thread(
    listening: Connections, site: _Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_WAITING_BYTES", 10**9)
    site.body = b"x" * 20_000_000
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(_client(listening)) for _ in range(12)]
        for sock in slow:
            sock.sendall(GET)
        wait_until(lambda: len(site.asked) == 12)
        site.body = b"hello\n"
        with _client(listening) as sock:
            sock.sendall(GET)
            assert _answer(sock)[1] == b"hello\n"
        assert len(_answer(slow[0])[1]) == 20_000_000  # and it gets all of it when it does


def test_answers_that_wait_for_their_clients_are_bounded_in_memory(listening: Connections, site: _Site) -> None:
    site.body = b"x" * 20_000_000
    with contextlib.ExitStack() as stack:
        slow = []
        for number in range(3):
            slow.append(stack.enter_context(_client(listening)))
            slow[-1].sendall(GET)
            wait_until(lambda n=number: len(site.asked) == n + 1)  # type: ignore[misc]
        assert len(_answer(slow[-1])[1]) == 20_000_000
        with contextlib.suppress(ConnectionResetError):
            assert len(_rest(slow[0])) < 20_000_000  # who has waited longest was let go


def test_a_client_that_has_sent_all_it_will_is_answered(listening: Connections) -> None:
    with _client(listening) as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert _rest(sock).endswith(b"hello\n")


def test_requests_that_are_never_finished_keep_nobody_out(
    listening: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    with contextlib.ExitStack() as stack:
        unfinished = []
        for number in range(2):
            unfinished.append(stack.enter_context(_client(listening)))
            unfinished[-1].sendall(GET[:9])
            wait_until(lambda n=number: len([one for one in listening._open.values() if one.buffer]) == n + 1)  # type: ignore[misc]
        with _client(listening) as sock:
            sock.sendall(GET)
            assert _answer(sock)[1] == b"hello\n"
        assert _rest(unfinished[0]) == b""


def test_without_descriptors_it_waits_and_says_so_once(
    listening: Connections, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []
    make_room = listening._make_room

    def counted() -> bool:
        tries.append(time.monotonic())
        return make_room()

    monkeypatch.setattr(listening, "_make_room", counted)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as sock:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", listening.port))
            sock.sendall(GET)
            wait_until(lambda: len(tries) >= 4)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert _answer(sock)[1] == b"hello\n"
    assert tries[3] - tries[0] > 0.2  # it does not run in circles
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1


def test_clients_leave_half_of_the_descriptors_to_the_targets(site: _Site) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 40, hard))
    try:
        running = Connections("127.0.0.1", 0, site, lambda: None, 8)
        assert running._share == (used + 40) // 2
        running.stop(0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_head_that_does_not_end_is_given_up(listening: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.1)
    with _client(listening) as sock:
        sock.sendall(GET[:9])
        assert _rest(sock) == b""


def test_the_connection_that_was_idle_longest_makes_room(
    listening: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(3):
            clients.append(stack.enter_context(_client(listening)))
            clients[-1].sendall(GET)
            assert _answer(clients[-1])[1] == b"hello\n"
        assert clients[0].recv(1) == b""
        clients[1].sendall(GET)
        assert _answer(clients[1])[1] == b"hello\n"


def test_threads_come_with_work_and_not_beyond_the_limit(listening: Connections, site: _Site) -> None:
    site.gate.clear()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(_client(listening)) for _ in range(7)]
        for sock in waiting:
            sock.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        wait_until(lambda: site.asked.count("/wait") == 7)
        with _client(listening) as sock:
            sock.sendall(GET)
            assert _answer(sock)[1] == b"hello\n"
        site.gate.set()
        for sock in waiting:
            assert _answer(sock)[1] == b"hello\n"


def test_stop_lets_the_running_answer_out_and_closes_the_rest(site: _Site) -> None:
    running = Connections("127.0.0.1", 0, site, lambda: None, 8)
    running.start()
    site.gate.clear()
    with _client(running) as idle, _client(running) as busy:
        idle.sendall(GET)
        _answer(idle)
        busy.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        wait_until(lambda: "/wait" in site.asked)
        ending = threading.Thread(target=running.stop, args=(5.0,))
        ending.start()
        wait_until(lambda: running._stopping)
        site.gate.set()
        assert b"Connection: close" in _rest(busy)
        assert idle.recv(1) == b""
        ending.join()
    assert not running._running
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), timeout=1)


def test_what_runs_long_is_hurried_when_two_thirds_of_the_time_are_over(site: _Site) -> None:
    running = Connections("127.0.0.1", 0, site, lambda: None, 8)
    running.start()
    site.gate.clear()
    with _client(running) as busy:
        busy.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        wait_until(lambda: "/wait" in site.asked)
        begun = time.monotonic()
        running.stop(1.5, hurry=site.gate.set)
        assert 0.9 < time.monotonic() - begun < 1.5
        assert _rest(busy).endswith(b"hello\n")
