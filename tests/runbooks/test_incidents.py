"""From deliveries to incidents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runbooks.engine import Engine
from tests.runbooks.support import READ, SetClock, document, firing, new_engine, only_incident, resolved


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def engine(tmp_path: Path, clock: SetClock) -> Iterator[Engine]:
    """An engine that is not started: deliveries alone change the journal."""
    made = new_engine(tmp_path, document(READ), document(READ, key="redis/other"), clock=clock)
    yield made
    made.journal.close()


def kinds(engine: Engine) -> list[str]:
    return [event.kind for event in engine.journal.timeline(only_incident(engine))]


def test_a_delivery_opens_an_incident_with_its_runbook(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    incident = engine.journal.incident(only_incident(engine))
    assert incident.id == "20270115-0001"
    assert incident.runbook == "redis/memory-high"
    assert incident.title == "Redis r1 is full"
    assert (incident.status, incident.severity) == ("open", "warning")
    assert (incident.opened_at, incident.detected_at) == (clock.at, 1_799_999_990.0)


def test_the_same_firing_again_is_counted_and_nothing_else(engine: Engine, clock: SetClock) -> None:
    for _ in range(3):
        engine.deliver([firing()])
        clock.at += 60
    records = engine.journal.deliveries()
    assert sorted((record.outcome, record.count) for record in records) == [("opened", 3)]
    assert kinds(engine) == ["opened", "run_started"]


def test_alert_and_deviation_for_one_runbook_are_one_incident(engine: Engine) -> None:
    engine.deliver([firing()])
    engine.deliver([firing(name="redis.memory", kind="deviation", source="detectors")])
    assert len(engine.journal.incident(only_incident(engine)).fingerprints) == 2


def test_another_value_of_a_scope_label_is_another_incident(engine: Engine) -> None:
    engine.deliver([firing(), firing({"instance": "r2"})])
    assert len(engine.journal.incidents()) == 2


def test_another_value_of_another_label_is_the_same_incident(engine: Engine) -> None:
    engine.deliver([firing({"queue": "a"}), firing({"queue": "b"})])
    incident = engine.journal.incident(only_incident(engine))
    assert "queue" not in incident.labels
    assert incident.labels["instance"] == "r1"
    assert engine.journal.runs(incident.id)[0].inputs["queue"] == ("a", "b")


def test_another_runbook_is_another_incident(engine: Engine) -> None:
    engine.deliver([firing(), firing(name="Other", runbook="redis/other")])
    assert len(engine.journal.incidents()) == 2


def test_the_incident_resolves_with_its_last_alert(engine: Engine) -> None:
    first, second = firing({"queue": "a"}), firing({"queue": "b"})
    engine.deliver([first, second])
    engine.deliver([resolved(first)])
    assert engine.journal.incident(only_incident(engine)).status == "open"
    engine.deliver([resolved(second)])
    incident = engine.journal.incident(only_incident(engine))
    assert (incident.status, incident.resolved_by) == ("resolved", "watchkeeper")


def test_the_end_of_an_earlier_firing_does_not_end_a_new_one(engine: Engine) -> None:
    alert = firing()
    engine.deliver([alert])
    engine.deliver([replace(resolved(alert), ends_at=alert.starts_at - 100)])
    assert engine.journal.incident(only_incident(engine)).status == "open"


def test_a_resolved_delivery_of_something_unknown_is_stored_and_opens_nothing(engine: Engine) -> None:
    engine.deliver([resolved(firing())])
    assert engine.journal.incidents() == []
    assert [record.outcome for record in engine.journal.deliveries()] == ["ignored"]


def test_a_problem_that_comes_back_soon_reopens_its_incident(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    engine.deliver([resolved(firing())])
    clock.at += 120
    engine.deliver([firing(starts_at=clock.at)])
    assert engine.journal.incident(only_incident(engine)).status == "open"
    assert "reopened" in kinds(engine)


def test_a_problem_that_comes_back_late_is_a_new_incident(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    engine.deliver([resolved(firing())])
    clock.at += 700
    engine.deliver([firing(starts_at=clock.at)])
    assert [incident.status for incident in engine.journal.incidents()] == ["open", "resolved"]


def test_an_alert_that_is_not_sent_again_counts_as_ended(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    clock.at += 299
    engine.end_lost_alerts()
    assert engine.journal.incident(only_incident(engine)).status == "open"
    clock.at += 2
    engine.end_lost_alerts()
    assert engine.journal.incident(only_incident(engine)).status == "resolved"
    assert engine.journal.alerts(only_incident(engine))[0].status == "lost"


def test_alertmanager_may_take_hours_to_send_again(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing(source="alertmanager")])
    clock.at += 4 * 3600 + 300
    engine.end_lost_alerts()
    assert engine.journal.incident(only_incident(engine)).status == "open"


def test_an_incident_closed_by_hand_is_not_opened_by_the_same_firing(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    clock.at += 60
    engine.resolve(only_incident(engine), "ada")
    clock.at += 60
    engine.deliver([firing()])
    assert engine.journal.incident(only_incident(engine)).status == "resolved"


def test_a_new_firing_after_closing_by_hand_reopens(engine: Engine, clock: SetClock) -> None:
    engine.deliver([firing()])
    clock.at += 60
    engine.resolve(only_incident(engine), "ada")
    clock.at += 60
    engine.deliver([firing(starts_at=clock.at)])
    assert engine.journal.incident(only_incident(engine)).status == "open"


def test_severity_rises_and_never_falls(engine: Engine) -> None:
    engine.deliver([firing()])
    worse = firing({"severity": "critical"}, name="RedisWorse")
    engine.deliver([worse])
    engine.deliver([resolved(worse)])
    assert engine.journal.incident(only_incident(engine)).severity == "critical"
    assert "severity" in kinds(engine)


@pytest.mark.parametrize("runbook, note", [("", "no annotation"), ("redis/nothing", "no document")])
def test_a_delivery_without_a_known_runbook_gets_an_incident_that_says_so(
    engine: Engine, runbook: str, note: str
) -> None:
    engine.deliver([firing(runbook=runbook)])
    incident = engine.journal.incident(only_incident(engine))
    assert incident.runbook is None
    assert note in incident.note
    assert engine.journal.runs(incident.id) == []


@pytest.mark.parametrize("severity", ["none", "info"])
def test_a_severity_that_calls_nobody_opens_nothing(engine: Engine, severity: str) -> None:
    engine.deliver([firing({"severity": severity}, name="DeadMan")])
    assert engine.journal.incidents() == []


def test_truncated_alerts_are_noted_once(engine: Engine) -> None:
    alert = firing()
    annotations = {**alert.annotations, "truncated_alerts": "7"}
    engine.deliver([replace(alert, annotations=annotations)])
    engine.deliver([replace(firing({"queue": "a"}), annotations=annotations)])
    notes = [event.text for event in engine.journal.timeline(only_incident(engine)) if event.kind == "note"]
    assert notes == ["7 more alerts of this group were left out by the sender (max_alerts of its webhook)"]


def test_a_storm_opens_incidents_and_a_bounded_number_of_runs(tmp_path: Path) -> None:
    from runbooks.engine import EngineSettings

    engine = new_engine(tmp_path, document(READ), settings=EngineSettings(unfinished_runs=3))
    engine.deliver([firing({"instance": f"r{number}"}) for number in range(8)])
    assert len(engine.journal.incidents()) == 8
    assert engine.statistics()["runs_unfinished"] == 3
    engine.journal.close()
