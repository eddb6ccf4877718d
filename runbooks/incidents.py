"""From deliveries to incidents: what belongs together, what is news, when it is over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from runbooks.documents import Document
from runbooks.journal import Writes
from runbooks.records import AlertRecord, Incident
from runbooks.settings import EngineSettings
from watchkeeper.declarations import Severity
from watchkeeper.deliveries import Delivery, fingerprint

__all__ = ["Taken", "correlation", "lose", "resolve", "severity_of", "take"]

_ORDER: Mapping[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
# Other people's words for our three.
_WORDS: Mapping[str, Severity] = {
    "critical": "critical",
    "page": "critical",
    "error": "critical",
    "high": "critical",
    "emergency": "critical",
    "warning": "warning",
    "warn": "warning",
    "ticket": "warning",
    "medium": "warning",
    "info": "info",
    "low": "info",
    "notice": "info",
}
_TITLE = 200


@dataclass(slots=True)
class Taken:
    """What a batch of deliveries changed: incidents that want a run, and incidents that are over."""

    to_run: dict[str, None] = field(default_factory=dict)
    resolved: dict[str, None] = field(default_factory=dict)


def severity_of(labels: Mapping[str, str], document: Document | None) -> Severity:
    """The severity that the labels say, else the runbook's, else `warning`."""
    known = _WORDS.get(labels.get("severity", "").lower())
    if known is not None:
        return known
    return document.severity if document is not None and document.severity is not None else "warning"


def correlation(name: str, runbook: str | None, scope: Sequence[str], labels: Mapping[str, str]) -> str:
    """What two deliveries share when they are one problem.

    The runbook and the values of its scope; without one, the alert's name.
    """
    if runbook is None:
        return json.dumps(["alert", name])
    return json.dumps(["runbook", runbook, [[label, labels.get(label, "")] for label in sorted(scope)]])


def take(
    writes: Writes, deliveries: Sequence[Delivery], library: Mapping[str, Document], settings: EngineSettings
) -> Taken:
    """Store deliveries and change the incidents that they are about, in one transaction."""
    taken = Taken()
    for delivery in deliveries:
        name = delivery.fingerprint or fingerprint(delivery.labels)
        if delivery.labels.get("severity", "").lower() in {"none", "info"}:
            # Calls nobody: a dead man's switch, which fires for ever on purpose, a word for the record.
            writes.record_delivery(delivery, name, None, "ignored")
        elif delivery.status == "firing":
            incident_id, outcome = _firing(writes, delivery, name, library, settings, taken)
            writes.record_delivery(delivery, name, incident_id, outcome)
        else:
            owner, outcome = _resolved(writes, delivery, name, taken)
            writes.record_delivery(delivery, name, owner, outcome)
    for incident_id in taken.resolved:
        taken.to_run.pop(incident_id, None)
    return taken


def _document(delivery: Delivery, library: Mapping[str, Document]) -> tuple[str | None, Document | None, str]:
    """The runbook's key if it is known, its document, and a note when something is odd."""
    key = delivery.annotations.get("runbook") or delivery.labels.get("runbook")
    if not key:
        return None, None, f"no runbook: the alert {delivery.name or '?'} has no annotation `runbook`"
    document = library.get(key)
    if document is None:
        return None, None, f"no runbook: the library has no document {key[:200]!r}"
    return key, document, ""


def _firing(
    writes: Writes,
    delivery: Delivery,
    name: str,
    library: Mapping[str, Document],
    settings: EngineSettings,
    taken: Taken,
) -> tuple[str, str]:
    key, document, note = _document(delivery, library)
    severity = severity_of(delivery.labels, document)
    for alert in writes.alerts_with(name):
        incident = writes.incident(alert.incident_id)
        # A person may close an incident while its alert still fires: the same firing does not open it again.
        closed_by_hand = incident.status == "resolved" and alert.status == "firing"
        if closed_by_hand and delivery.starts_at <= (incident.resolved_at or 0.0):
            writes.put_alert(_alert(incident.id, delivery, name, severity, writes.at))
            return incident.id, "repeated"
        if incident.status == "resolved":
            continue
        writes.put_alert(_alert(incident.id, delivery, name, severity, writes.at))
        if alert.status == "firing":
            return incident.id, "repeated"
        writes.event(incident.id, "joined", f"{delivery.name} fires again", data={"fingerprint": name})
        _refresh(writes, incident.id)
        return incident.id, "joined"
    related = correlation(delivery.name, key, document.scope if document else (), delivery.labels)
    found = writes.incidents(correlation=related, limit=1)
    if found and found[0].status != "resolved":
        return _join(writes, found[0], delivery, name, severity, "joined")
    if found and writes.at - (found[0].resolved_at or 0.0) <= settings.flap_window / settings.pace:
        incident = found[0]
        status = "acknowledged" if incident.acknowledged_at else "open"
        writes.change_incident(incident.id, status=status, resolved_at=None, resolved_by=None)
        taken.resolved.pop(incident.id, None)
        taken.to_run[incident.id] = None
        return _join(writes, incident, delivery, name, severity, "reopened")
    incident_id = _open(writes, delivery, name, key, document, severity, related, note)
    taken.to_run[incident_id] = None
    return incident_id, "opened"


def _alert(incident_id: str, delivery: Delivery, name: str, severity: Severity, at: float) -> AlertRecord:
    return AlertRecord(
        incident_id=incident_id,
        fingerprint=name,
        source=delivery.source,
        kind=delivery.kind,
        name=delivery.name,
        status="firing",
        severity=severity,
        labels=dict(delivery.labels),
        annotations=dict(delivery.annotations),
        generator_url=delivery.generator_url,
        starts_at=delivery.starts_at,
        ends_at=None,
        last_seen_at=at,
    )


