"""`watchkeeper forecast` as a person types it: on files, on a store, on bills."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchkeeper.app.cli import main
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

ROOT = Path(__file__).parents[2]
HOUR, DAY = 3_600.0, 86_400.0
START = 1_767_571_200.0


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["forecast", *words])
    return int(ended.value.code or 0)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, Any]]:
    run(*words, "--json")
    return {one["series"]: one for one in json.loads(capsys.readouterr().out)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file of disks, and settings whose store holds the last two days of a Redis."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    random = np.random.default_rng(1)
    rows = [
        f"{START + HOUR * i:.0f},{100 + 0.5 * i + random.standard_normal():.3f},{80 + random.standard_normal():.3f},300"
        for i in range(200)
    ]
    (tmp_path / "disks.csv").write_text("\n".join(["time,data,logs,size", *rows]) + "\n")
    (tmp_path / "watchkeeper.yaml").write_text("data: data\nbills: [bills]\n")
    now = time.time()
    with EmbeddedStore(tmp_path / "data" / "samples") as store:
        for i in range(192):
            at = now - 2 * DAY + 900.0 * i
            used = {"redis_memory_used_bytes": 1e9 + 1e6 * i, "redis_memory_max_bytes": 2e9}
            store.write([Sample(name, {"job": "redis", "instance": "a"}, value, at) for name, value in used.items()])
    (tmp_path / "bills").mkdir()
    header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ProviderName,Tags"
    today = now // DAY
    lines = [
        f"{cost},{cost},USD,{day(today - k)} 00:00:00,{day(today - k + 1)} 00:00:00,Storage,AWS,NULL"
        for k, cost in ((k, f"{100 + random.standard_normal():.2f}") for k in range(60, 0, -1))
    ]
    (tmp_path / "bills" / "all.csv").write_text("\n".join([header, *lines]) + "\n")
    return tmp_path


def day(number: float) -> str:
    return datetime.fromtimestamp(number * DAY, UTC).date().isoformat()


def test_the_columns_of_a_file_are_foretold_soonest_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("disks.csv", "--limit", "300", "--column", "data", "--column", "logs") == 0
    printed = capsys.readouterr().out
    assert re.search(r"^data +fills .* 2026-01-2[12] ", printed, re.MULTILINE)
    assert re.search(r"^logs +not at this rate ", printed, re.MULTILINE)
    assert printed.index("data") < printed.index("logs")


def test_a_column_may_hold_the_limit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "disks.csv", "--limit-column", "size")
    assert set(found) == {"data", "logs"}
    assert found["data"]["at"] == pytest.approx(START + 400 * HOUR, abs=10 * HOUR)
    assert found["logs"]["at"] is None


@pytest.mark.parametrize("within,code", [("5d", 0), ("20d", 1)])
def test_what_is_full_within_a_time_is_an_exit_code(here: Path, within: str, code: int) -> None:
    assert run("disks.csv", "--limit", "300", "--column", "data", "--within", within) == code


def test_a_named_query_with_a_named_limit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-q", "redis.memory_used_bytes", "--span", "2d", "--step", "15m")
    found = asked(capsys, *words, "--limit", "1.5e9")["redis.memory_used_bytes{instance=a,job=redis}"]
    assert (found["at"] - found["now"]) / 900 == pytest.approx(309, rel=0.03)
    assert (
        asked(capsys, *words, "--limit-query", "redis.memory_used_bytes")[
            "redis.memory_used_bytes{instance=a,job=redis}"
        ]["outlook"]
        == "full"
    )


def test_a_budget_in_money(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-q", "bills.daily_cost", "--span", "60d", "--step", "1d", "--add-up", "10d", "--limit", "3000")
    (found,) = asked(capsys, *words).values()
    assert found["outlook"] == "fills"
    left = (3000 - found["value"]) / 100
    assert (found["at"] - found["now"]) / DAY == pytest.approx(left, abs=1.5)


@pytest.mark.parametrize(
    "words,code,text",
    [
        (("disks.csv",), 2, "say what is full, in one way"),
        (("--limit", "3"), 2, "name a CSV file, or a query"),
        (("disks.csv", "--limit", "3", "--limit-column", "size"), 2, "in one way"),
        (("disks.csv", "--limit-query", "redis.memory_used_bytes"), 2, "--limit-column is for files"),
        (("disks.csv", "--limit", "3", "--column", "dat"), 2, "no column is called 'dat': it has data, logs, size"),
        (("gone.csv", "--limit", "3"), 2, "gone.csv: cannot be read"),
        (("disks.csv", "--limit", "3", "--level", "80"), 2, "80.0 is not in the range"),
        (("-q", "redis.memory_used_byte", "--limit", "3"), 2, "Did you mean redis.memory_used_bytes?"),
        (("disks.csv", "--limit", "3", "--within", "soon"), 2, "is not a duration"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    here: Path, words: tuple[str, ...], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    assert text in capsys.readouterr().err


def test_the_options_of_the_page_are_those_that_exist() -> None:
    from watchkeeper.app.commands.forecast import command

    named = set(re.findall(r"--[a-z][a-z-]+", (ROOT / "docs" / "forecast.md").read_text()))
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert named <= known
