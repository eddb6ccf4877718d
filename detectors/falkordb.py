"""FalkorDB: queries that take longer than at this hour before, graphs that grow."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="falkordb.query_duration",
        system="falkordb",
        title="Duration of a graph query",
        query="falkordb.query_duration",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=0.01,
        summary="Queries of {{ $labels.instance }} take {{ $value }}, far longer than usual",
        runbook="falkordb/long-query",
        panel="falkordb/query-duration",
        source="Twice as long as usual and ten milliseconds: plans change with the data, and a missing index shows "
        "like this (FalkorDB documentation, indexing).",
    ),
    Detector(
        key="falkordb.graph_memory",
        system="falkordb",
        title="Memory of a graph",
        query="falkordb.graph_memory",
        polarity=Polarity.HIGH_IS_BAD,
        hold="30m",
        minimum_relative=0.5,
        minimum_absolute=256 * 2**20,
        summary="The graph {{ $labels.graph }} of {{ $labels.instance }} uses {{ $value }}, far more than usual",
        runbook="falkordb/memory",
        panel="falkordb/graph-memory",
        source="Half more than usual and 256 MiB: the server reports whole MiB, from samples (FalkorDB documentation, "
        "GRAPH.MEMORY USAGE).",
    ),
)
