"""The traces that belong to an incident: of its time, and of what its labels name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from watchkeeper.traces.model import TraceSummary
from watchkeeper.traces.reading import Search

__all__ = ["OPERATION_LABELS", "Related", "related"]

OPERATION_LABELS = (
    "gen_ai_tool_name",
    "gen_ai_agent_name",
    "gen_ai_workflow_name",
    "gen_ai_request_model",
    "http_route",
    "tool",
    "agent",
    "workflow",
    "route",
    "handler",
    "operation",
    "span_name",
)
"""Labels whose values stand in the names of spans, as `execute_tool search`, `POST /tasks`; the narrowest first."""


class Source(Protocol):
    """What is asked: a `TraceStore`."""

    def search(self, asked: Search) -> list[TraceSummary]: ...
    def services(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Related:
    """Traces that failed, newest first, and the slowest of the others; `asked` is what was asked for."""

    asked: Search
    failed: Sequence[TraceSummary]
    slowest: Sequence[TraceSummary]


def related(source: Source, labels: Mapping[str, str], start: float, end: float, limit: int = 3) -> Related | None:
    """The traces that began between two times (seconds since the epoch) and fit the labels of an incident.

    The narrowest question that has an answer is asked: the operation that a label names, a service that one names, any
    trace at all. None where there is no trace of that time. Raises StoreError.
    """
    whole = Search(start=start, end=end, limit=limit)
    for asked in (*_narrow(source, labels, whole), whole):
        slowest = source.search(replace(asked, order="slowest", limit=2 * limit))
        if slowest:
            failed = source.search(replace(asked, errors=True))
            ids = {one.trace_id for one in failed}
            return Related(asked, failed, [one for one in slowest if one.trace_id not in ids][:limit])
    return None


def _narrow(source: Source, labels: Mapping[str, str], whole: Search) -> Iterator[Search]:
    for name in OPERATION_LABELS:
        if labels.get(name):
            yield replace(whole, operation=labels[name])
    values = set(labels.values())
    for service in source.services():
        if service in values:
            yield replace(whole, service=service)
