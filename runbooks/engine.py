"""The run engine: takes deliveries, keeps incidents, runs runbooks.

Everything that it promises is in the journal before it returns; `start()` takes up what an earlier process left.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from runbooks import incidents
from runbooks.context import Context
from runbooks.documents import Document
from runbooks.errors import ActionRefused, Overloaded, Unknown
from runbooks.journal import Journal, Writes
from runbooks.library import Library
from runbooks.parser import parse
from runbooks.records import ApprovalRecord, Event, StepRecord, command_hash
from runbooks.runner import Runner, valid_approvals
from runbooks.runs import begin, render
from runbooks.settings import EngineSettings
from runbooks.subscriptions import Hub, Subscription
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import WatchkeeperError

__all__ = ["Engine", "EngineSettings"]

_LOG = logging.getLogger("watchkeeper.runbooks")
_DEFAULT_LOST_AFTER = 5 * 3600.0
_STOP_SECONDS = 10.0
_RETRY_SECONDS = 2.0


class Engine:
    """Takes deliveries (a `watchkeeper.deliveries.DeliverySink`), runs runbooks, carries out what people decide.

    Thread safe.
    Actions raise Unknown for an incident, run or step that does not exist, ActionRefused for one that does
    not fit the state, JournalError when the journal cannot be written.
    """

    def __init__(
        self,
        journal: Journal,
        library: Library,
        context: Context,
        *,
        clock: Clock = now,
        settings: EngineSettings | None = None,
    ) -> None:
        self.journal = journal
        self.library = library
        self.settings = settings or EngineSettings()
        self._context = context
        self._clock = clock
        self._hub = Hub()
        self._slots = threading.BoundedSemaphore(self.settings.waiting_requests)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._counts: Counter[str] = Counter()
        self._started_at = clock()
        self._document = lru_cache(maxsize=256)(self._parsed)
        self._runner = Runner(journal, context, self.settings, clock, self.document, self._stopping.is_set)
        journal.listen(self._published)

    # Life

    def start(self) -> None:
        """Take up unfinished runs and start the workers.

        Raises JournalError when another process works with the journal.
        """
        if self._threads:
            return
        self.journal.own()
        self._stopping.clear()
        self._started_at = self._clock()
        names = [f"runs-{number}" for number in range(self.settings.workers)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        self._threads.append(threading.Thread(target=self._keep, name="runs-keeper", daemon=True))
        for thread in self._threads:
            thread.start()
        with self.journal.reading() as view:
            unfinished = [run.id for run in view.unfinished_runs()]
        for run_id in unfinished:
            self._wake(run_id)

    def stop(self) -> None:
        """Finish the steps that are being executed, for at most ten seconds, and stop.

        Runs are taken up at the next start.
        """
        self._stopping.set()
        for _ in range(self.settings.workers):
            self._jobs.put(None)
        deadline = monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        self._threads = []
        while not self._jobs.empty():
            self._jobs.get_nowait()
        self.journal.disown()

    # Deliveries

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries and open, join or resolve incidents; returns once that is synced to disk.

        Raises Overloaded when too many callers wait already, and then nothing was stored.
        """
        if not deliveries:
            return
        if not self._slots.acquire(blocking=False):
            self._counts["overloaded"] += 1
            waiting = self.settings.waiting_requests
            raise Overloaded(f"{waiting} requests wait to be stored already: send it again later")
        try:
            with self.journal.writing() as writes:
                taken = incidents.take(writes, deliveries, self.library, self.settings)
                started = [self._begin(writes, incident_id) for incident_id in taken.to_run]
        finally:
            self._slots.release()
        self._counts["deliveries"] += len(deliveries)
        for run_id in started:
            if run_id is not None:
                self._wake(run_id)
        self._wake_runs_of(list(taken.resolved))

    def _begin(self, writes: Writes, incident_id: str) -> str | None:
        """A run for an incident that has a runbook, unless one is under way or too many are."""
        incident = writes.incident(incident_id)
        document = self.library.get(incident.runbook) if incident.runbook else None
        unfinished = writes.unfinished_runs()
        if document is None or any(run.incident_id == incident_id for run in unfinished):
            return None
        if len(unfinished) >= self.settings.unfinished_runs:
            text = f"no run was started: {len(unfinished)} are under way already; start it by hand"
            writes.event(incident_id, "note", text)
            return None
        return begin(writes, incident, document, self._context, "watchkeeper")

    # What people do

    def acknowledge(self, incident_id: str, by: str) -> None:
        """Say that somebody looks after an incident."""
        who = _person(by)
        with self.journal.writing() as writes:
            incident = writes.incident(incident_id)
            if incident.status != "open":
                raise ActionRefused(f"incident {incident_id} is {incident.status}")
            writes.change_incident(incident_id, status="acknowledged", acknowledged_at=writes.at, acknowledged_by=who)
            writes.event(incident_id, "acknowledged", f"{who} looks after it", by=who)

    def note(self, incident_id: str, text: str, by: str) -> None:
        """Add a note to the timeline."""
        who, text = _person(by), text.strip()
        if not text:
            raise ActionRefused("the note is empty")
        with self.journal.writing() as writes:
            writes.incident(incident_id)
            writes.event(incident_id, "note", text[:10_000], by=who)

    def resolve(self, incident_id: str, by: str) -> None:
        """End an incident by hand; the same firing of its alerts does not open it again."""
        who = _person(by)
        with self.journal.writing() as writes:
            incident = writes.incident(incident_id)
            if incident.status == "resolved":
                raise ActionRefused(f"incident {incident_id} is resolved already")
            incidents.resolve(writes, incident_id, who, f"resolved by {who}")
        self._wake_runs_of([incident_id])

    def rerun(self, incident_id: str, by: str, *, runbook: str | None = None) -> str:
        """Start a new run, of another runbook where one is named; its id."""
        who = _person(by)
        with self.journal.writing() as writes:
            incident = writes.incident(incident_id)
            key = runbook or incident.runbook
            document = self.library.get(key) if key else None
            if document is None:
                raise ActionRefused(
                    f"the library has no runbook {key!r}" if key else "the incident has no runbook: name one"
                )
            if any(run.incident_id == incident_id for run in writes.unfinished_runs()):
                raise ActionRefused("a run of this incident is still under way")
            if key != incident.runbook:
                writes.change_incident(incident_id, runbook=key)
            run_id = begin(writes, writes.incident(incident_id), document, self._context, who)
        self._wake(run_id)
        return run_id

    def approve(self, run_id: str, step_id: str, by: str, command_hash: str) -> None:
        """Let a step run whose commands have this hash. Refused when they are others by now: look again."""
        who = _person(by)
        fresh = self._rendered_again(run_id, step_id)
        changed = False
        with self.journal.writing() as writes:
            step = self._waiting(writes, run_id, step_id)
            if step.kind == "manual":
                raise ActionRefused(f"step {step_id} is done by a person: confirm it")
            if fresh is not None and fresh[1] != step.command_hash:
                writes.change_step(step, commands=fresh[0], command_hash=fresh[1])
                changed = True
            elif command_hash != step.command_hash:
                raise ActionRefused(f"step {step_id}: the command is not the one that was approved: look at it again")
            else:
                held = valid_approvals(writes.approvals(run_id, step_id), step.command_hash, writes.at)
                if who in held:
                    raise ActionRefused(f"{who} has approved step {step_id} already: another person has to")
                expires = writes.at + self.settings.approval_expires
                self._word(writes, step, "approve", who, expires_at=expires)
                left = step.approvals_needed - len(held) - 1
                more = f"; {left} more needed" if left > 0 else ""
                self._told(writes, step, "approved", f"{who} approved: {step.title}{more}", who)
        if changed:
            raise ActionRefused(f"step {step_id}: its command has changed: look at it again and approve the new one")
        self._wake(run_id)

    def reject(self, run_id: str, step_id: str, by: str, text: str = "") -> None:
        """Say that a step is not to be done; the run goes on without it."""
        who = _person(by)
        with self.journal.writing() as writes:
            step = self._waiting(writes, run_id, step_id)
            self._word(writes, step, "reject", who, text=text)
            self._told(writes, step, "rejected", f"{who} rejected: {step.title}" + (f": {text}" if text else ""), who)
            writes.transition(step, "skipped", by=who, message=f"rejected by {who}", ended_at=writes.at)
        self._wake(run_id)

    def confirm(self, run_id: str, step_id: str, by: str, text: str = "") -> None:
        """Say that a manual step is done."""
        who = _person(by)
        with self.journal.writing() as writes:
            step = self._waiting(writes, run_id, step_id)
            if step.kind != "manual":
                raise ActionRefused(f"step {step_id} is not a manual one: approve it")
            self._word(writes, step, "confirm", who, text=text)
            self._told(writes, step, "confirmed", f"{who} did: {step.title}" + (f": {text}" if text else ""), who)
            message = f"done by {who}" + (f": {text}" if text else "")
            writes.transition(step, "succeeded", by=who, message=message, ended_at=writes.at)
        self._wake(run_id)

    def decide(
        self, run_id: str, step_id: str, outcome: Literal["succeeded", "failed"], by: str, text: str = ""
    ) -> None:
        """Settle a step whose outcome is unknown."""
        who = _person(by)
        if outcome not in {"succeeded", "failed"}:
            raise ActionRefused(f"outcome {outcome!r}: allowed are succeeded, failed")
        with self.journal.writing() as writes:
            step = writes.step(run_id, step_id)
            if step.status != "outcome_unknown":
                raise ActionRefused(f"step {step_id} is {step.status}: there is nothing to decide")
            self._word(writes, step, outcome, who, text=text)
            self._told(
                writes, step, "decided", f"{who} decided: {step.title} {outcome}" + (f": {text}" if text else ""), who
            )
            message = f"{who} decided" + (f": {text}" if text else "")
            writes.transition(step, outcome, by=who, message=message, ended_at=writes.at)
        self._wake(run_id)

    # What others see

    def subscribe(self) -> Subscription:
        """Every event from now on."""
        return self._hub.subscribe()

    def document(self, run_id: str) -> Document:
        """The document of a run, as it was when the run began."""
        return self._document(self.journal.run(run_id).digest)

    def statistics(self) -> Mapping[str, float]:
        """Counts since the start, and of now.

        Since the start: `deliveries`, `overloaded`, `events_KIND`. Of now: `incidents_open`, `incidents_acknowledged`,
        `runs_unfinished`, `steps_waiting`.
        """
        with self.journal.reading() as view:
            now_ = view.counts()
        return {**self._counts, **now_}

    # Inside

    def _parsed(self, digest: str) -> Document:
        with self.journal.reading() as view:
            key, path, text = view.document(digest)
        return parse(text, key=key, path=path)

    def _published(self, event: Event) -> None:
        self._counts[f"events_{event.kind}"] += 1
        self._hub.publish(event)

    def _waiting(self, writes: Writes, run_id: str, step_id: str) -> StepRecord:
        step = writes.step(run_id, step_id)
        if step.status != "waiting_approval":
            raise ActionRefused(f"step {step_id} is {step.status}: it does not wait for anybody")
        return step

    def _rendered_again(self, run_id: str, step_id: str) -> tuple[tuple[object, ...], str] | None:
        """The commands as they would be now.

        None where they cannot be rendered (the approval is then of what was shown).
        """
        document = self.document(run_id)
        try:
            step = document.step(step_id)
        except KeyError:
            raise Unknown(f"there is no step {step_id} in run {run_id}") from None
        try:
            commands = render(step, self.journal.run(run_id), self._context)
        except WatchkeeperError as error:
            raise ActionRefused(f"step {step_id}: {error}") from None
        return commands, command_hash(commands)

    def _word(
        self,
        writes: Writes,
        step: StepRecord,
        decision: Literal["approve", "reject", "confirm", "succeeded", "failed"],
        by: str,
        *,
        expires_at: float | None = None,
        text: str = "",
    ) -> None:
        writes.add_approval(
            ApprovalRecord(
                run_id=step.run_id,
                step_id=step.step_id,
                decision=decision,
                by=by,
                at=writes.at,
                expires_at=expires_at,
                command_hash=step.command_hash,
                text=text,
            )
        )

    def _told(self, writes: Writes, step: StepRecord, kind: str, text: str, by: str) -> None:
        incident_id = step.run_id.rpartition(".")[0]
        data = {"command_hash": step.command_hash}
        writes.event(incident_id, kind, text, by=by, run_id=step.run_id, step_id=step.step_id, data=data)

    def _wake_runs_of(self, incident_ids: Sequence[str]) -> None:
        for incident_id in incident_ids:
            for run in self.journal.runs(incident_id):
                if run.status in {"running", "waiting"}:
                    self._wake(run.id)

    def _wake(self, run_id: str) -> None:
        """Let a worker look at a run; one that is being advanced is looked at again afterwards."""
        if not self._threads or self._stopping.is_set():
            return
        with self._lock:
            if run_id in self._active:
                self._again.add(run_id)
                return
            self._active.add(run_id)
        self._jobs.put(run_id)

    def _work(self) -> None:
        while (run_id := self._jobs.get()) is not None:
            try:
                due = self._runner.advance(run_id)
            except Exception as error:  # noqa: BLE001  a worker survives whatever one run does
                _LOG.error("run %s: %s", run_id, "".join(traceback.format_exception(error)))
                due = self._clock() + _RETRY_SECONDS
            with self._lock:
                self._active.discard(run_id)
                again = run_id in self._again
                self._again.discard(run_id)
                if due is not None:
                    heapq.heappush(self._due, (due, run_id))
            if again:
                self._wake(run_id)

    def _keep(self) -> None:
        """Wake runs whose time has come, and end alerts that nobody sends any more."""
        while not self._stopping.wait(self.settings.tick):
            try:
                with self._lock:
                    ready = []
                    while self._due and self._due[0][0] <= self._clock():
                        ready.append(heapq.heappop(self._due)[1])
                for run_id in ready:
                    self._wake(run_id)
                self.end_lost_alerts()
            except Exception as error:  # noqa: BLE001  the keeper survives a journal that is away for a while
                _LOG.error("keeper: %s", "".join(traceback.format_exception(error)))

    def end_lost_alerts(self) -> None:
        """Take alerts that were not sent again in time as ended; the time begins anew when the engine starts."""
        at = self._clock()
        with self.journal.reading() as view:
            firing = view.firing()
        lost = [
            alert
            for alert in firing
            if at - max(alert.last_seen_at, self._started_at)
            > self.settings.lost_after.get(alert.source, _DEFAULT_LOST_AFTER) / self.settings.pace
        ]
        if lost:
            with self.journal.writing() as writes:
                over = incidents.lose(writes, lost)
            self._wake_runs_of(over)


def _person(by: str) -> str:
    """The name of a person; nobody is refused."""
    who = " ".join(by.split())[:100]
    if not who:
        raise ActionRefused("say who you are: a decision has a name")
    return who
