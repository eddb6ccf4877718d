"""The scrape loop: what Prometheus does with a sidecar, done in process for the embedded store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from collectors.families import Family, Pairs, with_labels
from collectors.lanes import Reading
from watchkeeper import __version__
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import WatchkeeperError
from watchkeeper.stores import STALE_NAN, Labels, Sample, Writer
from watchkeeper.stores.exemplars import Exemplar, ExemplarWriter, trace_of
from watchkeeper.systems.watchkeeper_signals import UP
from watchkeeper.systems.watchkeeper_signals import WATCHKEEPER_BUILD_INFO as BUILD

if TYPE_CHECKING:
    from collectors.runtime import Sidecar
    from watchkeeper.settings import Target

__all__ = ["Memory", "ScrapeLoop", "every", "scraped", "target_labels"]

_log = logging.getLogger("watchkeeper.collectors")

Series = tuple[str, Pairs]

# Seconds
_LEAST_INTERVAL = 0.05


def target_labels(target: Target) -> Pairs:
    """What every series of a target carries: its own labels, and `job` and `instance` when it does not name them."""
    labels = {"job": target.system, "instance": target.name} | target.labels
    return tuple(sorted(labels.items()))


class Memory:
    """The series of a target at its last scrape, with their full labels; `extra` are those of the target."""

    def __init__(self, extra: Pairs) -> None:
        self.extra = extra
        self.series: dict[Series, Labels] = {}

    def samples(self, families: Sequence[Family], at: float) -> list[Sample]:
        """The samples of a scrape, and a stale marker for each series that is gone since the last one."""
        out = []
        series: dict[Series, Labels] = {}
        for one in families:
            for name, pairs, value in one.points:
                key = (name, pairs)
                if key in series:
                    continue  # the first of two equal series counts
                labels = series[key] = self._labels(key)
                out.append(Sample(name, labels, value, at))
        gone = [Sample(key[0], labels, STALE_NAN, at) for key, labels in self.series.items() if key not in series]
        self.series = series
        return out + gone

    def exemplars(self, families: Sequence[Family], at: float) -> list[Exemplar]:
        """The exemplars of the scrape that `samples` was given, those that name a trace; none is later than it."""
        return [
            Exemplar(one.name, self._labels((one.name, one.pairs)), trace, one.value, min(at, one.time or at))
            for of in families
            for one in of.exemplars
            if (trace := trace_of(one.labels))
        ]

    def _labels(self, key: Series) -> Labels:
        kept = self.series.get(key)
        if kept is None:
            # A label without value is none.
            kept = {name: value for name, value in with_labels(key[1], self.extra) if value}
        return kept


class ScrapeLoop:
    """Reads every target once each `interval` (seconds, at least 0.05) and writes what it says.

    All samples of a round have the time at which it began. A series that a target no longer gives, and all of a target
    that is down, get a stale marker once. Only the loop's own thread writes. Exemplars go to `exemplars`.
    """

    def __init__(
        self,
        sidecar: Sidecar,
        writer: Writer,
        interval: float,
        clock: Clock = now,
        exemplars: ExemplarWriter | None = None,
    ) -> None:
        self._sidecar = sidecar
        self._writer = writer
        self._exemplars = exemplars
        # Without a pause there would be no time to read in, and no end of reading.
        self._interval = max(_LEAST_INTERVAL, interval)
        self._clock = clock
        self._memory = {target.name: Memory(target_labels(target)) for target in sidecar.targets}
        self._stop = threading.Event()
        run = partial(every, self._interval, self._stop, self.round)
        self._thread = threading.Thread(target=run, name="scrape-loop", daemon=True)

    def start(self) -> None:
        """Begin with a round at once."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End after the running round, and wait for that."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def round(self) -> None:
        """One scrape of every target; each is written as soon as it is known."""
        at = self._clock()
        # A round must be over when the next begins.
        timeout = self._interval * 0.9
        end = monotonic() + timeout
        done: SimpleQueue[str] = SimpleQueue()
        flights = {name: self._sidecar.begin(name, timeout) for name in self._memory}
        for name, flight in flights.items():
            flight.when_done(partial(done.put, name))
        deadlines = {name: min(end, flight.deadline) for name, flight in flights.items()}
        while flights:
            wait = min(deadlines[name] for name in flights) - monotonic()
            try:
                ready = [done.get(timeout=max(0.0, wait))]
            except Empty:
                ready = [name for name in flights if deadlines[name] <= monotonic()]
            for name in ready:
                if name in flights:
                    reading = self._sidecar.lane(name).result(flights.pop(name), max(0.0, end - monotonic()))
                    self._write(self.samples(reading, at))
                    if self._exemplars is not None:
                        memory = self._memory[name]
                        self._exemplars.write(memory.exemplars(reading.families, at))
        self._write(
            [Sample(BUILD.name, {"version": __version__, "job": "watchkeeper", "instance": "watchkeeper"}, 1.0, at)]
        )

    def samples(self, reading: Reading, at: float) -> list[Sample]:
        """The samples of a reading: its series, markers for those that are gone, and what is said of the target."""
        return self._memory[reading.target.name].samples(scraped(self._sidecar, reading), at)

    def _write(self, samples: Sequence[Sample]) -> None:
        try:
            self._writer.write(samples)
        except WatchkeeperError as error:
            _log.error("a scrape was not stored: %s", error)


def every(interval: float, stop: threading.Event, do: Callable[[], None]) -> None:
    """Do something each `interval` seconds, at once for the first time, until `stop` is set."""
    next_round = monotonic()
    while not stop.is_set():
        try:
            do()
        except Exception:  # noqa: BLE001  one bad round must not end collection
            _log.exception("a scrape failed")
        # A round that took too long costs rounds, not the rhythm.
        late = monotonic() - next_round
        next_round += interval * max(1, -(-late // interval))
        stop.wait(next_round - monotonic())


def scraped(sidecar: Sidecar, reading: Reading) -> list[Family]:
    """What a scrape of one target gives: its families, what the sidecar says of it, and `up`."""
    up = Family(UP.name, "gauge", UP.help, [(UP.name, (), float(reading.up))])
    return [*reading.families, *sidecar.target_families([reading]), up]
