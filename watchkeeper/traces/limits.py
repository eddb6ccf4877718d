"""What one span may hold: strangers send them, and a store and a page have an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from watchkeeper.traces.model import Event, Span, Value

if TYPE_CHECKING:
    from watchkeeper.traces.raw import RawSpan

__all__ = [
    "ATTRIBUTES",
    "EVENTS",
    "LINKS",
    "NAME_LENGTH",
    "NESTING",
    "VALUE_LENGTH",
    "bounded",
    "bounded_resource",
    "cut_text",
    "plain",
]

# The SDKs' own defaults are 128 each; a page with more helps nobody.
ATTRIBUTES, EVENTS, LINKS = 128, 64, 64
NAME_LENGTH = 256
# A prompt or a statement may be far longer; the beginning tells which one it was.
VALUE_LENGTH = 2048
NESTING = 6
# The call that failed stands at the end of a Python traceback.
_FROM_THE_END = frozenset({"exception.stacktrace"})


def cut_text(text: str, limit: int = VALUE_LENGTH, *, end: bool = False) -> str:
    """A text of at most `limit` characters and a mark that says how many are missing; `end` keeps the last ones."""
    missing = len(text) - limit
    if missing <= 0:
        return text
    if end:
        return f"[{missing} characters cut] …{text[-limit:]}"
    return f"{text[:limit]}… [{missing} characters cut]"


def plain(value: Any) -> Value:
    """A decoded value as it is kept: scalars as they are, everything else as JSON text."""
    if isinstance(value, str | bool | int | float):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _bounded(attributes: dict[str, Value], limit: int) -> tuple[dict[str, Value], int]:
    cut = 0
    found: dict[str, Value] = {}
    for name, value in attributes.items():
        if len(found) == limit:
            cut += len(attributes) - limit
            break
        if isinstance(value, str) and len(value) > VALUE_LENGTH:
            value = cut_text(value, end=name in _FROM_THE_END)
            cut += 1
        elif type(value) is int and not -(2**63) <= value < 2**63:
            value = str(value)[:40]
        found[name if len(name) <= NAME_LENGTH else cut_text(name, NAME_LENGTH)] = value
    return found, cut


def bounded(span: RawSpan, service: str, resource: dict[str, Value], scope: str) -> Span:
    """The span of a service within the limits; its ids are valid, and its resource is within the limits already."""
    attributes, cut = _bounded(span.attributes, ATTRIBUTES)
    cut += span.left_out + max(0, len(span.events) - EVENTS) + max(0, len(span.links) - LINKS)
    events = []
    for event in span.events[:EVENTS]:
        inner, more = _bounded(event.attributes, 32)
        cut += more
        events.append(Event(max(0, min(event.at, 2**63 - 1)), cut_text(event.name, NAME_LENGTH), inner))
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_id.hex() if any(span.parent_id) else "",
        service=cut_text(service, NAME_LENGTH) or "unknown",
        name=cut_text(span.name, NAME_LENGTH) or "(no name)",
        kind=span.kind,
        start=span.start,
        end=max(span.start, span.end),
        status=span.status,
        message=cut_text(span.message),
        attributes=attributes,
        events=tuple(events),
        links=tuple(span.links[:LINKS]),
        resource=resource,
        scope=cut_text(scope, NAME_LENGTH),
        cut=cut,
    )


def bounded_resource(attributes: dict[str, Value]) -> dict[str, Value]:
    """The attributes of a resource within the limits, without the service's name, which every span has of its own."""
    return _bounded({name: value for name, value in attributes.items() if name != "service.name"}, 32)[0]
