"""Two cohorts compared: false findings are held, real ones found, and what cannot be told is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from detectors.compare import Comparison, Demands, compare, hours_apart
from detectors.effects import autocorrelation_time, effect
from detectors.seasonal import DetectionError
from detectors.tables import Table
from watchkeeper.signals import Polarity

Floats = NDArray[np.float64]
N = 240
HIGH, LOW = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD


def noise(random: np.random.Generator, n: int = N, memory: float = 0.0) -> Floats:
    """Gaussian noise of variance one that resembles its own past."""
    fresh = random.standard_normal(n + 100) * math.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], fresh)[100:])


def table(start: float = 0.0, **columns: Floats) -> Table:
    return of(columns, start)


def of(columns: Mapping[str, Floats], start: float = 0.0) -> Table:
    length = len(next(iter(columns.values())))
    return Table(np.asarray(start + 60.0 * np.arange(length), np.float64), columns)


LATER = 7 * 86_400.0


def verdict(
    first: Floats, second: Floats, bad: Polarity = HIGH, *, quantile: float = 0.5, relative: float = 0.05
) -> Comparison:
    """The comparison of one signal, before and after."""
    demands = Demands(quantile=quantile, relative=relative)
    return compare(table(x=first), table(LATER, x=second), demands=demands, polarity={"x": bad})[0]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_the_autocorrelation_time_is_that_of_the_process(memory: float) -> None:
    random = np.random.default_rng(1)
    found = [autocorrelation_time(noise(random, 2_000, memory)) for _ in range(20)]
    assert np.median(found) == pytest.approx((1 + memory) / (1 - memory), rel=0.2)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("quantile", [0.5, None])
def test_noise_that_resembles_its_past_is_called_a_change_as_rarely_as_promised(
    memory: float, quantile: float | None
) -> None:
    random = np.random.default_rng(2)
    false = 0
    for _ in range(120):
        x, y = noise(random, memory=memory), noise(random, memory=memory)
        false += effect(x, y, quantile=quantile, paired=False, level=0.95).p < 0.05
    # Five in a hundred promised; more than eleven would come by chance once in three hundred such runs.
    assert false / 120 <= 0.11


def test_counting_neighbours_as_independent_would_not_hold_it() -> None:
    random = np.random.default_rng(2)
    false = sum(
        stats.mannwhitneyu(noise(random, memory=0.8), noise(random, memory=0.8)).pvalue < 0.05 for _ in range(100)
    )
    assert false > 30


@pytest.mark.parametrize("quantile,most", [(None, 0.96), (0.5, 1.0)])
def test_intervals_hold_the_true_difference_as_often_as_promised(quantile: float | None, most: float) -> None:
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        first, second = noise(random, memory=0.6), 1 + noise(random, memory=0.6)
        low, high = effect(first, second, quantile=quantile, paired=False, level=0.9).interval
        inside += low <= 1 <= high
    # Of medians they are wider than they need be (ranks remember longer), never narrower.
    assert 0.84 <= inside / 200 <= most


def test_a_change_of_one_deviation_is_found_in_most_cases() -> None:
    random = np.random.default_rng(4)
    found = sum(
        verdict(10 + noise(random, memory=0.5), 11 + noise(random, memory=0.5)).verdict == "worse" for _ in range(40)
    )
    assert found >= 36


def test_of_many_signals_without_a_change_few_are_called_changed() -> None:
    random = np.random.default_rng(5)
    runs = 8
    false = 0
    for _ in range(runs):
        first = of({f"s{i}": 10 + noise(random, memory=0.5) for i in range(25)})
        second = of({f"s{i}": 10 + noise(random, memory=0.5) for i in range(25)}, LATER)
        false += any(one.verdict == "changed" for one in compare(first, second, demands=Demands(relative=0.0)))
    # Each alone at five in a hundred would be wrong somewhere in three runs of four.
    assert false <= 3


@pytest.mark.parametrize(
    "bad,step,expected",
    [
        (HIGH, 2.0, "worse"),
        (HIGH, -2.0, "better"),
        (LOW, 2.0, "better"),
        (LOW, -2.0, "worse"),
        (Polarity.BOTH_ARE_BAD, -2.0, "worse"),
        (Polarity.NEUTRAL, 2.0, "changed"),
    ],
)
def test_the_verdict_knows_which_direction_is_bad(bad: Polarity, step: float, expected: str) -> None:
    random = np.random.default_rng(6)
    found = verdict(10 + noise(random), 10 + step + noise(random), bad)
    assert found.verdict == expected
    assert found.difference == pytest.approx(step, abs=0.5)
    assert found.low < step < found.high
    assert found.ratio_low < 1 + step / 10 < found.ratio_high


def test_a_sure_change_that_is_too_small_to_matter_is_the_same() -> None:
    random = np.random.default_rng(7)
    found = verdict(100 + noise(random), 101 + noise(random), relative=0.05)
    assert found.p < 0.001
    assert found.verdict == "same"
    assert verdict(100 + noise(random), 101 + noise(random), relative=0.0).verdict == "worse"


def test_what_may_be_small_or_large_is_not_known() -> None:
    random = np.random.default_rng(8)
    found = verdict(10 + 5 * noise(random, 30), 10 + 5 * noise(random, 30))
    assert found.verdict == "not enough data"
    assert "is possible" in found.why


@pytest.mark.parametrize("first,second", [(5, 200), (200, 5)])
def test_too_few_values_are_not_judged(first: int, second: int) -> None:
    random = np.random.default_rng(9)
    found = verdict(noise(random, first), 100 + noise(random, second))
    assert (found.verdict, found.values) == ("not enough data", (first, second))


def test_many_values_that_all_resemble_each_other_are_few() -> None:
    random = np.random.default_rng(10)
    found = verdict(10 + np.cumsum(noise(random, 200)) / 10, 12 + np.cumsum(noise(random, 200)) / 10)
    assert found.verdict == "not enough data"
    assert "resemble" in found.why


def test_a_high_quantile_needs_more_data_than_the_median() -> None:
    random = np.random.default_rng(11)
    first, second = 10 + noise(random, 100), 14 + noise(random, 100)
    assert verdict(first, second, quantile=0.5).verdict == "worse"
    assert verdict(first, second, quantile=0.99).verdict == "not enough data"
    found = verdict(10 + noise(random, 2_000), 14 + noise(random, 2_000), quantile=0.99)
    assert (found.verdict, found.statistic) == ("worse", "p99")


def test_a_load_that_both_share_is_no_noise() -> None:
    random = np.random.default_rng(12)
    load = 10 * np.sin(np.arange(N) / 20) + 40
    first, second = load + noise(random), load + 3 + noise(random)
    together = compare(table(x=first), table(x=second), polarity={"x": HIGH})[0]
    assert together.low < 3 < together.high
    apart = compare(table(x=first), table(86_400.0, x=second), polarity={"x": HIGH})[0]
    assert together.verdict == "worse"
    assert apart.verdict == "not enough data"


def test_counts_that_are_mostly_zero_are_compared_by_their_mean() -> None:
    random = np.random.default_rng(13)
    found = verdict(random.poisson(0.1, N).astype(float), random.poisson(0.8, N).astype(float))
    assert (found.verdict, found.statistic) == ("worse", "mean")


def test_constants_are_the_same_or_not() -> None:
    ones = np.ones(N)
    assert verdict(ones, ones).verdict == "same"
    assert verdict(ones, 2 * ones).verdict == "worse"
    assert verdict(0 * ones, 0 * ones).verdict == "same"


def test_gaps_are_left_out() -> None:
    random = np.random.default_rng(14)
    first, second = 10 + noise(random), 12 + noise(random)
    second[::3] = np.nan
    assert verdict(first, second).values == (N, 160)
    paired = compare(table(x=first), table(x=second), polarity={"x": HIGH})[0]
    assert (paired.values, paired.verdict) == ((160, 160), "worse")


def test_the_worst_stand_first_and_what_only_one_cohort_has_is_said() -> None:
    random = np.random.default_rng(15)
    first = table(fine=10 + noise(random), bad=10 + noise(random), gone=noise(random))
    second = table(LATER, fine=10 + noise(random), bad=15 + noise(random))
    found = compare(first, second, polarity={"bad": HIGH}, demands=Demands(relative=0.1))
    assert [one.signal for one in found] == ["bad", "gone", "fine"]
    assert found[1].why == "only the first has it"


def test_the_same_tables_give_the_same_numbers() -> None:
    random = np.random.default_rng(16)
    first, second = 10 + noise(random), 10 + noise(random)
    assert verdict(first, second) == verdict(first, second)


def test_tables_without_a_common_signal_are_refused() -> None:
    with pytest.raises(DetectionError, match="no signal is in both: a in the first, b in the second"):
        compare(table(a=np.ones(20)), table(b=np.ones(20)))


@pytest.mark.parametrize(
    "make", [lambda: Demands(quantile=1.0), lambda: Demands(relative=-0.1), lambda: Demands(false_share=0.0)]
)
def test_demands_that_make_no_sense_are_refused(make: Callable[[], Demands]) -> None:
    with pytest.raises(DetectionError):
        make()


def test_a_night_and_a_day_are_told_apart() -> None:
    night, day = table(x=np.ones(240)), table(12 * 3600.0, x=np.ones(240))
    assert hours_apart(night, day) == 1.0
    assert hours_apart(night, table(LATER, x=np.ones(240))) == 0.0
