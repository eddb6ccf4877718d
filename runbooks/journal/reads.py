"""Reading the journal: rows into records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from runbooks.errors import Unknown
from runbooks.journal import schema
from runbooks.records import (
    AlertRecord,
    ApprovalRecord,
    Command,
    DeliveryRecord,
    Event,
    Incident,
    Result,
    Run,
    StepRecord,
)

__all__ = ["Reads"]

T = TypeVar("T")


def _decoded(row: sa.RowMapping, types: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its JSON columns decoded to the given types."""
    values = dict(row)
    for name, kind in types.items():
        values[name] = None if values[name] is None else msgspec.json.decode(values[name], type=kind)
    return values


_LABELS = {"labels": dict[str, str], "annotations": dict[str, str]}
_RUN = {"bindings": tuple[dict[str, str], ...], "problems": dict[str, str]}
_STEP = {"commands": tuple[Command, ...], "result": Result}


class Reads:
    """The questions one can ask the journal, over one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        return self._connection.execute(query).mappings().all()

    def _one(self, query: sa.Select[Any], what: str) -> sa.RowMapping:
        row = self._connection.execute(query).mappings().first()
        if row is None:
            raise Unknown(f"there is no {what}")
        return row

    def incidents(
        self,
        *,
        status: Sequence[str] | None = None,
        correlation: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[Incident]:
        """Incidents, newest first; `before` is the id of the last one of the previous page."""
        table = schema.incidents
        query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        if status is not None:
            query = query.where(table.c.status.in_(status))
        if correlation is not None:
            query = query.where(table.c.correlation == correlation)
        if before is not None:
            query = query.where(table.c.id < before)
        rows = self._rows(query)
        prints = self._fingerprints([row["id"] for row in rows])
        return [self._incident(row, prints) for row in rows]

    def incident(self, incident_id: str) -> Incident:
        """One incident. Raises Unknown."""
        table = schema.incidents
        row = self._one(sa.select(table).where(table.c.id == incident_id), f"incident {incident_id}")
        return self._incident(row, self._fingerprints([incident_id]))

    def _incident(self, row: sa.RowMapping, prints: Mapping[str, tuple[str, ...]]) -> Incident:
        return Incident(**_decoded(row, _LABELS), fingerprints=prints.get(row["id"], ()))

    def _fingerprints(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        table = schema.alerts
        query = (
            sa.select(table.c.incident_id, table.c.fingerprint)
            .where(table.c.incident_id.in_(ids))
            .order_by(table.c.incident_id, table.c.starts_at, table.c.fingerprint)
        )
        found: dict[str, tuple[str, ...]] = {}
        for incident_id, fingerprint in self._connection.execute(query):
            found[incident_id] = (*found.get(incident_id, ()), fingerprint)
        return found

    def alerts(self, incident_id: str) -> list[AlertRecord]:
        """The alerts and deviations of an incident, oldest first."""
        table = schema.alerts
        query = sa.select(table).where(table.c.incident_id == incident_id)
        rows = self._rows(query.order_by(table.c.starts_at, table.c.fingerprint))
        return [AlertRecord(**_decoded(row, _LABELS)) for row in rows]

    def alerts_with(self, fingerprint: str) -> list[AlertRecord]:
        """The alerts of a fingerprint in all incidents, newest incident first."""
        table = schema.alerts
        query = sa.select(table).where(table.c.fingerprint == fingerprint)
        return [
            AlertRecord(**_decoded(row, _LABELS))
            for row in self._rows(query.order_by(table.c.incident_id.desc()).limit(10))
        ]

    def firing(self) -> list[AlertRecord]:
        """The alerts that fire in incidents that are not resolved."""
        table, owner = schema.alerts, schema.incidents
        query = (
            sa.select(table)
            .join(owner, owner.c.id == table.c.incident_id)
            .where(table.c.status == "firing", owner.c.status != "resolved")
        )
        return [AlertRecord(**_decoded(row, _LABELS)) for row in self._rows(query)]

    def timeline(self, incident_id: str) -> list[Event]:
        """The events of an incident, oldest first."""
        table = schema.events
        query = sa.select(table).where(table.c.incident_id == incident_id).order_by(table.c.id)
        return [self._event(row) for row in self._rows(query)]

    def events(self, after: int = 0, limit: int = 500) -> list[Event]:
        """The events of all incidents after an event's id, oldest first."""
        table = schema.events
        query = sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [self._event(row) for row in self._rows(query)]

    def last_event(self) -> int:
        """The id of the newest event, 0 when there is none."""
        return self._connection.execute(sa.select(sa.func.max(schema.events.c.id))).scalar() or 0

    def _event(self, row: sa.RowMapping) -> Event:
        values = _decoded(row, {"data": dict[str, Any]})
        values["by"] = values.pop("by_whom")
        return Event(**values)

    def runs(self, incident_id: str) -> list[Run]:
        """The runs of an incident, newest first."""
        table = schema.runs
        query = sa.select(table).where(table.c.incident_id == incident_id)
        return [
            Run(**_decoded(row, _RUN))
            for row in self._rows(query.order_by(table.c.started_at.desc(), table.c.id.desc()))
        ]

    def run(self, run_id: str) -> Run:
        """One run. Raises Unknown."""
        table = schema.runs
        return Run(**_decoded(self._one(sa.select(table).where(table.c.id == run_id), f"run {run_id}"), _RUN))

    def unfinished_runs(self) -> list[Run]:
        """The runs that have not ended, oldest first."""
        table = schema.runs
        query = sa.select(table).where(table.c.status.in_(("running", "waiting"))).order_by(table.c.started_at)
        return [Run(**_decoded(row, _RUN)) for row in self._rows(query)]

    def steps(self, run_id: str) -> list[StepRecord]:
        """The steps of a run, in document order."""
        table = schema.steps
        query = sa.select(table).where(table.c.run_id == run_id).order_by(table.c.position)
        return [StepRecord(**_decoded(row, _STEP)) for row in self._rows(query)]

    def step(self, run_id: str, step_id: str) -> StepRecord:
        """One step of a run. Raises Unknown."""
        table = schema.steps
        query = sa.select(table).where(table.c.run_id == run_id, table.c.step_id == step_id)
        return StepRecord(**_decoded(self._one(query, f"step {step_id} in run {run_id}"), _STEP))

    def approvals(self, run_id: str, step_id: str) -> list[ApprovalRecord]:
        """What people said about a step, oldest first."""
        table = schema.approvals
        query = sa.select(table).where(table.c.run_id == run_id, table.c.step_id == step_id).order_by(table.c.id)
        found = []
        for row in self._rows(query):
            values = {name: value for name, value in row.items() if name != "id"}
            values["by"] = values.pop("by_whom")
            found.append(ApprovalRecord(**values))
        return found

    def deliveries(self, incident_id: str | None = None, limit: int = 100) -> list[DeliveryRecord]:
        """The newest deliveries, newest first."""
        table = schema.deliveries
        names = DeliveryRecord.__dataclass_fields__
        query = sa.select(*(table.c[name] for name in names)).order_by(table.c.id.desc()).limit(limit)
        if incident_id is not None:
            query = query.where(table.c.incident_id == incident_id)
        return [DeliveryRecord(**row) for row in self._rows(query)]

    def document(self, digest: str) -> tuple[str, str, str]:
        """Key, path and text of a document as it was when a run began. Raises Unknown."""
        table = schema.documents
        row = self._one(sa.select(table).where(table.c.digest == digest), f"document {digest}")
        return row["runbook"], row["path"], row["text"]

    def counts(self) -> dict[str, int]:
        """Incidents that are not resolved, by status; runs that have not ended; steps that wait for a person."""
        incident, step, run = schema.incidents, schema.steps, schema.runs
        query = sa.select(incident.c.status, sa.func.count()).where(incident.c.status != "resolved")
        found = {
            f"incidents_{status}": int(n) for status, n in self._connection.execute(query.group_by(incident.c.status))
        }
        unfinished = run.c.status.in_(("running", "waiting"))
        found["runs_unfinished"] = self._connection.execute(sa.select(sa.func.count()).where(unfinished)).scalar_one()
        waiting = (
            sa.select(sa.func.count())
            .select_from(step.join(run, run.c.id == step.c.run_id))
            .where(unfinished, step.c.status.in_(("waiting_approval", "outcome_unknown")))
        )
        found["steps_waiting"] = self._connection.execute(waiting).scalar_one()
        return found
