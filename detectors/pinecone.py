"""Pinecone: slower queries, more units that cost money than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="pinecone.query",
        system="pinecone",
        title="Duration of queries of Pinecone",
        query="pinecone.query_seconds",
        polarity=Polarity.HIGH_IS_BAD,
        hold="20m",
        window="15m",
        minimum_relative=0.5,
        minimum_absolute=0.02,
        summary="Queries of {{ $labels.index_name }} of {{ $labels.instance }} take {{ $value }}, longer than usual",
        runbook="pinecone/query-slow",
        panel="pinecone/query-seconds",
        source="Half longer than usual and 20 ms: a cold namespace costs more, but once, not for four readings",
    ),
    Detector(
        key="pinecone.read_units",
        system="pinecone",
        title="Read units of Pinecone",
        query="pinecone.read_units_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="30m",
        window="15m",
        minimum_relative=0.5,
        minimum_absolute=0.1,
        summary="{{ $labels.index_name }} of {{ $labels.instance }} uses {{ $value }} read units, more than usual",
        runbook="pinecone/units-high",
        panel="pinecone/read-units-rate",
        source=(
            "Half more than usual and a tenth of a unit a second: about 8,600 units a day, below which the "
            "bill does not notice"
        ),
    ),
)
