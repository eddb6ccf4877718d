"""Peers compared with peers, on simulated groups whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.peer_signals import PeerSignals
from detectors.peers import Peers, group_numbers
from detectors.seasonal import DetectionError, Tick
from tests.detectors.series import Floats
from watchkeeper.signals import Polarity

STEP = 600.0
PER_DAY = 144
PODS = 20


def healthy(groups: int, days: float, *, seed: int, pods: int = PODS, noise: float = 0.08) -> Floats:
    """Values (S, T) of groups with a day, pods that differ for good, and noise with a memory."""
    random = np.random.default_rng(seed)
    ticks = int(days * PER_DAY)
    times = np.arange(1, ticks + 1) * STEP
    shape = 1 + 0.6 * np.sin(2 * np.pi * (times / 86_400 + random.uniform(0, 1, groups)[:, None]))
    common = np.repeat(100 * shape, pods, axis=0)
    own = np.exp(random.normal(0, 0.3, groups * pods))[:, None]
    drawn = random.standard_normal((groups * pods, ticks))
    memory = np.zeros_like(drawn)
    for i in range(1, ticks):
        memory[:, i] = 0.6 * memory[:, i - 1] + 0.8 * drawn[:, i]
    return np.asarray(common * own * np.exp(noise * memory))


def run(peers: Peers, values: Floats, begin: int = 0) -> list[Tick]:
    return [peers.tick((begin + i + 1) * STEP, values[:, i]) for i in range(values.shape[1])]


def watch(groups: int = 1, pods: int = PODS, **changes: object) -> Peers:
    options: dict[str, object] = {"step": STEP, "hold": 3 * STEP, **changes}
    return Peers(np.repeat(np.arange(groups), pods), **options)  # type: ignore[arg-type]


def spans(ticks: list[Tick]) -> Floats:
    """How many deviations each series had."""
    open_now = np.stack([tick.deviating for tick in ticks], axis=1).astype(int)
    return np.asarray((np.diff(open_now, axis=1, prepend=0) > 0).sum(axis=1), np.float64)


def test_one_pod_of_twenty_that_drifts_is_found_once_and_alone() -> None:
    values = healthy(1, 3, seed=1)
    values[7, 2 * PER_DAY :] *= np.minimum(np.linspace(1, 5, PER_DAY), 3.0)
    found = spans(run(watch(), values))
    assert found[7] == 1 and found.sum() == 1


def test_what_is_said_of_it_is_what_its_peers_let_expect() -> None:
    values = healthy(1, 3, seed=1)
    truth = values[7].copy()
    values[7, 2 * PER_DAY :] *= 3.0
    last = run(watch(), values[:, : 2 * PER_DAY + 12])[-1]
    assert last.deviating[7]
    assert last.since[7] == pytest.approx((2 * PER_DAY + 1) * STEP, abs=2 * STEP)
    assert last.expected[7] == pytest.approx(truth[2 * PER_DAY + 11], rel=0.3)
    assert last.lower[7] < last.expected[7] < last.upper[7] < values[7, 2 * PER_DAY + 11]
    assert last.score[7] > 0.5 > np.delete(last.score, 7).max()


def test_all_twenty_moving_together_is_none() -> None:
    values = healthy(1, 3, seed=2)
    values[:, 2 * PER_DAY :] *= 4.0
    assert spans(run(watch(), values)).sum() == 0


def test_half_of_them_moving_is_nobodys_fault() -> None:
    values = healthy(1, 3, seed=3)
    values[:10, 2 * PER_DAY :] *= 4.0
    assert spans(run(watch(), values)).sum() == 0


def test_a_pod_that_was_always_different_is_none() -> None:
    values = healthy(1, 3, seed=4)
    values[3] *= 10.0
    assert spans(run(watch(), values)).sum() == 0


def test_a_new_pod_among_known_ones_is_compared_at_once() -> None:
    values = healthy(1, 2, seed=5)
    peers = watch(pods=19)
    run(peers, values[:19, :PER_DAY])
    peers.rearrange([*range(19), -1], np.zeros(20, np.int64))
    values[19] *= 30.0
    found = spans(run(peers, values[:, PER_DAY : PER_DAY + 12], begin=PER_DAY))
    assert found[19] == 1 and found[:19].sum() == 0


def test_a_lasting_difference_becomes_usual_after_a_day() -> None:
    values = healthy(1, 5, seed=6)
    values[7, 2 * PER_DAY :] *= 3.0
    ticks = run(watch(), values)
    assert spans(ticks)[7] == 1
    assert not ticks[-1].deviating[7]


@pytest.mark.parametrize(
    "polarity,factor,found", [("high", 3.0, 1), ("high", 0.3, 0), ("low", 0.3, 1), ("low", 3.0, 0)]
)
def test_only_the_bad_direction_counts(polarity: str, factor: float, found: int) -> None:
    values = healthy(1, 3, seed=7)
    values[7, 2 * PER_DAY :] *= factor
    bad = Polarity.HIGH_IS_BAD if polarity == "high" else Polarity.LOW_IS_BAD
    assert spans(run(watch(polarity=bad), values))[7] == found


def test_a_difference_that_does_not_matter_is_none() -> None:
    values = healthy(1, 3, seed=8, noise=0.005)
    values[7, 2 * PER_DAY :] *= 1.15
    assert spans(run(watch(minimum_relative=0.2), values)).sum() == 0
    assert spans(run(watch(minimum_relative=0.05), values))[7] == 1


def test_fewer_than_five_peers_are_not_judged() -> None:
    values = healthy(1, 3, seed=9, pods=4)
    values[0, 2 * PER_DAY :] *= 10.0
    ticks = run(watch(pods=4), values)
    assert spans(ticks).sum() == 0 and np.isnan(ticks[-1].expected).all()


def test_gaps_teach_and_say_nothing() -> None:
    values = healthy(1, 3, seed=10)
    values[7, PER_DAY : PER_DAY + 50] = np.nan
    values[8, ::3] = np.inf
    assert spans(run(watch(), values)).sum() == 0


def test_differences_in_place_of_ratios_serve_values_of_any_sign() -> None:
    values = np.log(healthy(1, 3, seed=11)) - 5
    values[7, 2 * PER_DAY :] += 2.0
    found = spans(run(watch(ratio=False, minimum_relative=0.0), values))
    assert found[7] == 1 and found.sum() == 1


def test_false_alarms_are_bounded_over_healthy_weeks() -> None:
    """600 pods over two weeks: less than one false deviation in a hundred pod-weeks."""
    values = healthy(30, 14, seed=12)
    assert spans(run(watch(groups=30), values)).sum() <= 12


def test_a_restart_changes_nothing() -> None:
    values = healthy(2, 2, seed=13)
    values[5, PER_DAY + 40 :] *= 3.0
    whole, first, second = watch(groups=2), watch(groups=2), watch(groups=2)
    expected = run(whole, values)
    run(first, values[:, : PER_DAY + 45])
    for name, array in first.arrays().items():
        second.put(name, array)
    second.last = first.last
    for a, b in zip(expected[PER_DAY + 45 :], run(second, values[:, PER_DAY + 45 :], PER_DAY + 45), strict=True):
        np.testing.assert_array_equal(a.score, b.score)
        np.testing.assert_array_equal(a.deviating, b.deviating)


def test_the_future_changes_no_score_of_the_past() -> None:
    values = healthy(2, 1.5, seed=14)
    other = values.copy()
    other[:, PER_DAY:] *= np.random.default_rng(0).uniform(0.1, 10, other[:, PER_DAY:].shape)
    for a, b in zip(run(watch(groups=2), values)[:PER_DAY], run(watch(groups=2), other)[:PER_DAY], strict=True):
        np.testing.assert_array_equal(a.score, b.score)


def test_wrong_shapes_and_times_are_refused() -> None:
    peers = watch()
    with pytest.raises(DetectionError, match="expected"):
        peers.tick(STEP, np.ones(3))
    peers.tick(STEP, np.ones(PODS))
    with pytest.raises(DetectionError, match="later than"):
        peers.tick(STEP, np.ones(PODS))


def test_no_series_at_all_is_no_error() -> None:
    peers = Peers(np.zeros(0, np.int64), step=STEP, hold=STEP)
    assert peers.tick(STEP, np.zeros(0)).score.shape == (0,)
    peers.rearrange([-1] * 6, np.zeros(6, np.int64))
    assert peers.tick(2 * STEP, np.ones(6)).stage.tolist() == [0] * 6


def test_groups_are_what_agrees_but_for_the_pod() -> None:
    labels = [{"job": job, "pod": f"{job}-{i}"} for job in ("a", "b") for i in range(2)]
    assert group_numbers(labels).tolist() == [0, 0, 1, 1]


def together(ticks: int, *, seed: int) -> Floats:
    """Load, latency and queue of twenty pods (T, P, K), which follow each pod's own share of the load."""
    random = np.random.default_rng(seed)
    load = random.normal(0, 0.5, (ticks, PODS, 1))
    return np.asarray(np.exp(load * [1.0, 1.0, 1.0] + 0.05 * random.standard_normal((ticks, PODS, 3)) + 2.0))


