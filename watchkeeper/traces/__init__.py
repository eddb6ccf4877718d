"""Traces received over OTLP/HTTP: their spans, a bounded store on disk, the waterfall, and who calls whom.

from watchkeeper.traces import TraceStore, decode

store = TraceStore(directory / "traces.sqlite", retention=86_400, limit_bytes=512 * 2**20)
store.start()
store.add(decode(body, "application/x-protobuf").spans)
"""

from __future__ import annotations

from watchkeeper.traces.decoding import Decoded, decode
from watchkeeper.traces.errors import NotOtlp, TooLarge, TraceNotFound, TracesOverloaded
from watchkeeper.traces.graph import Edge, edges
from watchkeeper.traces.model import Event, Link, Span, Trace, TraceSummary
from watchkeeper.traces.store import Search, TraceStore
from watchkeeper.traces.tree import Row, Waterfall, waterfall

__all__ = [
    "Decoded",
    "Edge",
    "Event",
    "Link",
    "NotOtlp",
    "Row",
    "Search",
    "Span",
    "TooLarge",
    "Trace",
    "TraceNotFound",
    "TraceStore",
    "TraceSummary",
    "TracesOverloaded",
    "Waterfall",
    "decode",
    "edges",
    "waterfall",
]
