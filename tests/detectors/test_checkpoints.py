"""Checkpoints of what detectors have learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.checkpoints import EVERY, checkpoint_before, keep_checkpoint
from tests.detectors.engines import START, TOOL, engine, healthy
from tests.detectors.series import FakeStore, Sink

HOUR = 3_600.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "detectors.state"
    path.write_bytes(b"learned")
    return path


def test_one_is_kept_every_six_hours_and_two_of_them_stay(state: Path) -> None:
    for hour in range(20):
        state.unlink()  # each save puts a new file in its place
        state.write_text(f"hour {hour}")
        keep_checkpoint(state, START + hour * HOUR)
    kept = sorted(one.read_text() for one in state.parent.glob("detectors.state.*"))
    assert kept == ["hour 12", "hour 18"]
    found = checkpoint_before(state, START + 19 * HOUR - EVERY)
    assert found is not None and found.read_text() == "hour 12"


def test_there_is_none_of_a_time_before_the_first(state: Path) -> None:
    keep_checkpoint(state, START)
    assert checkpoint_before(state, START - 1) is None
    assert checkpoint_before(state.with_name("other.state"), START) is None


def test_a_clock_that_was_put_back_leaves_none_of_the_future(state: Path) -> None:
    keep_checkpoint(state, START + 9 * HOUR)
    keep_checkpoint(state, START)
    assert checkpoint_before(state, START + 20 * HOUR) == state.with_name(f"detectors.state.{START:.0f}")


def test_a_disk_that_refuses_is_logged(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep_checkpoint(state.with_name("none.state"), START)
    assert "no checkpoint is kept" in caplog.text


def test_an_engine_keeps_them_as_it_runs_and_begins_from_one(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    world = FakeStore({TOOL: healthy})
    running = engine(world, Sink(), state_path=path)
    for hour in range(24):
        running.tick(START + hour * HOUR)
    kept = checkpoint_before(path, START + 20 * HOUR)
    assert kept is not None
    other = engine(world, Sink())
    other.restore(kept)
    assert other.watches["test.latency"].place == 6 * (int(START // HOUR) + 18)
    assert list(other.watches["test.latency"].labels) == [dict(TOOL)]
