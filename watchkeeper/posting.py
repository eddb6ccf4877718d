"""HTTP POST for what waits in a queue: one kept connection, the answer as it is, and what it means for the queue."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import unquote, urlsplit

from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.connection import Connection
from watchkeeper.credentials import authorization
from watchkeeper.errors import WatchkeeperError
from watchkeeper.tls import client_context

__all__ = ["Answer", "Fate", "PostError", "Poster"]

# An answer of a receiver is a few words; more is a page of something else.
_LIMIT_BYTES = 64 * 1024
_SHOWN = 200
# 401 and 403 speak of our credentials, 408 and 429 of the moment: the record is not what is wrong.
_COME_AGAIN = frozenset({401, 403, 407, 408, 429})

Fate = Literal["taken", "later", "refused"]


class PostError(WatchkeeperError):
    """A receiver cannot be reached, or its answer did not arrive; the text has the address and no secret."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; the names of `headers` are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fate(self) -> Fate:
        """What it means for a record: a 2xx took it; another 4xx than 401, 403, 407, 408 and 429 will never take it."""
        if 200 <= self.status < 300:
            return "taken"
        return "refused" if 400 <= self.status < 500 and self.status not in _COME_AGAIN else "later"

    def text(self) -> str:
        """The status and the beginning of the body, in one printable line."""
        words = " ".join(self.body.decode("utf-8", errors="replace").split())
        shown = "".join(character if character.isprintable() else "?" for character in words)[:_SHOWN]
        return f"HTTP {self.status}" + (f": {shown}" if shown else "")

    def retry_after(self, clock: Clock = now) -> float | None:
        """Seconds to wait as `Retry-After` has them, a number or a date (RFC 9110, 10.2.3); None without."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdecimal():
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - clock())


def _masked(body: bytes, headers: Iterable[str]) -> bytes:
    """A body without what stood in some headers: a receiver may show what it was sent, and its answer is logged.

    As long as before, for it may be a message with lengths in it.
    """
    secrets = set()
    for value in headers:
        scheme, _, given = value.partition(" ")
        secrets |= {value, given}
        if scheme == "Basic":
            secrets.add(base64.b64decode(given).decode().partition(":")[2])
    for secret in sorted((one.encode() for one in secrets if one), key=len, reverse=True):
        body = body.replace(secret, b"*" * len(secret))
    return body


class Poster:
    """Posts to one URL; used by one thread, aborted by another.

    `headers` gives the headers that hold secrets and is called for each request, so that a rotated one is picked up.
    User and password of the URL are sent as basic authentication. `timeout` is in seconds, for a request as a whole;
    of an answer `limit` bytes are read.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        ca_file: str = "",
        timeout: float = 10.0,
        limit: int = _LIMIT_BYTES,
    ) -> None:
        self._url = urlsplit(url)
        self._limit = limit
        self._headers = headers
        self._timeout = timeout
        self._connection = Connection(self._url, lambda: client_context(ca_file))

    @property
    def where(self) -> str:
        """The address as errors name it: without user, password and query."""
        return self._connection.where(self._url.path)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to a POST, whatever its status.

        Raises PostError when none arrives, SettingsError when a secret is missing.
        """
        secret = {**self._userinfo(), **self._headers()}
        sent = {"User-Agent": "watchkeeper", **headers, **secret}
        deadline = monotonic() + self._timeout
        # The socket's own timeout bounds each step; a receiver that answers byte by byte takes any number of them.
        overdue = threading.Event()
        timer = threading.Timer(self._timeout, self._break_off, (overdue,))
        timer.daemon = True
        timer.start()
        try:
            answer = self._answer(body, sent, deadline)
            # Headers that were broken off are taken for whole ones.
            if not overdue.is_set():
                return Answer(answer.status, _masked(answer.body, secret.values()), answer.headers)
            error = ""
        except TimeoutError:
            overdue.set()
            error = ""
        except ConnectionRefusedError:
            error = "connection refused"
        except ssl.SSLCertVerificationError as problem:
            error = f"its certificate is refused: {problem.verify_message}"
        except (OSError, http.client.HTTPException) as problem:
            error = str(problem) or type(problem).__name__
        finally:
            timer.cancel()
        self.close()
        if overdue.is_set():
            error = f"no answer within {self._timeout:g} s"
        raise PostError(f"{self.where}: {error}")

    def abort(self) -> None:
        """Make a request in another thread fail now, and every later one."""
        self._connection.abort()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _break_off(self, overdue: threading.Event) -> None:
        overdue.set()
        self._connection.break_off()

    def _userinfo(self) -> dict[str, str]:
        return authorization(unquote(self._url.username or ""), unquote(self._url.password or ""))

    def _answer(self, body: bytes, headers: Mapping[str, str], deadline: float) -> Answer:
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        answer = self._connection.ask("POST", path, body, headers, deadline)
        read = answer.read(self._limit)
        if answer.read(1) or answer.will_close:
            self.close()  # what is left would be taken for the next answer
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, read, found)
