"""What the detector benchmarks stand on: the scorer, the peers' causality, and the page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.detectors.nab import (
    PROFILES,
    AbsentError,
    Events,
    best,
    cross_validated,
    events,
    hits,
    probation,
    read_corpus,
)
from benchmarks.detectors.ours import onsets, ours, scaled
from benchmarks.detectors.peers import PEERS, ecod_alone
from benchmarks.page import between, replaced

Floats = NDArray[np.float64]
Corpus = list[tuple[Floats, tuple[tuple[int, int], ...]]]

# What comes with the extra `bench` alone.
LIBRARY = {"PyOD ECOD": "pyod", "PyOD IForest": "pyod", "PyOD KNN": "pyod", "statsmodels Holt-Winters": "statsmodels"}


def corpus(seed: int, files: int = 7) -> Corpus:
    """Sparse random scores, with ties, over series with windows; some of these begin in the probation."""
    random = np.random.default_rng(seed)
    found: Corpus = []
    for _ in range(files):
        rows = int(random.integers(100, 900))
        scores = np.round(random.random(rows) ** 3, int(random.integers(1, 9))) * (random.random(rows) < 0.1)
        edges = np.sort(random.choice(rows, 2 * int(random.integers(0, 4)), replace=False))
        found.append((scores, tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2))))
    return found


def judged(files: Corpus) -> list[Events]:
    return [events(scores, windows) for scores, windows in files]


def sigmoid(y: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * y)) - 1.0


def total(scores: Floats, windows: tuple[tuple[int, int], ...], threshold: float, profile: str) -> float:
    """The raw score of one series at one threshold, word for word after the rules, row by row."""
    a_tp, a_fn, a_fp = PROFILES[profile]
    seen: set[int] = set()
    result = 0.0
    for i in range(probation(len(scores)), len(scores)):
        if scores[i] <= 0 or scores[i] < threshold:
            continue
        inside = [k for k, (left, right) in enumerate(windows) if left <= i <= right]
        before = [(left, right) for left, right in windows if right < i]
        if inside:
            left, right = windows[inside[0]]
            if inside[0] not in seen:
                result += a_tp * sigmoid(-(right - i + 1) / (right - left + 1)) / sigmoid(-1.0)
            seen.add(inside[0])
        elif before:
            left, right = before[-1]
            y = (i - right) / max(1, right - left)
            result += a_fp * (-1.0 if y > 3 else sigmoid(y))
        else:
            result -= a_fp
    return result - a_fn * (len(windows) - len(seen))


def normalised(files: Corpus, thresholds: list[float], profile: str) -> float:
    a_tp, a_fn, _ = PROFILES[profile]
    count = sum(len(windows) for _, windows in files)
    raw = sum(total(scores, windows, at, profile) for (scores, windows), at in zip(files, thresholds, strict=True))
    return 100.0 * (raw + a_fn * count) / ((a_tp + a_fn) * count)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(4))
def test_the_best_threshold_is_the_one_that_trying_all_finds(seed: int, profile: str) -> None:
    files = corpus(seed, files=3)
    tried = {float(score) for scores, _ in files for score in scores if score > 0}
    expected = max(0.0, *(normalised(files, [at] * len(files), profile) for at in sorted(tried)))
    score, at = best(judged(files), profile)
    assert score == pytest.approx(expected)
    assert normalised(files, [at] * len(files), profile) == pytest.approx(expected)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_cross_validated_score_judges_each_series_at_the_threshold_of_the_others(profile: str) -> None:
    files = corpus(11)
    fold = np.random.default_rng(0).permutation(len(files)) % 5
    everything = judged(files)
    thresholds = [
        best([one for one, its in zip(everything, fold, strict=True) if its != mine], profile)[1] for mine in fold
    ]
    found = cross_validated(everything, profile, splits=1)
    assert found == pytest.approx(normalised(files, thresholds, profile))


def test_a_detection_at_the_left_edge_of_each_window_alone_is_perfect() -> None:
    scores, windows = np.zeros(1_000), ((300, 360), (700, 760))
    scores[[300, 700]] = 1.0
    score, threshold = best([events(scores, windows)], "standard")
    assert score == pytest.approx(100.0) and threshold == 1.0
    assert hits(scores, windows, 0.5) == (2, 0)


def test_nothing_is_found_where_nothing_is_said() -> None:
    assert best([events(np.zeros(500), ((300, 340),))], "standard") == (0.0, math.inf)


def test_the_reader_says_what_is_missing_and_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"windows\.json: no such file.*set WATCHKEEPER_DATA"):
        read_corpus(tmp_path)


def test_the_reader_finds_the_rows_of_the_windows(tmp_path: Path) -> None:
    rows = "\n".join(f"2024-01-01 00:{5 * i:02d}:00,{i}" for i in range(10))
    (tmp_path / "a.csv").write_text(f"timestamp,value\n{rows}\n")
    (tmp_path / "windows.json").write_text('{"a.csv": [["2024-01-01 00:14:00", "2024-01-01 00:25:00.000000"]]}')
    (file,) = read_corpus(tmp_path)
    assert file.windows == ((3, 5),)
    assert file.values.tolist() == list(range(10))
    assert np.diff(file.times).tolist() == [300.0] * 9


SPIKE = 180


def series(rows: int = 270) -> tuple[Floats, Floats]:
    """Hourly values with a daily curve and one spike."""
    times: Floats = 1_700_000_000.0 + 3_600.0 * np.arange(rows, dtype=float)
    values = np.sin(2 * np.pi * np.arange(rows) / 24) + 0.1 * np.random.default_rng(5).standard_normal(rows)
    values[SPIKE] += 6.0
    return times, values


def judge(name: str) -> Floats:
    if name in LIBRARY:
        pytest.importorskip(LIBRARY[name], reason="comes with the extra `bench`")
    return PEERS[name](*series())


@pytest.mark.parametrize("name", PEERS)
def test_no_peer_looks_ahead(name: str) -> None:
    whole = judge(name)
    times, values = series()
    # Inside of the rows between two fits, so that a chunk that is judged at once is tried too.
    values[225:] = 50.0
    changed = PEERS[name](times, values)
    np.testing.assert_allclose(changed[:225], whole[:225], rtol=1e-9, atol=1e-12)
    assert not np.allclose(changed[225:], whole[225:])
    np.testing.assert_allclose(PEERS[name](times[:225], values[:225]), whole[:225], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PEERS)
def test_a_spike_surprises_every_peer_more_than_the_value_that_was_due(name: str) -> None:
    found = judge(name)
    assert np.isfinite(found).all()
    assert found.min() >= 0.0
    times, values = series()
    values[SPIKE] -= 6.0
    without = PEERS[name](times, values)
    assert found[SPIKE : SPIKE + 4].max() > without[SPIKE : SPIKE + 4].max() + 0.1


def test_a_row_judged_alone_is_what_pyod_says_of_it_alone() -> None:
    module = pytest.importorskip("pyod.models.ecod", reason="comes with the extra `bench`")
    random = np.random.default_rng(2)
    past, rows = random.gamma(2.0, size=(200, 3)), 3.0 * random.standard_normal((20, 3))
    model = module.ECOD().fit(past)
    alone = [float(model.decision_function(row[None])[0]) for row in rows]
    np.testing.assert_allclose(ecod_alone(past, rows), alone)


def test_ours_does_not_look_ahead_and_says_nothing_of_a_row_that_is_late() -> None:
    times, values = series()
    times[150] = times[149]
    whole, began = ours(times, values)
    values[225:] = 50.0
    for before, after in zip((whole, began), ours(times, values), strict=True):
        np.testing.assert_array_equal(after[:225], before[:225])
    assert whole[150] == 0.0
    assert (began[began > 0] == whole[began > 0]).all()


def test_what_goes_on_is_told_once() -> None:
    times: Floats = 300.0 * np.arange(600, dtype=float)
    surprise = np.full(600, 0.1)
    surprise[400:] = 5.0
    found = onsets(times, surprise)
    assert found[400] == 5.0
    assert not found[401:].any()


def test_scores_keep_their_order_between_0_and_1() -> None:
    found = scaled(np.array([0.0, 0.5, 1.0, 1e9]))
    assert found[0] == 0.0 and found[2] == 0.5 and found[-1] < 1.0
    assert (np.diff(found) > 0).all()


def test_the_part_on_detectors_is_replaced_and_the_rest_of_the_page_stays() -> None:
    page = replaced("# Benchmarks\n\n## One\n", "first")
    again = replaced(page + "\n## Two\n", "second")
    assert "first" not in again and "second" in again
    assert again.startswith("# Benchmarks\n\n## One\n") and again.endswith("\n## Two\n")
    assert again.count(between(again)) == 1
