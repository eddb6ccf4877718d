"""What a run does next: a pure function of the document and the state of its steps.

Everything that a run decides follows from the statuses in the journal, so that it decides the same after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbooks.documents import Document, Step
from runbooks.records import FINISHED, StepRecord

__all__ = ["Action", "Cancel", "Conclude", "Finish", "Perform", "Skip", "Wait", "next_action"]


@dataclass(frozen=True, slots=True)
class Perform:
    """Render the step, then execute it or wait for a person."""

    step_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done until a person acts, or until a time."""

    step_id: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """These steps are not going to run."""

    step_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """These steps are no longer wanted."""

    step_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Conclude:
    """The outcome of a step was unknown, and its verification settles it."""

    step_id: str
    verified_by: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run has ended."""

    failed: bool
    message: str


Action = Perform | Wait | Skip | Cancel | Conclude | Finish
Records = Mapping[str, StepRecord]


def next_action(document: Document, records: Records, *, resolved: bool) -> Action:
    """The next action of a run; `resolved` says that its incident is over."""
    if resolved:
        return _resolved(document, records)
    main = [step for step in document.steps if step.role == "main"]
    index = 0
    while index < len(main):
        step = main[index]
        record = records[step.id]
        if record.status not in FINISHED:
            return _current(step, record, records)
        outcome = record.status
        if outcome == "succeeded" and step.verify is not None:
            called = _called(document, step, records)
            if isinstance(called, bool):
                outcome = "succeeded" if called else "failed"
            else:
                return called
        if outcome == "succeeded" and step.end:
            return _skip_rest(main[index + 1 :], records, f"the run ended with {step.id}") or _finish(document, records)
        if outcome == "failed" and step.on_failure == "stop":
            return _skip_rest(main[index + 1 :], records, f"{step.id} failed") or _finish(document, records)
        if outcome == "failed" and step.on_failure.startswith("goto:"):
            wanted = step.on_failure.removeprefix("goto:")
            until = next(i for i, other in enumerate(main) if other.id == wanted)
            skip = _skip_rest(main[index + 1 : until], records, f"{step.id} failed: on to {wanted}")
            if skip:
                return skip
            index = until
            continue
        index += 1
    return _skip_rest(document.steps, records, "not called for") or _finish(document, records)


def _current(step: Step, record: StepRecord, records: Records) -> Action:
    if record.status == "pending":
        return Perform(step.id)
    if record.status == "outcome_unknown" and step.verify is not None:
        check = records[step.verify]
        if check.status == "pending":
            return Perform(step.verify)
        if check.status == "succeeded":
            return Conclude(step.id, step.verify)
    return Wait(step.id)


def _called(document: Document, step: Step, records: Records) -> Action | bool:
    """What the steps that a step calls for need next, else whether its verification held."""
    check = records[step.verify or ""]
    if check.status not in FINISHED:
        return _current(document.step(check.step_id), check, records)
    if check.status == "succeeded":
        return True
    if step.undo is not None:
        undo = records[step.undo]
        if undo.status not in FINISHED:
            return _current(document.step(step.undo), undo, records)
    return False


def _skip_rest(steps: tuple[Step, ...] | list[Step], records: Records, reason: str) -> Skip | None:
    left = tuple(step.id for step in steps if records[step.id].status == "pending")
    return Skip(left, reason) if left else None


def _resolved(document: Document, records: Records) -> Action:
    """The incident is over: nothing waits any more; what only reads is answered once."""
    unwanted = [
        r for r in records.values() if r.status == "waiting_approval" or (r.status == "pending" and not r.automatic)
    ]
    if unwanted:
        return Cancel(tuple(record.step_id for record in unwanted), "the incident is resolved")
    for step in document.steps:
        record = records[step.id]
        if record.status == "pending":
            if step.role == "undo":
                return Skip((step.id,), "not called for")
            return Perform(step.id)
    for step in document.steps:
        if records[step.id].status in {"outcome_unknown", "running"}:
            return _current(step, records[step.id], records)
    return _finish(document, records)


def _has_failed(step: Step, records: Records) -> bool:
    """Whether a step failed, or did not help: its verification failed."""
    record = records[step.id]
    if record.status == "succeeded" and step.verify is not None:
        return records[step.verify].status == "failed"
    return record.status == "failed"


def _finish(document: Document, records: Records) -> Action:
    """The end, unless steps that were called for by nobody are left."""
    left = _skip_rest(document.steps, records, "not called for")
    if left is not None:
        return left
    failed = [step for step in document.steps if _has_failed(step, records)]
    fatal = [step.id for step in failed if step.critical or (not step.read_only and step.on_failure == "stop")]
    if fatal:
        return Finish(True, f"failed: {', '.join(fatal)}")
    counts: dict[str, int] = {}
    for record in records.values():
        counts[record.status] = counts.get(record.status, 0) + 1
    return Finish(False, ", ".join(f"{counts[status]} {status}" for status in sorted(counts)))
