"""Charts: structure, gaps, scales, and what they say to those who do not see them."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.console.chart import Line, band_chart, lines_chart, nice_ticks, spark, time_ticks
from runbooks.console.ports import Band

SVG = "{http://www.w3.org/2000/svg}"
START = 1_795_400_000.0
TIMES = [START + 60 * number for number in range(60)]
BAND = Band(
    title="Latency",
    unit="seconds",
    times=TIMES,
    observed=[0.4] * 45 + [1.9] * 15,
    expected=[0.4] * 60,
    lower=[0.3] * 60,
    upper=[0.55] * 60,
    threshold=1.5,
)


def parts(svg: str, name: str) -> list[ET.Element]:
    """The elements that have a class."""
    return [one for one in ET.fromstring(svg).iter() if name in one.get("class", "").split()]


def numbers(path: ET.Element) -> list[tuple[float, float]]:
    """The points of a path."""
    text = path.get("d", "").strip("MZ")
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split("L"))]


def test_the_picture_has_band_line_threshold_and_span() -> None:
    svg = band_chart(BAND, span=(TIMES[45], TIMES[-1]))
    assert [len(parts(svg, name)) for name in ("band", "observed", "expected", "threshold", "span")] == [1, 1, 1, 1, 1]


def test_what_is_outside_the_band_is_drawn_again() -> None:
    (path,) = parts(band_chart(BAND), "outside")
    assert len(numbers(path)) == 15


def test_a_missing_value_is_a_gap_not_a_zero() -> None:
    observed = [*BAND.observed]
    observed[20] = math.nan
    svg = band_chart(replace(BAND, observed=observed))
    first, second = parts(svg, "observed")
    assert (len(numbers(first)), len(numbers(second))) == (20, 39)


def test_a_missing_stretch_of_time_is_a_gap() -> None:
    kept = [number for number in range(60) if not 20 <= number < 30]
    band = Band(title="x", unit="", times=[TIMES[i] for i in kept], observed=[1.0 for _ in kept])
    assert len(parts(band_chart(band), "observed")) == 2


def test_a_point_by_itself_is_a_dot() -> None:
    observed = [math.nan] * 60
    observed[7] = 1.0
    dots = parts(band_chart(replace(BAND, observed=observed)), "dot")
    assert [dot.tag for dot in dots] == [SVG + "circle"]


def test_a_band_that_ends_leaves_the_line_alone() -> None:
    lower = [0.3] * 30 + [math.nan] * 30
    svg = band_chart(replace(BAND, lower=lower))
    (area,) = parts(svg, "band")
    assert len(numbers(area)) == 60  # there and back over thirty points
    assert len(numbers(parts(svg, "observed")[0])) == 60


def test_the_span_is_cut_to_the_picture() -> None:
    (rect,) = parts(band_chart(BAND, span=(TIMES[0] - 1e6, TIMES[-1] + 1e6)), "span")
    left, width = float(rect.get("x", "")), float(rect.get("width", ""))
    assert left >= 0 and left + width <= 760


def test_higher_values_stand_higher() -> None:
    (path,) = parts(band_chart(BAND), "observed")
    points = numbers(path)
    assert points[0][1] > points[-1][1]
    assert points[0][0] < points[-1][0]


def test_a_threshold_far_away_is_told_and_not_drawn() -> None:
    svg = band_chart(replace(BAND, threshold=500.0))
    assert parts(svg, "threshold") == []
    assert "&gt; 8 min 20 s" in svg


def test_it_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(band_chart(BAND, prefix="one"))
    title, description = root.find(SVG + "title"), root.find(SVG + "desc")
    assert title is not None and description is not None
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "Latency"
    assert "Observed last: 1.9 s; expected: 300 ms to 550 ms; the alert's condition: > 1.5 s" in (
        description.text or ""
    )


def test_hostile_text_stays_text() -> None:
    evil = '"><script>alert(1)</script>'
    band = replace(BAND, title=evil, unit=evil)
    assert "<script" not in band_chart(band, prefix=evil)
    line = Line(evil, [(TIMES[0], 1.0), (TIMES[1], 2.0)])
    assert "<script" not in lines_chart([line], evil, title=evil, prefix=evil)
    assert "<script" not in spark([(TIMES[0], 1.0), (TIMES[1], 2.0)], title=evil)


def test_arrays_are_drawn_like_lists() -> None:
    arrays: dict[str, Any] = {
        name: np.asarray(getattr(BAND, name)) for name in ("times", "observed", "expected", "lower", "upper")
    }
    assert band_chart(replace(BAND, **arrays), span=(TIMES[45], TIMES[-1])) == band_chart(
        BAND, span=(TIMES[45], TIMES[-1])
    )


def test_without_a_value_there_is_no_picture() -> None:
    empty = [math.nan] * 60
    assert band_chart(Band(title="x", unit="", times=TIMES, observed=empty)) == ""
    assert band_chart(Band(title="x", unit="", times=[], observed=[])) == ""
    assert lines_chart([Line("a", [(TIMES[0], None)])], "", title="x") == ""
    assert spark([(TIMES[0], math.nan)], title="x") == ""


def test_the_lines_of_an_answer_have_a_class_each() -> None:
    lines = [Line(name, [(time, index + 1.0) for time in TIMES]) for index, name in enumerate("abc")]
    svg = lines_chart(lines, "seconds", title="x")
    assert [len(parts(svg, f"l{number}")) for number in range(4)] == [1, 1, 1, 0]
    assert "a: 1 s; b: 2 s; c: 3 s" in svg


@pytest.mark.parametrize(
    "low,high,unit,expected",
    [
        (0.0, 0.83, "", [0.0, 0.25, 0.5, 0.75, 1.0]),
        (0.0, 100.0, "", [0.0, 25.0, 50.0, 75.0, 100.0]),
        (0.0, 300 * 1024**2, "bytes", [100 * 1024**2 * number for number in range(4)]),
        (0.0, 600.0, "seconds", [0.0, 150.0, 300.0, 450.0, 600.0]),
        (5.0, 5.0, "", [4.0, 6.0, 8.0, 10.0]),
    ],
)
def test_ticks_are_round_in_the_unit_that_is_shown(low: float, high: float, unit: str, expected: list[float]) -> None:
    assert nice_ticks(low, high, unit) == expected


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12), st.sampled_from(["", "bytes", "seconds", "ratio"]))
def test_ticks_enclose_the_values(low: float, width: float, unit: str) -> None:
    ticks = nice_ticks(low, low + width, unit)
    slack = 1e-6 * max(abs(low), abs(low + width), 1.0)
    assert ticks[0] <= low + slack and ticks[-1] >= low + width - slack
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 9


@pytest.mark.parametrize(
    "seconds,first",
    [(50, "02:13:20"), (3600, "02:20"), (6 * 3600, "03:00"), (30 * 86_400, "Nov 28")],
)
def test_times_are_round_and_few(seconds: float, first: str) -> None:
    ticks = time_ticks(START, START + seconds)
    assert ticks[0][1] == first
    assert 1 <= len(ticks) <= 7


def test_midnight_says_which_day() -> None:
    assert "Nov 24" in [label for _, label in time_ticks(START, START + 86_400)]


@given(
    st.lists(
        st.one_of(st.floats(-1e9, 1e9), st.just(math.nan), st.just(math.inf)),
        min_size=1,
        max_size=40,
    )
)
def test_every_picture_is_well_formed_and_inside_its_frame(values: list[float]) -> None:
    svg = band_chart(Band(title="x", unit="seconds", times=TIMES[: len(values)], observed=values))
    if not svg:
        assert not any(math.isfinite(value) for value in values)
        return
    for path in parts(svg, "observed"):
        if path.tag == SVG + "path":
            assert all(0 <= x <= 760 and -20 <= y <= 270 for x, y in numbers(path))
