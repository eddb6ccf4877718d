"""Which series belong to which shard, and how a shard asks a store for its own series and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from watchkeeper.deliveries import fingerprint
from watchkeeper.queries import Query, signals_of, walk
from watchkeeper.queries.nodes import (
    Aggregate,
    Binary,
    Function,
    HistogramQuantile,
    Instant,
    Number,
    Over,
    OverQuery,
    SetOperation,
)
from watchkeeper.signals import Matcher, Selection
from watchkeeper.stores import Store

__all__ = ["Partition", "divisible", "divided_by", "part_of_query", "reach_of", "values_of"]

# Prometheus takes the newest sample of the last five minutes where a setting of its own says nothing else.
_LOOKBACK = 300.0


@dataclass(frozen=True, slots=True)
class Partition:
    """`count` shards by a hash of all labels of a series, or of the label `by` alone; the same on every machine."""

    count: int
    by: str | None = None

    def shard(self, labels: Mapping[str, str]) -> int:
        """The shard of a series; its metric name does not count."""
        if self.by is not None:
            return self.shard_of_value(labels.get(self.by, ""))
        own = {name: value for name, value in labels.items() if name != "__name__"}
        return int(fingerprint(own), 16) % self.count

    def shard_of_value(self, value: str) -> int:
        """The shard of all series with this value of the label `by`."""
        return int(fingerprint({self.by or "": value}), 16) % self.count


def divisible(query: Query, label: str) -> bool:
    """Whether the series of a query with one value of a label are made of nothing but series with that value.

    Only then may a shard ask for its own values: a share of a total, or a list of the largest, would change its meaning
    with the series that are left out. What is not known to be so is taken not to be.
    """
    match query:
        case Instant() | Over():
            return label in query.selection.signal.all_labels
        case HistogramQuantile():
            return label in query.selection.signal.all_labels and (query.by is None or label in query.by)
        case Aggregate():
            kept = label not in query.drop if query.drop is not None else label in query.by
            return kept and divisible(query.query, label)
        case OverQuery() | Function():
            return divisible(query.query, label)
        case Binary() | SetOperation():
            sides = [side for side in (query.left, query.right) if not isinstance(side, Number)]
            matched = len(sides) < 2 or query.on is None or label in query.on
            return matched and bool(sides) and all(divisible(side, label) for side in sides)
    return False


def values_of(query: Query, store: Store, label: str, start: float, end: float) -> frozenset[str]:
    """Every value of a label that the series behind a query have from `start` to `end`; "" where it is absent.

    Raises StoreError.
    """
    return frozenset(
        labels.get(label, "") for signal in signals_of(query) for labels in store.series(signal, start, end)
    )


def reach_of(query: Query, auto: float) -> float:
    """How many seconds before a time samples may lie that the query has something of then; more rather than less."""
    spans = [getattr(node, name, None) or 0.0 for node in walk(query) for name in ("window", "offset", "step")]
    return _LOOKBACK + auto + sum(spans)


def divided_by(query: Query, series: Iterable[Mapping[str, str]], shards: int) -> str | None:
    """The label by which shards can ask for their own series; None where there is none that divides them well.

    It must have several values a shard, else chance alone would leave one shard with twice the series of another.
    """
    seen: dict[str, set[str]] = {}
    for labels in series:
        for name, value in labels.items():
            seen.setdefault(name, set()).add(value)
    seen.pop("__name__", None)
    for name in sorted(seen, key=lambda name: (-len(seen[name]), name)):
        if len(seen[name]) < 4 * shards:
            return None
        if divisible(query, name):
            return name
    return None


def part_of_query(query: Query, label: str, values: Sequence[str]) -> Query:
    """The query over the series whose label has one of the values, which may be hostile text."""
    matcher = Matcher(label, "=~", "|".join(re.escape(value) for value in sorted(values)))
    changes: dict[str, Any] = {}
    for item in fields(query):
        value = getattr(query, item.name)
        if isinstance(value, Query) and not isinstance(value, Number):
            changes[item.name] = part_of_query(value, label, values)
        elif isinstance(value, Selection):
            changes[item.name] = Selection(value.signal, (*value.matchers, matcher))
    return replace(query, **changes) if changes else query
