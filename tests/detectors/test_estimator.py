from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.estimator_checks import parametrize_with_checks

from detectors.estimator import EXPECTED_FAILED_CHECKS, WatchkeeperDetector
from detectors.plugged import Plugged
from detectors.seasonal import DetectionError
from detectors.shards import run
from tests.detectors.series import Floats
from tests.detectors.shard_work import bytes_of, filled, job

PAGE = Path(__file__).parents[2] / "docs" / "estimator.md"


@parametrize_with_checks([WatchkeeperDetector()], expected_failed_checks=lambda _: EXPECTED_FAILED_CHECKS)
def test_it_keeps_the_rules_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def _rows(count: int = 450, series: int = 2) -> Floats:
    random = np.random.default_rng(5)
    day = np.sin(2 * np.pi * np.arange(count) / 144)[:, None]
    return np.asarray(10 + day + 0.1 * random.standard_normal((count, series)))


def _detector(**changes: Any) -> WatchkeeperDetector:
    return WatchkeeperDetector(**{"step": 600.0, **changes})


def test_a_spike_in_one_of_the_series_is_an_outlier() -> None:
    rows = _rows()
    rows[400, 1] += 5.0
    scores = _detector().fit(rows).score_samples(rows)
    assert int(scores.argmin()) == 400
    assert _detector().fit_predict(rows)[400] == -1


def test_the_share_of_outliers_is_the_contamination() -> None:
    assert (_detector(contamination=0.05).fit_predict(_rows()) == -1).sum() == 23


def test_a_threshold_stands_in_decades() -> None:
    rows = _rows()
    rows[400] += 5.0
    found = _detector(threshold=2.0).fit(rows)
    assert found.offset_ == -2.0
    assert np.array_equal(np.flatnonzero(found.predict(rows) < 0), np.flatnonzero(found.scores_ < -2.0))
    assert found.predict(rows)[400] == -1


def test_the_future_changes_no_score() -> None:
    rows = _rows()
    other = rows.copy()
    other[300:] += 30.0
    assert np.array_equal(_detector().fit(rows).scores_[:300], _detector().fit(other).scores_[:300])


def test_what_comes_after_fit_goes_on_where_it_ended() -> None:
    rows = _rows()
    whole = _detector().fit(rows).scores_
    found = _detector().fit(rows[:300])
    assert np.array_equal(found.score_samples(rows[300:]), whole[300:])
    assert np.array_equal(found.score_samples(rows), whole)
    assert np.array_equal(found.score_samples(rows[:50]), whole[:50])
    assert np.array_equal(found.score_samples(rows[300:]), whole[300:]), "scoring changes nothing"


def test_a_frame_brings_its_own_times() -> None:
    rows = _rows()
    index = pd.date_range("2026-01-01", periods=len(rows), freq="10min", tz="UTC")
    frame = pd.DataFrame(rows, index=index, columns=["a", "b"])
    frame.iloc[400, 0] += 5.0
    found = WatchkeeperDetector().fit(frame.iloc[:350])
    assert found.step_ == 600.0
    assert int(found.score_samples(frame.iloc[350:]).argmin()) == 50
    with pytest.raises(ValueError, match="comes after them"):
        found.score_samples(frame.iloc[100:200])
    with pytest.raises(ValueError, match="not in the order of time"):
        WatchkeeperDetector().fit(frame.iloc[::-1])


def test_gaps_are_no_outliers() -> None:
    rows = _rows()
    rows[300:320] = np.nan
    scores = _detector().fit(rows).scores_
    assert np.isfinite(scores).all() and (scores[300:320] > -1.0).all()


def test_it_stands_in_a_pipeline() -> None:
    rows = _rows()
    rows[400] += 5.0
    found = make_pipeline(StandardScaler(), _detector()).fit(rows)
    assert found.predict(rows)[400] == -1


@pytest.mark.parametrize(
    "name,value", [("contamination", 0.0), ("contamination", 0.6), ("threshold", -1.0), ("step", 0.0), ("period", -1.0)]
)
def test_parameters_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        WatchkeeperDetector(**{name: value}).fit(_rows(20))


