"""The words that the pages use for states and events: the same everywhere, and never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping

from runbooks.records import Event, StepRecord

__all__ = ["EVENTS", "INCIDENT", "RUN", "SEVERITY", "shown_in_timeline", "step_tone", "step_word", "told"]

SEVERITY: Mapping[str, str] = {"critical": "Critical", "warning": "Warning", "info": "Info"}
INCIDENT: Mapping[str, str] = {"open": "Open", "acknowledged": "Acknowledged", "resolved": "Resolved"}
RUN: Mapping[str, str] = {
    "running": "Running",
    "waiting": "Waits for a person",
    "succeeded": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
EVENTS: Mapping[str, str] = {
    "opened": "Incident opened",
    "joined": "Another alert joined",
    "alert_resolved": "Alert resolved",
    "alert_lost": "Alert no longer sent",
    "severity": "Severity changed",
    "acknowledged": "Acknowledged",
    "note": "Note",
    "resolved": "Incident resolved",
    "reopened": "Incident reopened",
    "run_started": "Runbook started",
    "run_finished": "Runbook finished",
    "step": "Step",
    "approved": "Approved",
    "rejected": "Rejected",
    "approval_expired": "Approval expired",
    "confirmed": "Done by hand",
    "decided": "Outcome decided",
}
_STEP = {
    "pending": "Not yet",
    "waiting_approval": "Waits for you",
    "running": "Running",
    "succeeded": "Done",
    "failed": "Failed",
    "skipped": "Skipped",
    "outcome_unknown": "Outcome unknown",
    "cancelled": "Cancelled",
}
_TONE = {
    "waiting_approval": "you",
    "outcome_unknown": "you",
    "running": "busy",
    "succeeded": "good",
    "failed": "bad",
}


def step_word(record: StepRecord) -> str:
    """The state of a step in a word or two; a question is answered where a change is done."""
    if record.status == "succeeded" and record.risk == "read":
        return "Answered"
    return _STEP[record.status]


def step_tone(record: StepRecord) -> str:
    """The class of a step's state: you, busy, good, bad or quiet."""
    return _TONE.get(record.status, "quiet")


def told(event: Event) -> tuple[str, str]:
    """An event as a few words and what more there is to say."""
    if event.kind == "step":
        status = str(event.data.get("to", ""))
        title, _, rest = event.text.partition(f": {status.replace('_', ' ')}")
        return f"{_STEP.get(status, status)}: {title}", rest.lstrip(": ")
    return EVENTS.get(event.kind, event.kind), event.text


def shown_in_timeline(event: Event) -> bool:
    """Whether a reader needs the event: a step's beginning is told by its end, a person's decision by its own event."""
    if event.kind != "step":
        return True
    return event.by == "watchkeeper" and event.data.get("to") not in ("pending", "running", "skipped")
