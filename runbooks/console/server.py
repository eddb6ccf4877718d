"""Serving the console from a thread: bound first, so that a port in use is one clear line; stopped within seconds."""

from __future__ import annotations

import errno
import socket
import threading
import time
from typing import Self

import uvicorn
from starlette.applications import Starlette

from watchkeeper.errors import ListenError

__all__ = ["ConsoleServer", "bind", "serve"]

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_GRACE_SECONDS = 2


class ConsoleServer:
    """The console at an address that was bound; `port` is the real one where 0 was asked for."""

    def __init__(self, app: Starlette, listener: socket.socket, host: str) -> None:
        self.app = app
        self._socket = listener
        self.host = host
        self.port: int = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the console."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def start(self) -> Self:
        """Serve; returns when requests are answered. Raises ListenError when that does not happen."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ListenError(f"{self.url}: the console did not start")
            time.sleep(0.005)
        return self

    def shutdown(self) -> None:
        """Stop: open event streams end at once, requests that run have two seconds; may be called twice."""
        self.app.state.console.hub.close()
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def serve(app: Starlette, host: str, port: int) -> ConsoleServer:
    """Serve the console at an address, from a thread. Raises ListenError when the address cannot be had."""
    return ConsoleServer(app, bind(host, port), host).start()


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at an address, for a `ConsoleServer`. Raises ListenError when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"{host}:{port}: cannot listen there: {error.strerror or error}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = "it is in use: stop what listens there, or choose another with --listen HOST:PORT"
        if error.errno != errno.EADDRINUSE:
            reason = f"cannot listen there: {error.strerror}"
        raise ListenError(f"{host}:{port}: {reason}") from None
    return listener