def _join(
    writes: Writes, incident: Incident, delivery: Delivery, name: str, severity: Severity, outcome: str
) -> tuple[str, str]:
    writes.put_alert(_alert(incident.id, delivery, name, severity, writes.at))
    what = "came back" if outcome == "reopened" else "joined"
    writes.event(incident.id, outcome, f"{delivery.kind} {delivery.name} {what}", data={"fingerprint": name})
    _truncated(writes, incident.id, delivery)
    _refresh(writes, incident.id)
    return incident.id, outcome


def _open(
    writes: Writes,
    delivery: Delivery,
    name: str,
    key: str | None,
    document: Document | None,
    severity: Severity,
    related: str,
    note: str,
) -> str:
    incident_id = writes.next_incident_id()
    summary = delivery.annotations.get("summary") or delivery.annotations.get("description") or ""
    title = " ".join((summary or (document.title if document else "") or delivery.name or "unnamed alert").split())
    writes.add_incident(
        Incident(
            id=incident_id,
            title=title[:_TITLE],
            severity=severity,
            status="open",
            opened_at=writes.at,
            detected_at=min(delivery.starts_at, writes.at),
            runbook=key,
            correlation=related,
            labels=dict(delivery.labels),
            annotations=dict(delivery.annotations),
            fingerprints=(name,),
            summary=delivery.annotations.get("description") or summary,
            note=note,
        )
    )
    writes.put_alert(_alert(incident_id, delivery, name, severity, writes.at))
    data = {"fingerprint": name, "severity": severity}
    writes.event(incident_id, "opened", f"{delivery.kind} {delivery.name} from {delivery.source}", data=data)
    if note:
        writes.event(incident_id, "note", note)
    _truncated(writes, incident_id, delivery)
    return incident_id


def _truncated(writes: Writes, incident_id: str, delivery: Delivery) -> None:
    count = delivery.annotations.get("truncated_alerts", "0")
    if count.isdecimal() and int(count):
        text = f"{count} more alerts of this group were left out by the sender (max_alerts of its webhook)"
        if all(event.text != text for event in writes.timeline(incident_id)):
            writes.event(incident_id, "note", text)


def _refresh(writes: Writes, incident_id: str) -> None:
    """Bring severity and common labels in line with the alerts that fire.

    A severity never falls while the incident lasts.
    """
    incident = writes.incident(incident_id)
    firing = [alert for alert in writes.alerts(incident_id) if alert.status == "firing"]
    if not firing:
        return
    labels = dict(set.intersection(*(set(alert.labels.items()) for alert in firing)))
    highest = max((incident.severity, *(alert.severity for alert in firing)), key=lambda s: _ORDER[s])
    writes.change_incident(incident_id, labels=labels, severity=highest)
    if highest != incident.severity:
        writes.event(incident_id, "severity", f"severity is {highest} now", data={"from": incident.severity})


def _resolved(writes: Writes, delivery: Delivery, name: str, taken: Taken) -> tuple[str | None, str]:
    for alert in writes.alerts_with(name):
        if alert.status != "firing":
            continue
        if delivery.ends_at is not None and delivery.ends_at < alert.starts_at:
            return alert.incident_id, "ignored"  # the end of an earlier firing, overtaken by a new one
        ended = delivery.ends_at if delivery.ends_at is not None else writes.at
        _end_alert(writes, alert, "resolved", ended, f"{alert.name} is resolved")
        _resolve_if_over(writes, alert.incident_id, taken.resolved)
        return alert.incident_id, "resolved"
    return None, "ignored"


def _end_alert(writes: Writes, alert: AlertRecord, status: str, at: float, text: str) -> None:
    values = {name: getattr(alert, name) for name in AlertRecord.__dataclass_fields__}
    values |= {"status": status, "ends_at": at}
    writes.put_alert(AlertRecord(**values))
    kind = "alert_lost" if status == "lost" else "alert_resolved"
    writes.event(alert.incident_id, kind, text, data={"fingerprint": alert.fingerprint})


def _resolve_if_over(writes: Writes, incident_id: str, resolved: dict[str, None]) -> None:
    if any(alert.status == "firing" for alert in writes.alerts(incident_id)):
        return
    if writes.incident(incident_id).status != "resolved":
        resolve(writes, incident_id, "watchkeeper", "everything that fired has ended")
        resolved[incident_id] = None


def resolve(writes: Writes, incident_id: str, by: str, text: str) -> None:
    """End an incident."""
    writes.change_incident(incident_id, status="resolved", resolved_at=writes.at, resolved_by=by)
    writes.event(incident_id, "resolved", text, by=by)


def lose(writes: Writes, alerts: Iterable[AlertRecord]) -> list[str]:
    """Take alerts that were not sent again for too long as ended; the incidents that are over because of it."""
    over: dict[str, None] = {}
    for alert in alerts:
        current = next((a for a in writes.alerts(alert.incident_id) if a.fingerprint == alert.fingerprint), None)
        if current is None or current.status != "firing" or current.last_seen_at != alert.last_seen_at:
            continue
        text = f"{alert.name} was not sent again by {alert.source}: taken as ended"
        _end_alert(writes, current, "lost", writes.at, text)
        _resolve_if_over(writes, alert.incident_id, over)
    return cast(list[str], list(over))
