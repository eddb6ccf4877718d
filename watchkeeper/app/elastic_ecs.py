"""The document of a deviation, with the names of the Elastic Common Schema where it has some, and the index template
with its types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from watchkeeper.deliveries import Delivery, fingerprint

__all__ = ["document", "document_id", "template"]

# Of ECS (https://www.elastic.co/docs/reference/ecs); what has no place there is below `watchkeeper.deviation`.
_ECS = "8.11.0"
_SERVICE = ("service_name", "service", "app", "job")
_SEVERITY = {"info": 1, "warning": 2, "critical": 3}
_NUMBERS = ("value", "expected", "expected_low", "expected_high", "score")
_TEXTS = ("impact", "query", "runbook", "panel", "dashboard_url", "threshold_source")
_LISTS = ("contributors", "members")


def document_id(delivery: Delivery) -> str:
    """What an update and the end of a deviation have in common with its beginning."""
    return f"{delivery.fingerprint or fingerprint(delivery.labels)}-{round(1_000 * delivery.starts_at)}"


def document(delivery: Delivery, links: Mapping[str, str], at: float) -> dict[str, Any]:
    """The document of a deviation as it is told `at` a time."""
    labels, notes = delivery.labels, {**links, **delivery.annotations}
    text = notes.get("description") or notes.get("summary", "")
    url = notes.get("runbook_url", "")
    event: dict[str, Any] = {
        "kind": "alert",
        "action": "deviation",
        "provider": "watchkeeper",
        "dataset": "watchkeeper.deviations",
        "id": document_id(delivery),
        "start": _time(delivery.starts_at),
        "severity": _SEVERITY.get(labels.get("severity", ""), 0),
        "reason": notes.get("summary", ""),
    }
    if delivery.ends_at is not None:
        event["end"] = _time(delivery.ends_at)
        event["duration"] = round(1e9 * max(0.0, delivery.ends_at - delivery.starts_at))
    own: dict[str, Any] = {"status": delivery.status, "updated": _time(at)}
    own |= {name: notes[name] for name in _TEXTS if notes.get(name)}
    own |= {name: number for name in _NUMBERS if (number := _number(notes.get(name))) is not None}
    own |= {name: items for name in _LISTS if (items := _list(notes.get(name)))}
    rule = {"name": delivery.name, "category": labels.get("system", "")}
    if url:
        event["reference"] = rule["reference"] = url
    found: dict[str, Any] = {
        "@timestamp": _time(delivery.starts_at),
        "ecs": {"version": _ECS},
        "message": text,
        "event": event,
        "rule": rule,
        # ECS allows no objects there, which names with dots would become.
        "labels": {name.replace(".", "_"): value for name, value in labels.items() if name},
        "watchkeeper": {"deviation": own},
    }
    service = next((labels[name] for name in _SERVICE if labels.get(name)), None)
    return found if service is None else {**found, "service": {"name": service}}


def template(index: str) -> dict[str, Any]:
    """The index template: types as ECS has them; fields that are not named are kept and not searched."""
    word = {"type": "keyword", "ignore_above": 1024}
    words = dict.fromkeys(("status", *_TEXTS), word)
    numbers = {name: {"type": "double"} for name in _NUMBERS}
    event = dict.fromkeys(("kind", "action", "provider", "dataset", "id", "reason", "reference"), word)
    own = {**words, **numbers, "updated": {"type": "date"}}
    properties = {
        "@timestamp": {"type": "date"},
        "message": {"type": "text"},
        "ecs": {"properties": {"version": word}},
        "event": {
            "properties": {
                **event,
                "start": {"type": "date"},
                "end": {"type": "date"},
                "duration": {"type": "long"},
                "severity": {"type": "long"},
            }
        },
        "rule": {"properties": dict.fromkeys(("name", "category", "reference"), word)},
        "service": {"properties": {"name": word}},
        "labels": {"type": "object", "dynamic": True},
        "watchkeeper": {"properties": {"deviation": {"properties": own}}},
    }
    labels = {"labels": {"path_match": "labels.*", "match_mapping_type": "string", "mapping": word}}
    return {
        "index_patterns": [index],
        # Above those that come with the cluster, which have 100.
        "priority": 200,
        "template": {"mappings": {"dynamic": False, "dynamic_templates": [labels], "properties": properties}},
    }


def _number(text: str | None) -> float | None:
    """A number that JSON can hold."""
    try:
        found = float(text) if text else float("nan")
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def _list(text: str | None) -> list[Any]:
    try:
        found = json.loads(text, parse_constant=lambda _: None) if text else []
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
