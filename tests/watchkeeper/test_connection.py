"""The kept connection: who breaks it off ends what is under way, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from watchkeeper.clock import monotonic
from watchkeeper.connection import Connection
from watchkeeper.tls import client_context


@contextlib.contextmanager
def _server(answer: bytes) -> Iterator[tuple[Connection, list[socket.socket]]]:
    """A connection to a server that answers the first request of each connection, and then is silent."""
    accepted: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                accepted.append(client)
                if client.recv(65536):
                    client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(urlsplit(f"http://127.0.0.1:{listener.getsockname()[1]}"), client_context)
        try:
            yield connection, accepted
        finally:
            connection.close()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in accepted:
                client.close()


def _ask(connection: Connection, seconds: float = 10.0) -> bytes:
    return connection.ask("GET", "/", None, {}, monotonic() + seconds).read()


def test_a_socket_is_not_closed_while_another_thread_shuts_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    # By then its descriptor may be that of a file, or of another target's connection.
    real, shutting, closing, closed = socket.socket.shutdown, *(threading.Event() for _ in range(3))
    seen: list[tuple[bool, int]] = []

    def slow(sock: socket.socket, how: int) -> None:
        shutting.set()
        assert closing.wait(10)
        seen.append((closed.wait(0.3), sock.fileno()))
        real(sock, how)

    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (connection, _):
        _ask(connection)
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "shutdown", slow)
            thread = threading.Thread(target=connection.break_off)
            thread.start()
            assert shutting.wait(10)
            closing.set()
            connection.close()
            closed.set()
            thread.join()
    ((was_closed, descriptor),) = seen
    assert not was_closed and descriptor >= 0


@pytest.mark.parametrize("ending", ["Content-Length: 9", "Connection: close"])
def test_a_body_that_does_not_come_is_broken_off(ending: str) -> None:
    with _server(f"HTTP/1.1 200 OK\r\n{ending}\r\n\r\nok".encode()) as (connection, _):
        answer = connection.ask("GET", "/", None, {}, monotonic() + 10)
        assert answer.read1(2) == b"ok"
        thread = threading.Thread(target=connection.break_off)
        thread.start()
        assert answer.read1(2) == b""
        thread.join()


def test_what_was_broken_off_is_asked_anew() -> None:
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (connection, accepted):
        _ask(connection)
        connection.break_off()
        assert _ask(connection) == b"ok"
        assert len(accepted) == 2


def test_what_was_aborted_is_not() -> None:
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (connection, accepted):
        _ask(connection)
        connection.abort()
        with pytest.raises(OSError, match="aborted"):
            _ask(connection)
        assert len(accepted) == 1


def test_nothing_is_sent_after_the_deadline() -> None:
    # Who broke the connection off while it was made found no socket to shut down.
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (connection, accepted):
        _ask(connection)
        with pytest.raises(TimeoutError):
            _ask(connection, seconds=0.0)
        accepted[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            accepted[0].recv(1)


@pytest.mark.parametrize("url, address", [("http://[::1]/x", ("::1", 80)), ("https://[::1]/x", ("::1", 443))])
def test_the_port_may_be_left_out(url: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refused(to: tuple[str, int], *_: object) -> None:
        asked.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(ConnectionRefusedError):
        _ask(Connection(urlsplit(url), client_context))
    assert asked == [address]
