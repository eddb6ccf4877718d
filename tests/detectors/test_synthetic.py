"""The labelled synthetic suite: its series are what they claim to be, and its scorer counts rightly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.synthetic import KINDS, LAWS, START, Fleet, Label, by_week, injected, onsets_of, score, suite
from benchmarks.synthetic.__main__ import table

Floats = NDArray[np.float64]
HOUR, DAY, WEEK = 3_600.0, 86_400.0, 604_800.0
AT = START + 8 * DAY + 10 * HOUR


def one(kind: str, law: str = "gaussian", *, size: float = 5.0, end: float = AT + 6 * HOUR, weeks: float = 2) -> Fleet:
    """One series of a law with one fault; and two more that have none."""
    label = Label(kind, (0,), AT, end, size, AT + DAY)
    return Fleet(3, weeks, 4, labels=(label,), law=(law, "gaussian", "plain"))


def healthy(law: str = "gaussian", weeks: float = 2) -> Fleet:
    return Fleet(3, weeks, 4, law=(law, "gaussian", "plain"))


def difference(kind: str, law: str = "gaussian", **changes: float) -> tuple[Floats, Floats, Fleet]:
    """Times, and what a fault changes of its series, in units of its noise."""
    fleet = one(kind, law, **changes)
    times, sick = fleet.whole()
    _, well = healthy(law).whole()
    return times, (sick[0] - well[0]) / fleet.noise[0], fleet


def test_a_seed_gives_the_same_series_and_another_seed_others() -> None:
    _, first = Fleet(12, 1, 5).whole()
    assert np.array_equal(first, Fleet(12, 1, 5).whole()[1])
    assert not np.array_equal(first, Fleet(12, 1, 6).whole()[1])


@pytest.mark.parametrize("law", LAWS)
def test_the_noise_of_a_law_is_what_it_is_said_to_be(law: str) -> None:
    with_noise = Fleet(30, 2, 8, law=(law,) * 30)
    times, values = with_noise.whole()
    residual = values - with_noise._base.expected(times)
    assert np.median(residual.std(axis=1) / with_noise.noise) == pytest.approx(1.0, abs=0.1)


def test_values_keep_to_what_their_law_allows() -> None:
    _, values = Fleet(60, 2, 9).whole()
    laws = np.array(Fleet(60, 2, 9).laws)
    counts = values[laws == "counts"]
    assert np.array_equal(counts, np.round(counts)) and counts.min() == 0
    share = values[laws == "utilisation"]
    assert share.min() >= 0 and share.max() <= 100
    assert values[laws == "multiplicative"].min() >= 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_changes_nothing_before_it_nor_in_other_series(kind: str) -> None:
    times, sick = one(kind).whole()
    _, well = healthy().whole()
    assert np.array_equal(sick[1:], well[1:])
    assert np.array_equal(sick[0, times < AT], well[0, times < AT])
    assert not np.array_equal(sick[0], well[0], equal_nan=True)


@pytest.mark.parametrize("kind", ["spike", "level shift", "correlated outage"])
def test_a_fault_is_as_large_as_its_label_says_and_ends_with_it(kind: str) -> None:
    times, change, _ = difference(kind, size=5.0)
    inside = (times >= AT) & (times < AT + 6 * HOUR)
    assert change[inside] == pytest.approx(5.0)
    assert change[~inside] == pytest.approx(0.0)


def test_a_drift_takes_a_day_to_its_size() -> None:
    times, change, _ = difference("drift", end=np.inf)
    assert change[times == AT + 12 * HOUR] == pytest.approx(2.5)
    assert change[times >= AT + DAY] == pytest.approx(5.0)


def test_a_gap_is_missing_and_a_flat_line_holds_its_value_over_midnight() -> None:
    gap, line = one("gap"), one("flat line", end=AT + 20 * HOUR)
    times, values = gap.whole()
    inside = (times >= AT) & (times < AT + 6 * HOUR)
    assert np.isnan(values[0, inside]).all() and np.isfinite(values[0, ~inside]).all()
    times, values = line.whole()
    inside = (times >= AT) & (times < AT + 20 * HOUR)
    assert set(values[0, inside]) == {values[0, np.flatnonzero(inside)[0] - 1]}


def test_a_holiday_has_the_shape_of_a_sunday_and_the_clock_change_moves_the_day_by_an_hour() -> None:
    monday = START + WEEK
    fleet = Fleet(1, 2, 4, labels=(Label("holiday", (0,), monday, monday + DAY, 1.0, 0.0),), law=("gaussian",))
    times, values = fleet.whole()
    _, well = Fleet(1, 2, 4, law=("gaussian",)).whole()
    base = fleet._base
    day, sunday = times >= monday, monday - DAY
    day &= times < monday + DAY
    moved = values[0, day] - well[0, day]
    assert moved == pytest.approx(
        (base.expected(np.asarray(np.arange(288) * 300.0 + sunday)) - base.expected(times[day]))[0]
    )
    times, change, fleet = difference("DST change", end=np.inf)
    after = times >= AT
    moved = (fleet._base.expected(np.asarray(times[after] + HOUR)) - fleet._base.expected(times[after]))[
        0
    ] / fleet.noise[0]
    assert change[after] == pytest.approx(moved)


def test_variance_changes_by_its_factor() -> None:
    fleet = one("variance change", size=4.0, end=np.inf)
    times, values = fleet.whole()
    residual = values[0] - fleet._base.expected(times)[0]
    assert residual[times >= AT].std() / residual[times < AT].std() == pytest.approx(4.0, rel=0.15)


def test_the_suite_has_every_kind_at_every_size_and_outages_befall_several_at_once() -> None:
    fleet = suite(per=10, sizes=(3.0, 5.0))
    assert {label.kind for label in fleet.labels} == set(KINDS)
    assert all(len(label.series) == KINDS[label.kind].members for label in fleet.labels)
    assert {abs(label.size) for label in fleet.labels if KINDS[label.kind].sized} == {3.0, 5.0}
    assert all(fleet.judged_from < label.start < fleet.end for label in fleet.labels)
    assert {label.kind for label in fleet.planned} == {"holiday", "launch"}
    rows = [row for label in fleet.labels for row in label.series]
    assert len(set(rows)) == len(rows)


def test_faults_can_be_injected_into_the_healthy_fleet() -> None:
    fleet = injected(60, 4, seed=3, faults=15, warm=2)
    assert len(fleet.labels) == 15
    assert all(3.0 <= abs(label.size) <= 8.0 and label.start >= START + 2 * WEEK for label in fleet.labels)
    with pytest.raises(ValueError, match="do not fit"):
        injected(20, 8, faults=100)


class Oracle:
    """Reports what it is told to, at the first value at or after each time."""

    def __init__(self, told: Sequence[tuple[int, float]]) -> None:
        self.told = told

    def __call__(self, series: int, step: float) -> Oracle:
        return self

    def detect(self, times: Floats, values: Floats) -> NDArray[np.bool_]:
        began = np.zeros(values.shape, np.bool_)
        for row, at in self.told:
            began[row, (times >= at) & (times < at + 300.0)] = True
        return began


def told(fleet: Fleet, onsets: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return onsets_of(fleet, lambda series, step: Oracle(onsets).detect)


def test_who_reports_every_fault_at_once_and_nothing_else_has_the_full_score() -> None:
    fleet = suite(per=6, sizes=(3.0,), warm=1)
    wanted = [(row, label.start) for label in fleet.labels if label.wanted for row in label.series]
    found = score(fleet, told(fleet, wanted))
    assert set(found) == set(KINDS)
    for one_kind in found.values():
        assert one_kind.recall == (1.0 if one_kind.wanted else 0.0)
        assert one_kind.false_alarms == 0.0
        if one_kind.wanted:
            assert one_kind.delay == 0.0
            assert one_kind.reports == len(next(x for x in fleet.labels if x.kind == one_kind.kind).series)
    text = table(found, (3.0,))
    assert all(f"| {kind}" in text for kind in KINDS)


def test_a_late_report_finds_nothing_a_second_one_is_counted_and_what_else_begins_is_a_false_alarm() -> None:
    label = Label("level shift", (0,), AT, np.inf, 5.0, AT + DAY)
    fleet = Fleet(2, 4, 1, labels=(label,), law=("gaussian",) * 2, kinds={0: "level shift", 1: "level shift"})
    found = score(fleet, [(0, AT + DAY + HOUR)])["level shift"]
    assert (found.found, found.false_alarms) == (0, 0.0)
    found = score(fleet, [(0, AT + HOUR), (0, AT + 2 * DAY)])["level shift"]
    assert (found.found, found.delay, found.reports) == (1, HOUR, 2.0)
    # The other series was judged for four weeks, this one until the shift.
    weeks = 4 + (AT - START) / WEEK
    found = score(fleet, [(1, AT), (0, AT - 2 * DAY)])["level shift"]
    assert found.false_alarms == pytest.approx(2 / weeks)


@pytest.mark.parametrize("hours,found", [(1, 1), (7, 1), (9, 0)])
def test_a_report_on_what_is_to_be_silent_is_counted_until_two_hours_after_it(hours: int, found: int) -> None:
    fleet = Fleet(1, 2, 4, labels=(Label("gap", (0,), AT, AT + 6 * HOUR, 1.0, AT),), law=("gaussian",))
    assert score(fleet, [(0, AT + hours * HOUR)])["gap"].found == found


def test_alerts_are_counted_by_week_without_those_of_faults() -> None:
    fleet = one("spike", weeks=2)
    assert by_week(fleet, [(0, AT + HOUR), (1, AT), (1, START), (2, START + DAY)]) == (2, 1)


def test_a_detector_that_answers_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="answered"):
        onsets_of(healthy(), lambda series, step: lambda times, values: np.zeros(3, np.bool_))
