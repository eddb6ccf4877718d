"""Durations as people and Prometheus write them: `90s`, `5m`, `1h30m`, `7d`."""

from __future__ import annotations

import re

from watchkeeper.errors import DefinitionError

__all__ = ["format_duration", "parse_duration"]

# Prometheus' units, longest first, as its duration grammar has them (a year is 365 days).
_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_TEXT = re.compile(r"(?:\d+(?:y|w|d|h|ms|m|s))+")
_PART = re.compile(r"(\d+)(y|w|d|h|ms|m|s)")


def parse_duration(text: str) -> float:
    """Seconds of a duration text.

    Raises DefinitionError when the text has no unit or is not a duration.
    """
    if not _TEXT.fullmatch(text):
        hint = f", did you mean {text}s?" if text.isdecimal() else ""
        raise DefinitionError(f"{text!r} is not a duration: write a number and a unit (ms, s, m, h, d, w){hint}")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text)) / 1000


def format_duration(seconds: float) -> str:
    """The shortest text of a duration in Prometheus' grammar, rounded to a millisecond.

    >>> format_duration(5400), format_duration(7.5)
    ('1h30m', '7s500ms')
    """
    rest = round(seconds * 1000)
    if rest <= 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
