from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.seasonal import STAGES, DetectionError, SeasonalDetector
from tests.detectors.series import DAY, PER_DAY, STEP, Floats, clock, detector, onsets, seasonal
from watchkeeper.signals import Polarity

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300]))


def _record(found: SeasonalDetector, times: Floats, values: Floats) -> Floats:
    """Everything that is said of each tick, (5, S, T)."""
    ticks = found.replay(times, values)
    return np.stack(
        [
            np.stack([getattr(tick, name) for tick in ticks], axis=1).astype(float)
            for name in ("expected", "lower", "upper", "score", "deviating")
        ]
    )


@settings(max_examples=20, deadline=None)
@given(
    past=st.lists(VALUES, min_size=35, max_size=60),
    one=st.lists(VALUES, max_size=15),
    two=st.lists(VALUES, max_size=15),
)
def test_another_future_changes_no_score_of_the_past(past: list[float], one: list[float], two: list[float]) -> None:
    records = []
    for future in (one, two):
        values = np.array([[*past, *future]])
        times = clock(values.shape[1])
        found = SeasonalDetector(1, step=STEP, seasons=(8 * STEP, 24 * STEP), hold=2 * STEP)
        records.append(_record(found, times, values)[:, :, : len(past)])
    assert np.array_equal(records[0], records[1], equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=80))
def test_scores_stay_between_zero_and_one_whatever_comes(values: list[float]) -> None:
    found = SeasonalDetector(1, step=STEP, seasons=(8 * STEP,))
    scores = _record(found, clock(len(values)), np.array([values]))[3]
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.long
def test_healthy_series_with_a_day_deviate_never_in_four_weeks() -> None:
    times, values = seasonal(20, 28, seed=1)
    assert onsets(detector(20).replay(times, values)).sum() == 0


@pytest.mark.long
def test_a_weekend_is_a_surprise_once_at_most() -> None:
    times, values = seasonal(20, 28, seed=2, weekend=0.5)
    starts = onsets(detector(20).replay(times, values))
    assert starts[:, 7 * PER_DAY :].sum() == 0
    assert starts.sum(axis=1).max() <= 1


@pytest.mark.parametrize("factor", [1.6, 3.0, 0.3])
@pytest.mark.long
def test_a_fault_of_six_hours_is_found_within_the_hold_and_two_steps_and_ends(factor: float) -> None:
    times, values = seasonal(10, 21, seed=3)
    begin, length = 20 * PER_DAY + 30, PER_DAY // 4
    values[:, begin : begin + length] *= factor
    ticks = detector(10).replay(times, values)
    starts = onsets(ticks)
    assert (starts.sum(axis=1) == 1).all()
    assert (starts[:, begin : begin + 8].sum(axis=1) == 1).all()
    assert not ticks[begin + length + 8].deviating.any()


