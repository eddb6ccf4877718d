"""Exemplars: observations that a metric counted, each with the trace that it was a part of.

`ExemplarStore` keeps some of them in memory; a Prometheus with exemplar storage is asked through `PrometheusStore`.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.clock import Clock, now
from watchkeeper.trace_ids import is_trace_id

__all__ = ["Exemplar", "ExemplarSource", "ExemplarStore", "ExemplarWriter", "agree", "selector", "trace_of"]

# What clients call it: OpenMetrics' example and OpenTelemetry, Grafana's documentation, Micrometer's beginnings.
_TRACE_LABELS = ("trace_id", "traceID", "traceId")


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation: the sample that counted it, its trace, its value, its time in seconds since the epoch."""

    name: str
    labels: Mapping[str, str]
    trace_id: str
    value: float
    time: float


class ExemplarSource(Protocol):
    """Something that is asked for exemplars."""

    def exemplars(
        self, metrics: Sequence[str], labels: Mapping[str, str], start: float, end: float
    ) -> Sequence[Exemplar]:
        """Those of the samples of these names whose series agrees with the labels, between two times, oldest first.

        A series agrees when none of the labels has another value there. Raises StoreError.
        """
        ...


class ExemplarWriter(Protocol):
    """Something that exemplars are given to."""

    def write(self, exemplars: Iterable[Exemplar]) -> None: ...


def trace_of(labels: Iterable[tuple[str, str]]) -> str:
    """The trace that the labels of an exemplar name, 32 lower-case hex digits; empty where they name none."""
    found = dict(labels)
    text = next((found[name] for name in _TRACE_LABELS if name in found), "").lower()
    # 64-bit ids are the lower half of one.
    text = text.rjust(32, "0") if len(text) == 16 else text
    return text if is_trace_id(text) else ""


def agree(series: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether none of the labels has another value in a series."""
    return all(series.get(name, value) == value for name, value in labels.items())


def selector(metrics: Sequence[str], labels: Mapping[str, str]) -> str:
    """The PromQL selector of the series that agree with labels."""
    names = "|".join(re.escape(name) for name in metrics)
    parts = [_matcher("__name__", names), *(_matcher(name, f"|{re.escape(labels[name])}") for name in sorted(labels))]
    return "{" + ",".join(parts) + "}"


def _matcher(name: str, expression: str) -> str:
    text = expression.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}=~"{text}"'


class ExemplarStore:
    """Some exemplars of each series in memory, for any number of threads.

    At most `per_series` of one, the gaps between them the longer the older they are, so that both the last minute and
    the last hour have some; `total` of all, where the series that were longest without one go first. None is older
    than `retention` (seconds), which is that of the traces.
    """

    def __init__(
        self, *, retention: float = 2 * 86_400.0, per_series: int = 16, total: int = 20_000, clock: Clock = now
    ) -> None:
        self._retention = retention
        self._per_series = per_series
        self._total = total
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._series: OrderedDict[tuple[str, frozenset[tuple[str, str]]], list[Exemplar]] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def write(self, exemplars: Iterable[Exemplar]) -> None:
        """Keep exemplars; one that a series has already is not kept twice, since each scrape tells it again."""
        at = self._clock()
        with self._lock:
            for one in exemplars:
                if at - self._retention <= one.time:
                    self._keep(one, at)
            while self._count > self._total:
                self._count -= len(self._series.popitem(last=False)[1])

    def _keep(self, one: Exemplar, at: float) -> None:
        key = (one.name, frozenset(one.labels.items()))
        kept = self._series.setdefault(key, [])
        if any(other.trace_id == one.trace_id and other.value == one.value for other in reversed(kept)):
            return
        before = len(kept)
        if kept and kept[0].time < at - self._retention:
            kept[:] = [other for other in kept if other.time >= at - self._retention]
        kept.append(one)
        self._series.move_to_end(key)
        if len(kept) > self._per_series:
            # The one whose absence leaves the smallest gap for its age; the first and the last stay.
            del kept[min(range(1, len(kept) - 1), key=lambda place: _gap(kept, place, at))]
        self._count += len(kept) - before

    def exemplars(
        self, metrics: Sequence[str], labels: Mapping[str, str], start: float, end: float
    ) -> Sequence[Exemplar]:
        """What `ExemplarSource` says."""
        wanted = frozenset(metrics)
        start = max(start, self._clock() - self._retention)
        with self._lock:
            found = [
                one
                for (name, _), kept in self._series.items()
                if name in wanted and agree(kept[0].labels, labels)
                for one in kept
                if start <= one.time <= end
            ]
        return sorted(found, key=lambda one: one.time)


def _gap(kept: Sequence[Exemplar], place: int, at: float) -> float:
    return (kept[place + 1].time - kept[place - 1].time) / max(at - kept[place].time, 1e-3)
