"""How numbers, bands and times are told to a person."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from watchkeeper.units import Unit

__all__ = ["amount", "band", "clock_time", "expand", "sentence", "series_name", "unlike"]

_PLACEHOLDER = re.compile(r"\{\{\s*\$(?:labels\.([A-Za-z_][A-Za-z0-9_]*)|value)\s*\}\}")
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def amount(value: float, unit: Unit) -> str:
    """A value with its unit, three significant digits: `4.1 s`, `182 MiB`, `12.30 USD`, `3.2 %`."""
    if not math.isfinite(value):
        return "unknown"
    dimensions = dict(unit.dimensions)
    name, power = next(iter(dimensions.items()), ("", 0))
    rest = "" if unit.dimensionless else str(unit).removeprefix("1 ").replace("per seconds", "per second")
    if len(dimensions) == 1 and power == 1:
        base = value * unit.factor
        if name == "seconds":
            return _scaled(base, _SECONDS[2:] if abs(base) < 3_600 else _SECONDS)
        if name == "bytes":
            return _scaled(base, _BYTES)
    if dimensions.get("bytes") == 1 and dimensions.get("seconds") == -1 and len(dimensions) == 2:
        return _scaled(value * unit.factor, _BYTES) + "/s"
    if any(len(part) == 3 and part.isupper() and p == 1 for part, p in dimensions.items()) and abs(value) >= 0.1:
        return f"{value:,.2f} {rest}"
    if unit.name == "ratio" and abs(value) <= 10:
        return f"{_digits(100 * value)} %"
    return f"{_digits(value)} {rest}".rstrip()


def _scaled(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    fits = (1.0,) if value == 0 else tuple(size for size, _ in steps if abs(value) >= size)
    size, name = next(((s, n) for s, n in steps if s in fits), steps[-1])
    return f"{_digits(value / size)} {name}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.3g}"


def band(lower: float, upper: float, unit: Unit, *, never_negative: bool) -> str:
    """An expected band: `0.3 s to 0.6 s`; what cannot be negative starts at 0."""
    if never_negative:
        lower = max(0.0, lower)
    return f"{amount(lower, unit)} to {amount(upper, unit)}"


def clock_time(at: float, now: float) -> str:
    """A time as people say it: `03:12 UTC`, with its date when it is not of the last twelve hours."""
    form = "%H:%M UTC" if abs(now - at) < 43_200 else "%Y-%m-%d" if at % 86_400 == 0 else "%Y-%m-%d %H:%M UTC"
    return datetime.fromtimestamp(at, UTC).strftime(form)


def unlike(peers: int) -> str:
    """How a series that deviates from so many others is told."""
    return f"unlike its {peers} peers" if peers > 1 else "unlike its peers"


def sentence(what: str, more: str) -> str:
    """`Unit cost up, latency normal: traffic +2 %.` of what is the matter and more about it."""
    return f"{what[:1].upper()}{what[1:]}{f': {more}' if more else ''}."


def series_name(labels: Mapping[str, str]) -> str:
    """Which series: the value of its only label, else `name=value` of each, those that tell the target
    last.
    """
    order = sorted(labels, key=lambda name: (name in {"instance", "cluster", "namespace", "pod"}, name))
    names = [name for name in order if name not in {"__name__", "job"}]
    if len(names) == 1:
        return labels[names[0]]
    return ", ".join(f"{name}={labels[name]}" for name in names)


def expand(template: str, labels: Mapping[str, str], value: str) -> str:
    """A summary with `{{ $labels.NAME }}` and `{{ $value }}` filled in; an unknown label is empty, as in
    Prometheus.
    """
    return _PLACEHOLDER.sub(lambda match: labels.get(match[1], "") if match[1] else value, template)
