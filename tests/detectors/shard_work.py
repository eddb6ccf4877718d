"""Histories for shards: stores that count, stores whose process dies in the middle; importable in a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from detectors.history import History
from detectors.seasonal import SeasonalDetector
from detectors.shard import Job
from detectors.shards import Outcome
from tests.detectors.engines import AGE, declare
from tests.detectors.series import STEP, seasonal
from watchkeeper import queries as q
from watchkeeper.queries import Query
from watchkeeper.signals import Selection, Signal
from watchkeeper.stores import Labels, Matrix, Vector
from watchkeeper.stores.embedded import EmbeddedStore

SERIES = 24
TICKS = 200
SEASON = 48 * STEP
LATE, GONE, FAULTY = 5, 9, 3


def filled() -> EmbeddedStore:
    """A store in memory with SERIES series over TICKS steps, of which one begins late, one ends early, one deviates."""
    times, values = seasonal(SERIES, 2, seed=7, amplitude=0.0)
    times, values = times[:TICKS], values[:, :TICKS]
    values[FAULTY, 120:150] *= 3.0
    values[LATE, :77] = np.nan
    values[GONE, 61:] = np.nan
    store = EmbeddedStore(None, retention=1e12)
    for number, row in enumerate(values):
        there = np.isfinite(row)
        store.write_columns("test_age_seconds", {"tool": f"tool-{number}"}, times[there], row[there])
    return store


@dataclass
class Counting:
    """A store that writes down each range it was asked for: who asked, how many series and steps the answer had."""

    inner: EmbeddedStore
    log: Path

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        return self.inner.instant(query, at, auto=auto)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        answer = self.inner.range(query, start, end, step, auto=auto)
        with self.log.open("a") as file:
            file.write(f"{os.getpid()} {len(answer.series)} {len(answer.times)}\n")
        return answer

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        return self.inner.series(what, start, end)


@dataclass(frozen=True)
class Ask:
    """One line of the log of a counting store."""

    process: int
    series: int
    steps: int


def asked(log: Path) -> list[Ask]:
    return [Ask(*map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


@contextmanager
def opened(log: Path) -> Iterator[Counting]:
    """How a worker opens a store: one that counts."""
    with filled() as inner:
        yield Counting(inner, log)


@contextmanager
def deadly(log: Path, tombs: Path, deaths: int) -> Iterator[Counting]:
    """The same; the first so many processes in which a third block is asked for are killed there."""
    with opened(log) as store:
        yield _Deadly(store.inner, log, tombs, deaths)


@dataclass
class _Deadly(Counting):
    tombs: Path
    deaths: int
    blocks: int = 0

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        self.blocks += 1
        if self.blocks == 3:
            for number in range(self.deaths):
                try:
                    (self.tombs / str(number)).touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
        return super().range(query, start, end, step, auto=auto)


def job(cells: int = 1_000_000, version: str | None = None, state: bool = True) -> Job:
    make = partial(SeasonalDetector, step=STEP, seasons=(SEASON,), hold=2 * STEP)
    history = History(q.value(AGE), STEP, 1, TICKS, cells=cells)
    made = Job(declare(), history, make, state=state)
    return made if version is None else Job(declare(), history, make, version=version)


def bytes_of(outcome: Outcome) -> bytes:
    """Everything that an outcome says."""
    parts = [repr((outcome.keys, outcome.labels, outcome.last, outcome.deviations)).encode()]
    for name, array in outcome.arrays.items():
        parts += [name.encode(), str((array.dtype, array.shape)).encode(), array.tobytes()]
    return b"".join([*parts, outcome.judged.tobytes(), outcome.onsets.tobytes(), outcome.scores.tobytes()])
