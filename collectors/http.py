"""HTTP requests of collectors: one kept connection, within a deadline, in bounded memory."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from collectors import options
from collectors.problems import client_certificates, in_words
from watchkeeper import connection, credentials
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["CA_FILE", "LIMIT_BYTES", "HttpReader", "StatusError", "authorization", "ca_file"]

# A large kube-state-metrics answers with about that much; more is a mistake that would cost the sidecar its memory.
LIMIT_BYTES = 10 * 1024 * 1024
CA_FILE = ("ca_file", "certificates that sign the server's, for https://")
"""The option of every collector that speaks HTTP."""

_CHUNK = 64 * 1024


class StatusError(TargetError):
    """The server answered with another status than 200."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def ca_file(target: Target) -> str | None:
    """The option `ca_file`. Raises SettingsError when it is no text."""
    return options.text(target, "ca_file", example="/etc/ssl/ca.pem") or None


class HttpReader:
    """Asks one target over HTTP, without redirects or proxies; used by one thread, aborted by another.

    `user` and `password` of the target (or of its url) are sent as basic authentication, a password alone as a bearer
    token; both are read at every request, so that a rotated one is picked up. `base` replaces the target's url.
    Raises SettingsError when the option `ca_file` is no text.
    """

    def __init__(self, target: Target, base: str = "") -> None:
        self._target = target
        self._ca_file = ca_file(target)
        self._url = urlsplit(base or target.url)
        self._connection = connection.Connection(self._url, lambda: client_certificates(self._ca_file))
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

        Raises TargetError: no answer in time, refused, too large, and StatusError: another status than 200. The message
        has the address and no secret.
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
        """Make a request in another thread fail now, and every later one."""
        self._connection.abort()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def where(self, path: str) -> str:
        """The address of a path as errors name it: without user, password and query."""
        return self._connection.where(path)

    def _asked(
        self, method: str, path: str, body: bytes | None, deadline: float, headers: Mapping[str, str], limit: int
    ) -> bytes:
        try:
            return self._answer(method, path, body, deadline, headers, limit)
        except OSError as problem:
            error = in_words(problem, self._url.hostname or "")
        except (http.client.HTTPException, zlib.error) as problem:
            error = str(problem) or type(problem).__name__
        except StatusError as problem:
            self.close()
            raise StatusError(f"{self.where(path)}: {problem}", problem.status) from None
        except TargetError as problem:
            error = str(problem)
        self.close()
        raise TargetError(f"{self.where(path)}: {error}") from None

    def _answer(
        self, method: str, path: str, body: bytes | None, deadline: float, headers: Mapping[str, str], limit: int
    ) -> bytes:
        timeout = max(0.001, deadline - monotonic())
        sent = {**self._headers(), "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout:.3f}", **headers}
        response = self._connection.ask(method, path, body, sent, deadline)
        return self._body(response, deadline, limit)

    def _headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "gzip", "User-Agent": "watchkeeper", **authorization(self._target, self._url)}

    def _body(self, response: http.client.HTTPResponse, deadline: float, limit: int) -> bytes:
        """The body, unpacked, in bounded memory and time."""
        self.content_type = response.headers.get("Content-Type", "")
        if response.status != 200:
            refused = " (set user and password of the target)" if response.status in {401, 403} else ""
            raise StatusError(f"it answered {response.status} {response.reason}{refused}", response.status)
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
        if response.will_close:
            self.close()
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
    return credentials.authorization(user, password) if user else credentials.authorization(bearer=password)
