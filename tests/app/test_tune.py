"""`watchkeeper tune`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.detect_stores import asked, write_store
from watchkeeper.app.cli import main


def test_too_little_history_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = write_store(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["tune", "redis.memory", "--config", world.config])
    assert ended.value.code in (0, None)
    assert "not enough history for a count: of 2 series none" in capsys.readouterr().out
    code, found = asked(capsys, "tune", "redis.memory", "--config", world.config)
    assert (code, found["limit"], found["limits"]) == (0, None, [])


def test_a_budget_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tune", "--budget", "0"])
    assert ended.value.code == 2
    assert "--budget" in capsys.readouterr().err


@pytest.mark.long
def test_history_says_what_a_budget_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = write_store(tmp_path, minutes=25 * 1_440, wrong=0)
    code, found = asked(capsys, "tune", "redis.memory", "--budget", "3", "--config", world.config)
    assert code == 0
    assert found["series"] == 2 and found["series_weeks"] > 0.5
    limits = {one["budget"]: one["limit"] for one in found["limits"]}
    assert sorted(limits) == [0.5, 1.0, 2.0, 3.0, 5.0, 10.0]
    assert sorted(limits.values(), reverse=True) == [limits[one] for one in sorted(limits)]
    assert found["limit"] == limits[3.0]
