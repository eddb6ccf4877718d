"""Metrics of who calls whom, out of the spans that come in, under the names of Tempo's service graphs."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchkeeper.clock import monotonic
from watchkeeper.stores import Sample
from watchkeeper.systems.traces import (
    TRACES_SERVICE_GRAPH_REQUEST_FAILED_TOTAL,
    TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS,
    TRACES_SERVICE_GRAPH_REQUEST_TOTAL,
)
from watchkeeper.traces.graph import calls
from watchkeeper.traces.model import Span

__all__ = ["OTHER", "ServiceGraph"]

OTHER = "_other"
"""Client and server of the calls between pairs beyond the limit."""

# A trace is counted when nothing of it came for this long: Tempo waits 10 s for the other end of a call.
_QUIET_SECONDS = 10.0
_LONGEST_SECONDS = 60.0
_BOUNDS = TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS.buckets
_LE = (*(f"{bound:g}" for bound in _BOUNDS), "+Inf")


@dataclass(slots=True)
class _Waiting:
    began: float
    last: float
    spans: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Edge:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    calls: int = 0
    failed: int = 0
    seconds: float = 0.0


class ServiceGraph:
    """Counts the calls between services, by the rule of `watchkeeper.traces.graph`; any thread may use it.

    The spans of a trace come from several senders: they wait until 10 s pass without another one, about a minute at
    most, or until `max_spans` wait, when the oldest traces are counted early. Of more than `max_edges` pairs the
    further ones are counted as `_other`. A call whose ends come further apart is not counted, or as one of its client.
    """

    def __init__(
        self, *, max_edges: int = 500, max_spans: int = 10_000, stopwatch: Callable[[], float] = monotonic
    ) -> None:
        self._max_edges = max_edges
        self._max_spans = max_spans
        self._stopwatch = stopwatch
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._spans = 0
        self._looked = stopwatch()
        self._edges: dict[tuple[str, str], _Edge] = {}

    def add(self, spans: Sequence[Span]) -> None:
        """Take spans that have been stored."""
        at = self._stopwatch()
        with self._lock:
            for span in spans:
                waiting = self._waiting.get(span.trace_id)
                if waiting is None:
                    waiting = self._waiting[span.trace_id] = _Waiting(at, at)
                waiting.last = at
                waiting.spans.append(span)
                self._waiting.move_to_end(span.trace_id)
            self._spans += len(spans)
            self._count_ended(at)

    def samples(self, at: float) -> list[Sample]:
        """The counters at a time."""
        with self._lock:
            self._count_ended(self._stopwatch())
            return [sample for pair in sorted(self._edges) for sample in _samples(pair, self._edges[pair], at)]

    def _count_ended(self, at: float) -> None:
        # Those that were heard of longest ago come first.
        while self._waiting:
            trace_id, waiting = next(iter(self._waiting.items()))
            if at - waiting.last < _QUIET_SECONDS and self._spans <= self._max_spans:
                break
            self._count(trace_id)
        if at - self._looked >= _QUIET_SECONDS:  # those that go on and on may be anywhere
            self._looked = at
            for trace_id in [one for one, found in self._waiting.items() if at - found.began >= _LONGEST_SECONDS]:
                self._count(trace_id)

    def _count(self, trace_id: str) -> None:
        spans = self._waiting.pop(trace_id).spans
        self._spans -= len(spans)
        for (client, server, _), (durations, failed) in calls(spans).items():
            edge = self._edge((client, server))
            edge.calls += len(durations)
            edge.failed += failed
            edge.seconds += sum(durations)
            for seconds in durations:
                edge.buckets[bisect_left(_BOUNDS, seconds)] += 1

    def _edge(self, pair: tuple[str, str]) -> _Edge:
        if pair not in self._edges and len(self._edges) >= self._max_edges:
            pair = (OTHER, OTHER)
        return self._edges.setdefault(pair, _Edge())


def _samples(pair: tuple[str, str], edge: _Edge, at: float) -> list[Sample]:
    labels = {"client": pair[0], "server": pair[1]}
    name = TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS.name
    found = [
        Sample(TRACES_SERVICE_GRAPH_REQUEST_TOTAL.name, labels, edge.calls, at),
        Sample(TRACES_SERVICE_GRAPH_REQUEST_FAILED_TOTAL.name, labels, edge.failed, at),
    ]
    below = 0
    for bound, count in zip(_LE, edge.buckets, strict=True):
        below += count
        found.append(Sample(f"{name}_bucket", {**labels, "le": bound}, below, at))
    found.append(Sample(f"{name}_count", labels, edge.calls, at))
    found.append(Sample(f"{name}_sum", labels, edge.seconds, at))
    return found
