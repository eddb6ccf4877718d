"""Writing the journal: one transaction at a time, each change of a step through the transition table."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import sqlalchemy as sa

from runbooks.documents import Document
from runbooks.errors import ActionRefused
from runbooks.journal import schema
from runbooks.journal.reads import Reads
from runbooks.records import AlertRecord, ApprovalRecord, Event, Incident, Run, StepRecord, StepStatus
from watchkeeper.deliveries import Delivery

__all__ = ["Writes"]

_LETTERS = "abcdefgh"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _count(number: int) -> str:
    """Four digits; more begin with a letter for their number, so that `a10000` sorts after `9999`."""
    digits = f"{number:04d}"
    return digits if len(digits) == 4 else _LETTERS[len(digits) - 5] + digits


class Writes(Reads):
    """What can be changed, over one transaction; `events` are published once it is committed."""

    def __init__(self, connection: sa.Connection, at: float) -> None:
        super().__init__(connection)
        self.at = at
        self.events_written: list[Event] = []

    def event(
        self,
        incident_id: str,
        kind: str,
        text: str,
        *,
        by: str = "watchkeeper",
        run_id: str | None = None,
        step_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Append to an incident's timeline."""
        values = {
            "incident_id": incident_id,
            "at": self.at,
            "kind": kind,
            "text": text,
            "run_id": run_id,
            "step_id": step_id,
        }
        statement = sa.insert(schema.events).values(**values, by_whom=by, data=_json(data or {}))
        key = self._connection.execute(statement).inserted_primary_key
        number = int(key[0]) if key else 0
        self.events_written.append(Event(id=number, by=by, data=data or {}, **values))  # type: ignore[arg-type]

    def next_incident_id(self) -> str:
        """A new id: the day and a count, `20260131-0007`; as text, ids sort by time."""
        day = datetime.datetime.fromtimestamp(self.at, datetime.UTC).strftime("%Y%m%d")
        table = schema.incidents
        last = self._connection.execute(sa.select(sa.func.max(table.c.id)).where(table.c.id.like(f"{day}-%"))).scalar()
        return f"{day}-{_count(int(last.rpartition('-')[2].lstrip(_LETTERS)) + 1 if last else 1)}"

    def add_incident(self, incident: Incident) -> None:
        """Store a new incident."""
        values = asdict(incident)
        values.pop("fingerprints")
        values |= {"labels": _json(incident.labels), "annotations": _json(incident.annotations)}
        self._connection.execute(sa.insert(schema.incidents).values(**values))

    def change_incident(self, incident_id: str, **changes: Any) -> None:
        """Change some columns of an incident."""
        for name in ("labels", "annotations"):
            if name in changes:
                changes[name] = _json(changes[name])
        table = schema.incidents
        self._connection.execute(sa.update(table).where(table.c.id == incident_id).values(**changes))

    def put_alert(self, alert: AlertRecord) -> None:
        """Store an alert of an incident, in place of what is known of its fingerprint there."""
        values = asdict(alert)
        values |= {"labels": _json(alert.labels), "annotations": _json(alert.annotations)}
        table = schema.alerts
        same = (table.c.incident_id == alert.incident_id) & (table.c.fingerprint == alert.fingerprint)
        changed = self._connection.execute(sa.update(table).where(same).values(**values))
        if changed.rowcount == 0:
            self._connection.execute(sa.insert(table).values(**values))

    def record_delivery(self, delivery: Delivery, fingerprint: str, incident_id: str | None, outcome: str) -> None:
        """Store a delivery; one without news raises the count of the one that it repeats."""
        table = schema.deliveries
        if outcome in {"repeated", "ignored"}:
            query = (
                sa.select(table.c.id, table.c.status)
                .where(table.c.fingerprint == fingerprint, table.c.source == delivery.source)
                .order_by(table.c.id.desc())
                .limit(1)
            )
            last = self._connection.execute(query).first()
            if last is not None and last.status == delivery.status:
                change = sa.update(table).where(table.c.id == last.id)
                self._connection.execute(change.values(count=table.c.count + 1, last_at=self.at))
                return
        self._connection.execute(
            sa.insert(table).values(
                received_at=self.at,
                last_at=self.at,
                count=1,
                source=delivery.source,
                kind=delivery.kind,
                status=delivery.status,
                name=delivery.name,
                fingerprint=fingerprint,
                starts_at=delivery.starts_at,
                ends_at=delivery.ends_at,
                labels=_json(dict(delivery.labels)),
                annotations=_json(dict(delivery.annotations)),
                generator_url=delivery.generator_url,
                incident_id=incident_id,
                outcome=outcome,
            )
        )

    def add_run(self, run: Run, document: Document, records: list[StepRecord]) -> None:
        """Store a new run, its document as it is now, and its steps."""
        table = schema.documents
        known = self._connection.execute(sa.select(table.c.digest).where(table.c.digest == document.digest)).first()
        if known is None:
            values = {"digest": document.digest, "runbook": document.key, "path": document.path, "text": document.text}
            self._connection.execute(sa.insert(table).values(**values))
        row = asdict(run)
        row |= {"bindings": _json(run.bindings), "problems": _json(run.problems)}
        self._connection.execute(sa.insert(schema.runs).values(**row))
        if records:
            rows = [{**asdict(record), "commands": _json(record.commands), "result": None} for record in records]
            self._connection.execute(sa.insert(schema.steps), rows)

    def change_run(self, run_id: str, **changes: Any) -> None:
        """Change some columns of a run."""
        self._connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run_id).values(**changes))

    def transition(self, step: StepRecord, to: StepStatus, *, by: str = "watchkeeper", **changes: Any) -> StepRecord:
        """Change the status of a step from what the record says.

        Raises ActionRefused when the table of transitions does not allow it, or when the step is no
        longer what the record says.
        """
        if (step.status, to) not in schema.TRANSITIONS:
            raise ActionRefused(f"step {step.step_id} is {step.status}: it cannot become {to}")
        if step.status == "running" and to == "pending" and step.risk != "read":
            raise ActionRefused(f"step {step.step_id} changes something: it is not run again by itself")
        values = {**changes, "status": to}
        for name in ("commands", "result"):
            if name in values:
                values[name] = None if values[name] is None else _json(values[name])
        table = schema.steps
        here = (table.c.run_id == step.run_id) & (table.c.step_id == step.step_id)
        done = self._connection.execute(sa.update(table).where(here & (table.c.status == step.status)).values(**values))
        if done.rowcount != 1:
            found = self.step(step.run_id, step.step_id).status
            raise ActionRefused(f"step {step.step_id} is {found} by now, not {step.status}")
        message = changes.get("message", "")
        self.event(
            step.run_id.rpartition(".")[0],
            "step",
            f"{step.title}: {to.replace('_', ' ')}" + (f": {message}" if message else ""),
            by=by,
            run_id=step.run_id,
            step_id=step.step_id,
            data={"from": step.status, "to": to, "attempt": changes.get("attempt", step.attempt)},
        )
        return self.step(step.run_id, step.step_id)

    def change_step(self, step: StepRecord, **changes: Any) -> None:
        """Change columns of a step other than its status."""
        if "commands" in changes:
            changes["commands"] = _json(changes["commands"])
        table = schema.steps
        here = (table.c.run_id == step.run_id) & (table.c.step_id == step.step_id)
        self._connection.execute(sa.update(table).where(here).values(**changes))

    def add_approval(self, approval: ApprovalRecord) -> None:
        """Store what a person said about a step."""
        values = asdict(approval)
        values["by_whom"] = values.pop("by")
        self._connection.execute(sa.insert(schema.approvals).values(**values))
