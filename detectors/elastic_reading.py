"""Detectors of logs and traces over an Elasticsearch, beside those over metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from watchkeeper.declarations import Detector

__all__ = ["reading_elastic"]

# The queries that ask for nothing but what `detectors.elastic_series` counts.
_ANSWERED = frozenset({"logs.errors_rate", "logs.records_rate", "traces.errors_rate"})


def reading_elastic(detectors: Iterable[Detector]) -> tuple[Detector, ...]:
    """Those of the detectors that can watch the documents of a cluster in place of metrics, under keys of their own."""
    return tuple(
        replace(one, key=f"{one.key}_in_elasticsearch", reads="logs") for one in detectors if one.query in _ANSWERED
    )
