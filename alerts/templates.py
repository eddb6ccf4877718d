"""The texts of alerts: `{{ $labels.NAME }}` and `{{ $value }}`, for Prometheus and in process alike.

`{{ $value }}` is shown in the unit of the query: 93.1%, 2m 5s, 1.4 GiB. Prometheus has functions for that, which are
written into the rules and repeated here (template/template.go in its source), so that both give the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from watchkeeper.units import BYTES, RATIO, SECONDS, Unit

__all__ = ["for_prometheus", "labels_in", "render", "shown"]

_LABEL = re.compile(r"\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_VALUE = re.compile(r"\{\{\s*\$value\s*\}\}")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def labels_in(text: str) -> tuple[str, ...]:
    """The label names that a text refers to, each once, in order."""
    return tuple(dict.fromkeys(_LABEL.findall(text)))


def for_prometheus(text: str, unit: Unit) -> str:
    """The text as a Prometheus template that shows the value in its unit."""
    function, after = _function(unit)
    return _VALUE.sub(f"{{{{ $value | {function} }}}}{after}", text)


def render(text: str, labels: Mapping[str, str], value: float, unit: Unit) -> str:
    """The text with labels and value put in; a label that the series does not have is empty, as in Prometheus."""
    # One pass: a label's value is hostile, and may itself look like a template.
    pattern = re.compile(f"{_LABEL.pattern}|{_VALUE.pattern}")
    return pattern.sub(lambda match: labels.get(match[1], "") if match[1] else shown(value, unit), text)


def shown(value: float, unit: Unit) -> str:
    """A value in its unit, as Prometheus' templates write it."""
    function, after = _function(unit)
    return {
        "humanize": _humanize,
        "humanize1024": _humanize1024,
        "humanizePercentage": lambda number: f"{_g(number * 100)}%",
        "humanizeDuration": _humanize_duration,
    }[function](value) + after


def _function(unit: Unit) -> tuple[str, str]:
    if unit == RATIO:
        return "humanizePercentage", ""
    if unit == SECONDS:
        return "humanizeDuration", ""
    if unit.dimensions and unit.dimensions[0][0] == "bytes" and unit.factor == 1.0:
        return "humanize1024", "B" if unit == BYTES else "B/s"
    if unit.dimensionless:
        return "humanize", ""
    return "humanize", " " + str(unit).replace("1 per seconds", "per second").replace("per seconds", "per second")


def _g(number: float) -> str:
    """Go's %.4g."""
    if math.isnan(number) or math.isinf(number):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    return f"{number:.4g}"


def _humanize(number: float) -> str:
    if number == 0 or math.isnan(number) or math.isinf(number):
        return _g(number)
    prefix = ""
    if abs(number) >= 1:
        for step in _LARGE:
            if abs(number) < 1000:
                break
            prefix, number = step, number / 1000
        return _g(number) + prefix
    for step in _SMALL:
        if abs(number) >= 1:
            break
        prefix, number = step, number * 1000
    return _g(number) + prefix


def _humanize1024(number: float) -> str:
    if abs(number) <= 1 or math.isnan(number) or math.isinf(number):
        return _g(number)
    prefix = ""
    for step in _BINARY:
        if abs(number) < 1024:
            break
        prefix, number = step, number / 1024
    return _g(number) + prefix


def _humanize_duration(number: float) -> str:
    if math.isnan(number) or math.isinf(number):
        return _g(number)
    if number == 0:
        return _g(number) + "s"
    if abs(number) < 1:
        return _humanize(number) + "s"
    sign, whole = ("-" if number < 0 else ""), int(abs(number))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_g(abs(number))}s"
