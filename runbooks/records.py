"""What the journal remembers, as frozen values: incidents, their alerts and timeline, runs, steps, approvals.

Times are seconds since the epoch. Every text that came from outside is kept as it came: escape it where it is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from watchkeeper.declarations import Severity

__all__ = [
    "FINISHED",
    "AlertRecord",
    "ApprovalRecord",
    "Command",
    "DeliveryRecord",
    "Event",
    "Incident",
    "IncidentStatus",
    "Result",
    "Run",
    "RunStatus",
    "Series",
    "StepRecord",
    "StepStatus",
    "command_hash",
]

IncidentStatus = Literal["open", "acknowledged", "resolved"]
RunStatus = Literal["running", "waiting", "succeeded", "failed", "cancelled"]
StepStatus = Literal[
    "pending", "waiting_approval", "running", "succeeded", "failed", "skipped", "outcome_unknown", "cancelled"
]
Scalar = str | float | int | bool | None

FINISHED: frozenset[StepStatus] = frozenset({"succeeded", "failed", "skipped", "cancelled"})
"""The statuses that a step does not leave by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What the deliveries of one problem became.

    `detected_at` is when its first alert or deviation began to fire, `opened_at` when the first delivery
    was stored. `labels` are those on which all its alerts agree; `annotations` those of the delivery that
    opened it; `note` says what is odd about it (no runbook).
    """

    id: str
    title: str
    severity: Severity
    status: IncidentStatus
    opened_at: float
    detected_at: float
    runbook: str | None
    correlation: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    fingerprints: tuple[str, ...]
    summary: str
    note: str = ""
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    resolved_at: float | None = None
    resolved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """One fingerprint of an incident.

    An alert or a deviation; `status` is `lost` when it was not re-sent for too long.
    """

    incident_id: str
    fingerprint: str
    source: str
    kind: Literal["alert", "deviation"]
    name: str
    status: Literal["firing", "resolved", "lost"]
    severity: Severity
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    starts_at: float
    ends_at: float | None
    last_seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One stored delivery; `count` is how often it came again without news, `last_at` when last."""

    id: int
    received_at: float
    last_at: float
    count: int
    source: str
    kind: str
    status: str
    name: str
    fingerprint: str
    incident_id: str | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of an incident's timeline, and what subscribers are told; `id` grows with time over all incidents.

    Kinds: `opened`, `joined`, `alert_resolved`, `alert_lost`, `severity`, `acknowledged`, `note`,
    `resolved`, `reopened`, `run_started`, `run_finished`, `step` (data: `from`, `to`, `attempt`),
    `approved`, `rejected`, `confirmed`, `decided`.
    """

    id: int
    incident_id: str
    at: float
    kind: str
    by: str
    text: str
    run_id: str | None = None
    step_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a runbook for an incident.

    `bindings` are the label values that it works with, one mapping for each distinct set among the
    incident's alerts; `problems` maps an input to the reason why the incident gives no usable value for it.
    """

    id: str
    incident_id: str
    runbook: str
    digest: str
    status: RunStatus
    bindings: tuple[Mapping[str, str], ...]
    problems: Mapping[str, str]
    started_at: float
    started_by: str
    ended_at: float | None = None
    message: str = ""

    @property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        """The distinct values of each input."""
        names = sorted({name for binding in self.bindings for name in binding})
        return {name: tuple(dict.fromkeys(b[name] for b in self.bindings if name in b)) for name in names}


@dataclass(frozen=True, slots=True)
class Command:
    """One rendered command: exactly what is executed (`payload`), for one target, and as a person reads it (`text`)."""

    kind: str
    text: str
    payload: Mapping[str, Any]
    target: str = ""


def command_hash(commands: tuple[Command, ...]) -> str:
    """What an approval is bound to.

    SHA-256 over everything that will be executed and its targets, 64 hexadecimal digits.
    """
    plain = [[command.kind, command.target, dict(command.payload)] for command in commands]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a range answer; `points` are (time, value), value None where it is missing or NaN."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a step answered.

    A one-line `summary`, and a table, a text, or series. Bounded; `truncated` says that something was cut.
    """

    summary: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Scalar, ...], ...] = ()
    text: str = ""
    series: tuple[Series, ...] = ()
    unit: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The state of a step of a run; `commands` and `command_hash` are set once it was rendered."""

    run_id: str
    step_id: str
    position: int
    kind: str
    title: str
    section: str
    risk: Literal["read", "change", "destructive"]
    role: Literal["main", "verify", "undo"]
    automatic: bool
    status: StepStatus
    attempt: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    message: str = ""
    commands: tuple[Command, ...] = ()
    command_hash: str = ""
    approvals_needed: int = 0
    not_before: float | None = None
    result: Result | None = None

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord:
    """A person's word on a step, bound to the hash of its commands."""

    run_id: str
    step_id: str
    decision: Literal["approve", "reject", "confirm", "succeeded", "failed"]
    by: str
    at: float
    expires_at: float | None
    command_hash: str
    text: str = ""
