"""What the tests of logs share: a session over a pattern, a read, its values."""

from __future__ import annotations

from pathlib import Path

from collectors.families import Family
from collectors.logs import LogsSession
from tests.collectors.helpers import by_name, target
from watchkeeper.clock import monotonic

__all__ = ["TRACE", "read", "session_of", "values"]

TRACE = """Traceback (most recent call last):
  File "app.py", line 3, in <module>
    raise ValueError("no")
"""


def session_of(pattern: Path, **options: object) -> LogsSession:
    options.setdefault("from", "beginning")
    options.setdefault("learn", "0s")
    return LogsSession(target("app", "logs", f"file://{pattern}", options=options))


def read(session: LogsSession) -> dict[str, Family]:
    return by_name(session.read(monotonic() + 10))


def values(families: dict[str, Family], name: str) -> dict[tuple[str, ...], float]:
    """The samples of a family that are not 0, by their label values."""
    return {tuple(value for _, value in pairs): number for _, pairs, number in families[name].points if number}
