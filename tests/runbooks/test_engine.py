"""The run engine: what starts on its own, what waits, what a decision does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from runbooks.engine import EngineSettings
from runbooks.errors import ActionRefused, Overloaded
from tests.runbooks.support import (
    READ,
    FixedStore,
    SetClock,
    document,
    firing,
    new_engine,
    resolved,
    started,
    step,
    step_of,
    until,
    until_run,
    until_step,
)
from watchkeeper.errors import StoreError


def touch(path: Path, extra: str = "") -> str:
    """A step that leaves a mark in a file each time it runs."""
    code = f"open({str(path)!r}, 'a').write('x')\nprint('marked')"
    return step(f"python {{id=act risk=change {extra}}}", code)


def marks(path: Path) -> int:
    return len(path.read_text()) if path.exists() else 0


def test_a_read_step_starts_on_its_own_and_its_answer_is_kept(tmp_path: Path) -> None:
    with started(new_engine(tmp_path, document(READ))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        result = step_of(engine, "read").result
        assert result is not None
        assert result.columns == ("queue", "value")
        assert result.rows == (("tasks", 7.0),)


def test_a_range_gives_series(tmp_path: Path) -> None:
    text = step("query {id=read}", "redis.depth\nrange 30m")
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        result = step_of(engine, "read").result
        assert result is not None
        assert len(result.series) == 1
        assert result.series[0].points[-1][1] == 7.0


def test_a_change_waits_and_holds_up_what_comes_after_it(tmp_path: Path) -> None:
    marked = tmp_path / "marks"
    after = step("query {id=after}", "redis.depth")
    with started(new_engine(tmp_path, document(READ + touch(marked) + after))) as engine:
        engine.deliver([firing()])
        until_run(engine, "waiting")
        assert step_of(engine, "act").status == "waiting_approval"
        assert step_of(engine, "after").status == "pending"
        assert marks(marked) == 0


def test_an_approved_change_runs_once(tmp_path: Path) -> None:
    marked = tmp_path / "marks"
    with started(new_engine(tmp_path, document(touch(marked)))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_run(engine, "succeeded")
        assert marks(marked) == 1
        assert step_of(engine, "act").attempt == 1


def test_an_approval_of_another_command_is_refused(tmp_path: Path) -> None:
    with started(new_engine(tmp_path, document(touch(tmp_path / "marks")))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        with pytest.raises(ActionRefused, match="not the one that was approved"):
            engine.approve(record.run_id, "act", "ada", "0" * 64)
        assert step_of(engine, "act").status == "waiting_approval"


def test_an_approval_is_refused_when_the_command_has_changed_meanwhile(tmp_path: Path) -> None:
    endpoints = {"gateway": "http://127.0.0.1:1"}
    text = step("http {id=act target=gateway}", "POST /restart")
    with started(new_engine(tmp_path, document(text), endpoints=endpoints)) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        endpoints["gateway"] = "http://127.0.0.1:2"
        with pytest.raises(ActionRefused, match="has changed"):
            engine.approve(record.run_id, "act", "ada", record.command_hash)
        fresh = step_of(engine, "act")
        assert fresh.command_hash != record.command_hash
        assert fresh.commands[0].payload["url"] == "http://127.0.0.1:2/restart"


def test_an_approval_expires(tmp_path: Path) -> None:
    marked = tmp_path / "marks"
    clock = SetClock()
    engine = new_engine(tmp_path, document(touch(marked, "approve=two")), clock=clock)
    with started(engine):
        engine.deliver([firing(source="manual")])  # which nobody has to send again
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        clock.at += 901
        engine.approve(record.run_id, "act", "bob", record.command_hash)
        until_run(engine, "waiting")
        assert marks(marked) == 0
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_run(engine, "succeeded")
        assert marks(marked) == 1


def test_two_approvals_are_of_two_persons(tmp_path: Path) -> None:
    with started(new_engine(tmp_path, document(touch(tmp_path / "marks", "approve=two")))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        with pytest.raises(ActionRefused, match="another person"):
            engine.approve(record.run_id, "act", " ada ", record.command_hash)


def test_nobody_cannot_approve(tmp_path: Path) -> None:
    with started(new_engine(tmp_path, document(touch(tmp_path / "marks")))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        with pytest.raises(ActionRefused, match="say who you are"):
            engine.approve(record.run_id, "act", "  ", record.command_hash)


def test_a_rejected_step_is_skipped_and_the_run_goes_on(tmp_path: Path) -> None:
    after = step("query {id=after}", "redis.depth")
    with started(new_engine(tmp_path, document(touch(tmp_path / "marks") + after))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.reject(record.run_id, "act", "ada", "too early")
        until_run(engine, "succeeded")
        assert step_of(engine, "act").status == "skipped"
        assert step_of(engine, "after").status == "succeeded"


def test_a_manual_step_is_confirmed(tmp_path: Path) -> None:
    with started(
        new_engine(tmp_path, document(step("manual {id=call}", "Call the owner of {{ labels.instance }}.")))
    ) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "call", "waiting_approval")
        assert record.commands[0].text == "Call the owner of r1."
        with pytest.raises(ActionRefused, match="confirm it"):
            engine.approve(record.run_id, "call", "ada", record.command_hash)
        engine.confirm(record.run_id, "call", "ada", "reached her")
        until_run(engine, "succeeded")
        assert "reached her" in step_of(engine, "call").message


def test_verify_runs_after_the_change_and_not_at_its_place(tmp_path: Path) -> None:
    check = step('query {id=check expect="< 10"}', "redis.depth")
    store = FixedStore()
    text = check + touch(tmp_path / "marks", "verify=check")
    with started(new_engine(tmp_path, document(text), store=store)) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        assert step_of(engine, "check").status == "pending"
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_run(engine, "succeeded")
        assert step_of(engine, "check").status == "succeeded"


def test_a_failed_verification_offers_the_undo(tmp_path: Path) -> None:
    text = (
        touch(tmp_path / "marks", "verify=check undo=back")
        + step('query {id=check expect="< 1"}', "redis.depth")
        + step("manual {id=back}", "Take it back.")
    )
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_step(engine, "back", "waiting_approval")
        assert step_of(engine, "check").message == "expected value < 1, found 7"
        engine.confirm(record.run_id, "back", "ada")
        until_run(engine, "failed")


def test_a_step_that_is_not_called_for_is_skipped(tmp_path: Path) -> None:
    text = touch(tmp_path / "marks", "verify=check") + step("query {id=check}", "redis.depth")
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.reject(record.run_id, "act", "ada")
        until_run(engine, "succeeded")
        assert step_of(engine, "check").status == "skipped"


def test_a_failed_read_step_is_tried_again(tmp_path: Path) -> None:
    clock = SetClock()
    store = FixedStore(error=StoreError("the store is away"))
    text = step("query {id=read retries=1 wait=5s}", "redis.depth")
    with started(new_engine(tmp_path, document(text), store=store, clock=clock)) as engine:
        engine.deliver([firing()])
        until(engine, lambda: step_of(engine, "read").not_before is not None)
        store.error = None
        clock.at += 6
        until_run(engine, "succeeded")
        assert step_of(engine, "read").attempt == 2


def test_a_step_that_keeps_failing_fails_with_the_reason(tmp_path: Path) -> None:
    store = FixedStore(error=StoreError("the store is away"))
    with started(new_engine(tmp_path, document(READ), store=store)) as engine:
        engine.deliver([firing()])
        assert until_step(engine, "read", "failed").message == "the store is away"
        until_run(engine, "succeeded")  # a read step that is not critical does not fail the run


def test_the_failure_of_a_critical_step_fails_the_run(tmp_path: Path) -> None:
    text = step("query {id=read critical=true}", "redis.depth")
    with started(new_engine(tmp_path, document(text), store=FixedStore(error=StoreError("away")))) as engine:
        engine.deliver([firing()])
        until_run(engine, "failed")


def test_on_failure_goes_to_a_later_step(tmp_path: Path) -> None:
    text = (
        step('query {id=first expect="> 100" on_failure=goto:third}', "redis.depth")
        + step("query {id=second}", "redis.depth")
        + step("query {id=third}", "redis.depth")
    )
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        assert [step_of(engine, name).status for name in ("first", "second", "third")] == [
            "failed",
            "skipped",
            "succeeded",
        ]


def test_on_failure_stop_skips_the_rest(tmp_path: Path) -> None:
    text = step('query {id=first expect="> 100" on_failure=stop}', "redis.depth") + READ
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        assert step_of(engine, "read").status == "skipped"


def test_end_ends_the_run(tmp_path: Path) -> None:
    text = step("query {id=first end=true}", "redis.depth") + READ
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        assert step_of(engine, "read").status == "skipped"


def test_a_change_that_times_out_has_an_unknown_outcome_until_a_person_decides(tmp_path: Path) -> None:
    text = step("python {id=act risk=change timeout=300ms}", "import time\ntime.sleep(60)")
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_step(engine, "act", "outcome_unknown")
        until_run(engine, "waiting")
        engine.decide(record.run_id, "act", "succeeded", "ada", "I looked")
        until_run(engine, "succeeded")


def test_a_verification_settles_an_unknown_outcome(tmp_path: Path) -> None:
    text = step("python {id=act risk=change timeout=300ms verify=check}", "import time\ntime.sleep(60)") + step(
        "query {id=check}", "redis.depth"
    )
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
        until_run(engine, "succeeded")
        assert step_of(engine, "act").message == "check found it done"


def test_when_the_incident_resolves_waiting_steps_are_cancelled_and_reads_are_answered(tmp_path: Path) -> None:
    text = touch(tmp_path / "marks", "verify=check") + step("query {id=check}", "redis.depth") + READ
    with started(new_engine(tmp_path, document(text))) as engine:
        engine.deliver([firing()])
        until_step(engine, "act", "waiting_approval")
        engine.deliver([resolved(firing())])
        until_run(engine, "succeeded")
        assert [step_of(engine, name).status for name in ("act", "check", "read")] == [
            "cancelled",
            "succeeded",
            "succeeded",
        ]


def test_an_allow_listed_command_starts_on_its_own(tmp_path: Path) -> None:
    text = step("sh {id=say risk=read}", "echo full: {{ labels.instance }}")
    with started(new_engine(tmp_path, document(text), commands=("echo full:",))) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        result = step_of(engine, "say").result
        assert result is not None
        assert result.text == "full: r1\n"


def test_a_command_that_is_not_on_the_list_waits(tmp_path: Path) -> None:
    text = step("sh {id=say risk=read}", "echo empty")
    with started(new_engine(tmp_path, document(text), commands=("echo full:",))) as engine:
        engine.deliver([firing()])
        record = until_step(engine, "say", "waiting_approval")
        assert record.commands[0].text == "echo empty"


def test_a_label_that_breaks_its_pattern_fails_the_steps_that_need_it(tmp_path: Path) -> None:
    text = READ + step("query {id=narrow}", "redis.depth\nwhere instance = {{ labels.instance }}")
    store = FixedStore()
    with started(new_engine(tmp_path, document(text), store=store)) as engine:
        engine.deliver([firing({"instance": 'r1"} or vector(1) #'})])
        until_run(engine, "succeeded")
        assert step_of(engine, "narrow").status == "failed"
        assert "does not match" in step_of(engine, "narrow").message
        assert len(store.asked) == 1


def test_a_condition_without_a_value_is_left_out(tmp_path: Path) -> None:
    text = step(
        "query {id=narrow}", "redis.depth\nwhere queue = {{ labels.queue }}\nwhere instance = {{ labels.instance }}"
    )
    store = FixedStore()
    with started(new_engine(tmp_path, document(text), store=store)) as engine:
        engine.deliver([firing()])
        until_run(engine, "succeeded")
        assert store.asked[0].promql() == 'queue_depth{instance="r1"}'


def test_a_step_that_would_touch_too_many_targets_is_refused(tmp_path: Path) -> None:
    text = step("sh {id=say risk=change}", "echo {{ labels.queue }}")
    with started(new_engine(tmp_path, document(text, scope=""))) as engine:
        engine.deliver([firing({"queue": "a"}), firing({"queue": "b"})])
        assert until_step(engine, "say", "failed").message == "the step would touch 2 targets, max_targets is 1"


def test_a_step_with_several_targets_shows_and_runs_each(tmp_path: Path) -> None:
    text = step("sh {id=say risk=change max_targets=2}", "echo to {{ labels.queue }}")
    with started(new_engine(tmp_path, document(text, scope=""))) as engine:
        engine.deliver([firing({"queue": "a"}), firing({"queue": "b"})])
        record = until_step(engine, "say", "waiting_approval")
        assert [command.target for command in record.commands] == ["queue=a", "queue=b"]
        engine.approve(record.run_id, "say", "ada", record.command_hash)
        until_run(engine, "succeeded")
        result = step_of(engine, "say").result
        assert result is not None
        assert "to a\n" in result.text
        assert "to b\n" in result.text


def test_secrets_are_redacted_before_storage(tmp_path: Path) -> None:
    text = step("sh {id=say risk=read}", "echo the hunter2pass and password=swordfish9")
    engine = new_engine(tmp_path, document(text), commands=("echo",), secrets=lambda: ("hunter2pass",))
    with started(engine):
        engine.deliver([firing()])
        until_run(engine, "succeeded")
    for file in tmp_path.iterdir():
        assert b"hunter2pass and" not in file.read_bytes().replace(b"echo the hunter2pass and", b"")
    engine = new_engine(tmp_path, document(text))
    result = step_of(engine, "say").result
    assert result is not None
    assert result.text == "the [redacted] and password=[redacted]\n"


def test_overload_stores_nothing_and_says_so(tmp_path: Path) -> None:
    engine = new_engine(tmp_path, document(READ), settings=EngineSettings(waiting_requests=1))
    refused: list[Exception] = []
    with engine.journal.writing():  # somebody writes, so the first request waits and the second is too many

        def deliver() -> None:
            try:
                engine.deliver([firing()])
            except Overloaded as error:
                refused.append(error)

        threads = [threading.Thread(target=deliver) for _ in range(2)]
        for thread in threads:
            thread.start()
        threads_left = [thread for thread in threads if not _ended(thread)]
        assert len(threads_left) == 1
    threads_left[0].join(10)
    assert len(refused) == 1
    assert len(engine.journal.incidents()) == 1
    engine.journal.close()


def _ended(thread: threading.Thread) -> bool:
    thread.join(0.5)
    return not thread.is_alive()


def test_a_second_engine_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    from watchkeeper.errors import JournalError

    with started(new_engine(tmp_path, document(READ))):
        other = new_engine(tmp_path, document(READ))
        with pytest.raises(JournalError, match="works with it"):
            other.start()
        other.journal.close()


def test_an_engine_runs_the_document_as_it_was_when_the_run_began(tmp_path: Path) -> None:
    engine = new_engine(tmp_path, document(READ))
    engine.deliver([firing()])
    engine.journal.close()
    changed = new_engine(tmp_path, document(step("query {id=other}", "redis.depth")))
    with started(changed):
        until_run(changed, "succeeded")
        assert step_of(changed, "read").status == "succeeded"
