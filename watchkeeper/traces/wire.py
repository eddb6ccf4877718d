"""Traces as JSON, for `/api/traces` and `watchkeeper trace --json`, and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import msgspec

from watchkeeper.errors import StoreError
from watchkeeper.traces.facts import facts
from watchkeeper.traces.model import Event, Link, Span, Trace, TraceSummary
from watchkeeper.traces.tree import Row, Waterfall

__all__ = ["summary_from_json", "summary_to_json", "trace_from_json", "trace_to_json"]


def trace_to_json(found: Waterfall) -> dict[str, Any]:
    """A trace as JSON: all that is kept of its spans, and what the waterfall has worked out.

    `start` and `end` of a span are nanoseconds since the epoch as it said itself; `offset`, `seconds` and `own_seconds`
    are seconds in the waterfall, `critical_seconds` the span's share of the critical path.
    """
    return {
        "trace_id": found.trace_id,
        "start": found.start,
        "seconds": found.seconds,
        "services": list(found.services),
        "critical_path": [asdict(place) for place in found.places],
        "spans": [_row(row) for row in found.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        **_finite(_plain(row.span)),
        "depth": row.depth,
        "offset": row.start,
        "seconds": row.seconds,
        "own_seconds": row.own,
        "critical_seconds": math.fsum(end - start for start, end in row.critical),
        "clock_shifted_seconds": row.shifted,
        "facts": list(facts(row.span)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Span | Event | Link):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; as texts they are still told."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def trace_from_json(found: Any) -> Trace:
    """The trace of what `trace_to_json` made. Raises StoreError when it is something else."""
    try:
        spans = [_span(one) for one in found["spans"]]
        return Trace(str(found["trace_id"]), tuple(sorted(spans, key=lambda span: (span.start, -span.end))))
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError):
        raise StoreError("the answer is no trace of a Watchkeeper console") from None


def _span(one: Any) -> Span:
    rows = [one[name] for name in Span.__struct_fields__]
    rows[Span.__struct_fields__.index("events")] = [[e["at"], e["name"], e["attributes"]] for e in one["events"]]
    rows[Span.__struct_fields__.index("links")] = [[link["trace_id"], link["span_id"]] for link in one["links"]]
    return msgspec.convert(rows, Span)


def summary_to_json(found: TraceSummary) -> dict[str, Any]:
    """A line of a list as JSON."""
    return asdict(found)


def summary_from_json(found: Any) -> TraceSummary:
    """The line of what `summary_to_json` made. Raises StoreError when it is something else."""
    try:
        return msgspec.convert(found, TraceSummary)
    except msgspec.ValidationError:
        raise StoreError("the answer is no list of traces of a Watchkeeper console") from None
