"""Elasticsearch: how its signals are declared, with the names of elasticsearch_exporter."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity
from watchkeeper.units import ONE, Unit

__all__ = ["HIGH", "LOW", "NEUTRAL", "NODE_LABELS", "counter", "gauge"]

HIGH, LOW, NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

NODE_LABELS = ("cluster", "es_client_node", "es_data_node", "es_ingest_node", "es_master_node", "host", "name")
"""What says which node a series is of."""

_ORIGIN = "elasticsearch_exporter"


def gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = NEUTRAL,
    *,
    labels: tuple[str, ...] = NODE_LABELS,
    requires: str | None = None,
) -> Gauge:
    """The gauge `elasticsearch_NAME`, of a node unless labels say otherwise."""
    return Gauge(f"elasticsearch_{name}", help, unit, labels, polarity, requires, _ORIGIN)


def counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = NEUTRAL,
    *,
    labels: tuple[str, ...] = NODE_LABELS,
    requires: str | None = None,
) -> Counter:
    """The counter `elasticsearch_NAME`, of a node unless labels say otherwise."""
    return Counter(f"elasticsearch_{name}", help, unit, labels, polarity, requires, _ORIGIN)
