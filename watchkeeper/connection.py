"""One kept HTTP connection: what reads targets and what posts to receivers stand on it.

The standard library's client, because urllib3 costs a sidecar 6 MB that it does not need. No redirects, no proxies.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from watchkeeper.clock import monotonic

if TYPE_CHECKING:
    import ssl

__all__ = ["Connection"]

# What a server that closed a kept connection makes of the next request.
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Connection:
    """Asks the host of a URL; used by one thread, broken off by others.

    `tls` gives the context of an https:// URL and is called for each new connection.
    """

    def __init__(self, url: SplitResult, tls: Callable[[], ssl.SSLContext]) -> None:
        self._url = url
        self._tls = tls
        self._client: http.client.HTTPConnection | None = None
        self._stack = contextlib.ExitStack()
        self._socket: socket.socket | None = None
        self._aborted = False
        # Held while the socket is shut down or closed: its descriptor must not be another's by then.
        self._ending = threading.Lock()

    @property
    def connected(self) -> bool:
        """Whether there is a connection, which the server may have closed."""
        return self._client is not None

    def where(self, path: str) -> str:
        """The address of a path as errors name it: without user, password and query."""
        return f"{self._url.scheme}://{self._url.netloc.rpartition('@')[2]}{path.partition('?')[0]}"

    def ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> http.client.HTTPResponse:
        """The answer up to its headers; a kept connection that the server has closed is replaced.

        Each step of it, and each read of the body, may take until `deadline` (monotonic): who must bound the whole
        calls `break_off`. Raises OSError, HTTPException, what `tls` raises.
        """
        kept = self._client is not None and self._client.sock is not None
        try:
            return self._ask(method, path, body, headers, deadline)
        except _STALE:
            # It closes connections that are idle for longer than our interval: that is no failure.
            if not kept or self._aborted or monotonic() >= deadline:
                raise
        self.close()
        return self._ask(method, path, body, headers, deadline)

    def break_off(self) -> None:
        """Make a request in another thread fail now."""
        with self._ending, contextlib.suppress(OSError):
            if self._socket is not None:
                # That of the plain socket: TLS's own takes the state away from under who reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def abort(self) -> None:
        """Make a request in another thread fail now, and every later one."""
        self._aborted = True
        self.break_off()

    def close(self) -> None:
        """Give the connection back; the next request makes another."""
        with self._ending:
            self._socket = None
            self._stack.close()
            self._client = None

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> http.client.HTTPResponse:
        client, timeout = self._client, max(0.001, deadline - monotonic())
        # The client lets go of it when the server will close it.
        if client is None or client.sock is None:
            self.close()
            client = self._connect(timeout)
        else:
            client.sock.settimeout(timeout)
        if self._aborted:
            raise OSError("aborted")
        if monotonic() >= deadline:
            raise TimeoutError  # who broke it off may have found no socket yet
        client.request(method, path, body, dict(headers))
        return client.getresponse()

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            port = self._url.port or 443
            client: http.client.HTTPConnection
            client = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls())
        else:
            client = http.client.HTTPConnection(host, self._url.port or 80, timeout=timeout)
        client.connect()
        # The client closes its socket when it sees fit; the descriptor stays ours for as long as this file has it.
        self._stack.enter_context(client.sock.makefile("rb", buffering=0))
        self._stack.callback(client.close)
        self._client, self._socket = client, client.sock
        return client
