"""A small HTTP/1.1 server: warm threads that wait for connections together, and never for a slow client.

All threads wait on one epoll, which gives each event to one of them: the thread that learns of a request answers it,
so nothing is handed over. Sockets never block: a client that sends or takes its bytes slowly costs a descriptor and no
thread.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from collectors.requests import MAX_HEAD_BYTES, BadRequestError, Request, parse_request
from watchkeeper.clock import monotonic
from watchkeeper.errors import ListenError

if TYPE_CHECKING:
    import ssl

__all__ = ["MAX_CONNECTIONS", "MAX_WAITING_BYTES", "Answer", "Connections"]

_log = logging.getLogger("watchkeeper.collectors")

Answer = tuple[int, bytes, str]
"""Status, body, and further header lines, each with its end."""

MAX_CONNECTIONS = 512
# Of the answers that clients have not taken yet: a sidecar's memory limit is a few times that.
MAX_WAITING_BYTES = 16 * 1024 * 1024
# A head must have arrived, and an answer must have been taken, in this time.
_REQUEST_SECONDS = 10.0
# Prometheus keeps a connection for five minutes: it, not we, should be the one to close it.
_IDLE_SECONDS = 330.0
_LINGER_SECONDS = 2.0
_SWEEP_SECONDS = 2.0
# Threads that stay when there is little to do.
_WARM_THREADS = 3
_CHUNK = 64 * 1024
_ONCE = select.EPOLLONESHOT if hasattr(select, "EPOLLONESHOT") else 0
_READ, _WRITE = 1 | _ONCE, 4 | _ONCE  # EPOLLIN, EPOLLOUT


class _Connection:
    """A client; `busy` while a thread has it."""

    __slots__ = ("buffer", "busy", "deadline", "ending", "greeting", "head", "held", "idle", "out", "request", "sock")

    def __init__(self, sock: socket.socket, greeting: bool) -> None:
        self.sock = sock
        self.greeting = greeting  # the TLS handshake is under way
        self.buffer = b""
        self.out = memoryview(b"")
        self.held = 0  # bytes of the answer of which `out` is the rest
        self.head = b""
        self.request: Request | None = None
        self.ending = False  # the last answer is out: what still comes is thrown away
        self.busy = True
        self.idle = False
        self.deadline = monotonic() + _REQUEST_SECONDS


class Connections:
    """Listens, and answers each request with what `answer` gives for it. Raises ListenError.

    `context` gives what the next connection is encrypted with, or None. At most `threads` requests are answered at a
    time.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Answer],
        context: Callable[[], ssl.SSLContext | None],
        threads: int,
    ) -> None:
        if not hasattr(select, "epoll"):
            raise ListenError("the listener of `watchkeeper collect` needs Linux: use --once here")
        self._answer = answer
        self._context = context
        self._threads = threads
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._wake, self._waker = socket.socketpair()
        self._lock = threading.Lock()
        self._open: dict[int, _Connection] = {}
        self._running = 0
        self._waiting = 0
        self._starved = False
        # The other half of the descriptors is for what is read: clients must not take them from the targets.
        self._share = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        self._stopping = False
        self._ended = False
        self._stopped = threading.Event()
        self._next_sweep = monotonic() + _SWEEP_SECONDS
        # By status. The one that is sure to come is there from the start, so that a scrape adds no series.
        self.answered: dict[int, int] = {200: 0}

    def start(self) -> None:
        """Begin to answer."""
        self._epoll.register(self._listener.fileno(), _READ)
        self._epoll.register(self._wake.fileno(), 1)
        for _ in range(_WARM_THREADS):
            self._spawn()

    def stop(self, seconds: float, *, hurry: Callable[[], None] | None = None) -> None:
        """Close the port, let running requests end for so many seconds, and close all connections.

        `hurry` is called when a third of the time is left and requests are still running: it is to make them end.
        """
        with self._lock:
            self._stopping = True
            started = self._running > 0
            with contextlib.suppress(OSError, ValueError):
                self._epoll.unregister(self._listener.fileno())
            self._listener.close()
        end = monotonic() + seconds
        while started and monotonic() < end and any(one.busy or one.out for one in list(self._open.values())):
            if hurry is not None and end - monotonic() < seconds / 3:
                hurry()
                hurry = None
            time.sleep(0.005)
        self._ended = True
        self._waker.close()  # makes the other end readable, for every thread
        if started:
            self._stopped.wait(max(0.1, end - monotonic()))
        with self._lock:
            for connection in list(self._open.values()):
                self._drop(connection)
            if not self._running:
                self._epoll.close()
                self._wake.close()

    def _spawn(self) -> None:
        with self._lock:
            if self._running >= self._threads or self._stopping:
                return
            self._running += 1
        threading.Thread(target=self._work, name="metrics", daemon=True).start()

    def _work(self) -> None:
        try:
            while not self._ended:
                with self._lock:
                    self._waiting += 1
                events = self._epoll.poll(_SWEEP_SECONDS, 1)
                with self._lock:
                    self._waiting -= 1
                    alone = not self._waiting
                    surplus = not events and self._running > _WARM_THREADS
                if surplus:
                    break
                if events and alone:
                    self._spawn()
                self._sweep()
                for descriptor, _ in events:
                    try:
                        self._event(descriptor)
                    except Exception:  # noqa: BLE001  one request must not end the thread
                        _log.exception("a request failed")
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._stopped.set()

    def _event(self, descriptor: int) -> None:
        if descriptor == self._wake.fileno():
            return
        if descriptor == self._listener.fileno():
            self._accept()
            return
        with self._lock:
            connection = self._open.get(descriptor)
            if connection is None or connection.busy:
                return
            connection.busy = True
        self._guarded(connection)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                if not self._starved:
                    _log.error("clients cannot be accepted: %s; further ones are not told", error.strerror)
                self._starved = True
                self._make_room()
                time.sleep(0.1)
            self._arm(self._listener, _READ)
            return
        self._starved = False
        self._arm(self._listener, _READ)
        if len(self._open) >= min(MAX_CONNECTIONS, self._share) and not self._make_room():
            sock.close()
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self._context()
        if context is not None:
            try:
                sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError as error:  # it has sent something and gone away already
                _log.debug("a client went away: %s", error)
                sock.close()
                return
        connection = _Connection(sock, context is not None)
        with self._lock:
            self._open[sock.fileno()] = connection
            self._epoll.register(sock.fileno(), _ONCE)
        self._guarded(connection)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest; without one, that which has longest not made its request."""
        with self._lock:
            free = [one for one in self._open.values() if not one.busy and not one.out]
            if free:
                self._drop(min(free, key=lambda one: (not one.idle, one.deadline)))
        return bool(free)

    def _relieve(self, connection: _Connection) -> None:
        """An answer waits for its client: let go of those that wait longest when they hold too much memory."""
        with self._lock:
            waiting = sorted(
                [one for one in self._open.values() if one.out and not one.busy], key=lambda one: one.deadline
            )
            held = connection.held + sum([one.held for one in waiting])
            for one in waiting:
                if held <= MAX_WAITING_BYTES:
                    return
                held -= one.held
                self._drop(one)

    def _arm(self, sock: socket.socket, events: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._epoll.modify(sock.fileno(), events)

    def _guarded(self, connection: _Connection) -> None:
        """Go on with a connection until it has to wait; whatever happens, it is armed or closed after this."""
        from_tls = connection.greeting or hasattr(connection.sock, "pending")
        try:
            events = self._go_on(connection)
        except BlockingIOError:
            events = _WRITE if connection.out else _READ
            if connection.out:
                self._relieve(connection)
        except OSError as error:
            events = _tls_waits(error) if from_tls else 0
            if events and connection.out:
                self._relieve(connection)
            if not events:
                _log.debug("a client went away: %s", error)
        except BaseException:
            with self._lock:
                self._drop(connection)
            raise
        with self._lock:
            if not events or (self._stopping and connection.idle):
                self._drop(connection)
                return
            connection.busy = False
        self._arm(connection.sock, events)

    def _go_on(self, connection: _Connection) -> int:
        """The events to wait for next; 0 when the connection is to be closed."""
        sock = connection.sock
        if connection.greeting:
            sock.do_handshake()  # type: ignore[attr-defined]
            connection.greeting = False
        while True:
            if connection.out:
                sent = sock.send(connection.out)
                connection.out = connection.out[sent:]
                if connection.out:
                    continue
                if connection.ending:
                    # Closing with unread bytes would take the answer back from the client.
                    connection.deadline = monotonic() + _LINGER_SECONDS
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_WR)
                elif not connection.buffer:
                    connection.idle = True
                    connection.deadline = monotonic() + _IDLE_SECONDS
                    if not hasattr(sock, "pending"):
                        return _READ  # the next request is an event of its own
                else:
                    continue
            elif connection.buffer and not connection.ending and self._request(connection):
                continue
            data = sock.recv(_CHUNK)
            if not data:
                return 0
            if connection.ending:
                if monotonic() > connection.deadline:
                    return 0
                continue
            if connection.idle:
                connection.idle = False
                connection.deadline = monotonic() + _REQUEST_SECONDS
            connection.buffer += data

    def _request(self, connection: _Connection) -> bool:
        """Answer the request at the start of the buffer; False when it is not there as a whole."""
        buffer = connection.buffer
        end = buffer.find(b"\r\n\r\n")
        try:
            if end > MAX_HEAD_BYTES or (end < 0 and len(buffer) > MAX_HEAD_BYTES):
                raise BadRequestError(431, "the head of the request is too large")
            if end < 0:
                if b"\n\n" in buffer or b"\0" in buffer:
                    raise BadRequestError(400, "this is no HTTP/1.1 request")
                return False
            head, connection.buffer = buffer[:end], buffer[end + 4 :]
            # Prometheus asks the same each time.
            if connection.request is None or connection.head != head:
                connection.request, connection.head = parse_request(head), head
            request = connection.request
        except BadRequestError as error:
            connection.buffer = b""
            self._send(connection, (error.status, f"{error}\n".encode(), ""), keep=False)
            return True
        try:
            status, body, fields = self._answer(request)
        except Exception:  # noqa: BLE001  the client learns that something is wrong here
            _log.exception("a request failed")
            status, body, fields = 500, b"something is wrong here: see the log\n", ""
        self._send(connection, (status, body, fields), keep=request.keep, bare=request.method == "HEAD")
        return True

    def _send(self, connection: _Connection, answer: Answer, *, keep: bool, bare: bool = False) -> None:
        status, body, fields = answer
        keep = keep and not self._stopping
        head = (
            f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n"
            f"Date: {time.strftime(_DATE, time.gmtime())}\r\n"
            f"{fields or _PLAIN}Content-Length: {len(body)}\r\n{'' if keep else _CLOSE}\r\n"
        )
        connection.out = memoryview(head.encode("latin-1") + (b"" if bare else body))
        connection.held = len(connection.out)
        connection.ending = not keep
        connection.deadline = monotonic() + _REQUEST_SECONDS
        with self._lock:
            self.answered[status] = self.answered.get(status, 0) + 1

    def _sweep(self) -> None:
        """Close the connections whose time is up."""
        at = monotonic()
        if at < self._next_sweep:
            return
        with self._lock:
            self._next_sweep = at + _SWEEP_SECONDS
            for connection in list(self._open.values()):
                if not connection.busy and connection.deadline < at:
                    self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        """Close a connection; the lock is held."""
        descriptor = connection.sock.fileno()
        if self._open.get(descriptor) is connection:
            del self._open[descriptor]
        with contextlib.suppress(OSError):
            connection.sock.close()


# http.HTTPStatus has them all, and takes 5 ms to import.
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_PLAIN = "Content-Type: text/plain; charset=utf-8\r\n"
_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_CLOSE = "Connection: close\r\n"


def _tls_waits(error: OSError) -> int:
    import ssl

    if isinstance(error, ssl.SSLWantReadError):
        return _READ
    return _WRITE if isinstance(error, ssl.SSLWantWriteError) else 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Nobody may take the port while we have it; after a restart it is ours at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenError(_cannot_listen(host, port, error)) from None
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {where}: the port is in use: stop what uses it, or choose another with --listen"
    if error.errno == errno.EACCES:
        return f"cannot listen on {where}: not allowed: choose a port above 1023 with --listen"
    return f"cannot listen on {where}: {error.strerror or error}"
