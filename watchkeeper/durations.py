"""Durations as people and Prometheus write them (`90s`, `5m`, `1h30m`, `7d`), and as people read them (`1.2 s`)."""

from __future__ import annotations

import math
import re

from watchkeeper.errors import DefinitionError

__all__ = ["digits", "format_duration", "parse_duration", "spoken"]

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


def spoken(seconds: float) -> str:
    """A length of time: `850 µs`, `1.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`."""
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if size == 0:
        return "0 s"
    if size < 0.9995e-3:
        return f"{sign}{digits(size * 1e6)} µs"
    if size < 0.9995:
        return f"{sign}{digits(size * 1e3)} ms"
    if size < 99.5:
        return f"{sign}{digits(size)} s"
    for limit, one, big, many, small in (
        (3599.5, "min", 60, "s", 1),
        (172_000, "h", 3600, "min", 60),
        (math.inf, "d", 86_400, "h", 3600),
    ):
        if size < limit:
            count, rest = divmod(round(size / small), big // small)
            return f"{sign}{count} {one}" + (f" {rest} {many}" if rest else "")
    return f"{sign}{size:.0f} s"


def digits(value: float) -> str:
    """Three significant digits without an exponent where that stays short."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-4:
        return f"{value:.2e}"
    places = max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