@pytest.mark.parametrize("estimator", ["covariance", "neighbours"])
def test_signals_that_no_longer_fit_each_other_are_found_although_each_is_ordinary(estimator: str) -> None:
    history, now = together(60, seed=1), together(1, seed=2)[0]
    now[4] = np.exp(2.0) * np.array([0.6, 1.7, 1.0])  # half the load of others and twice the latency
    apart = PeerSignals(estimator=estimator).fit(history).apart(now)  # type: ignore[arg-type]
    assert int(np.nanargmax(apart.distance)) == 4
    assert apart.distance[4] > 1.5 > np.delete(apart.distance, 4).max()
    assert apart.share[4].sum() == pytest.approx(1.0)


def test_what_all_peers_do_is_not_held_against_one() -> None:
    apart = PeerSignals().fit(together(60, seed=1)).apart(10 * together(1, seed=3)[0])
    assert np.nanmax(apart.distance) < 1.5


def test_healthy_ticks_are_seldom_beyond_what_is_usual() -> None:
    model = PeerSignals().fit(together(100, seed=1))
    beyond = np.concatenate([model.apart(values).distance for values in together(200, seed=4)]) > 1.0
    assert beyond.mean() < 0.004


def test_a_peer_without_all_signals_is_not_judged() -> None:
    now = together(1, seed=2)[0]
    now[3, 1] = np.nan
    apart = PeerSignals().fit(together(60, seed=1)).apart(now)
    assert np.isnan(apart.distance[3]) and np.isfinite(np.delete(apart.distance, 3)).all()


def test_too_little_history_is_refused() -> None:
    with pytest.raises(DetectionError, match="at least 60"):
        PeerSignals().fit(together(2, seed=1))
