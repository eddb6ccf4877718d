"""Metric families as plain data; their text is written by `collectors.encoding`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, isnan
from typing import NamedTuple

from watchkeeper.signals import Counter, Gauge, Histogram, Info, Signal, Summary

__all__ = [
    "Exemplar",
    "Family",
    "Observations",
    "Pairs",
    "Point",
    "family",
    "format_value",
    "histogram_family",
    "single",
    "summary_family",
    "with_labels",
]

Pairs = tuple[tuple[str, str], ...]
"""Labels of a series, as (name, value) pairs."""

Point = tuple[str, Pairs, float]
"""A sample: full name (with `_bucket`, `_sum`, `_count` where it has one), labels, value."""


# How the text format calls the kinds of signals.
_KINDS: dict[type[Signal], str] = {
    Counter: "counter",
    Gauge: "gauge",
    Histogram: "histogram",
    Info: "gauge",
    Summary: "summary",
}


class Exemplar(NamedTuple):
    """An observation that a sample counts, with `labels` that say which: `trace_id`, mostly.

    `name` and `pairs` are those of the sample, `time` is in seconds since the epoch, None where it is not told.
    """

    name: str
    pairs: Pairs
    labels: Pairs
    value: float
    time: float | None


class Family(NamedTuple):
    """One metric family with its samples; `kind` is what the TYPE line says."""

    name: str
    kind: str
    help: str
    points: Sequence[Point]
    exemplars: Sequence[Exemplar] = ()


def family(signal: Signal, samples: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    """The family of a signal; each sample is its label values, in the order of `signal.labels`, and a value."""
    name, labels = signal.name, signal.labels
    points = [(name, tuple(zip(labels, values, strict=True)), value) for values, value in samples]
    return Family(name, signal.exposed_as or _KINDS[type(signal)], signal.help, points)


def single(signal: Signal, value: float) -> Family:
    """The family of a signal that has one series without labels."""
    return Family(signal.name, signal.exposed_as or _KINDS[type(signal)], signal.help, [(signal.name, (), value)])


Observations = tuple[tuple[str, ...], Iterable[tuple[float, float]], float, float]
"""One series of a histogram or summary: label values, (bound or quantile, value) pairs, sum, count."""


def histogram_family(signal: Histogram, rows: Iterable[Observations]) -> Family:
    """The family of a histogram; the pairs of a row are (upper bound, cumulative count), with +Inf where it is known
    to differ from the count; it is added where it is missing.
    """
    points: list[Point] = []
    for values, buckets, total, count in rows:
        pairs = tuple(zip(signal.labels, values, strict=True))
        bounds = dict(buckets)
        bounds.setdefault(inf, count)
        points += [
            (f"{signal.name}_bucket", (*pairs, ("le", format_value(bound))), value) for bound, value in bounds.items()
        ]
        points += [(f"{signal.name}_count", pairs, count), (f"{signal.name}_sum", pairs, total)]
    return Family(signal.name, "histogram", signal.help, points)


def summary_family(signal: Summary, rows: Iterable[Observations]) -> Family:
    """The family of a summary; the pairs of a row are (quantile, value)."""
    points: list[Point] = []
    for values, quantiles, total, count in rows:
        pairs = tuple(zip(signal.labels, values, strict=True))
        points += [(signal.name, (*pairs, ("quantile", format_value(at))), value) for at, value in quantiles]
        points += [(f"{signal.name}_count", pairs, count), (f"{signal.name}_sum", pairs, total)]
    return Family(signal.name, "summary", signal.help, points)


def with_labels(pairs: Pairs, extra: Pairs) -> Pairs:
    """`pairs` with target labels added; one of the same name is kept as `exported_NAME`, as Prometheus does."""
    if not extra:
        return pairs
    names = {name for name, _ in extra}
    kept = tuple((f"exported_{name}" if name in names else name, value) for name, value in pairs)
    return kept + extra


def format_value(value: float) -> str:
    """A value as Go writes a float64 and prometheus-client repeats it."""
    value = float(value)
    text = repr(value)
    if -inf < value < 1e6:
        return text
    if value == inf:
        return "+Inf"
    if value == -inf:
        return "-Inf"
    if isnan(value):
        return "NaN"
    # Go switches to an exponent at seven digits before the point, Python at seventeen.
    point = text.find(".")
    if point > 6:
        mantissa = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{point - 1:02d}"
    return text
