"""The ensemble of channels: causal, restartable, indifferent to neighbours and to units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.ensemble import CHANNELS, LARGEST, Ensemble, Surprise
from detectors.ensemble.windows import median_of_rows

Floats = NDArray[np.float64]
STEP = 300.0
DAY = 288


def healthy(days: int, series: int = 1, seed: int = 3) -> Floats:
    """Values (T, S) with a daily season and noise."""
    random = np.random.default_rng(seed)
    time = np.arange(days * DAY)[:, None]
    return np.asarray(20 + 8 * np.sin(2 * np.pi * time / DAY) + random.standard_normal((days * DAY, series)))


def run(values: Floats, ensemble: Ensemble | None = None, start: int = 0) -> list[Surprise]:
    """The ticks of values (T, S)."""
    found = ensemble or Ensemble(values.shape[1], step=STEP)
    return [found.tick(STEP * (start + i + 1), row) for i, row in enumerate(values)]


def onsets(ticks: list[Surprise], limit: float = 2.5) -> list[int]:
    """The ticks at which something surprising begins in the first series."""
    return [i for i, tick in enumerate(ticks) if tick.onset[0] and tick.score[0] > limit]


@settings(max_examples=6, deadline=None)
@given(st.integers(40, 330), st.integers(0, 10_000), st.sampled_from([0.0, 1e9, np.nan, -np.inf]))
def test_the_future_changes_no_score_of_the_past(cut: int, seed: int, replacement: float) -> None:
    values = healthy(2, seed=seed)[:340]
    other = values.copy()
    other[cut:] = replacement
    for one, two in zip(run(values)[:cut], run(other)[:cut], strict=True):
        np.testing.assert_array_equal(one.channels, two.channels)
        np.testing.assert_array_equal([one.lower, one.upper], [two.lower, two.upper])
        assert (one.score[0], one.onset[0]) == (two.score[0], two.onset[0])


def test_every_channel_says_something_of_what_it_is_for() -> None:
    values = healthy(9)
    values[-40] += 60.0
    values[-39:-20] += 12.0
    ticks = run(values)
    most = np.max([tick.channels[:, 0] for tick in ticks[-40:]], axis=0)
    assert dict(zip(CHANNELS, most > 2.0, strict=True)) == dict.fromkeys(CHANNELS, True)


@pytest.mark.parametrize("cut", [29, 30, 700])
def test_a_restart_in_the_middle_changes_nothing(cut: int) -> None:
    values = healthy(3, series=3)
    whole = run(values)[cut:]
    first = Ensemble(3, step=STEP)
    run(values[:cut], first)
    second = Ensemble(3, step=STEP)
    for name, array in first.arrays().items():
        second.put(name, array.copy())
    for one, two in zip(whole, run(values[cut:], second, cut), strict=True):
        np.testing.assert_array_equal(one.channels, two.channels)
        np.testing.assert_array_equal(one.onset, two.onset)


def test_series_do_not_know_of_each_other() -> None:
    values = healthy(3, series=4)
    together, alone = run(values), run(values[:, 2:3])
    for one, two in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.channels[:, 2], two.channels[:, 0])
        assert one.score[2] == two.score[0]


def test_gaps_of_one_series_change_nothing_of_another() -> None:
    values = healthy(3, series=2)
    gapped = values.copy()
    gapped[np.random.default_rng(1).random(len(values)) < 0.2, 1] = np.nan
    for one, two in zip(run(values), run(gapped), strict=True):
        np.testing.assert_array_equal(one.channels[:, 0], two.channels[:, 0])
        np.testing.assert_array_equal([one.lower[0], one.upper[0]], [two.lower[0], two.upper[0]])


def test_what_was_said_of_a_tick_stays_when_the_next_comes() -> None:
    values = healthy(2, series=2)
    ensemble = Ensemble(2, step=STEP)
    run(values[:-2], ensemble)
    said = ensemble.tick(STEP * (len(values) - 1), values[-2])
    parts = (said.score, said.channels, said.upward, said.lower, said.upper)
    before = [part.copy() for part in parts]
    ensemble.tick(STEP * len(values), values[-1] + 50.0)
    for part, kept in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part, kept)


@pytest.mark.parametrize("series", [1, 5])
def test_the_median_leaves_out_gaps_and_leaves_its_rows_alone(series: int) -> None:
    rows = np.random.default_rng(2).standard_normal((7, series))
    rows[2, 0] = rows[5, -1] = np.nan
    before = rows.copy()
    np.testing.assert_allclose(median_of_rows(rows), np.nanmedian(rows, axis=0))
    np.testing.assert_array_equal(rows, before)
    assert np.isnan(median_of_rows(np.full((7, series), np.nan))).all()


def test_a_series_keeps_its_past_when_others_come_and_go() -> None:
    values = healthy(4, series=3)
    whole = run(values)
    ensemble = Ensemble(3, step=STEP)
    run(values[:600], ensemble)
    ensemble.rearrange([2, -1, 0])
    rest = np.column_stack([values[600:, 2], values[600:, 1], values[600:, 0]])
    for one, two in zip(whole[600:], run(rest, ensemble, 600), strict=True):
        np.testing.assert_array_equal(one.channels[:, [2, 0]], two.channels[:, [0, 2]])


def test_a_new_series_among_old_ones_says_nothing_at_first() -> None:
    ensemble = Ensemble(1, step=STEP)
    values = healthy(3, series=2)
    run(values[:400, :1], ensemble)
    ensemble.rearrange([0, -1])
    ticks = run(values[400:430], ensemble, 400)
    assert all(tick.score[1] == 0 for tick in ticks)


@pytest.mark.parametrize("factor", [1e-6, 1e9])
@pytest.mark.long
def test_the_unit_of_a_series_does_not_matter(factor: float) -> None:
    values = healthy(3)
    values[700:710] += 15.0
    ticks = run(values)
    scaled = run(values * factor)
    assert [t.score[0] for t in ticks] == pytest.approx([t.score[0] for t in scaled], abs=0.05)


def test_a_level_shift_begins_once() -> None:
    values = healthy(12)
    values[8 * DAY :] += 15.0
    found = onsets(run(values))
    late = [i for i in found if i >= 8 * DAY]
    assert late
    assert late[-1] - late[0] < 12, "it is told within an hour of its begin, and not again"


def test_an_outage_of_the_daily_peak_is_seen_though_the_values_are_ordinary() -> None:
    values = healthy(10)
    peak = 9 * DAY + DAY // 4
    values[peak - 20 : peak + 20] = 20.0
    assert any(peak - 20 <= i <= peak + 20 for i in onsets(run(values)))


def test_gaps_and_infinities_are_no_news() -> None:
    values = healthy(6)
    values[1000:1100] = np.nan
    values[1200], values[1201], values[1202] = np.inf, -np.inf, 1e31
    ticks = run(values)
    assert not any(tick.onset[0] for tick in ticks[1000:1100])
    assert not any(ticks[i].onset[0] for i in (1200, 1201, 1202))
    assert all(np.isfinite(tick.score).all() for tick in ticks)
    assert max(tick.score[0] for tick in ticks[1203:]) < 2.5


def test_a_constant_series_is_ordinary_and_its_first_change_is_not() -> None:
    values = np.full((800, 1), 7.0)
    values[700:] = 9.0
    ticks = run(values)
    assert max(tick.score[0] for tick in ticks[:700]) == 0
    assert ticks[700].onset[0]
    assert ticks[700].score[0] > 2.5


def test_scores_lie_between_zero_and_the_largest() -> None:
    values = np.random.default_rng(1).standard_cauchy((900, 5)) ** 3
    assert all(((tick.channels >= 0) & (tick.channels <= LARGEST)).all() for tick in run(values))


@pytest.mark.long
def test_the_band_holds_what_is_ordinary() -> None:
    values = healthy(12)
    ticks = run(values)[6 * DAY :]
    inside = [bool(t.lower[0] <= v <= t.upper[0]) for t, v in zip(ticks, values[6 * DAY :, 0], strict=True)]
    assert 0.9 < np.mean(inside) < 1.0


def test_a_slot_that_nobody_asked_about_is_unknown_a_week_later() -> None:
    values = healthy(3)
    ensemble = Ensemble(1, step=STEP)
    run(values, ensemble)
    tick = ensemble.tick(STEP * (len(values) + 9 * DAY), values[0])
    assert np.isfinite(tick.score[0])
    assert np.isnan(ensemble.days.usual[0]), "what is older than the days that are kept is forgotten"


def test_a_daily_series_has_its_week_as_season() -> None:
    random = np.random.default_rng(2)
    week = np.array([10, 10, 10, 10, 10, 2, 2.0])
    values = np.tile(week, 20)[:, None] + 0.2 * random.standard_normal((140, 1))
    values[122] = 2.0  # a weekday like a day of the weekend
    ensemble = Ensemble(1, step=86_400.0, period=7 * 86_400.0)
    scores = [float(ensemble.tick(86_400.0 * (i + 1), row).score[0]) for i, row in enumerate(values)]
    assert np.argmax(scores[60:]) + 60 == 122
