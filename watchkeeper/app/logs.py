"""Log lines: for people, or one JSON object each; what looks like a secret is left out of both.

What the settings name as a secret is redacted where it is used; this is for what drivers and libraries say.
"""

from __future__ import annotations

import logging
import time

import msgspec

from watchkeeper.redaction import redacted

__all__ = ["ConsoleFormatter", "JsonFormatter"]

# What a log call may add to its line with `extra`.
_FIELDS = ("target",)


def _rfc3339(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"


class ConsoleFormatter(logging.Formatter):
    """Time, level, part, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class JsonFormatter(logging.Formatter):
    """An object with `ts` (RFC 3339, UTC), `level`, `logger`, `msg`; `target` where it concerns one, `error` with the
    traceback where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "ts": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": redacted(record.getMessage()),
        }
        for name in _FIELDS:
            if (value := getattr(record, name, None)) is not None:
                found[name] = str(value)
        if record.exc_info:
            found["error"] = redacted(self.formatException(record.exc_info))
        return msgspec.json.encode(found).decode("utf-8", errors="replace")
