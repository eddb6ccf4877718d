"""Numbers, durations and times as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from watchkeeper.durations import digits
from watchkeeper.durations import spoken as duration
from watchkeeper.money import money

__all__ = ["ago", "clock_time", "day_and_time", "duration", "formatter", "human", "iso", "plain"]

_PER = {"seconds": "/s", "minutes": "/min", "hours": "/h", "days": "/day", "milliseconds": "/ms"}
_TO_SECONDS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "minutes": 60.0, "hours": 3600.0}
_TO_BYTES = {"bytes": 1.0, "kibibytes": 1024.0}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))

UNKNOWN = "unknown"


def human(value: float | None, unit: str = "") -> str:
    """A value with its unit for a person: `1.2 s`, `340 MiB`, `3.4 %`, `$1.20`, `12.5 /s`; `unknown` for a missing one.

    `unit` is the text of a `watchkeeper.units.Unit`.

    >>> human(0.034, "ratio"), human(356515840, "bytes"), human(1.2, "USD"), human(None, "seconds")
    ('3.4 %', '340 MiB', '$1.20', 'unknown')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return formatter(unit)(value)


def formatter(unit: str) -> Callable[[float], str]:
    """The function that writes finite values of a unit."""
    over, _, under = unit.strip().partition(" per ")
    if not under:
        return _base(over)
    suffix = _PER.get(under, f" per {under}")
    if over in ("1", "count", "ratio", ""):
        return lambda value: f"{plain(value)} {suffix.strip()}"
    base = _base(over)
    return lambda value: f"{base(value)}{suffix}"


def _base(unit: str) -> Callable[[float], str]:
    if unit == "ratio":
        return lambda value: f"{plain(value * 100)} %"
    if unit == "percent":
        return lambda value: f"{plain(value)} %"
    if unit in _TO_SECONDS:
        return lambda value: duration(value * _TO_SECONDS[unit])
    if unit in _TO_BYTES:
        return lambda value: _bytes(value * _TO_BYTES[unit])
    if unit == "celsius":
        return lambda value: f"{plain(value)} °C"
    if unit == "seconds since the epoch":
        return lambda value: f"{day_and_time(value)} UTC"
    if len(unit) == 3 and unit.isupper():
        return lambda value: money(value, unit)
    if unit in ("", "count", "1"):
        return plain
    return lambda value: f"{plain(value)} {unit}"


def plain(value: float) -> str:
    """A number with three significant digits, and k, M, G from ten thousand on; whole ones below that as they are."""
    size = abs(value)
    if size < 10_000 and value == int(value):
        return str(int(value))
    if size < 10_000:
        return digits(value)
    for suffix, factor in reversed(_DECIMAL):
        if size >= factor * 0.9995:
            return f"{digits(value / factor)}{suffix}"
    return digits(value)


def _bytes(value: float) -> str:
    size, step = abs(value), 0
    while size >= 1023.5 and step < len(_BINARY) - 1:
        size, step = size / 1024, step + 1
    sign = "-" if value < 0 else ""
    return f"{sign}{digits(size)} {_BINARY[step]}"


def ago(then: float, now: float) -> str:
    """How long ago, in one unit: `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`; `in 3 min` for what is to come."""
    seconds = now - then
    if abs(seconds) < 1:
        return "now"
    size = abs(seconds)
    for limit, divisor, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (math.inf, 86_400, "d")):
        if size < limit:
            text = f"{int(size // divisor)} {name}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return ""


def iso(at: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_and_time(at: float) -> str:
    """`2026-11-23 03:12:07`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock_time(at: float) -> str:
    """`03:12:07`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
