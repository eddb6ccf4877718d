"""The sidecar's listener: `/metrics`, `/probe?target=NAME`, `/healthz`, `/readyz`.

Health says that the process works, never that its targets do: a restart of the sidecar cures no database.
"""

from __future__ import annotations

import logging
import signal
import threading
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collectors.access import Guard, is_loopback
from collectors.connections import Answer, Connections
from collectors.encoding import OPENMETRICS_TYPE, TEXT_TYPE
from collectors.families import Family, family, single
from collectors.requests import Request
from collectors.runtime import Sidecar, check_labels
from watchkeeper.errors import SettingsError
from watchkeeper.systems.watchkeeper_signals import (
    WATCHKEEPER_LISTENER_REQUESTS_TOTAL,
    WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT,
    WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL,
)

if TYPE_CHECKING:
    from watchkeeper.settings import Access, Target

__all__ = ["DEFAULT_PORT", "MAX_SCRAPES", "Server", "run", "serve"]

_log = logging.getLogger("watchkeeper.collectors")

# The port that OpenTelemetry's Prometheus exporter has made usual for "metrics of a process".
DEFAULT_PORT = 9464
# Every hanging target can hold a scrape for its timeout; health must still be answered then.
MAX_SCRAPES = 32
_OTHER_THREADS = 4
# A kubelet kills after 30 seconds, and a native sidecar is stopped last, with what its application has left of them.
_STOP_SECONDS = 5.0
# Less is not worth the packing: it is one packet on most networks.
_PACK_BYTES = 1024


class Server:
    """A running server; `port` is the one it listens on, `guard` decides who may read."""

    def __init__(self, sidecar: Sidecar, host: str, port: int, access: Access | None = None) -> None:
        self.sidecar = sidecar
        self.guard = Guard(access)
        self.ready = False
        self._slots = threading.BoundedSemaphore(MAX_SCRAPES)
        self._lock = threading.Lock()
        self._scrapes = 0
        self._rejected = 0
        self._connections = Connections(
            host, port, self._answer, lambda: self.guard.context(), MAX_SCRAPES + _OTHER_THREADS
        )
        self.port = self._connections.port

    @property
    def scheme(self) -> str:
        """`https` with TLS, else `http`."""
        return "https" if self.guard.tls else "http"

    def start(self) -> None:
        """Begin to answer."""
        self.ready = True
        self.sidecar.sources = (*self.sidecar.sources, self.families)
        self._connections.start()

    def shutdown(self) -> None:
        """Refuse new connections, let the running requests end, and free the port; the sidecar stays open.

        Reads that are under way after two thirds of the time are given up, so that their scrapes are answered.
        """
        self.ready = False
        self._connections.stop(_STOP_SECONDS, hurry=self.sidecar.give_up)

    def families(self) -> Sequence[Family]:
        """What the listener says of itself."""
        answered = sorted(self._connections.answered.copy().items())
        return [
            family(WATCHKEEPER_LISTENER_REQUESTS_TOTAL, [((str(code),), float(count)) for code, count in answered]),
            single(WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT, float(self._scrapes)),
            single(WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL, float(self._rejected)),
        ]

    def _answer(self, request: Request) -> Answer:
        path = request.path
        if path == "/healthz":
            return _text(200, "ok")
        if path == "/readyz":
            return _text(200, "ready") if self.ready else _text(503, "shutting down")
        if not self.guard.allows(request.authorization):
            status, body, fields = _text(401, "the listener wants credentials: see `access` of the settings")
            return status, body, f"{fields}WWW-Authenticate: {self.guard.challenge}\r\n"
        if path == "/metrics":
            return self._scrape(request, None)
        if path == "/probe":
            return self._probe(request)
        if path == "/":
            return _text(200, self._index())
        return _text(404, f"there is no {path}: try /metrics")

    def _probe(self, request: Request) -> Answer:
        names = request.targets
        if len(names) != 1:
            return _text(400, "name one target: /probe?target=NAME")
        try:
            self.sidecar.lane(names[0])
        except SettingsError as error:
            return _text(404, str(error))
        return self._scrape(request, names)

    def _scrape(self, request: Request, names: Sequence[str] | None) -> Answer:
        if not self._slots.acquire(blocking=False):
            with self._lock:
                self._rejected += 1
            status, body, fields = _text(503, f"{MAX_SCRAPES} scrapes are under way")
            return status, body, f"{fields}Retry-After: 1\r\n"
        try:
            with self._lock:
                self._scrapes += 1
            body = self.sidecar.scrape(names, request.budget, openmetrics=request.openmetrics)
        finally:
            with self._lock:
                self._scrapes -= 1
            self._slots.release()
        fields = _OPENMETRICS_FIELDS if request.openmetrics else _TEXT_FIELDS
        if request.gzip and len(body) > _PACK_BYTES:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            return 200, packer.compress(body) + packer.flush(), f"{fields}Content-Encoding: gzip\r\n"
        return 200, body, fields

    def _index(self) -> str:
        """The targets and how their last reads went, for a person."""
        lines = ["watchkeeper collect", "", "/metrics", "/healthz", "/readyz", ""]
        for target in self.sidecar.targets:
            lane = self.sidecar.lane(target.name)
            if lane.error is not None:
                state = f"down: {lane.error}"
            else:
                state = "up" if lane.succeeded is not None else "not read yet"
            lines.append(f"/probe?target={target.name}  {target.system}  {state}")
        return "\n".join(lines)


def _fields(content_type: str) -> str:
    # What is answered depends on these fields of the request: a cache in between must know.
    return f"Content-Type: {content_type}\r\nVary: Accept, Accept-Encoding\r\n"


_TEXT_FIELDS = _fields(TEXT_TYPE)
_OPENMETRICS_FIELDS = _fields(OPENMETRICS_TYPE)


def _text(status: int, text: str) -> Answer:
    return status, f"{text}\n".encode("utf-8", errors="replace"), "Content-Type: text/plain; charset=utf-8\r\n"


def serve(sidecar: Sidecar, host: str = "127.0.0.1", port: int = DEFAULT_PORT, access: Access | None = None) -> Server:
    """Serve a sidecar in the background; port 0 takes a free one. Raises ListenError, SettingsError."""
    check_labels(sidecar.targets)
    server = Server(sidecar, host, port, access)
    if not is_loopback(host) and server.guard.open:
        _log.warning(
            "listening on %s:%d, and everybody who reaches it may read: set `access` (TLS, user and password, or "
            "bearer), or listen on 127.0.0.1",
            host,
            server.port,
        )
    server.start()
    return server


def run(targets: Sequence[Target], host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
    """Serve targets until SIGTERM or SIGINT arrives, then end in order. Raises ListenError, SettingsError."""
    stop = threading.Event()
    sidecar = Sidecar(targets)
    server = serve(sidecar, host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _log.info("listening on http://%s:%d/metrics", host, server.port)
    stop.wait()
    server.shutdown()
    sidecar.close()
