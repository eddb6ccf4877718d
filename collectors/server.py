"""The sidecar's HTTP server: `/metrics`, `/probe?target=NAME`, `/healthz`, `/readyz`.

Health says that the process works, never that its targets do: a restart of the sidecar cures no database.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
import threading
import zlib
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from collectors.families import CONTENT_TYPE
from collectors.runtime import Sidecar, check_labels
from watchkeeper.errors import ListenError, SettingsError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["DEFAULT_PORT", "Server", "run", "serve"]

_log = logging.getLogger("watchkeeper.collectors")

# The port that OpenTelemetry's Prometheus exporter has made usual for "metrics of a process".
DEFAULT_PORT = 9464
# Every hanging target can hold a request for its timeout; health must still be answered then.
MAX_THREADS = 32
_REQUEST_SECONDS = 10.0
_PLAIN = "text/plain; charset=utf-8"
# Prometheus gives up at its scrape timeout: the answer leaves this much earlier, at most a tenth of it.
_MARGIN_SECONDS = 0.5


class Server(TCPServer):
    """A running server; `port` is the one it listens on."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, sidecar: Sidecar, host: str, port: int) -> None:
        self.sidecar = sidecar
        self.ready = False
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._slots = threading.BoundedSemaphore(MAX_THREADS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ListenError(_cannot_listen(host, port, error)) from None
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self.ready = True
        self._thread.start()

    def shutdown(self) -> None:
        """Refuse new requests, let the running ones end, and free the port; the sidecar stays open."""
        self.ready = False
        super().shutdown()
        self.server_close()
        for _ in range(MAX_THREADS):
            self._slots.acquire(timeout=_REQUEST_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; when all are busy, say so at once."""
        if not self._slots.acquire(blocking=False):
            request.settimeout(1.0)
            try:
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\n\r\nall threads are busy\n")
            except OSError as error:
                _log.debug("busy answer: %s", error)
            self.shutdown_request(request)
            return
        threading.Thread(target=self._answer, args=(request, client_address), daemon=True).start()

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError as error:
            _log.debug("a client went away: %s", error)
        finally:
            self.shutdown_request(request)
            self._slots.release()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _REQUEST_SECONDS
    server_version = "watchkeeper"
    sys_version = ""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        sidecar = self.server.sidecar
        if url.path == "/metrics":
            self._send(200, sidecar.scrape(timeout=self._budget()), CONTENT_TYPE)
        elif url.path == "/probe":
            self._probe(parse_qs(url.query).get("target", []))
        elif url.path == "/healthz":
            self._text(200, "ok")
        elif url.path == "/readyz":
            self._text(200 if self.server.ready else 503, "ready" if self.server.ready else "shutting down")
        elif url.path == "/":
            names = "".join(f"/probe?target={target.name}\n" for target in sidecar.targets)
            self._text(200, f"watchkeeper collect\n\n/metrics\n{names}/healthz\n/readyz")
        else:
            self._text(404, f"there is no {url.path}: try /metrics")

    do_HEAD = do_GET  # noqa: N815  the name that the base class looks for

    def _probe(self, names: Sequence[str]) -> None:
        if len(names) != 1:
            self._text(400, "name one target: /probe?target=NAME")
            return
        try:
            self.server.sidecar.lane(names[0])
        except SettingsError as error:
            self._text(404, str(error))
            return
        self._send(200, self.server.sidecar.scrape(names, self._budget()), CONTENT_TYPE)

    def _budget(self) -> float | None:
        """Seconds until the answer must leave, from the header that Prometheus sends; None when it is not there."""
        try:
            timeout = float(self.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        except ValueError:
            return None
        return timeout - min(_MARGIN_SECONDS, timeout / 10) if timeout > 0 else None

    def _text(self, status: int, text: str) -> None:
        # One line, whatever a client put into the path.
        self._send(status, (text + "\n").encode("utf-8", errors="replace"), _PLAIN)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if len(body) > 1024 and "gzip" in self.headers.get("Accept-Encoding", ""):
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = packer.compress(body) + packer.flush()
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {where}: the port is in use: stop what uses it, or choose another with --listen"
    if error.errno == errno.EACCES:
        return f"cannot listen on {where}: not allowed: choose a port above 1023 with --listen"
    return f"cannot listen on {where}: {error.strerror or error}"


def serve(sidecar: Sidecar, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> Server:
    """Serve a sidecar in the background; port 0 takes a free one. Raises ListenError, SettingsError."""
    check_labels(sidecar.targets)
    server = Server(sidecar, host, port)
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