# -- estimators that are plugged in --


def _pyod(name: str) -> Any:
    module = pytest.importorskip(f"pyod.models.{name.lower()}", reason="PyOD is not installed: pip install pyod")
    return getattr(module, name)()


ESTIMATORS = {
    "IsolationForest": lambda: IsolationForest(n_estimators=10),
    "LocalOutlierFactor": lambda: LocalOutlierFactor(n_neighbors=10, novelty=True),
    "PyOD ECOD": lambda: _pyod("ECOD"),
    "PyOD KNN": lambda: _pyod("KNN"),
}


@pytest.mark.filterwarnings("ignore")  # whatever a plugged estimator warns of is its own affair
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_of_scikit_learn_and_pyod_can_be_plugged_in(name: str) -> None:
    rows = _rows(480, 1)
    rows[440:446] += 5.0
    found = _detector(estimator=ESTIMATORS[name]()).fit(rows)
    # The windows that hold the fault; before a first record of its own nobody knows how rare one is.
    assert found.scores_[440:458].min() <= -2.0
    assert (found.scores_ <= -2.0).mean() < 0.05
    assert clone(found).get_params()["estimator"].get_params() == found.estimator.get_params()


def _plugged(series: int = 2) -> Plugged:
    return Plugged(IsolationForest(n_estimators=5), series, width=4, memory=40, refit=20)


def _scores(found: Plugged, rows: Floats, begin: int = 0) -> Floats:
    return np.stack([found.tick(600.0 * (begin + i), row).score for i, row in enumerate(rows)])


def test_a_plugged_estimator_sees_no_future() -> None:
    rows = _rows(150)
    other = rows.copy()
    other[100:] *= 3.0
    assert np.array_equal(_scores(_plugged(), rows)[:100], _scores(_plugged(), other)[:100])


def test_a_plugged_estimator_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    rows = _rows(150)
    whole = _plugged()
    expected = _scores(whole, rows)
    first, second = _plugged(), _plugged()
    _scores(first, rows[:93])
    for name, array in first.arrays().items():
        second.put(name, array.copy())
    assert np.array_equal(_scores(second, rows[93:], 93), expected[93:])
    assert expected[93:].any()


def test_series_of_a_plugged_estimator_can_be_rearranged() -> None:
    rows = _rows(150)
    expected = _scores(_plugged(), rows)
    found = _plugged()
    _scores(found, rows[:93])
    found.rearrange([1, -1])
    after = _scores(found, rows[93:, ::-1], 93)
    assert np.array_equal(after[:, 0], expected[93:, 1])
    assert not after[:, 1].any(), "nothing is known of a new one yet"


def test_a_plugged_estimator_never_changes_the_one_that_was_given() -> None:
    given = IsolationForest(n_estimators=5)
    _scores(Plugged(given, 1, width=4, memory=40, refit=20), _rows(80, 1))
    assert given.random_state is None and not hasattr(given, "estimators_")


@pytest.mark.parametrize(
    "given", [LocalOutlierFactor(), StandardScaler(), object()], ids=lambda one: type(one).__name__
)
def test_what_cannot_judge_new_values_is_refused(given: object) -> None:
    with pytest.raises(DetectionError, match=f"{type(given).__name__} cannot be plugged in"):
        Plugged(given, 1)


def test_a_plugged_estimator_works_in_shards() -> None:
    made = replace(job(), make=partial(Plugged, OneClassSVM(), width=4, memory=20, refit=60))
    made = replace(made, history=replace(made.history, last=90))
    with filled() as store:
        one, three = (run(replace(made, highest=6.0), store, shards=shards) for shards in (1, 3))
    assert bytes_of(one) == bytes_of(three)
    assert one.scores[:, 30:].sum() > 0


def test_the_examples_of_the_page_work(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    space: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    assert capsys.readouterr().out.split() == re.findall(r"# > (\S+)", PAGE.read_text(encoding="utf-8"))
