"""Which label values explain a change of an aggregated query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.errors import WatchkeeperError
from watchkeeper.labels import known_target_labels
from watchkeeper.queries import Query, narrowed
from watchkeeper.queries.nodes import Aggregate, Binary
from watchkeeper.stores import Store

__all__ = ["Contributor", "contributors"]

_MOST = 5
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Contributor:
    """A label value and its share of the change (1.0: all of it; shares of one label add up to 1)."""

    label: str
    value: str
    share: float

    def __str__(self) -> str:
        return f"{self.label}={self.value} ({self.share:.0%})"


def contributors(
    query: Query, store: Store, labels: Mapping[str, str], before: float, after: float, *, auto: float
) -> tuple[Contributor, ...]:
    """The label values behind the change between two times, largest share first, for a sum (or a sum over
    something).

    Two instant queries of what is summed. Empty for queries that are not sums, when nothing changed, and
    when the store does not answer.
    """
    summed = _summed(query)
    if summed is None:
        return ()
    narrow = narrowed(summed, {name: value for name, value in labels.items() if name != "__name__"})
    try:
        old, new = store.instant(narrow, before, auto=auto), store.instant(narrow, after, auto=auto)
    except WatchkeeperError:
        return ()
    changes: dict[tuple[str, str], float] = defaultdict(float)
    values: dict[str, set[str]] = defaultdict(set)
    total = 0.0
    for sign, vector in ((-1.0, old), (1.0, new)):
        for series, value in zip(vector.series, vector.values, strict=True):
            if value != value:
                continue
            total += sign * value
            for name, text in series.items():
                if name != "__name__" and name not in labels:
                    changes[name, text] += sign * value
                    values[name].add(text)
    if total == 0.0:
        return ()
    found = [
        Contributor(name, text, change / total)
        for (name, text), change in changes.items()
        if len(values[name]) > 1 and change / total >= _LEAST_SHARE
    ]
    # Which process counted it says less than what was counted.
    known = known_target_labels()
    return tuple(sorted(found, key=lambda c: (c.label in known, -c.share, c.label, c.value))[:_MOST])


def _summed(query: Query) -> Query | None:
    """What a query sums: the inside of its outermost sum, of the numerator in a ratio."""
    if isinstance(query, Binary) and query.operator in {"/", "*"}:
        left = _summed(query.left)
        return left if left is not None else _summed(query.right)
    if isinstance(query, Aggregate) and query.operation == "sum":
        return query.query
    return None
