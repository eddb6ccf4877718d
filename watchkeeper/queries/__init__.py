"""Queries: typed expressions over signals.

    from watchkeeper import queries as q
    q.sum_by(q.rate(REDIS_COMMANDS_TOTAL), "instance")

What linters find afterwards cannot be written: `rate()` takes a counter, `quantile()` a histogram, an aggregation
comes after a rate, a label that the signal does not have is refused, two sides of a ratio have the same labels.
Kind mistakes fail the type checker; the rest raise `QueryError` where they are written.
"""

from __future__ import annotations

from watchkeeper.queries.combine import (
    and_,
    avg_by,
    bottomk,
    combine,
    count_by,
    join,
    max_by,
    min_by,
    or_,
    or_zero,
    ratio,
    stddev_by,
    sum_by,
    sum_without,
    topk,
    truth,
    unless,
)
from watchkeeper.queries.each import absent, absolute, age, ceil, clamp_max, clamp_min, convert, floor
from watchkeeper.queries.histograms import mean, quantile, share_above
from watchkeeper.queries.nodes import AUTO, Query
from watchkeeper.queries.samples import (
    avg_over_time,
    changes,
    constant,
    count_over_time,
    delta,
    deriv,
    increase,
    irate,
    last_over_time,
    max_over_time,
    min_over_time,
    number,
    predict_linear,
    quantile_over_time,
    rate,
    resets,
    sum_over_time,
    value,
)
from watchkeeper.queries.text import PromQL
from watchkeeper.queries.transform import (
    metrics_of,
    narrowed,
    scaled,
    signals_of,
    target_labels_of,
    walk,
    windows_of,
)

__all__ = [
    "AUTO",
    "PromQL",
    "Query",
    "absent",
    "absolute",
    "age",
    "and_",
    "avg_by",
    "avg_over_time",
    "bottomk",
    "ceil",
    "changes",
    "clamp_max",
    "clamp_min",
    "combine",
    "constant",
    "convert",
    "count_by",
    "count_over_time",
    "delta",
    "deriv",
    "floor",
    "increase",
    "irate",
    "join",
    "last_over_time",
    "max_by",
    "max_over_time",
    "mean",
    "metrics_of",
    "min_by",
    "min_over_time",
    "narrowed",
    "number",
    "or_",
    "or_zero",
    "predict_linear",
    "quantile",
    "quantile_over_time",
    "rate",
    "ratio",
    "resets",
    "scaled",
    "share_above",
    "signals_of",
    "stddev_by",
    "sum_by",
    "sum_over_time",
    "sum_without",
    "target_labels_of",
    "topk",
    "truth",
    "unless",
    "value",
    "walk",
    "windows_of",
]
