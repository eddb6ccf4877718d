"""What is asked of documents in Elasticsearch and read from its answers: their fields, and paths in a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper.errors import StoreError

__all__ = ["ECS_SPANS", "OTEL_SPANS", "LogFields", "SpanFields", "at_path", "first_of", "span_of_time"]


@dataclass(frozen=True, slots=True)
class LogFields:
    """The fields of log documents, which must be keywords but for the message; by default those of ECS."""

    time: str = "@timestamp"
    service: str = "service.name"
    level: str = "log.level"
    message: str = "message"


@dataclass(frozen=True, slots=True)
class SpanFields:
    """The fields of documents of spans; `entries` is the query of those that are entry points of their service,
    `failed` of those that failed.
    """

    time: str
    service: str
    name: str
    entries: Mapping[str, Any]
    failed: Mapping[str, Any]


ECS_SPANS = SpanFields(
    "@timestamp",
    "service.name",
    "transaction.name",
    {"term": {"processor.event": "transaction"}},
    {"term": {"event.outcome": "failure"}},
)
"""As Elastic APM stores them, in `traces-apm*`."""
OTEL_SPANS = SpanFields(
    "@timestamp",
    "resource.attributes.service.name",
    "name",
    {"terms": {"kind": ["Server", "Consumer"]}},
    {"term": {"status.code": "Error"}},
)
"""As the OpenTelemetry mode of Elasticsearch stores them, in `traces-*.otel-*`."""


def span_of_time(time: str, start: float, end: float, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The query of the documents of a time, from `start` up to `end` in seconds, that fit another query."""
    span = {"gte": round(start * 1_000), "lt": round(end * 1_000), "format": "epoch_millis"}
    return {"bool": {"filter": [{"range": {time: span}}, *([query] if query else [])]}}


def at_path(reply: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path of an answer; StoreError where it does not."""
    found: Any = reply
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            raise StoreError(f"the answer of Elasticsearch has no {'.'.join(path)}")
        found = found[name]
    return found


def first_of(values: Mapping[str, Any], name: str) -> str:
    """The first value of a field of a hit, which is always a list."""
    found = values.get(name) or [""]
    return str(found[0])
