"""`backtest` and `detect --once` by two local workers of which one is killed in the middle: what one process says,
nothing lost and nothing twice.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors import backtest, shards, teaching
from tests.app.detect_stores import BASE, asked
from tests.servers.prometheus import PrometheusServer
from watchkeeper.app import detecting
from watchkeeper.queries import Query
from watchkeeper.settings import Prometheus, StoreSettings
from watchkeeper.signals import Selection, Signal
from watchkeeper.stores import Labels, Matrix, Store, Vector
from watchkeeper.stores.prometheus import PrometheusStore

INSTANCES, MINUTES, WRONG = 12, 300, 40


@dataclass
class Deadly:
    """A store that kills its process where the third range of all workers is asked for, once."""

    inner: PrometheusStore
    directory: Path

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        return self.inner.instant(query, at, auto=auto)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        (self.directory / f"worker-{os.getpid()}").touch()
        with (self.directory / "ranges").open("a") as file:
            file.write("asked\n")
        if (self.directory / "ranges").read_text().count("asked") >= 3:
            try:
                (self.directory / "tomb").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.range(query, start, end, step, auto=auto)

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        return self.inner.series(what, start, end)


@contextmanager
def deadly(settings: Prometheus, directory: Path) -> Iterator[Store]:
    store = PrometheusStore.from_settings(settings)
    try:
        yield Deadly(store, directory)
    finally:
        store.close()


@pytest.fixture(autouse=True, scope="module")
def _no_process_stays() -> Iterator[None]:
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


@pytest.fixture
def config(tmp_path: Path, prometheus_server: Callable[..., PrometheusServer]) -> Path:
    """Settings with a Prometheus that holds the memory of twelve Redis servers, of which two go wrong."""
    end = math.floor(time.time() / 60) * 60.0 - 60.0
    lines = ["# TYPE redis_memory_used_bytes gauge"]
    for number in range(INSTANCES):
        noise = np.random.default_rng(number).standard_normal(MINUTES)
        for i in range(MINUTES):
            wrong = number in (3, 8) and i >= MINUTES - WRONG
            value = BASE * (1 + 0.02 * noise[i]) * (2.5 if wrong else 1.0)
            at = end - 60.0 * (MINUTES - 1 - i)
            lines.append(f'redis_memory_used_bytes{{job="redis",instance="r{number}:6379"}} {value:.0f} {at:.0f}')
    server = prometheus_server(backfill=["\n".join([*lines, "# EOF", ""])])
    found = tmp_path / "watchkeeper.yaml"
    found.write_text(
        f"data: {json.dumps(str(tmp_path / 'data'))}\nstore: {{prometheus: {{url: '{server.url}'}}}}\n"
        "detect: {workers: 2}\n"
    )
    return found


@pytest.mark.server
@pytest.mark.parametrize("command", ["backtest", "detect"])
def test_of_two_workers_one_is_killed_and_the_answer_is_that_of_one_process(
    command: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = math.floor(time.time() / 60) * 60
    words: tuple[str, ...]
    if command == "backtest":
        words = ("backtest", "redis.memory", "--from", str(now - 10_800), "--to", str(now), "--learn", "3h")
    else:
        words = ("detect", "redis.memory", "--once", "--at", str(now))
    # As few hours as there are: what is judged, and not learned, is six of them at work.
    monkeypatch.setattr(detecting, "_RECENT", 3_600.0)

    def answer() -> Any:
        code, found = asked(capsys, *words, "--config", str(config))
        assert code == (0 if command == "backtest" else 1)
        return found

    alone = answer()
    # So few series are worked through here, unless it is said that they are many.
    monkeypatch.setattr(backtest, "FEW", 1)
    monkeypatch.setattr(teaching, "FEW", 1)
    for module in (backtest, shards):
        monkeypatch.setattr(module, "SERIES_PER_SHARD", 4)

    def opening_of(settings: StoreSettings) -> object:
        assert settings.prometheus is not None
        return partial(deadly, settings.prometheus, tmp_path)

    monkeypatch.setattr(shards, "opening_of", opening_of)
    by_workers = answer()
    assert (tmp_path / "tomb").exists()
    workers = [path.name for path in tmp_path.glob("worker-*")]
    assert len(workers) >= 3 and f"worker-{os.getpid()}" not in workers
    assert by_workers == alone
    (one,) = by_workers["detectors"] if command == "backtest" else (by_workers,)
    assert one.get("series", INSTANCES) == INSTANCES
    assert sorted(deviation["labels"]["instance"] for deviation in one["deviations"]) == ["r3:6379", "r8:6379"]
