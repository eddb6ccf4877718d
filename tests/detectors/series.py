"""Series and stores that the tests of the detectors share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.seasonal import SeasonalDetector, Tick
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.signals import Selection, Signal
from watchkeeper.stores import Labels, Matrix, Sample, Vector

DAY = 86_400.0
STEP = 600.0
PER_DAY = int(DAY / STEP)
Floats = NDArray[np.float64]


def seasonal(
    series: int, days: float, *, seed: int, noise: float = 0.05, weekend: float = 1.0, amplitude: float = 0.6
) -> tuple[Floats, Floats]:
    """Times (T,) and values (S, T) of a level of 1 with a day, a weekend factor, and noise that is in
    proportion.
    """
    random = np.random.default_rng(seed)
    times = np.asarray(np.arange(1, int(days * PER_DAY) + 1) * STEP, np.float64)
    phases = random.uniform(0, 1, series)[:, None]
    shape = 1 + amplitude * np.sin(2 * np.pi * (times / DAY + phases))
    shape = shape * np.where((times // DAY) % 7 >= 5, weekend, 1.0)
    return times, shape * (1 + noise * random.standard_normal((series, len(times))))


def clock(ticks: int) -> Floats:
    """The times of so many ticks."""
    return np.asarray(STEP * np.arange(1, ticks + 1), np.float64)


def onsets(ticks: Sequence[Tick]) -> Floats:
    """Which ticks begin a deviation, shape (S, T)."""
    deviating = np.stack([tick.deviating for tick in ticks], axis=1).astype(int)
    before = np.concatenate([np.zeros((deviating.shape[0], 1), int), deviating[:, :-1]], axis=1)
    return (deviating > before).astype(float)


def detector(series: int = 1, **changes: object) -> SeasonalDetector:
    """A detector with the seasons and hold that most tests use."""
    options: dict[str, object] = {"step": STEP, "seasons": (DAY, 7 * DAY), "hold": 5 * STEP, **changes}
    return SeasonalDetector(series, **options)  # type: ignore[arg-type]


class FakeStore:
    """A store whose series are functions of time, whatever is asked; None is a gap."""

    def __init__(self, series: Mapping[tuple[tuple[str, str], ...], Callable[[float], float | None]]) -> None:
        self.series_of = dict(series)
        self.broken = False
        self.asked: list[tuple[float, float, float, float]] = []
        self.queries: list[Query] = []

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        found = [(dict(labels), value) for labels, f in self.series_of.items() if (value := f(at)) is not None]
        return Vector(at, tuple(labels for labels, _ in found), tuple(value for _, value in found))

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        if self.broken:
            raise StoreError("the store is away")
        self.asked.append((start, end, step, auto))
        self.queries.append(query)
        times = np.asarray(start + step * np.arange(round((end - start) / step) + 1), np.float64)
        rows = [[f(float(t)) for t in times] for f in self.series_of.values()]
        values = np.array([[np.nan if v is None else v for v in row] for row in rows]).reshape(len(rows), len(times))
        kept = [i for i in range(len(rows)) if np.isfinite(values[i]).any()]
        labels = [dict(item) for item in self.series_of]
        return Matrix(times, tuple(labels[i] for i in kept), values[kept], np.isfinite(values[kept]))

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        return [dict(labels) for labels in self.series_of]


class HangingStore(FakeStore):
    """A store that gives no range before it is released."""

    def __init__(self, series: Mapping[tuple[tuple[str, str], ...], Callable[[float], float | None]]) -> None:
        super().__init__(series)
        self.entered = threading.Event()
        self.release = threading.Event()

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        self.entered.set()
        self.release.wait(30)
        return super().range(query, start, end, step, auto=auto)


class Sink:
    """Keeps what is delivered, or refuses it."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.broken = False

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.got += deliveries


class Samples:
    """A writer that keeps everything."""

    def __init__(self) -> None:
        self.written: list[Sample] = []

    def write(self, samples: Sequence[Sample]) -> None:
        self.written += samples
