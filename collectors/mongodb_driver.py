"""MongoDB: the little that is asked of a driver, and pymongo behind it.

Everything is a command, so that recorded replies can stand in for a server in tests.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from collectors.problems import in_words
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError, WatchkeeperError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["Driver", "PymongoDriver", "Refused"]

_FILES = frozenset({"tlscafile", "tlscertificatekeyfile", "tlscrlfile"})
_DEFAULT_URL = "mongodb://127.0.0.1:27017"
_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13
# The driver's own watch of the server, on a connection of its own: seldom, since every scrape sees for itself.
_HEARTBEAT_MS = 300_000


class Refused(WatchkeeperError):  # noqa: N818  it says what the server did
    """The server answered a command with an error; `code` is MongoDB's."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Driver(Protocol):
    """A connection to one server."""

    @property
    def address(self) -> str:
        """Host and port, without secrets."""
        ...

    def run(self, database: str, command: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        """The reply to a command, by `deadline` (seconds of the monotonic clock).

        Raises Refused when the server answers with an error, TargetError when it does not answer.
        """
        ...

    def abort(self) -> None:
        """Make a `run` in another thread fail soon."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class PymongoDriver:
    """pymongo, connected to exactly the server that the url names, at the first command."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client: Any = None

    @property
    def address(self) -> str:
        url = urlsplit(self._target.url or _DEFAULT_URL)
        return url.netloc.rpartition("@")[2] or "127.0.0.1:27017"

    def run(self, database: str, command: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        try:
            import pymongo
            from pymongo.errors import OperationFailure, PyMongoError
        except ModuleNotFoundError as error:
            raise TargetError(
                f"{error.name}, the driver of MongoDB, is not installed: pip install 'watchkeeper[mongodb]'"
            ) from None

        left = deadline - monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            # The server is told the time as well (maxTimeMS), so that it does not work for nobody.
            with pymongo.timeout(left):
                if self._client is None:
                    self._client = self._open(left)
                # Commands do not take over the client's options: dates would be datetimes, which not every date fits.
                reply: Mapping[str, Any] = self._client[database].command(
                    dict(command), codec_options=self._client.codec_options
                )
                return reply
        except OperationFailure as error:
            if error.timeout:
                raise self._failed("no answer in time") from None
            raise Refused(_refusal(error), error.code or 0) from None
        except PyMongoError as error:
            raise self._failed(_explained(error)) from None
        except OSError as error:
            raise self._failed(in_words(error, urlsplit(f"//{self.address}").hostname or "")) from None

    def abort(self) -> None:
        # Every command has the deadline itself; to close the client from another thread would wait for it.
        pass

    def close(self) -> None:
        if self._client is None:
            return
        import pymongo

        client, self._client = self._client, None
        # It says good-bye to the server, which may not listen any more.
        with contextlib.suppress(Exception), pymongo.timeout(0.5):
            client.close()

    def _open(self, seconds: float) -> Any:
        from pymongo import MongoClient
        from pymongo.errors import ConfigurationError, InvalidURI

        target = self._target
        url = urlsplit(target.url or _DEFAULT_URL)
        # Read when a connection is opened, so that a rotated password is picked up by the first scrape that fails.
        password = target.password.resolve() if target.password is not None else unquote(url.password or "")
        user = target.user or unquote(url.username or "")
        login: dict[str, Any] = {"username": user, "password": password} if user else {}
        milliseconds = max(1, int(seconds * 1000))
        self._knock(seconds)
        try:
            return MongoClient(
                url._replace(netloc=self.address, path=url.path or "/").geturl(),
                **login,
                appname="watchkeeper",
                directConnection=True,
                maxPoolSize=1,
                retryReads=False,
                retryWrites=False,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                heartbeatFrequencyMS=_HEARTBEAT_MS,
                serverMonitoringMode="poll",
                datetime_conversion="DATETIME_MS",
            )
        except (ConfigurationError, InvalidURI, ValueError) as error:
            raise self._failed(f"its url or options are wrong: {error}") from None
        except OSError as error:
            # The driver does not always say which file it could not read.
            files = [f"{name}={path}" for name, path in parse_qsl(url.query) if name.lower() in _FILES]
            unread = ", ".join(file for file in files if not os.access(file.partition("=")[2], os.R_OK))
            raise self._failed(f"a file of its url cannot be read: {unread or error}") from None

    def _knock(self, seconds: float) -> None:
        """Fail at once where nobody listens: the driver itself tries again until the time is over."""
        url = urlsplit(f"//{self.address}")
        if not self.address.endswith(".sock"):
            socket.create_connection((url.hostname or "127.0.0.1", url.port or 27017), seconds).close()

    def _failed(self, text: str) -> TargetError:
        return TargetError(f"MongoDB at {self.address}: {text}")


def _refusal(error: Any) -> str:
    if error.code == _AUTHENTICATION_FAILED:
        return "it refused the user or the password"
    if error.code == _UNAUTHORIZED:
        return "the user may not ask this: grant it the role clusterMonitor, and read on local"
    # The driver adds the whole reply to the server's sentence.
    return str(error).partition(", full error")[0]


def _explained(error: Exception) -> str:
    """The driver's error without the description of its topology, which takes a screen."""
    from pymongo.errors import ExecutionTimeout, NetworkTimeout, ServerSelectionTimeoutError

    text = str(error).partition(" (configured timeouts")[0]
    if "Connection refused" in text:
        return "connection refused"
    if isinstance(error, ExecutionTimeout | NetworkTimeout) or "timed out" in text:
        return "no answer in time"
    if isinstance(error, ServerSelectionTimeoutError):
        return text.partition(", Timeout:")[0]
    return text or type(error).__name__
