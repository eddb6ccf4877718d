"""Answers of steps as they are shown."""

from __future__ import annotations

import math

from runbooks.console.views import result_view
from runbooks.console.words import told
from runbooks.records import Event, Result, Series


def test_the_last_column_has_the_unit() -> None:
    view = result_view(Result(summary="x", columns=("tool", "value"), rows=(("search", 1.9),), unit="seconds"), "a")
    assert view.cells == ((("search", False), ("1.9 s", True)),)
    assert view.headline == "1.9 s"


def test_a_missing_value_is_unknown() -> None:
    view = result_view(Result(summary="x", columns=("tool", "value"), rows=(("search", None),), unit="seconds"), "a")
    assert view.cells[0][1] == ("unknown", False)
    assert view.headline == "x"


def test_columns_that_say_nothing_are_left_out() -> None:
    rows = (("up", "", "a", 1.0), ("up", "", "b", 0.0))
    view = result_view(Result(summary="x", columns=("__name__", "pod", "job", "value"), rows=rows), "a")
    assert view.columns == ("job", "value")


def test_numbers_of_a_table_without_unit_are_plain() -> None:
    rows = ((17, "idle", 12_345.678),)
    view = result_view(Result(summary="1 row", columns=("pid", "state", "seconds"), rows=rows), "a")
    assert view.cells == ((("17", True), ("idle", False), ("12.3k", True)),)
    assert view.headline == "1 row"


def test_a_long_table_says_what_it_leaves_out() -> None:
    rows = tuple((f"tool-{number}", 1.0) for number in range(60))
    assert (
        result_view(Result(summary="x", columns=("tool", "value"), rows=rows), "a").more == "10 more rows are not shown"
    )


def test_a_range_answer_is_a_chart_with_the_labels_that_tell_the_lines_apart() -> None:
    points = ((1000.0, 1.0), (1060.0, math.pi))
    series = tuple(Series({"__name__": "m", "job": "x", "tool": tool}, points) for tool in ("search", "sql"))
    view = result_view(Result(summary="x", series=series, unit="seconds"), "a")
    assert [(entry.label, entry.last) for entry in view.legend] == [("search", "3.14 s"), ("sql", "3.14 s")]
    assert "<svg" in view.chart
    assert view.headline == "highest now 3.14 s"


def test_more_series_than_can_be_told_apart_are_counted() -> None:
    series = tuple(Series({"tool": str(number)}, ((1000.0, 1.0), (1060.0, 1.0))) for number in range(9))
    assert result_view(Result(summary="x", series=series), "a").more == "3 more series are not shown"


def test_an_event_of_a_step_is_told_by_its_title() -> None:
    event = Event(
        id=1,
        incident_id="i",
        at=0.0,
        kind="step",
        by="watchkeeper",
        text="How slow?: waiting approval",
        step_id="a",
        data={"from": "pending", "to": "waiting_approval"},
    )
    assert told(event) == ("Waits for you: How slow?", "")
