"""Advancing a run.

One worker at a time takes it from state to state; every decision is read from the journal, every act written
there first.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from runbooks.context import Context
from runbooks.documents import Document, Step
from runbooks.errors import NotConfigured, StepError
from runbooks.journal import Journal
from runbooks.plan import Cancel, Conclude, Finish, Perform, Skip, next_action
from runbooks.records import ApprovalRecord, Command, Result, Run, StepRecord, command_hash
from runbooks.redaction import redact
from runbooks.runs import answer_of, execute, is_automatic, render
from runbooks.settings import EngineSettings
from watchkeeper.clock import Clock
from watchkeeper.errors import WatchkeeperError

__all__ = ["Runner", "valid_approvals"]

_LOG = logging.getLogger("watchkeeper.runbooks")


def valid_approvals(approvals: list[ApprovalRecord], hash_: str, at: float) -> set[str]:
    """The persons whose approval of exactly these commands holds at a time."""
    return {
        approval.by
        for approval in approvals
        if approval.decision == "approve"
        and approval.command_hash == hash_
        and (approval.expires_at is None or approval.expires_at > at)
    }


@dataclass(frozen=True, slots=True)
class Runner:
    """Advances runs. `stopping` is asked between steps."""

    journal: Journal
    context: Context
    settings: EngineSettings
    clock: Clock
    document: Callable[[str], Document]
    stopping: Callable[[], bool]

    def advance(self, run_id: str) -> float | None:
        """Take a run as far as it goes now.

        Gives the time at which it wants to go on, None when it ended or waits for a person.
        Only one thread may advance a run at a time.
        """
        run = self.journal.run(run_id)
        if run.status not in {"running", "waiting"}:
            return None
        document = self.document(run_id)
        self._recover(run)
        while not self.stopping():
            records = {record.step_id: record for record in self.journal.steps(run_id)}
            resolved = self.journal.incident(run.incident_id).status == "resolved"
            action = next_action(document, records, resolved=resolved)
            match action:
                case Perform(step_id):
                    record = records[step_id]
                    if record.not_before is not None and record.not_before > self.clock():
                        return record.not_before
                    self._status(run_id, "running")
                    self._perform(run, document.step(step_id), record)
                case Skip(step_ids, reason):
                    self._settle(records, step_ids, "skipped", reason)
                case Cancel(step_ids, reason):
                    self._settle(records, step_ids, "cancelled", reason)
                case Conclude(step_id, verified_by):
                    with self.journal.writing() as writes:
                        message = f"{verified_by} found it done"
                        writes.transition(records[step_id], "succeeded", message=message, ended_at=writes.at)
                case Finish(failed, message):
                    self._finish(run, "failed" if failed else "succeeded", message)
                    return None
                case _:  # Wait
                    record = records[action.step_id]
                    if not self._approved(record):
                        self._status(run_id, "waiting")
                        return None
                    self._status(run_id, "running")
                    self._execute(document.step(record.step_id), record, record.commands)
        return None

    def _recover(self, run: Run) -> None:
        """Nobody advances this run, so a step that is `running` was interrupted."""
        for record in self.journal.steps(run.id):
            if record.status == "running":
                with self.journal.writing() as writes:
                    if record.risk == "read":
                        message = "interrupted: it only reads, so it is run again"
                        writes.transition(record, "pending", message=message, not_before=None)
                    else:
                        message = "interrupted: it may have had its effect; a check or a person decides"
                        writes.transition(record, "outcome_unknown", message=message, ended_at=writes.at)

    def _status(self, run_id: str, status: str) -> None:
        if self.journal.run(run_id).status != status:
            with self.journal.writing() as writes:
                writes.change_run(run_id, status=status)

    def _settle(self, records: dict[str, StepRecord], step_ids: tuple[str, ...], status: str, reason: str) -> None:
        with self.journal.writing() as writes:
            for step_id in step_ids:
                to = "skipped" if status == "skipped" else "cancelled"
                writes.transition(records[step_id], to, message=reason)  # type: ignore[arg-type]

    def _finish(self, run: Run, status: str, message: str) -> None:
        with self.journal.writing() as writes:
            writes.change_run(run.id, status=status, message=message, ended_at=writes.at)
            text = f"run {run.id} {status}: {message}"
            writes.event(run.incident_id, "run_finished", text, run_id=run.id, data={"status": status})

    def _approved(self, record: StepRecord) -> bool:
        if record.status != "waiting_approval" or record.kind == "manual" or not record.command_hash:
            return False
        approvals = self.journal.approvals(record.run_id, record.step_id)
        valid = valid_approvals(approvals, record.command_hash, self.clock())
        return len(valid) >= max(1, record.approvals_needed)

    def _perform(self, run: Run, step: Step, record: StepRecord) -> None:
        """Render a pending step, then execute it or let it wait for a person."""
        try:
            commands = render(step, run, self.context)
            hash_ = command_hash(commands)
            automatic = is_automatic(step, commands, self.context)
        except NotConfigured as error:
            with self.journal.writing() as writes:
                writes.transition(record, "skipped", message=self._clean(str(error)), ended_at=writes.at)
            return
        except WatchkeeperError as error:
            with self.journal.writing() as writes:
                writes.transition(record, "failed", message=self._clean(str(error)), ended_at=writes.at)
            return
        if automatic:
            self._execute(step, record, commands)
            return
        needed = 2 if step.approve == "two" else 1
        with self.journal.writing() as writes:
            writes.transition(
                record,
                "waiting_approval",
                commands=commands,
                command_hash=hash_,
                approvals_needed=needed,
                automatic=False,
            )

    def _execute(self, step: Step, record: StepRecord, commands: tuple[Command, ...]) -> None:
        """Write the intent, act, write the outcome."""
        with self.journal.writing() as writes:
            if writes.incident(record.run_id.rpartition(".")[0]).status == "resolved" and not step.read_only:
                return  # it ended in this moment: the next look at the journal cancels the step
            record = writes.transition(
                record,
                "running",
                attempt=record.attempt + 1,
                commands=commands,
                command_hash=command_hash(commands),
                started_at=writes.at,
                ended_at=None,
                not_before=None,
                message="",
            )
        result: Result | None = None
        message, unknown = "", False
        try:
            result = execute(step, commands, self.context)
        except StepError as error:
            result, message = answer_of(error, self.context), str(error)
            unknown = error.unknown
        except Exception as error:  # noqa: BLE001  a defect in one step must not end the worker
            _LOG.error("step %s of run %s: %s", step.id, record.run_id, "".join(traceback.format_exception(error)))
            message, unknown = f"internal error: {type(error).__name__}: {error}", not step.read_only
        self._outcome(step, record, result, self._clean(message), unknown)

    def _outcome(self, step: Step, record: StepRecord, result: Result | None, message: str, unknown: bool) -> None:
        with self.journal.writing() as writes:
            if unknown and not step.read_only:
                writes.transition(record, "outcome_unknown", result=result, message=message, ended_at=writes.at)
            elif message and record.attempt <= step.retries:
                again = writes.at + step.wait / self.settings.pace
                text = f"attempt {record.attempt} of {step.retries + 1}: {message}"
                writes.transition(record, "pending", result=result, message=text, ended_at=writes.at, not_before=again)
            elif message:
                writes.transition(record, "failed", result=result, message=message, ended_at=writes.at)
            else:
                summary = result.summary if result is not None else ""
                writes.transition(record, "succeeded", result=result, message=summary, ended_at=writes.at)

    def _clean(self, text: str) -> str:
        return redact(" ".join(text.split()), self.context.secrets())[:1000]
