"""What steps may reach: stores, logs, hosts, databases, commands; handed in by the application."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runbooks.errors import NotConfigured, StepError
from watchkeeper.clock import Clock, now
from watchkeeper.queries import Query
from watchkeeper.stores import Store

__all__ = ["Context", "DirectoryLogs", "LogLines", "LogSource"]

# A tail never reads more than this from the end of a file.
_TAIL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogLines:
    """The newest lines that matched, oldest first; `truncated` says that older ones exist."""

    lines: tuple[str, ...]
    truncated: bool


class LogSource(Protocol):
    """Where log lines come from."""

    def services(self) -> Sequence[str]:
        """The services that have logs."""
        ...

    def tail(self, service: str, match: Sequence[str], lines: int) -> LogLines:
        """The last lines of a service that hold any of the texts (all lines without one), upper and lower case alike.

        Raises StepError when the log cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class DirectoryLogs:
    """Log files by service: those named in `files`, and `SERVICE.log` in `directory`."""

    files: Mapping[str, Path] = field(default_factory=dict)
    directory: Path | None = None

    def services(self) -> Sequence[str]:
        """The services that have a file now."""
        return sorted(self._all())

    def tail(self, service: str, match: Sequence[str], lines: int) -> LogLines:
        """See LogSource. The service is looked up among the files that exist, never joined to a path."""
        files = self._all()
        path = files.get(service)
        if path is None:
            raise StepError(f"no log of service {service!r}: known are {', '.join(sorted(files)) or 'none'}")
        wanted = [text.casefold() for text in match]
        kept: deque[str] = deque(maxlen=lines)
        seen = 0
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                start = max(0, size - _TAIL_BYTES)
                file.seek(start)
                if start:
                    file.readline()  # the rest of a line that was cut
                for raw in file:
                    line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                    if not wanted or any(text in line.casefold() for text in wanted):
                        kept.append(line)
                        seen += 1
        except OSError as error:
            raise StepError(f"log of {service}: {path.name}: {error.strerror}") from None
        return LogLines(tuple(kept), bool(start) or seen > lines)

    def _all(self) -> dict[str, Path]:
        found = {}
        if self.directory is not None and self.directory.is_dir():
            found = {path.stem: path for path in self.directory.glob("*.log")}
        return found | dict(self.files)


def _no_query(key: str) -> Query:
    raise KeyError(key)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What steps may reach. What is absent is refused with a message that names it.

    `lookup` gives a named query (KeyError when unknown). `http_hosts` are `HOST` (any port) or `HOST:PORT`
    that http steps may ask; `endpoints` maps a name to a base URL, which is allowed by being there. `sql`
    maps a name to a function that gives a connection string (called each time, so that a rotated password
    is picked up). `commands` are beginnings of commands that start on their own, and `sha256:DIGEST` of
    Python bodies. `secrets` gives the texts to redact. `pace` divides ranges and waits.
    """

    store: Store | None = None
    bills: Store | None = None
    lookup: Callable[[str], Query] = _no_query
    logs: LogSource | None = None
    http_hosts: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    sql: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    secrets: Callable[[], Iterable[str]] = tuple
    pace: float = 1.0
    clock: Clock = now
    directory: Path | None = None

    def store_named(self, name: str) -> Store:
        """The store of a step; raises NotConfigured when there is none."""
        store = self.bills if name == "bills" else self.store
        if store is None:
            raise NotConfigured(f"there is no store of {name} here")
        return store
