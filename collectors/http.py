"""HTTP requests of collectors: one kept connection, within a deadline, in bounded memory.

The standard library's client, because urllib3 costs a sidecar 6 MB that it does not need.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from collectors.problems import client_certificates, in_words
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["CA_FILE", "LIMIT_BYTES", "HttpReader", "authorization"]

# A large kube-state-metrics answers with about that much; more is a mistake that would cost the sidecar its memory.
LIMIT_BYTES = 10 * 1024 * 1024
CA_FILE = ("ca_file", "certificates that sign the server's, for https://")
"""The option of every collector that speaks HTTP."""

_CHUNK = 64 * 1024
# What a server that closed a kept connection makes of the next request.
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class HttpReader:
    """Asks one target over HTTP, without redirects or proxies; used by one thread, aborted by another.

    `user` and `password` of the target (or of its url) are sent as basic authentication, a password alone as a bearer
    token; both are read at every request, so that a rotated one is picked up. `base` replaces the target's url.
    """

    def __init__(self, target: Target, base: str = "") -> None:
        self._target = target
        self._url = urlsplit(base or target.url)
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False
        self.content_type = ""
        """What the last answer says that it is."""

    @property
    def url(self) -> SplitResult:
        """The address that is asked."""
        return self._url

    def get(
        self,
        path: str,
        deadline: float,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> bytes:
        """The body of a GET of `path` (with its query), at most `limit` bytes (10 MiB), by `deadline` (monotonic).

        Raises TargetError: no answer in time, refused, another status than 200, too large. The message has the address
        and no secret.
        """
        return self._asked("GET", path, None, deadline, headers or {}, limit or LIMIT_BYTES)

    def get_json(self, path: str, deadline: float, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON value of a GET. Raises TargetError, as `get`, and when the body is none."""
        return self._json(path, self.get(path, deadline, headers={"Accept": "application/json", **(headers or {})}))

    def post_json(self, path: str, value: Any, deadline: float, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a POST of a JSON value. Raises TargetError, as `get`."""
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        return self._json(path, self._asked("POST", path, json.dumps(value).encode(), deadline, sent, LIMIT_BYTES))

    def abort(self) -> None:
        """Make a request in another thread fail now."""
        self._aborted = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                # The plain socket's: the TLS socket's would take its state away from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def where(self, path: str) -> str:
        """The address of a path as errors name it: without user, password and query."""
        url = self._url
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{path.partition('?')[0]}"

    def _asked(
        self, method: str, path: str, body: bytes | None, deadline: float, headers: Mapping[str, str], limit: int
    ) -> bytes:
        try:
            return self._answer(method, path, body, deadline, headers, limit)
        except OSError as problem:
            error = in_words(problem, self._url.hostname or "")
        except (http.client.HTTPException, zlib.error) as problem:
            error = str(problem) or type(problem).__name__
        except TargetError as problem:
            error = str(problem)
        self.close()
        raise TargetError(f"{self.where(path)}: {error}") from None

    def _answer(
        self, method: str, path: str, body: bytes | None, deadline: float, headers: Mapping[str, str], limit: int
    ) -> bytes:
        timeout = max(0.001, deadline - monotonic())
        sent = {**self._headers(), "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout:.3f}", **headers}
        kept = self._connection
        if kept is not None and kept.sock is not None:
            kept.sock.settimeout(timeout)
            try:
                kept.request(method, path, body, sent)
                response = kept.getresponse()
            except _STALE:
                # The server closes connections that are idle for longer than our interval: that is no failure.
                if self._aborted:
                    raise
                kept.close()
            else:
                return self._body(response, deadline, limit)
        connection = self._connection = self._connect(timeout)
        connection.request(method, path, body, sent)
        return self._body(connection.getresponse(), deadline, limit)

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        url = self._url
        host = url.hostname or ""
        if url.scheme == "https":
            context = client_certificates(self._target.options.get("ca_file"))
            return http.client.HTTPSConnection(host, url.port or 443, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, url.port or 80, timeout=timeout)

    def _headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "gzip", "User-Agent": "watchkeeper", **authorization(self._target, self._url)}

    def _body(self, response: http.client.HTTPResponse, deadline: float, limit: int) -> bytes:
        """The body, unpacked, in bounded memory and time."""
        self.content_type = response.headers.get("Content-Type", "")
        if response.status != 200:
            refused = " (set user and password of the target)" if response.status in {401, 403} else ""
            raise TargetError(f"it answered {response.status} {response.reason}{refused}")
        packed = response.headers.get("Content-Encoding", "") == "gzip"
        unpack = zlib.decompressobj(31) if packed else None
        parts, size = [], 0
        while chunk := response.read1(_CHUNK):
            # One byte more than allowed is enough to know.
            piece = unpack.decompress(chunk, limit + 1 - size) if unpack else chunk
            size += len(piece)
            if size > limit:
                raise TargetError(f"its answer is larger than {limit // 1024**2} MiB")
            if monotonic() >= deadline:
                raise TimeoutError
            parts.append(piece)
        if response.length or (unpack is not None and parts and not unpack.eof):
            raise ConnectionError("it closed the connection in mid-answer")
        # `read1` leaves an answer of known length open, and its connection then refuses the next request.
        response.close()
        return b"".join(parts)

    def _json(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError:
            raise TargetError(f"{self.where(path)}: its answer is no JSON: {body[:60]!r}") from None


def authorization(target: Target, url: SplitResult) -> dict[str, str]:
    """The header that the user and password of a target, or of its url, make: basic, or bearer without a user."""
    user = target.user or unquote(url.username or "")
    password = target.password.resolve() if target.password is not None else unquote(url.password or "")
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {"Authorization": f"Bearer {password}"} if password else {}
