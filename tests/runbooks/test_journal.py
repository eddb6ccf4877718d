"""The journal: its transitions, and the same text on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from examples.servers.postgresql import PostgreSQLServer
from runbooks.context import Context
from runbooks.engine import Engine, EngineSettings
from runbooks.errors import ActionRefused, Unknown
from runbooks.journal import Journal, Writes
from runbooks.journal.schema import TRANSITIONS
from runbooks.library import Library
from runbooks.records import FINISHED, StepRecord
from tests.runbooks.support import (
    READ,
    FixedStore,
    SetClock,
    document,
    firing,
    lookup,
    new_engine,
    only_incident,
    resolved,
    started,
    step,
    step_of,
    until_run,
    until_step,
)
from watchkeeper.errors import JournalError


def test_nothing_leaves_a_finished_status() -> None:
    assert {start for start, _ in TRANSITIONS} & FINISHED == set()


def test_a_transition_from_a_status_that_has_passed_is_refused(tmp_path: Path) -> None:
    engine = new_engine(tmp_path, document(READ))
    engine.deliver([firing()])
    record = step_of(engine, "read")
    with engine.journal.writing() as writes:
        writes.transition(record, "running")
    with pytest.raises(ActionRefused, match="is running by now"), engine.journal.writing() as writes:
        writes.transition(record, "skipped")
    with pytest.raises(ActionRefused, match="cannot become outcome_unknown"), engine.journal.writing() as writes:
        writes.transition(record, "outcome_unknown")
    engine.journal.close()


def test_a_step_that_changes_something_is_never_put_back(tmp_path: Path) -> None:
    engine = new_engine(tmp_path, document(step("sh {id=act risk=change}", "true")))
    engine.deliver([firing()])
    with engine.journal.writing() as writes:
        running = writes.transition(step_of_in(writes, "act"), "running")
    with pytest.raises(ActionRefused, match="not run again by itself"), engine.journal.writing() as writes:
        writes.transition(running, "pending")
    engine.journal.close()


def step_of_in(writes: Writes, step_id: str) -> StepRecord:
    """The step as the transaction sees it."""
    return writes.step(writes.runs(writes.incidents()[0].id)[0].id, step_id)


def test_a_transaction_that_raises_changes_nothing(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    engine.deliver([firing()])
    incident_id = only_incident(engine)
    with pytest.raises(Unknown), engine.journal.writing() as writes:
        _change_and_fail(writes, incident_id)
    assert engine.journal.incident(incident_id).title == "Redis r1 is full"
    engine.journal.close()


def _change_and_fail(writes: Writes, incident_id: str) -> None:
    writes.change_incident(incident_id, title="changed")
    writes.incident("nothing")


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    Journal(tmp_path / "journal.db").close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("UPDATE wk_meta SET value = '99'")
    connection.close()
    with pytest.raises(JournalError, match="has version 99"):
        Journal(tmp_path / "journal.db")


def test_a_journal_that_cannot_be_opened_says_which(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match=r"journal\.db: cannot be opened"):
        Journal(tmp_path / "journal.db")


def test_what_is_not_there_is_unknown(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    for ask in (journal.incident, journal.run):
        with pytest.raises(Unknown):
            ask("20260101-0001")
    with pytest.raises(Unknown):
        journal.step("20260101-0001.1", "x")
    journal.close()


def test_pages_of_incidents_and_events(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    engine.deliver([firing({"instance": f"r{n}"}, name=f"A{n}", runbook="") for n in range(5)])
    first = engine.journal.incidents(limit=2)
    second = engine.journal.incidents(limit=2, before=first[-1].id)
    assert [one.id[-4:] for one in (*first, *second)] == ["0005", "0004", "0003", "0002"]
    events = engine.journal.events(limit=3)
    assert [one.id for one in engine.journal.events(after=events[-1].id, limit=1)] == [events[-1].id + 1]
    assert engine.journal.last_event() == len(engine.journal.events())
    engine.journal.close()


@pytest.mark.parametrize("full,following", [("9999", "a10000"), ("a99999", "b100000")])
def test_a_day_may_have_more_incidents_than_the_digits_of_an_id(tmp_path: Path, full: str, following: str) -> None:
    engine = new_engine(tmp_path)
    engine.deliver([firing({"instance": "r0"}, name="A0", runbook="")])
    first = engine.journal.incidents()[0]
    day = first.id.partition("-")[0]
    with engine.journal.writing() as writes:
        writes.add_incident(replace(first, id=f"{day}-{full}", correlation="full"))
    engine.deliver([firing({"instance": f"r{n}"}, name=f"A{n}", runbook="") for n in (1, 2)])
    newest = engine.journal.incidents()
    assert [one.id for one in newest[1:]] == [f"{day}-{following}", f"{day}-{full}", first.id]
    older = engine.journal.incidents(before=newest[1].id)
    assert [one.id for one in older] == [f"{day}-{full}", first.id]
    engine.journal.close()


def test_the_same_text_works_on_postgresql(postgresql_server: PostgreSQLServer) -> None:
    name = "journal"
    if not postgresql_server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        postgresql_server.create_database(name)
    tables = "SELECT 'DROP TABLE ' || tablename FROM pg_tables WHERE schemaname = 'public'"
    for drop in postgresql_server.execute(tables, database=name).splitlines():
        postgresql_server.execute(drop, database=name)
    url = postgresql_server.dsn_for(database=name).replace("postgresql://", "postgresql+psycopg://")
    clock = SetClock()
    text = READ + step("sh {id=act risk=change}", "echo done")
    journal = Journal(url, clock=clock)
    context = Context(store=FixedStore(), lookup=lookup, clock=clock)
    library = Library({"redis/memory-high": document(text)})
    with started(Engine(journal, library, context, clock=clock, settings=EngineSettings(tick=0.02))) as engine:
        engine.deliver([firing(), firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_run(engine, "succeeded")
        engine.deliver([resolved(firing())])
        assert journal.incident(only_incident(engine)).status == "resolved"
        assert engine.statistics()["runs_unfinished"] == 0
        first = journal.incident(only_incident(engine))
        day = first.id.partition("-")[0]
        with journal.writing() as writes:
            for count in ("9999", "a10000"):
                writes.add_incident(replace(first, id=f"{day}-{count}"))
            assert writes.next_incident_id() == f"{day}-a10001"
