"""Stores: where samples are read from, behind one protocol.

`EmbeddedStore` (`watchkeeper.stores.embedded`) keeps samples on disk and evaluates typed queries with NumPy;
`PrometheusStore` (`watchkeeper.stores.prometheus`) asks anything that speaks the Prometheus HTTP API. This module
imports neither.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watchkeeper.queries import Query
from watchkeeper.signals import Selection, Signal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["STALE_NAN", "Labels", "Matrix", "Sample", "Store", "Vector", "Writer", "is_stale"]

Labels = Mapping[str, str]
"""The labels of a series; `__name__` is among them where PromQL keeps it."""


@dataclass(frozen=True, slots=True)
class Vector:
    """The answer of an instant query: one value a series, at one time. A scalar answer is one series without labels."""

    time: float
    series: tuple[Labels, ...]
    values: tuple[float, ...]

    def frame(self) -> pd.DataFrame:
        """A pandas frame: one row a series, its labels as columns, and `value`."""
        import pandas as pd

        rows = [{**labels, "value": value} for labels, value in zip(self.series, self.values, strict=True)]
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The answer of a range query.

    `times` has shape (T,), seconds since the epoch; `values` (S, T); `present` (S, T) tells a missing value from a
    NaN that the query gave.
    """

    times: NDArray[np.float64]
    series: tuple[Labels, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]

    def frame(self) -> pd.DataFrame:
        """A pandas frame: time as index (UTC), one column a series (a tuple of its sorted label pairs), NaN where
        missing.
        """
        import numpy as np
        import pandas as pd

        index = pd.to_datetime(self.times, unit="s", utc=True)
        columns = [tuple(sorted(labels.items())) for labels in self.series]
        data = np.where(self.present, self.values, np.nan).T
        return pd.DataFrame(dict(enumerate(data.T)), index=index).set_axis(
            pd.Index(columns, tupleize_cols=False), axis=1
        )


class Store(Protocol):
    """Something that answers queries.

    `auto` is the range, in seconds, of `rate()` and its kin where the query gives none. All methods raise
    StoreError when there is no answer, UnsupportedQuery when there cannot be one.
    """

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector: ...
    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix: ...
    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample to write: the full metric name, its labels without `__name__`, a value, a time in seconds."""

    name: str
    labels: Labels
    value: float
    time: float


class Writer(Protocol):
    """Something that samples are written to."""

    def write(self, samples: Sequence[Sample]) -> None: ...


# Prometheus' stale marker, a NaN with this bit pattern (model/value in its source); any other NaN is a real value.
STALE_NAN: float = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]


def is_stale(value: float) -> bool:
    """Whether a value is the stale marker; comparing NaNs cannot tell."""
    return value != value and struct.pack("<d", value) == b"\x02\x00\x00\x00\x00\x00\xf0\x7f"
