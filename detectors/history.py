"""History read in blocks of time: what is held at once is bounded, however long it is and however many its series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper.deliveries import fingerprint
from watchkeeper.queries import Query
from watchkeeper.stores import Labels, Store

__all__ = ["CELLS", "Block", "History"]

Floats = NDArray[np.float64]

CELLS = 1_000_000
"""Values of one block: eight megabytes as numbers, some hundred while an answer of Prometheus is read."""


@dataclass(frozen=True, slots=True)
class Block:
    """The steps `first` to `last` of some series: `values` of shape (S, T), NaN where missing.

    `labels` are without the metric name, `keys` their fingerprints.
    """

    first: int
    last: int
    labels: tuple[Labels, ...]
    keys: tuple[str, ...]
    values: Floats

    def part(self, rows: list[int]) -> Block:
        """The block of some of its series."""
        labels, keys = tuple(self.labels[i] for i in rows), tuple(self.keys[i] for i in rows)
        return replace(self, labels=labels, keys=keys, values=self.values[rows])


@dataclass(frozen=True, slots=True)
class History:
    """The steps `first` to `last`, both included, of a query: step k is at the time k * `step`, in seconds.

    `auto` is the range of rates where the query gives none; no more than about `cells` values are asked for at once.
    """

    query: Query
    step: float
    first: int
    last: int
    auto: float = 300.0
    cells: int = CELLS

    def sample(self, store: Store) -> dict[str, Labels]:
        """The series at the beginning, in the middle and at the end, by key: what there is to expect.

        Raises StoreError.
        """
        found: dict[str, Labels] = {}
        for k in sorted({self.first, (self.first + self.last) // 2, self.last}):
            for labels in store.instant(self.query, k * self.step, auto=self.auto).series:
                own = _own(labels)
                found[fingerprint(own)] = own
        return found

    def blocks(self, store: Store, *, series: int, query: Query | None = None) -> Iterator[Block]:
        """Its blocks in the order of time, read one after the other; `series` says how many are expected, `query`
        stands for its own where only a part is wanted.

        A block whose answer has more series than expected makes the next ones shorter. Raises StoreError.
        """
        k = self.first
        while k <= self.last:
            until = min(self.last, k + max(1, self.cells // max(series, 1)) - 1)
            block = self._read(store, self.query if query is None else query, k, until)
            series = max(series, len(block.keys))
            yield block
            k = until + 1

    def _read(self, store: Store, query: Query, first: int, last: int) -> Block:
        matrix = store.range(query, first * self.step, last * self.step, self.step, auto=self.auto)
        places = np.round(np.asarray(matrix.times) / self.step).astype(np.int64) - first
        kept = (places >= 0) & (places <= last - first)
        values = np.full((len(matrix.series), last - first + 1), np.nan)
        values[:, places[kept]] = np.where(matrix.present, matrix.values, np.nan)[:, kept]
        labels = tuple(_own(labels) for labels in matrix.series)
        return Block(first, last, labels, tuple(fingerprint(own) for own in labels), values)


def _own(labels: Mapping[str, str]) -> Labels:
    return {name: value for name, value in sorted(labels.items()) if name != "__name__"}
