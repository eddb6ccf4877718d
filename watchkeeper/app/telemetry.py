"""Watchkeeper's own signals: what its parts say of themselves, as exposition text and as samples in the embedded
store.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from watchkeeper.clock import Clock, now
from watchkeeper.signals import Counter, Histogram, Signal
from watchkeeper.stores import Sample, Writer

__all__ = ["Source", "Telemetry"]

Source = Callable[[float], Iterable[Sample]]
"""Gives a part's samples at a time."""

_log = logging.getLogger("watchkeeper.app")
# The labels that a scrape of this process would add.
_TARGET = {"job": "watchkeeper", "instance": "watchkeeper"}


class Telemetry:
    """The samples of all sources and of this process; `shown` are sources that write to the store themselves.

    `start` writes them to the store each `interval` seconds, which is what a Prometheus would do with `/metrics`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        signals: Mapping[str, Signal],
        *,
        shown: Sequence[Source] = (),
        writer: Writer | None = None,
        interval: float = 15.0,
        clock: Clock = now,
    ) -> None:
        self._sources = tuple(sources)
        self._shown = tuple(shown)
        self._signals = signals
        self._writer = writer
        self._interval = interval
        self._clock = clock
        self._process = ProcessCollector(registry=None)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def collect(self) -> Iterator[Metric]:
        """All families; help and kind come from the declared signals."""
        yield from self._families((*self._sources, *self._shown))

    def _families(self, sources: Sequence[Source]) -> Iterator[Metric]:
        at = self._clock()
        families: dict[str, Metric] = {}
        for source in sources:
            for sample in source(at):
                name = self._family_name(sample.name)
                family = families.get(name)
                if family is None:
                    family = families[name] = self._family(name)
                labels = {k: v for k, v in sample.labels.items() if k not in _TARGET}
                family.add_sample(sample.name, labels, sample.value)
        yield from (families[name] for name in sorted(families))
        yield from self._process.collect()

    def _family_name(self, name: str) -> str:
        """The name of the family that a sample belongs to: that of the histogram of a bucket."""
        for ending in ("_bucket", "_count", "_sum"):
            if name.endswith(ending) and isinstance(self._signals.get(name.removesuffix(ending)), Histogram):
                return name.removesuffix(ending)
        return name

    def _family(self, name: str) -> Metric:
        signal = self._signals.get(name)
        text = signal.help if signal is not None else name
        if isinstance(signal, Histogram):
            return HistogramMetricFamily(name, text)
        if isinstance(signal, Counter) or (signal is None and name.endswith("_total")):
            return CounterMetricFamily(name.removesuffix("_total"), text)
        return GaugeMetricFamily(name, text)

    def text(self) -> bytes:
        """The exposition text."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def describe(self) -> list[Metric]:
        """Nothing: what there is differs from time to time."""
        return []

    def write(self) -> None:
        """Write all samples once."""
        if self._writer is None:
            return
        at = self._clock()
        try:
            found = [
                Sample(sample.name, {**_TARGET, **sample.labels}, float(sample.value), at)
                for family in self._families(self._sources)
                for sample in family.samples
            ]
            self._writer.write(found)
        except Exception:  # noqa: BLE001  whatever a part stumbles over now, the next pass may do better
            _log.exception("own signals are not stored")

    def start(self) -> None:
        """Write each interval until `stop`."""
        if self._writer is None:
            return
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            self.write()
