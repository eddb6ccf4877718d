"""Spans as a sender has them, between the encoding and the checks that make them `Span`s."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from watchkeeper.traces.limits import plain
from watchkeeper.traces.model import Event, Link, Value

__all__ = ["Group", "RawSpan", "value_of"]


@dataclass(slots=True)
class RawSpan:
    """One span, unchecked; times are nanoseconds since the epoch."""

    trace_id: bytes = b""
    span_id: bytes = b""
    parent_id: bytes = b""
    name: str = ""
    kind: str = "unspecified"
    start: int = 0
    end: int = 0
    status: str = "unset"
    message: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    left_out: int = 0


class Group(NamedTuple):
    """The spans of one resource and scope; they are decoded as they are asked for."""

    resource: dict[str, Value]
    scope: str
    spans: Iterator[RawSpan]


def value_of(value: Any) -> Value:
    """A decoded AnyValue as it is kept; bytes become base64, as OTLP's JSON has them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | dict):
        return plain(_without_bytes(value))
    return plain(value)


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_without_bytes(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _without_bytes(item) for key, item in value.items()}
    return value
