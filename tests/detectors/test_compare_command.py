"""`watchkeeper compare` as a person types it: on files, and on a store."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from detectors.files import FileError
from detectors.tables import read_table
from watchkeeper.app.cli import main
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

ROOT = Path(__file__).parents[2]
DAY = 86_400.0
START = 1_767_571_200.0


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *words])
    return int(ended.value.code or 0)


def csv(path: Path, latency: float, seed: int, hour: int = 12) -> Path:
    random = np.random.default_rng(seed)
    rows = [
        f"2026-01-31T{hour}:{i // 2:02d}:{i % 2 * 30:02d}Z,{random.normal(latency, 0.01)},{random.normal(5, 0.1)}"
        for i in range(120)
    ]
    path.write_text("\n".join(["timestamp,latency_seconds,cpu_cores", *rows]) + "\n")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two files, and settings whose store holds two hours of two Redis servers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    csv(tmp_path / "stable.csv", 0.2, 1)
    csv(tmp_path / "canary.csv", 0.3, 2)
    (tmp_path / "watchkeeper.yaml").write_text("data: data\n")
    random = np.random.default_rng(3)
    with EmbeddedStore(tmp_path / "data" / "samples", clock=lambda: START + 2 * DAY, retention=3650 * DAY) as store:
        for i in range(480):
            at = START + 15.0 * i
            used = {"old:6379": 1e8, "new:6379": 2e8 if i < 240 else 1e8}
            store.write(
                [
                    Sample(
                        "redis_memory_used_bytes",
                        {"job": "redis", "instance": instance},
                        level * (1 + 0.01 * float(random.standard_normal())),
                        at,
                    )
                    for instance, level in used.items()
                ]
            )
    return tmp_path


def test_two_files_are_compared_and_what_got_worse_is_an_exit_code(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("stable.csv", "canary.csv", "--high-is-bad", "latency_seconds") == 1
    printed = capsys.readouterr().out
    assert re.search(r"^latency_seconds +worse ", printed, re.MULTILINE)
    assert re.search(r"^cpu_cores +same ", printed, re.MULTILINE)
    assert run("stable.csv", "canary.csv", "--low-is-bad", "latency_seconds") == 0


def test_json_has_all_that_was_computed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stable.csv", "canary.csv", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    one = found["signals"][0]
    assert (one["signal"], one["verdict"]) == ("latency_seconds", "changed")
    assert one["low"] < 0.1 < one["high"]
    assert found["notes"] == []


def test_times_of_day_that_differ_are_noted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv(here / "night.csv", 0.2, 4, hour=22)
    run("stable.csv", "night.csv")
    assert "different hours of the day" in capsys.readouterr().err


def test_a_change_of_a_named_query_in_a_store(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-q", "redis.memory_used_bytes", "--change", str(START + 3600), "--span", "55m", "--json")
    assert run(*words) == 0
    found = {one["signal"]: one for one in json.loads(capsys.readouterr().out)["signals"]}
    assert found["redis.memory_used_bytes{instance=new:6379,job=redis}"]["ratio"] == pytest.approx(0.5, abs=0.01)
    assert found["redis.memory_used_bytes{instance=old:6379,job=redis}"]["verdict"] == "same"


def test_two_cohorts_of_a_named_query_are_told_apart_by_labels(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-q", "redis.memory_used_bytes", "--first", "instance=old:6379", "--second", "instance=new:6379", "--json")
    run(*words, "--until", str(START + 3500), "--span", "55m")
    (one,) = json.loads(capsys.readouterr().out)["signals"]
    assert (one["signal"], one["verdict"]) == ("redis.memory_used_bytes{job=redis}", "worse")
    assert one["ratio"] == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize(
    "words,code,text",
    [
        (("stable.csv",), 2, "name two CSV files"),
        (("stable.csv", "gone.csv"), 2, "gone.csv: cannot be read: No such file"),
        (("stable.csv", "canary.csv", "--high-is-bad", "latency"), 2, "no column is called 'latency'"),
        (("stable.csv", "canary.csv", "--quantile", "2"), 2, "2.0 is not in the range"),
        (("-q", "redis.memory_used_bytes"), 2, "the cohorts are the same"),
        (("-q", "redis.memory_used_byte", "--change", "1h"), 2, "Did you mean redis.memory_used_bytes?"),
        (
            ("-q", "redis.memory_used_bytes", "--first", "track=a", "--second", "track=b"),
            2,
            "cannot be narrowed by 'track'",
        ),
        (("-q", "redis.memory_used_bytes", "--first", "track"), 2, "is no label: write NAME=VALUE"),
        (("-q", "redis.memory_used_bytes", "--change", "yesterday"), 2, "'yesterday' is no time"),
        (("-q", "bills.daily_cost", "--change", "20d", "--span", "20d"), 3, "there are no bills"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    here: Path, words: tuple[str, ...], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    assert text in capsys.readouterr().err


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("-q", "redis.memory_used_bytes", "--change", "1h") == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["2026-01-31T12:00:00Z", "2026-01-31 12:00:00", "1769860800", "1769860800000"])
def test_times_are_read_as_people_write_them(tmp_path: Path, first: str) -> None:
    (tmp_path / "x.csv").write_text(f"time,a\n{first},1.5\n")
    assert read_table(tmp_path / "x.csv").times[0] == 1_769_860_800.0


def test_rows_are_sorted_the_last_of_a_time_counts_and_columns_of_gaps_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("t,a,b,c\n200,4,inf,\n100,1,2,NaN\n100,3,5,null\n300,,7\n")
    found = read_table(tmp_path / "x.csv")
    assert list(found.times) == [100, 200, 300]
    assert np.array_equal(found.columns["a"], [3, 4, np.nan], equal_nan=True)
    assert np.array_equal(found.columns["b"], [5, np.nan, 7], equal_nan=True)
    assert "c" not in found.columns


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "x.csv:1: a first column of times"),
        ("t\n1\n", "at least one column"),
        ("t,a\n", "at least one column"),
        ("t,a\n1,\n", "no column has a number"),
        ("t,a\n1,1\n2,x\n", "x.csv:3: 'x' is no number (column 2)"),
        ("t,a\nsoon,1\n", "x.csv:2: 'soon' is no time"),
        ("t,a\n1,1\n,2\n", "x.csv:3: '' is no time"),
        ("t,a\n1,1,2\n", "x.csv:2: 3 cells, but the header has 2"),
        ("t,a,a\n1,1,2\n", "x.csv:1: two columns are named 'a'"),
        ("t,a,\n1,1,2\n", "x.csv:1: column 3 has no name"),
        ("1,1\n2,2\n", "x.csv:1: no header"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(FileError, match=re.escape(message)):
        read_table(tmp_path / "x.csv")


def test_the_commands_of_the_page_are_those_that_exist() -> None:
    page = (ROOT / "docs" / "compare.md").read_text()
    named = set(re.findall(r"--[a-z][a-z-]+", page))
    from watchkeeper.app.commands.compare import command

    assert named <= {option for parameter in command.params for option in parameter.opts}
