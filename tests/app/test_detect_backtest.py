"""`watchkeeper backtest`: what would have been told, counted by the week."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detectors import backtest
from detectors.backtest import Replayed, replay
from detectors.deviations import Deviation
from detectors.feedback import about, append, told
from detectors.knowledge import Knowledge
from tests.app.detect_stores import LABELS, World, asked, write_store
from tests.detectors.engines import HOUR, START, TOOL, declare, engine, faulty, healthy, lookup, run
from tests.detectors.series import FakeStore, Sink
from watchkeeper.app.cli import main
from watchkeeper.settings.calendars import CalendarSettings, Maintenance, Moment
from watchkeeper.units import SECONDS

Series = dict[tuple[tuple[str, str], ...], Callable[[float], float | None]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_store(tmp_path_factory.mktemp("backtest"))


def test_a_fault_of_the_past_is_counted_and_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", "--from", str(world.onset - 1_800), "--to", world.at, "--config", world.config])
    printed = capsys.readouterr().out
    assert not ended.value.code
    assert "still open  redis.memory of a:6379: up to 2." in printed
    assert "no values, so nothing is said of: redis.hit_ratio" in printed


def test_json_has_each_deviation(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("redis.memory", "--from", str(world.onset - 1_800), "--to", world.at, "--config", world.config)
    code, found = asked(capsys, "backtest", *words)
    assert code == 0
    (one,) = found["detectors"]
    assert (one["series"], one["judged"], one["weeks"]) == (2, 70, [1])
    assert one["deviations"][0]["labels"] == LABELS
    assert one["deviations"][0]["since"] == world.onset


def test_a_time_that_ends_before_it_begins_is_wrong_usage(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", "--from", "1h", "--to", "2h", "--config", world.config])
    assert ended.value.code == 2
    assert "--to is not after --from" in capsys.readouterr().err


def test_it_finds_what_the_engine_would_have_delivered() -> None:
    begin = START + 86_400.0
    world: Series = {
        TOOL: faulty(begin, begin + 3 * HOUR),
        (("tool", "other"),): faulty(begin + HOUR, begin + 5 * HOUR, 2.0),
    }
    sink = Sink()
    live = engine(FakeStore(world), sink)
    live.warm_up(START)
    run(live, START, START + 2 * 86_400.0)
    delivered = {(d.labels["tool"], d.starts_at, d.ends_at) for d in sink.got if d.status == "resolved"}
    found = replay(
        declare(), lookup, {"metrics": FakeStore(world)}, START, START + 2 * 86_400.0 - 600, learn=999 * 600.0
    )
    assert {(d.labels["tool"], d.since, d.ended) for d in found.deviations} == delivered
    assert len(delivered) == 2


@pytest.mark.long
def test_a_calendar_holds_for_the_past_too() -> None:
    begin = START + 86_400.0
    night = Maintenance(name="move", start=Moment(begin - HOUR), end=Moment(begin + 4 * HOUR), labels=dict(TOOL))
    world: Series = {TOOL: faulty(begin, begin + 3 * HOUR), (("tool", "other"),): faulty(begin, begin + 3 * HOUR)}
    knowledge = Knowledge(CalendarSettings(maintenance=(night,)))
    times = (START, START + 2 * 86_400.0)
    found = replay(declare(), lookup, {"metrics": FakeStore(world)}, *times, learn=6 * 86_400.0, knowledge=knowledge)
    assert [one.labels["tool"] for one in found.deviations] == ["other"]


@pytest.mark.long
def test_no_opinion_counts_before_it_was_given(tmp_path: Path) -> None:
    def bumps(at: float) -> float:
        return healthy(at) + (0.14 if at >= START and HOUR <= at % 86_400 < 3 * HOUR else 0.0)

    times = (START, START + 2 * 86_400.0)
    stores = {"metrics": FakeStore({TOOL: bumps})}
    before = replay(declare(), lookup, stores, *times, learn=6 * 86_400.0)
    given = START + 12 * HOUR
    append(tmp_path / "feedback.jsonl", about(told(before.deviations[0]), "false", at=given))
    after = replay(declare(), lookup, stores, *times, learn=6 * 86_400.0, knowledge=Knowledge(directory=tmp_path))
    early = [one.since for one in before.deviations if one.since < given]
    assert len(before.deviations) > len(early) > 0
    assert [one.since for one in after.deviations] == early


def test_history_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = START + 86_400.0
    world: Series = {TOOL: faulty(begin, begin + 3 * HOUR)}
    whole = FakeStore(world)
    times = (START, START + 1.5 * 86_400.0)
    one = replay(declare(), lookup, {"metrics": whole}, *times, learn=86_400.0)
    monkeypatch.setattr(backtest, "_TICKS", 100)
    parts = FakeStore(world)
    other = replay(declare(), lookup, {"metrics": parts}, *times, learn=86_400.0)
    assert max((end - start) / step for start, end, step, _ in parts.asked) < 100
    assert len(parts.asked) > len(whole.asked)
    assert len(one.deviations) == 1
    assert [(d.since, d.ended, d.score) for d in other.deviations] == [
        (d.since, d.ended, d.score) for d in one.deviations
    ]


def test_deviations_are_counted_by_weeks_from_the_start_on() -> None:
    found = [Deviation(declare(), {}, SECONDS, "q", 600.0, START + days * 86_400.0) for days in (-1, 1, 6.9, 7, 15)]
    one = Replayed(declare(), START, START + 16 * 86_400.0, 1, 1, tuple(found))
    assert one.weekly() == [3, 1, 1]
