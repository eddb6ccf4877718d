"""The detectors of the agent platform, on what its example would have exposed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from detectors.agent_platform import DETECTORS
from detectors.engine import DetectionEngine
from examples.agent_platform import simulation, workload
from examples.agent_platform.history import history
from tests.detectors.series import Sink
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.systems.agent_platform import QUERIES

PACE, SEED = 20.0, 22
NOW = 1_790_000_000.0
PAST, FUTURE = 86_400.0 / PACE, 60.0
PARTS = (
    "watchkeeper_gen_ai_cost_usd_total",
    "gen_ai_invoke_agent_duration_seconds_count",
    "gen_ai_client_operation_duration_seconds_count",
)


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    made = EmbeddedStore(None, clock=lambda: NOW + FUTURE)
    yield made
    made.close()


def _write(store: EmbeddedStore, start: float, end: float, seed: int, before: dict[object, float]) -> None:
    for series in history(start, end, 3.0, seed=seed, pace=PACE):
        if series.name in PARTS:
            key = (series.name, tuple(sorted(series.labels.items())))
            values = series.values + before.get(key, 0.0)
            if start == NOW - PAST or key in before:
                store.write_columns(series.name, series.labels, series.times, values)
                before[key] = float(values[-1])


def _found(store: EmbeddedStore) -> set[str]:
    """The agents that are told to cost too much within a minute, at the demo's pace."""
    lookup = {named.key: named.query for named in QUERIES}
    sink = Sink()
    declared = [detector for detector in DETECTORS if detector.key == "agent_platform.cost_per_run"]
    engine = DetectionEngine(declared, lookup.__getitem__, {"metrics": store}, sink, pace=PACE)
    engine.warm_up(NOW - 1)
    for at in np.arange(NOW, NOW + FUTURE, 1.0):
        engine.tick(float(at))
    return {d.labels["gen_ai_agent_name"] for d in sink.got}


@pytest.mark.parametrize("struck", ["requirements_analyst", "test_engineer", "planner"])
def test_a_prompt_that_trebles_is_found_within_a_minute(
    struck: str, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: dict[object, float] = {}
    _write(store, NOW - PAST, NOW, SEED, before)
    tools, models, agents = workload.by_name()
    prompt = agents[struck].prompt
    grown = replace(agents[struck], prompt=replace(prompt, median=3 * prompt.median))
    monkeypatch.setattr(simulation, "by_name", lambda: (tools, models, {**agents, struck: grown}))
    if struck == workload.PLANNER.name:
        monkeypatch.setattr(simulation, "PLANNER", grown)
    _write(store, NOW, NOW + FUTURE, SEED + 1, before)
    assert _found(store) == {struck}


@pytest.mark.long
def test_a_surge_of_load_makes_no_run_dearer(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before: dict[object, float] = {}
    _write(store, NOW - PAST, NOW, SEED, before)
    usual = workload.Rate(SEED, PACE)
    monkeypatch.setattr(simulation, "Rate", lambda seed, pace: replace(usual, seed=seed, mean=2.2 * usual.mean))
    _write(store, NOW, NOW + FUTURE, SEED + 1, before)
    assert _found(store) == set()


def test_an_agent_without_runs_is_counted_by_its_calls(store: EmbeddedStore) -> None:
    _write(store, NOW - PAST, NOW, SEED, {})
    query = {named.key: named.query for named in QUERIES}["agent_platform.cost_per_run"]
    answer = store.instant(query, NOW - 1, auto=300.0)
    found = {labels["gen_ai_agent_name"] for labels in answer.series}
    assert found == {"requirements_analyst", "test_engineer", "planner"}
    assert all(0 < value < 1 for value in answer.values)
