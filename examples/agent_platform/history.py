"""A past for the example platform: the samples that it would have given, had it run.

The workload model is run without sleeping (see `simulation`), and what happens is counted as the instrumentation counts
it: the same names, labels and buckets as a scrape of the live processes gives, so that the live series go on where
these end (as after a restart: counters begin at zero again).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchkeeper.signals import Histogram, Signal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["JOB", "Recorder", "Series", "history"]

JOB = "agent_platform"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its full name (`…_bucket`), its labels with job and instance, times and values of shape (T,)."""

    name: str
    labels: Mapping[str, str]
    times: Floats
    values: Floats


class Recorder:
    """Counts events into the intervals between sample times, as the metrics of the live processes would."""

    def __init__(self, times: Floats) -> None:
        self.times = times
        self._histograms: dict[tuple[str, Histogram, tuple[str, ...]], tuple[NDArray[np.int64], Floats]] = {}
        self._counters: dict[tuple[str, Signal, tuple[str, ...]], Floats] = {}
        self._gauges: list[Series] = []

    def observe(self, instance: str, signal: Histogram, labels: tuple[str, ...], at: Floats, values: Floats) -> None:
        """Observations of a histogram, in any order; those after the last sample are left out."""
        import numpy as np

        if not len(at):
            return
        key = (instance, signal, labels)
        if key not in self._histograms:
            shape = (len(self.times) + 1, len(signal.buckets) + 1)
            self._histograms[key] = np.zeros(shape, np.int64), np.zeros(shape[0])
        counts, sums = self._histograms[key]
        index = np.searchsorted(self.times, at)
        first, last = int(index.min()), int(index.max()) + 1
        width = counts.shape[1]
        flat = (index - first) * width + np.searchsorted(np.asarray(signal.buckets), values)
        counts[first:last] += np.bincount(flat, minlength=(last - first) * width).reshape(-1, width)
        sums[first:last] += np.bincount(index - first, weights=values, minlength=last - first)

    def count(
        self, instance: str, signal: Signal, labels: tuple[str, ...], at: Floats, amounts: Floats | None = None
    ) -> None:
        """Increments of a counter (1 each without `amounts`); the series exists even when there are none."""
        import numpy as np

        key = (instance, signal, labels)
        if key not in self._counters:
            self._counters[key] = np.zeros(len(self.times) + 1)
        index = np.searchsorted(self.times, at)
        self._counters[key] += np.bincount(index, weights=amounts, minlength=len(self.times) + 1)

    def gauge(self, instance: str, signal: Signal, labels: tuple[str, ...], values: Floats) -> None:
        """The values of a series at all sample times."""
        self._gauges.append(Series(signal.name, _labels(instance, signal.labels, labels), self.times, values))

    def series(self) -> Iterator[Series]:
        """All series, each made when it is asked for."""
        yield from self._gauges
        for (instance, counter, values), increments in self._counters.items():
            labels = _labels(instance, counter.labels, values)
            yield Series(counter.name, labels, self.times, increments[:-1].cumsum())
        for (instance, histogram, values), (counts, sums) in self._histograms.items():
            yield from self._expand(_labels(instance, histogram.labels, values), histogram, counts, sums)

    def _expand(
        self, labels: Mapping[str, str], signal: Histogram, counts: NDArray[np.int64], sums: Floats
    ) -> Iterator[Series]:
        import numpy as np
        from prometheus_client.utils import floatToGoString

        cumulative = counts[:-1].cumsum(axis=0).cumsum(axis=1).astype(np.float64)
        for bound, column in zip((*signal.buckets, float("inf")), cumulative.T, strict=True):
            le = {"le": floatToGoString(bound)}  # type: ignore[no-untyped-call]  # the client's own text of bounds
            yield Series(signal.bucket.name, {**labels, **le}, self.times, np.ascontiguousarray(column))
        yield Series(signal.count.name, labels, self.times, np.ascontiguousarray(cumulative[:, -1]))
        yield Series(signal.sum.name, labels, self.times, sums[:-1].cumsum())


def _labels(instance: str, names: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str]:
    return {"job": JOB, "instance": instance, **dict(zip(names, values, strict=True))}


def history(
    start: float,
    end: float,
    step: float,
    *,
    seed: int,
    pace: float,
    resident: Mapping[str, float] | None = None,
) -> Iterator[Series]:
    """Simulate the platform from `start` to `end` and yield its series, sampled every `step` seconds.

    `resident` is the memory of the live processes by instance, in bytes, since it depends on the machine; typical
    values stand in for what is not given. The same arguments give the same series.
    """
    import numpy as np

    from examples.agent_platform.simulation import simulate

    recorder = Recorder(np.arange(start, end, step, dtype=np.float64))
    simulate(recorder, end, seed=seed, pace=pace, resident=resident or {})
    yield from recorder.series()
