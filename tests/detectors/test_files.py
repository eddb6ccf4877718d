"""The one set of rules by which files with a column of times are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from detectors.files import FileError, in_order, number_of, rows_of, seconds_of, time_of

NOON = 1_769_860_800.0


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        " 2026-01-31 12:00:00",
        "2026-01-31T14:00:00+02:00",
        "1769860800",
        "1769860800.0",
        "1769860800000",
    ],
)
def test_one_moment_written_in_each_way(text: str) -> None:
    assert seconds_of(text) == NOON


def test_a_day_is_its_beginning_and_times_before_the_epoch_are_times() -> None:
    assert seconds_of("2026-01-31") == NOON - 43_200
    assert seconds_of("-60") == -60.0
    assert seconds_of("0001-01-01T00:00:00+14:00") is not None


@pytest.mark.parametrize("text", ["", "nan", "inf", "-inf", "noon", "2026-02-30", "1_769_860_800", "1769860800000000"])
def test_what_is_no_time_is_refused_with_its_place(text: str) -> None:
    assert seconds_of(text) is None
    with pytest.raises(FileError, match=r"^in\.csv:7: .* is no time: expected 2026-01-31 12:00:00 \(UTC"):
        time_of(text, "in.csv:7")


@pytest.mark.parametrize("text", ["", "  ", "nan", "NaN", "null", "NULL", "None", "NA", "n/a"])
def test_gaps(text: str) -> None:
    assert math.isnan(number_of(text, "in.csv:7"))


def test_numbers() -> None:
    assert [number_of(text, "") for text in ("1", " -2.5 ", "1e3", "inf")] == [1.0, -2.5, 1000.0, math.inf]


@pytest.mark.parametrize("text", ["many", "1,5", "1_000", "0x10", "True", "-", "12%"])
def test_what_is_no_number_is_no_gap(text: str) -> None:
    with pytest.raises(FileError, match=r"^in\.csv:7: .* is no number: expected one, or nothing for a gap$"):
        number_of(text, "in.csv:7")
    with pytest.raises(FileError, match=r"is no number \(column 3\)"):
        number_of(text, "in.csv:7", 3)


def test_rows_have_the_line_that_they_stand_on(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbft,a\r\n\r\n1,2\n , \n3,4\n")
    assert list(rows_of(tmp_path / "x.csv")) == [(1, ["t", "a"]), (3, ["1", "2"]), (5, ["3", "4"])]


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"t,a\n" + b"1,2\n" * 10_000 + b"\xff\n")
    rows = rows_of(tmp_path / "x.csv")
    assert next(rows) == (1, ["t", "a"])
    with pytest.raises(FileError, match=r"x\.csv: is no CSV text in UTF-8"):
        list(rows)


def test_a_cell_without_an_end_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('t,a\n1,"' + "9" * 200_000)
    with pytest.raises(FileError, match=r"x\.csv:2: cannot be read as CSV: field larger"):
        list(rows_of(tmp_path / "x.csv"))


@pytest.mark.parametrize("name, message", [("gone.csv", "No such file"), ("", "Is a directory")])
def test_what_cannot_be_opened_is_wrong_input(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        list(rows_of(tmp_path / name))
    assert caught.value.exit_code == 2


def test_of_rows_at_one_time_the_last_counts() -> None:
    assert in_order(np.array([200.0, 100.0, 300.0, 100.0])).tolist() == [3, 0, 2]
    assert in_order(np.array([])).tolist() == []
