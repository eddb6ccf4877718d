"""Spans and traces as they are kept: plain values with times in nanoseconds, which lose nothing on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

__all__ = [
    "ERROR",
    "KINDS",
    "Event",
    "Kept",
    "Link",
    "Span",
    "Trace",
    "TraceSummary",
    "Value",
]

Value = str | int | float | bool
"""The value of an attribute; arrays and maps are kept as JSON text."""

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""The kinds of spans; the place is the number that OTLP gives them."""

ERROR = "error"

Kept = Literal["all", "sample", "error", "slow"]
"""Why a trace is kept: it is young (all are), it was drawn as a sample, it has an error, it is slow."""


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that happened during a span; `at` is nanoseconds since the epoch."""

    at: int
    name: str
    attributes: dict[str, Value] = {}


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A span of the same or another trace that this one follows from."""

    trace_id: str
    span_id: str


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One operation of one service.

    `start` and `end` are nanoseconds since the epoch, `end` never before `start`; ids are lower-case hex, `parent_id`
    is empty for the root. `status` is `unset`, `ok` or `error`. `cut` counts what was left out or shortened on arrival.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    status: str = "unset"
    message: str = ""
    attributes: dict[str, Value] = {}
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    resource: dict[str, Value] = {}
    scope: str = ""
    cut: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e9

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.status == ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """A line of a list: `service` and `name` are those of the root span, of the earliest one while `rooted` is false.

    `start` is seconds since the epoch, `seconds` from the first start to the last end.
    """

    trace_id: str
    service: str
    name: str
    start: float
    seconds: float
    spans: int
    errors: int
    services: tuple[str, ...]
    rooted: bool = True
    kept: Kept = "all"


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of a trace that are kept, each once, in the order of their start."""

    trace_id: str
    spans: Sequence[Span]

    @property
    def start(self) -> int:
        """Nanoseconds since the epoch of the first start."""
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        """Nanoseconds since the epoch of the last end."""
        return max(span.end for span in self.spans)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that took part, sorted."""
        return tuple(sorted({span.service for span in self.spans}))

    @property
    def errors(self) -> int:
        """How many spans failed."""
        return sum(span.failed for span in self.spans)
