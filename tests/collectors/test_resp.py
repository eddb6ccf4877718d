from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.resp import LIMIT_BYTES, Address, RedisConnection, RedisError, batch
from watchkeeper.clock import monotonic

__all__ = ["talking"]


@contextlib.contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that answers each connection as `talk` does, in a thread of its own; its port is yielded."""
    threads = []
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                talk(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    thread = threading.Thread(target=serve, args=(connection,), daemon=True)
                    threads.append(thread)
                    thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join(5)
    for thread in threads:
        thread.join(5)


def _answers(data: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)
        connection.recv(65536)

    return talk


def _ask(port: int, *words: str, seconds: float = 5) -> object:
    deadline = monotonic() + seconds
    connection = RedisConnection.open(Address(port=port), deadline)
    try:
        return connection.call(*(words or ("PING",)), deadline=deadline)
    finally:
        connection.close()


@pytest.mark.parametrize(
    "wire, reply",
    [
        (b"+OK\r\n", "OK"),
        (b":-7\r\n", -7),
        (b"$-1\r\n", None),
        (b"$0\r\n\r\n", ""),
        (b"$4\r\na\r\nb\r\n", "a\r\nb"),
        (b"$2\r\n\xc3\xa9\r\n", "é"),
        (b"$1\r\n\xff\r\n", "\ufffd"),
        (b"*-1\r\n", None),
        (b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", [[1], "x"]),
    ],
)
def test_replies_are_understood(wire: bytes, reply: object) -> None:
    with talking(_answers(wire)) as port:
        assert _ask(port) == reply


def test_an_error_reply_is_raised_by_a_call_and_listed_in_a_pipeline() -> None:
    with talking(_answers(b"-ERR no\r\n+OK\r\n")) as port:
        connection = RedisConnection.open(Address(port=port), monotonic() + 5)
        refused, fine = connection.pipeline([("A",), ("B",)], monotonic() + 5)
        connection.close()
    assert isinstance(refused, RedisError) and str(refused) == "ERR no" and fine == "OK"


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_commands_are_packed_with_their_length_in_bytes(words: list[str]) -> None:
    request = batch([words]).request
    rest = request.removeprefix(b"*%d\r\n" % len(words))
    for word in words:
        data = word.encode()
        rest = rest.removeprefix(b"$%d\r\n" % len(data)).removeprefix(data + b"\r\n")
    assert rest == b""


def test_a_reply_that_arrives_byte_by_byte_is_put_together() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in b"*2\r\n$5\r\nhello\r\n:12\r\n":
            connection.sendall(bytes([byte]))

    with talking(drip) as port:
        assert _ask(port) == ["hello", 12]


def test_the_deadline_holds_for_a_reply_that_drips() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"$1000\r\n")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with talking(drip) as port:
        started = time.perf_counter()
        with pytest.raises(TimeoutError):
            _ask(port, seconds=0.3)
        stop.set()
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$x\r\n",
        b"*x\r\n",
        b":\r\n",
        b"\r\n",
        b"*1\r\n" * 50 + b":1\r\n",
        b"\x16\x03\x01" * 50_000,
    ],
)
def test_what_is_no_reply_is_said(wire: bytes) -> None:
    with talking(_answers(wire)) as port, pytest.raises(ConnectionError, match="it does not speak Redis"):
        _ask(port)


def test_more_than_was_asked_for_is_an_error() -> None:
    with talking(_answers(b"+OK\r\n+OK\r\n")) as port, pytest.raises(ConnectionError, match="more than was asked"):
        _ask(port)


@pytest.mark.parametrize("wire", [b"", b"$10\r\nabc", b"*3\r\n:1\r\n", b"+O"])
def test_a_connection_that_ends_in_mid_reply_is_said(wire: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(wire)

    with talking(talk) as port, pytest.raises(ConnectionError, match="closed the connection"):
        _ask(port)


def _endless(head: bytes, chunk: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        for _ in range(100 * 1024 * 1024 // len(chunk)):
            connection.sendall(chunk)

    return talk


@pytest.mark.parametrize(
    "head, chunk, said",
    [
        (b"$104857600\r\n", b"x" * 65536, "a reply of 104857600 bytes is too large"),
        (b"*1000\r\n", b"$65536\r\n" + b"x" * 65536 + b"\r\n", "larger than 4 MiB"),
        (b"*100000000\r\n", b"*0\r\n" * 16384, "more than 100,000 items"),
        (b"*90000\r\n", b"*2\r\n:123456\r\n:123456\r\n" * 1000, "more than 100,000 items"),
    ],
)
def test_a_hundred_megabytes_are_refused_in_bounded_memory(head: bytes, chunk: bytes, said: str) -> None:
    with talking(_endless(head, chunk)) as port:
        tracemalloc.start()
        try:
            with pytest.raises(ConnectionError, match=said):
                _ask(port, seconds=20)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 4 * LIMIT_BYTES


def test_abort_ends_a_call_of_another_thread() -> None:
    began = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65536)
        began.set()
        connection.recv(65536)

    with talking(hang) as port:
        connection = RedisConnection.open(Address(port=port), monotonic() + 5)

        def abort() -> None:
            began.wait(5)
            connection.abort()

        threading.Thread(target=abort, daemon=True).start()
        with pytest.raises(OSError, match="closed the connection"):
            connection.call("PING", deadline=monotonic() + 10)
        connection.close()
