"""What people do, and what others see of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.errors import ActionRefused, Unknown
from tests.runbooks.support import READ, document, firing, new_engine, only_incident, started, until, until_run


def test_acknowledge_note_and_resolve(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    engine.deliver([firing()])
    incident_id = only_incident(engine)
    engine.acknowledge(incident_id, "ada")
    engine.note(incident_id, "looking", "ada")
    engine.resolve(incident_id, "ada")
    incident = engine.journal.incident(incident_id)
    assert (incident.status, incident.acknowledged_by, incident.resolved_by) == ("resolved", "ada", "ada")
    kinds = [event.kind for event in engine.journal.timeline(incident_id)]
    assert kinds == ["opened", "note", "acknowledged", "note", "resolved"]
    with pytest.raises(ActionRefused):
        engine.acknowledge(incident_id, "bob")
    with pytest.raises(Unknown):
        engine.note("20000101-0001", "?", "ada")
    engine.journal.close()


def test_a_new_run_of_another_runbook(tmp_path: Path) -> None:
    other = document(READ, key="redis/other")
    with started(new_engine(tmp_path, document(READ), other)) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        engine.rerun(only_incident(engine), "ada", runbook="redis/other")
        until(engine, lambda: engine.journal.runs(only_incident(engine))[0].status == "succeeded")
        assert [run.runbook for run in engine.journal.runs(only_incident(engine))] == [
            "redis/other",
            "redis/memory-high",
        ]


def test_subscribers_hear_what_happens(tmp_path: Path) -> None:
    engine = new_engine(tmp_path, document(READ))
    with engine.subscribe() as events:
        engine.deliver([firing()])
        first = events.get(5)
        assert first is not None
        assert first.kind == "opened"
    engine.journal.close()


def test_statistics_count(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    engine.deliver([firing()])
    found = engine.statistics()
    assert found["deliveries"] == 1
    assert found["incidents_open"] == 1
    engine.journal.close()
