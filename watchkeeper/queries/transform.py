"""Queries made from queries: at another pace, for some series only; and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from watchkeeper.labels import known_target_labels
from watchkeeper.queries.nodes import (
    Absent,
    Aggregate,
    Binary,
    HistogramQuantile,
    Instant,
    Over,
    Query,
    SetOperation,
)
from watchkeeper.queries.text import PromQL
from watchkeeper.signals import Matcher, Selection, Signal

__all__ = ["metrics_of", "narrowed", "scaled", "signals_of", "target_labels_of", "walk", "windows_of"]


def walk(query: Query) -> Iterator[Query]:
    """The query and everything inside it, outside first."""
    yield query
    for item in fields(query):
        value: Any = getattr(query, item.name)
        if isinstance(value, Query):
            yield from walk(value)


def scaled(query: Query, pace: float) -> Query:
    """The query with all its windows, steps and offsets divided by `pace`; PromQL text stays as it is."""
    if pace == 1.0:
        return query
    changes: dict[str, Any] = {}
    for item in fields(query):
        value = getattr(query, item.name)
        if isinstance(value, Query):
            changes[item.name] = scaled(value, pace)
        elif item.name in {"window", "offset", "step"} and value:
            changes[item.name] = round(value / pace, 3)
    if isinstance(query, Over) and query.function == "predict_linear" and query.parameter is not None:
        changes["parameter"] = query.parameter / pace
    return replace(query, **changes)


def narrowed(query: Query, labels: Mapping[str, str]) -> Query:
    """The query over the series with these label values only.

    Each selection is narrowed by those of the labels that it can have; a label that none has changes nothing.
    Values are escaped when the text is made, so they may be hostile.
    """
    changes: dict[str, Any] = {}
    for item in fields(query):
        value = getattr(query, item.name)
        if isinstance(value, Query):
            changes[item.name] = narrowed(value, labels)
        elif isinstance(value, Selection):
            extra = [Matcher(name, "=", text) for name, text in labels.items() if name in value.signal.all_labels]
            matchers = sorted({*value.matchers, *extra}, key=lambda m: (m.label, m.op, m.value))
            changes[item.name] = Selection(value.signal, tuple(matchers))
    return replace(query, **changes) if changes else query


def signals_of(query: Query) -> tuple[Signal, ...]:
    """The signals that a query reads, each once, in order; a histogram's parts stand for themselves."""
    found: dict[str, Signal] = {}
    for node in walk(query):
        if isinstance(node, Instant | Over | HistogramQuantile | Absent):
            found.setdefault(node.selection.signal.name, node.selection.signal)
        elif isinstance(node, PromQL):
            for signal in node.declares:
                found.setdefault(signal.name, signal)
    return tuple(found.values())


def metrics_of(query: Query) -> tuple[str, ...]:
    """The metric names of samples that a query reads: a histogram by its buckets, PromQL text by its names."""
    names: dict[str, None] = {}
    for node in walk(query):
        if isinstance(node, HistogramQuantile):
            names[node.selection.signal.bucket.name] = None
        elif isinstance(node, Instant | Over | Absent):
            names[node.selection.signal.name] = None
        elif isinstance(node, PromQL):
            names.update(dict.fromkeys(node.metrics))
    return tuple(names)


def windows_of(query: Query) -> tuple[float, ...]:
    """The fixed windows, in seconds, over the samples of signals (subqueries read queries, not samples)."""
    return tuple(
        node.window for node in walk(query) if isinstance(node, Over | HistogramQuantile) and node.window is not None
    )


def target_labels_of(query: Query) -> frozenset[str]:
    """The target labels that a query names in matchers, `by` and `on`; what it merely inherits is left out."""
    named: set[str] = set()
    own: set[str] = set()
    for node in walk(query):
        if isinstance(node, Instant | Over | HistogramQuantile | Absent):
            named.update(m.label for m in node.selection.matchers)
            own.update(node.selection.signal.labels)
        if isinstance(node, Aggregate | HistogramQuantile):
            named.update(node.by or ())
        if isinstance(node, Binary | SetOperation):
            named.update(node.on or ())
    return frozenset(named - own) & known_target_labels()
