"""Who calls whom, from spans: the edges between services, and to ends that send no spans themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper.traces.model import Span

__all__ = ["USER", "Calls", "Edge", "EdgeKind", "calls", "edges", "peer_of"]

EdgeKind = Literal["call", "message", "database", "external"]

USER = "user"
"""Who calls where a trace begins with a server span: somebody outside, as Tempo's service graphs name him."""

_CALLERS, _CALLED = ("client", "producer"), ("server", "consumer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What one service asked of another; `seconds` is the sum of the durations, `p95` and `slowest` are of them.

    The duration is that of the called side where it sends spans (for messages the handling, without the wait),
    else that of the caller's. `kind` says whether it is a service that sends spans (`call`, `message`), a database, or
    something else that is only known from its callers.
    """

    client: str
    server: str
    kind: EdgeKind
    calls: int
    failed: int
    seconds: float
    p95: float
    slowest: float

    @property
    def mean(self) -> float:
        """The mean duration in seconds."""
        return self.seconds / self.calls

    @property
    def failed_ratio(self) -> float:
        """The share of calls that failed."""
        return self.failed / self.calls


_Key = tuple[str, str, EdgeKind]


@dataclass(slots=True)
class _Count:
    durations: list[float] = field(default_factory=list)
    failed: int = 0


Calls = Mapping[tuple[str, str, EdgeKind], tuple[Sequence[float], int]]
"""By client, server and kind: the durations of calls in seconds, and how many of them failed."""


def edges(spans: Iterable[Span]) -> tuple[Edge, ...]:
    """The edges of all traces that the spans are of, sorted by client, server and kind: the calls of `calls`."""
    counts = _counts(spans)
    return tuple(_edge(key, counts[key]) for key in sorted(counts))


def calls(spans: Iterable[Span]) -> Calls:
    """The calls in all traces that the spans are of.

    A span whose parent (or, for a consumer without one, whose link) is of another service is a call of that service. A
    client or producer span that nothing answered is a call of the end that its attributes name; without a name it is
    left out, as is a span whose parent is not among the spans: who that was is unknown.
    """
    return {key: (count.durations, count.failed) for key, count in _counts(spans).items()}


def _counts(spans: Iterable[Span]) -> dict[_Key, _Count]:
    by_id: dict[tuple[str, str], Span] = {}
    for span in spans:
        by_id.setdefault((span.trace_id, span.span_id), span)
    counts: dict[_Key, _Count] = {}
    answered: set[tuple[str, str]] = set()
    for span in by_id.values():
        parent = by_id.get((span.trace_id, span.parent_id)) if span.parent_id else None
        if parent is None and span.kind == "consumer":
            parent = next((by_id[key] for link in span.links if (key := (link.trace_id, link.span_id)) in by_id), None)
        if parent is None:
            if not span.parent_id and span.kind == "server":
                _count(counts, (USER, span.service, "call"), span, span.failed)
            continue
        crosses = span.kind not in _CALLERS and (
            parent.service != span.service or (parent.kind in _CALLERS and span.kind in _CALLED)
        )
        # A client span within another one (an SDK's call and the HTTP request below it) is the same call.
        if parent.kind in _CALLERS and (crosses or span.kind in _CALLERS):
            answered.add((parent.trace_id, parent.span_id))
        if crosses:
            failed = span.failed or (parent.failed and parent.kind in _CALLERS)
            _count(counts, (parent.service, span.service, _kind(parent, span)), span, failed)
    services = {span.service for span in by_id.values()}
    for key, span in by_id.items():
        if span.kind in _CALLERS and key not in answered and (peer := peer_of(span.attributes)) is not None:
            name, kind = peer
            # One that sends spans has not sent this one: it did not get the call, or its span is late.
            _count(counts, (span.service, name, "call" if name in services else kind), span, span.failed)
    return counts


def _kind(parent: Span, span: Span) -> EdgeKind:
    """A message where the kinds say so, or where they say nothing and nobody waited for the end."""
    if span.kind == "consumer" or parent.kind == "producer":
        return "message"
    return "message" if parent.kind != "client" and span.end > parent.end else "call"


def _count(counts: dict[_Key, _Count], key: _Key, span: Span, failed: bool) -> None:
    count = counts.setdefault(key, _Count())
    count.durations.append(span.seconds)
    count.failed += failed


def _edge(key: _Key, count: _Count) -> Edge:
    durations = sorted(count.durations)
    return Edge(
        client=key[0],
        server=key[1],
        kind=key[2],
        calls=len(durations),
        failed=count.failed,
        seconds=math.fsum(durations),
        p95=durations[math.ceil(0.95 * len(durations)) - 1],  # the nearest rank: a duration that there was
        slowest=durations[-1],
    )


def peer_of(attributes: Mapping[str, object]) -> tuple[str, EdgeKind] | None:
    """The name and kind of the end that a client or producer span speaks to, None where it names none.

    Attributes of the semantic conventions 1.2x and before: databases by name and system, queues by destination, a
    model's provider, then any peer by name or address.
    """

    def first(*names: str) -> str:
        return next((str(value) for name in names if (value := attributes.get(name)) not in (None, "")), "")

    system = first("db.system.name", "db.system")
    if system:
        name = first("db.namespace", "db.name", "server.address", "net.peer.name")
        return (f"{system}/{name}" if name else system), "database"
    messaging = first("messaging.system")
    if messaging:
        destination = first("messaging.destination.name", "messaging.destination")
        return (f"{messaging}/{destination}" if destination else messaging), "message"
    named = first("peer.service", "service.peer.name", "gen_ai.provider.name", "gen_ai.system")
    address = named or first("server.address", "net.peer.name", "http.host", "network.peer.address")
    return (address, "external") if address else None
