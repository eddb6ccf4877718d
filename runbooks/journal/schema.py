"""The tables of the journal, in SQL that SQLite and PostgreSQL both understand, and the transitions of a step."""

from __future__ import annotations

import sqlalchemy as sa

from runbooks.records import StepStatus

__all__ = [
    "TRANSITIONS",
    "VERSION",
    "alerts",
    "approvals",
    "deliveries",
    "documents",
    "events",
    "incidents",
    "meta",
    "metadata",
    "runs",
    "steps",
]

VERSION = "1"

TRANSITIONS: frozenset[tuple[StepStatus, StepStatus]] = frozenset(
    {
        ("pending", "running"),
        ("pending", "waiting_approval"),
        ("pending", "failed"),  # it could not be rendered
        ("pending", "skipped"),
        ("pending", "cancelled"),
        ("waiting_approval", "running"),
        ("waiting_approval", "succeeded"),  # a person confirmed a manual step
        ("waiting_approval", "failed"),
        ("waiting_approval", "skipped"),  # a person rejected it
        ("waiting_approval", "cancelled"),
        ("running", "pending"),  # a read step: a further attempt, or the process died
        ("running", "succeeded"),
        ("running", "failed"),
        ("running", "outcome_unknown"),
        ("outcome_unknown", "succeeded"),
        ("outcome_unknown", "failed"),
    }
)
"""Every way in which a step's status may change; all writers go through it."""

metadata = sa.MetaData()

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

meta = sa.Table(
    "wk_meta",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

deliveries = sa.Table(
    "wk_deliveries",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("received_at", sa.Double, nullable=False),
    sa.Column("last_at", sa.Double, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(128), nullable=False, index=True),
    sa.Column("starts_at", sa.Double, nullable=False),
    sa.Column("ends_at", sa.Double),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("annotations", sa.Text, nullable=False),
    sa.Column("generator_url", sa.Text, nullable=False),
    sa.Column("incident_id", sa.String(32)),
    sa.Column("outcome", sa.String(32), nullable=False),
)

incidents = sa.Table(
    "wk_incidents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("detected_at", sa.Double, nullable=False),
    sa.Column("acknowledged_at", sa.Double),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("resolved_at", sa.Double),
    sa.Column("resolved_by", sa.Text),
    sa.Column("runbook", sa.Text),
    sa.Column("correlation", sa.Text, nullable=False, index=True),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("annotations", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

alerts = sa.Table(
    "wk_alerts",
    metadata,
    sa.Column("incident_id", sa.String(32), primary_key=True),
    sa.Column("fingerprint", sa.String(128), primary_key=True),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("annotations", sa.Text, nullable=False),
    sa.Column("generator_url", sa.Text, nullable=False),
    sa.Column("starts_at", sa.Double, nullable=False),
    sa.Column("ends_at", sa.Double),
    sa.Column("last_seen_at", sa.Double, nullable=False),
)

events = sa.Table(
    "wk_events",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("by_whom", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("run_id", sa.String(48)),
    sa.Column("step_id", sa.String(64)),
    sa.Column("data", sa.Text, nullable=False),
)

documents = sa.Table(
    "wk_documents",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("runbook", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

runs = sa.Table(
    "wk_runs",
    metadata,
    sa.Column("id", sa.String(48), primary_key=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("runbook", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("bindings", sa.Text, nullable=False),
    sa.Column("problems", sa.Text, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("started_by", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Double),
    sa.Column("message", sa.Text, nullable=False),
)

steps = sa.Table(
    "wk_steps",
    metadata,
    sa.Column("run_id", sa.String(48), primary_key=True),
    sa.Column("step_id", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("section", sa.Text, nullable=False),
    sa.Column("risk", sa.String(16), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("automatic", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("commands", sa.Text, nullable=False),
    sa.Column("command_hash", sa.String(64), nullable=False),
    sa.Column("approvals_needed", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double),
    sa.Column("result", sa.Text),
)

approvals = sa.Table(
    "wk_approvals",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(48), nullable=False, index=True),
    sa.Column("step_id", sa.String(64), nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("by_whom", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Column("command_hash", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
