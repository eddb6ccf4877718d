"""Elasticsearch: how its signals are declared, with the names of elasticsearch_exporter."""

from __future__ import annotations

from watchkeeper.borrowed import Borrowed
from watchkeeper.signals import Polarity

__all__ = ["HIGH", "LOW", "NEUTRAL", "NODE_LABELS", "counter", "gauge"]

HIGH, LOW, NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

NODE_LABELS = ("cluster", "es_client_node", "es_data_node", "es_ingest_node", "es_master_node", "host", "name")
"""What says which node a series is of."""

_ORIGIN = "elasticsearch_exporter"


_names = Borrowed("elasticsearch_", _ORIGIN, NODE_LABELS)
gauge, counter = _names.gauge, _names.counter
