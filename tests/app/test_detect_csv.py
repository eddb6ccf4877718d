"""`watchkeeper detect --csv`."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from detectors.files import FileError
from watchkeeper.app.commands.detect import command
from watchkeeper.errors import SettingsError

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def rows_of(count: int = 900, fault: int | None = 700) -> list[tuple[str, str]]:
    random = np.random.default_rng(4)
    found = []
    for i in range(count):
        value = 50 + 10 * math.sin(2 * math.pi * i / 288) + random.standard_normal() + (40 if i == fault else 0)
        found.append(((BEGIN + timedelta(minutes=5 * i)).strftime("%Y-%m-%d %H:%M:%S"), f"{value:.4f}"))
    return found


def write(path: Path, rows: list[tuple[str, str]], header: str = "timestamp,value") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def detect(*words: str) -> Result:
    return CliRunner().invoke(command, list(words), catch_exceptions=False, standalone_mode=False)


def scores(path: Path, *words: str) -> list[dict[str, str]]:
    result = detect("--csv", str(path), *words)
    assert result.return_value == 0
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_every_row_is_answered_in_its_order_and_the_fault_scores_most(tmp_path: Path) -> None:
    rows = rows_of()
    found = scores(write(tmp_path / "in.csv", rows))
    assert [(row["timestamp"], row["value"]) for row in found] == rows
    assert list(found[0]) == ["timestamp", "value", "score", "lower", "upper"]
    values = [float(row["score"]) for row in found]
    assert all(0 <= value <= 1 for value in values)
    assert int(np.argmax(values)) == 700
    assert float(found[700]["upper"]) < float(found[700]["value"])
    assert float(found[699]["lower"]) < float(found[699]["value"]) < float(found[699]["upper"])


def test_a_file_that_ends_earlier_has_the_same_scores_up_to_there(tmp_path: Path) -> None:
    rows = rows_of()
    whole = scores(write(tmp_path / "in.csv", rows))
    for count in (1, 29, 30, 31, 650):
        assert scores(write(tmp_path / "part.csv", rows[:count])) == whole[:count]


def test_scores_go_to_a_file_that_is_there_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = detect("--csv", str(write(tmp_path / "in.csv", rows_of(40))), "--scores", str(out))
    assert (result.return_value, result.stdout) == (0, "")
    assert len(out.read_text().splitlines()) == 41
    out.write_text("old\n")
    bad = write(tmp_path / "bad.csv", [*rows_of(40), ("2026-05-01 00:00:00", "many")])
    with pytest.raises(FileError, match=r"bad\.csv:42: 'many' is no number"):
        detect("--csv", str(bad), "--scores", str(out))
    assert out.read_text() == "old\n"
    with pytest.raises(SettingsError, match=r"nowhere/out\.csv: cannot be written: No such file"):
        detect("--csv", str(tmp_path / "in.csv"), "--scores", str(tmp_path / "nowhere" / "out.csv"))


def test_late_and_repeated_rows_and_gaps_are_answered_and_told(tmp_path: Path) -> None:
    rows = rows_of(200, fault=None)
    odd = [*rows[:100], rows[99], rows[50], ("2026-03-01 08:22:00", ""), ("2026-03-01 08:23:00", "NULL"), *rows[101:]]
    result = detect("--csv", str(write(tmp_path / "in.csv", odd)))
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(found) == len(odd)
    assert [float(found[i]["score"]) for i in (100, 101, 102, 103)] == [0, 0, 0, 0]
    assert "2 rows not later than the one before: scored 0" in result.stderr
    assert "2 rows without a number: gaps" in result.stderr


def test_columns_have_the_names_that_the_options_give(tmp_path: Path) -> None:
    rows = [(str(int(BEGIN.timestamp()) + 300 * i), value) for i, (_, value) in enumerate(rows_of(60))]
    path = write(tmp_path / "in.csv", rows, "when,load")
    found = scores(path, "--time-column", "when", "--value-column", "load")
    assert found[0]["timestamp"] == rows[0][0]
    with pytest.raises(
        FileError, match=r"in\.csv:1: no column 'timestamp': name one with --time-column \(columns: 'when'"
    ):
        detect("--csv", str(path))


@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
def test_times_since_the_epoch_give_the_scores_of_written_ones(tmp_path: Path, unit: int) -> None:
    rows = rows_of(400, fault=350)
    seconds = int(BEGIN.timestamp())
    numbered = [(str(unit * (seconds + 300 * i)), value) for i, (_, value) in enumerate(rows)]
    expected = scores(write(tmp_path / "written.csv", rows))
    found = scores(write(tmp_path / "numbered.csv", numbered))
    assert [row["timestamp"] for row in found] == [at for at, _ in numbered]
    assert [row["score"] for row in found] == [row["score"] for row in expected]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", r"in\.csv:1: no column 'timestamp': .*none: the file is empty"),
        ("timestamp,value\nyesterday,1\n", r"in\.csv:2: 'yesterday' is no time: expected 2026-01-31"),
        ("timestamp,value\n2026-03-01,1\n\n2026-03-02,x\n", r"in\.csv:4: 'x' is no number"),
    ],
)
def test_bad_input_is_one_line_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(content)
    with pytest.raises(FileError, match=message) as caught:
        detect("--csv", str(path))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.csv: cannot be read: No such file"):
        detect("--csv", str(tmp_path / "gone.csv"))


@pytest.mark.parametrize(
    "words, message",
    [
        ((), "say one of --once, --follow and --csv"),
        (("--once", "--csv", "x"), "say one of"),
        (("--csv", "x", "--at", "now"), "--at goes with --once"),
        (("--once", "--scores", "x"), "--scores goes with --csv"),
        (("--csv", "x", "some.detector"), "a file is judged without detectors"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(command, list(words))
    assert result.exit_code == 2
    assert message in result.output