def test_a_lasting_shift_is_exactly_one_deviation_and_is_adopted_after_a_day() -> None:
    times, values = seasonal(10, 42, seed=4)
    begin = 20 * PER_DAY + 30
    values[:, begin:] += 2.0
    ticks = detector(10).replay(times, values)
    assert (onsets(ticks).sum(axis=1) == 1).all()
    assert ticks[begin + PER_DAY // 2].deviating.all()
    assert not ticks[begin + PER_DAY + 8].deviating.any()


@pytest.mark.long
def test_the_return_from_an_adopted_shift_is_no_deviation() -> None:
    times, values = seasonal(10, 28, seed=5)
    values[:, 20 * PER_DAY : 23 * PER_DAY] += 2.0
    starts = onsets(detector(10).replay(times, values))
    assert (starts.sum(axis=1) == 1).all()


def test_on_the_first_day_it_watches_the_level_and_says_so() -> None:
    random = np.random.default_rng(6)
    values = 10 + random.standard_normal((1, PER_DAY))
    values[:, 100:] += 30
    ticks = detector().replay(clock(PER_DAY), values)
    assert STAGES[ticks[10].stage[0]] == "learning"
    assert not ticks[10].deviating[0]
    assert STAGES[ticks[90].stage[0]] == "level"
    assert any(tick.deviating[0] for tick in ticks[100:110])


@pytest.mark.long
def test_stages_follow_the_seasons_that_were_lived_through() -> None:
    times, values = seasonal(1, 16, seed=7)
    ticks = detector().replay(times, values)
    assert STAGES[ticks[3 * PER_DAY].stage[0]] == "first season"
    assert STAGES[ticks[-1].stage[0]] == "all seasons"


@pytest.mark.long
def test_a_gap_is_no_zero_and_nothing_is_learned_in_it() -> None:
    times, values = seasonal(4, 21, seed=8)
    values[:, 15 * PER_DAY : 16 * PER_DAY + 50] = np.nan
    ticks = detector(4).replay(times, values)
    assert onsets(ticks).sum() == 0
    assert ticks[15 * PER_DAY + 20].score.max() == 0


@pytest.mark.long
def test_missing_values_are_masked_by_present_as_by_nan() -> None:
    times, values = seasonal(3, 6, seed=9)
    present = np.random.default_rng(9).random(values.shape) > 0.3
    one, two = detector(3), detector(3)
    one.replay(times, np.where(present, values, np.nan))
    two.replay(times, np.where(present, values, 1e9), present)
    for name, array in one.arrays().items():
        assert np.array_equal(array, two.arrays()[name], equal_nan=True), name


@pytest.mark.long
def test_a_deviation_ends_when_its_series_falls_silent() -> None:
    times, values = seasonal(1, 15, seed=10)
    values[:, 14 * PER_DAY :] += 5
    values[:, 14 * PER_DAY + 20 :] = np.nan
    ticks = detector().replay(times, values)
    assert ticks[14 * PER_DAY + 19].deviating[0]
    assert not ticks[14 * PER_DAY + 40].deviating[0]


@pytest.mark.parametrize(
    "polarity, found", [(Polarity.HIGH_IS_BAD, 0), (Polarity.LOW_IS_BAD, 1), (Polarity.BOTH_ARE_BAD, 1)]
)
def test_only_the_bad_direction_deviates(polarity: Polarity, found: int) -> None:
    times, values = seasonal(1, 16, seed=11)
    values[:, 15 * PER_DAY : 15 * PER_DAY + 40] *= 0.3
    ticks = detector(polarity=polarity).replay(times, values)
    assert onsets(ticks).sum() == found
    assert (max(tick.score[0] for tick in ticks[15 * PER_DAY :]) > 0.5) == bool(found)


@pytest.mark.parametrize(
    "demand, found",
    [
        ({}, 1),
        ({"minimum_relative": 0.9}, 0),
        ({"minimum_absolute": 5.0}, 0),
        ({"minimum_relative": 0.2, "minimum_absolute": 0.2}, 1),
    ],
)
@pytest.mark.long
def test_a_deviation_must_be_as_large_as_demanded(demand: dict[str, object], found: int) -> None:
    times, values = seasonal(1, 16, seed=12, amplitude=0.0)
    values[:, 15 * PER_DAY : 15 * PER_DAY + 40] *= 1.6
    assert onsets(detector(1, **demand).replay(times, values)).sum() == found


def test_less_than_the_hold_time_is_no_deviation() -> None:
    times, values = seasonal(1, 16, seed=13)
    values[:, 15 * PER_DAY : 15 * PER_DAY + 4] *= 5
    assert onsets(detector().replay(times, values)).sum() == 0


def test_a_constant_series_is_expected_to_stay_and_its_change_is_found() -> None:
    values = np.full((1, 3 * PER_DAY), 7.0)
    values[:, 2 * PER_DAY + 20 :] = 8.0
    ticks = detector().replay(clock(values.shape[1]), values)
    assert ticks[2 * PER_DAY].expected[0] == pytest.approx(7.0)
    assert onsets(ticks).sum() == 1


@pytest.mark.long
def test_a_new_start_of_a_process_that_holds_little_at_first_is_no_deviation_of_memory() -> None:
    # The memory of a restarted process falls and climbs to where it was.
    random = np.random.default_rng(14)
    values = 200 + 3 * random.standard_normal((1, 10 * PER_DAY))
    restart = 8 * PER_DAY
    values[:, restart : restart + 60] = np.linspace(60, 200, 60)
    ticks = detector(polarity=Polarity.HIGH_IS_BAD).replay(clock(values.shape[1]), values)
    assert onsets(ticks).sum() == 0


@pytest.mark.long
def test_a_series_alone_is_judged_as_among_others() -> None:
    times, values = seasonal(5, 10, seed=15)
    together = _record(detector(5), times, values)
    alone = _record(detector(1), times, values[2:3])
    assert np.allclose(together[:, 2:3], alone, equal_nan=True, rtol=1e-12)


@pytest.mark.long
def test_detectors_of_one_step_give_the_same_joined_as_apart() -> None:
    times, values = seasonal(4, 8, seed=16)
    apart = [detector(2, polarity=Polarity.HIGH_IS_BAD), detector(2, hold=STEP, minimum_absolute=1.0)]
    joined = [detector(2, polarity=Polarity.HIGH_IS_BAD), detector(2, hold=STEP, minimum_absolute=1.0)]
    for part, rows in zip(apart, (values[:2], values[2:]), strict=True):
        part.replay(times, rows)
    whole = SeasonalDetector.joined(joined)
    whole.replay(times, values)
    whole.split(joined)
    for one, two in zip(apart, joined, strict=True):
        for name, array in one.arrays().items():
            assert np.array_equal(array, two.arrays()[name], equal_nan=True), name


@pytest.mark.long
def test_series_can_be_dropped_moved_and_added() -> None:
    times, values = seasonal(3, 4, seed=17)
    found, alone = detector(3), detector(1)
    found.replay(times, values)
    alone.replay(times, values[2:3])
    found.rearrange([2, -1])
    tick = found.tick(times[-1] + STEP, np.array([1.0, 1.0]))
    other = alone.tick(times[-1] + STEP, np.array([1.0]))
    assert tick.expected[0] == pytest.approx(other.expected[0])
    assert math.isnan(tick.expected[1])


def test_time_goes_forward() -> None:
    found = detector()
    found.tick(100.0, np.array([1.0]))
    with pytest.raises(DetectionError, match="time goes forward"):
        found.tick(100.0, np.array([1.0]))


def test_values_of_another_number_are_refused() -> None:
    with pytest.raises(DetectionError, match="1 series"):
        detector().tick(100.0, np.array([1.0, 2.0]))


def test_a_series_costs_less_than_eight_kibibytes() -> None:
    found = detector(10)
    assert sum(array.nbytes for array in found.arrays().values()) / 10 < 8_192


def test_a_daily_series_is_judged_after_two_weeks_by_its_weekday() -> None:
    random = np.random.default_rng(18)
    days = np.asarray(DAY * np.arange(1, 61), np.float64)
    values = 100 * (1 + 0.03 * random.standard_normal((1, 60))) * np.where((days // DAY) % 7 >= 5, 0.4, 1.0)
    values[:, 50] *= 2
    found = SeasonalDetector(
        1, step=DAY, seasons=(7 * DAY,), hold=DAY, polarity=Polarity.HIGH_IS_BAD, minimum_relative=0.2
    )
    starts = onsets(found.replay(days, values))
    assert list(np.flatnonzero(starts[0])) == [50]


def test_a_queue_that_is_almost_always_empty_does_not_grow_blind() -> None:
    random = np.random.default_rng(19)
    ticks = 6 * PER_DAY
    values = np.where(random.random((1, ticks)) < 0.03, random.exponential(0.05, (1, ticks)), 0.0)
    values[:, :: PER_DAY // 3] = 1.0
    fault = slice(5 * PER_DAY, 5 * PER_DAY + 20)
    values[:, fault] = np.linspace(0, 60, 20)
    found = detector(polarity=Polarity.HIGH_IS_BAD, minimum_absolute=5.0, minimum_relative=1.0)
    starts = onsets(found.replay(clock(ticks), values))
    assert starts.sum() == 1
    assert starts[:, fault].sum() == 1
