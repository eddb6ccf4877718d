"""Elasticsearch: slower searches, less indexed, more memory than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="elasticsearch.search",
        system="elasticsearch",
        title="Duration of queries of Elasticsearch",
        query="elasticsearch.search_seconds",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=0.01,
        summary="Queries of {{ $labels.cluster }} ({{ $labels.job }}) take {{ $value }}, longer than usual",
        runbook="elasticsearch/searches-slow",
        panel="elasticsearch/search-seconds",
        source="Half longer than usual and ten milliseconds a shard: merges and cold caches move it by less",
    ),
    Detector(
        key="elasticsearch.indexing",
        system="elasticsearch",
        title="Documents that Elasticsearch indexes",
        query="elasticsearch.indexing_rate",
        polarity=Polarity.LOW_IS_BAD,
        hold="15m",
        minimum_relative=0.5,
        minimum_absolute=10.0,
        summary="{{ $labels.cluster }} ({{ $labels.job }}) indexes {{ $value }}, less than usual",
        runbook="elasticsearch/tasks-rejected",
        panel="elasticsearch/indexing-rate",
        source="Half of the usual rate and ten a second: logs and events that stop to arrive show here first",
    ),
)
