"""Constructors over histograms."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.errors import QueryError
from watchkeeper.queries.arguments import (
    DistributionLike,
    HistogramLike,
    fraction,
    known,
    select,
    window_seconds,
)
from watchkeeper.queries.combine import ratio, sum_by
from watchkeeper.queries.nodes import (
    HistogramQuantile,
    Query,
)
from watchkeeper.queries.samples import rate
from watchkeeper.signals import Distribution, Histogram, Selection, matches

__all__ = ["mean", "quantile", "share_above"]


def quantile(q: float, what: HistogramLike, over: str | None = None, *, by: Iterable[str] | None = None) -> Query:
    """A quantile (0 to 1) of a histogram's observations in the window, for each combination of `by` (None: each
    series).
    """
    selection = select(what, Histogram, "quantile", "quantile_over_time(…) of a gauge")
    labels = None if by is None else known(tuple(by), selection.signal.all_labels, selection.signal.name)
    return HistogramQuantile(fraction(q), selection, window_seconds(over), labels)


def mean(what: DistributionLike, over: str | None = None, *, by: Iterable[str] = ()) -> Query:
    """The mean of a histogram's or summary's observations in the window, for each combination of `by`."""
    selection = select(what, Distribution, "mean", "avg_over_time(…) of a gauge")
    histogram, labels = selection.signal, tuple(by)
    total = sum_by(rate(Selection(histogram.sum, selection.matchers), over), *labels)
    return ratio(total, sum_by(rate(Selection(histogram.count, selection.matchers), over), *labels))


def share_above(bound: float, what: HistogramLike, over: str | None = None, *, by: Iterable[str] = ()) -> Query:
    """The share of a histogram's observations above a bucket's bound in the window, for each combination of `by`.

    Raises QueryError when the histogram has no bucket with that bound.
    """
    selection = select(what, Histogram, "share_above", "a comparison of a gauge")
    histogram, labels = selection.signal, tuple(by)
    if histogram.buckets and bound not in histogram.buckets:
        raise QueryError(
            f"{histogram.name} has no bucket {bound:g}: it has {', '.join(f'{b:g}' for b in histogram.buckets)}"
        )
    # Clients write whole bounds as `1` or `1.0`; Prometheus 3 normalises, 2 does not.
    text = f"{bound:g}".replace(".", "\\.") + ("(\\.0)?" if float(bound).is_integer() else "")
    below = sum_by(rate(Selection(histogram.bucket, selection.matchers).where(le=matches(text)), over), *labels)
    return 1 - ratio(below, sum_by(rate(Selection(histogram.count, selection.matchers), over), *labels))
