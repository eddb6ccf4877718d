"""The detection engine: evaluates every detector when it is due, and delivers what deviates.

engine = DetectionEngine(detectors, lookup, {"metrics": store, "bills": bills}, sink, writer=store)
engine.warm_up(now()); engine.start()
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contributors import contributors
from detectors.deviations import Deviation
from detectors.seasonal import SeasonalDetector
from detectors.state import VALUES, restore_state, save_state
from detectors.watch import Band, Judgement, Watch
from watchkeeper.clock import Clock, now
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Delivery, DeliverySink, fingerprint
from watchkeeper.errors import WatchkeeperError
from watchkeeper.queries import Query
from watchkeeper.stores import Sample, Store, Writer

__all__ = ["DetectionEngine"]

Floats = NDArray[np.float64]

RESEND = 60.0
"""Seconds between deliveries of a deviation that lasts, divided by the pace: Prometheus' own resend delay."""
SAVE_EVERY = 60.0
_log = logging.getLogger("watchkeeper.detectors")


class DetectionEngine:
    """Detectors over stores, delivering to a sink.

    `lookup` gives the query of a key; `stores` those that detectors read; `writer`, where expectation, band
    and score are written as metrics (see `watchkeeper.systems.detectors`). Durations of detectors on
    metrics are divided by `pace`. With `state_path` a restart goes on where the last run stopped. A
    detector that fails is logged and tried again at its next step; the others go on.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        lookup: Callable[[str], Query],
        stores: Mapping[str, Store],
        sink: DeliverySink,
        *,
        pace: float = 1.0,
        clock: Clock = now,
        state_path: Path | None = None,
        writer: Writer | None = None,
        history_ticks: int = 20_160,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._pace = pace
        self._state_path = state_path
        self._writer = writer
        self._history = history_ticks
        self.watches: dict[str, Watch] = {}
        for declared in detectors:
            if (store := stores.get(declared.reads)) is None:
                _log.info("%s: no %s here, so it is off", declared.key, declared.reads)
                continue
            query = lookup(declared.query) if isinstance(declared.query, str) else declared.query
            self.watches[declared.key] = Watch(declared, query, store, pace=pace)
        self._open: dict[str, Deviation] = {}
        self._ended: dict[str, Deviation] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._saved_at = -np.inf
        if state_path is not None:
            self._reopen(restore_state(state_path, list(self.watches.values())))

    # -- time --

    def warm_up(self, at: float) -> None:
        """Learn from history up to `at`: one range query a detector, at most `history_ticks` steps of it.
        Delivers nothing.
        """
        alike: dict[tuple[float, tuple[float, ...]], list[tuple[Watch, list[int], Floats]]] = {}
        for watch in self.watches.values():
            try:
                # The newest value is left to the first tick: what deviates there is new, and must be told.
                found = watch.read(at, most_ticks=self._history, leave=1)
            except WatchkeeperError as error:
                _log.warning("%s: no history: %s", watch.declared.key, error)
                continue
            if found is not None and found[0]:
                alike.setdefault((watch.step, watch.seasons), []).append((watch, *found))
        for group in alike.values():
            _replay(group)

    def tick(self, at: float) -> None:
        """Evaluate what is due at a time, write the metrics, deliver deviations that opened, last or ended."""
        with self._lock:
            samples: list[Sample] = []
            for watch in self.watches.values():
                samples += self._evaluate(watch, at)
            if samples and self._writer is not None:
                try:
                    self._writer.write(samples)
                except WatchkeeperError as error:
                    _log.warning("expectations are not written: %s", error)
            self._deliver(at)
            if self._state_path is not None and at - self._saved_at >= SAVE_EVERY:
                self.save()
                self._saved_at = at

    def _evaluate(self, watch: Watch, at: float) -> list[Sample]:
        key = watch.declared.key
        mark = {"detector": key}
        if not watch.due(at):
            return []
        started = time.perf_counter()
        try:
            judged = watch.advance(at, most_ticks=self._history)
        except WatchkeeperError as error:
            _log.warning("%s: not evaluated: %s", key, error)
            return [Sample("watchkeeper_detector_up", mark, 0.0, at)]
        for judgement in judged:
            self._follow(watch, judgement)
        samples = [
            Sample("watchkeeper_detector_up", mark, 1.0, at),
            Sample("watchkeeper_detector_series", mark, float(len(watch.labels)), at),
            Sample("watchkeeper_detector_duration_seconds", mark, time.perf_counter() - started, at),
        ]
        if judged:
            samples.append(Sample("watchkeeper_detector_last_timestamp_seconds", mark, judged[-1].tick.at, at))
            samples += _metrics(watch, judged[-1], at)
        return samples

    def _follow(self, watch: Watch, judgement: Judgement) -> None:
        """Open, update and end the deviations of a watch."""
        tick = judgement.tick
        found = {int(c) for c in np.flatnonzero(tick.deviating)}
        present = {self._key(watch, c): c for c in found}
        for name, c in present.items():
            deviation = self._open.get(name)
            if deviation is None:
                deviation = self._open[name] = self._new(watch, c, float(tick.since[c]), tick.at)
                _log.info("%s deviates: %s", watch.declared.key, dict(watch.labels[c]))
            deviation.observe(
                tick.at,
                float(judgement.observed[c]),
                float(tick.expected[c]),
                float(tick.lower[c]),
                float(tick.upper[c]),
                float(tick.score[c]),
                int(tick.stage[c]),
            )
        for name, deviation in list(self._open.items()):
            if deviation.detector.key == watch.declared.key and name not in present:
                deviation.ended = tick.at
                self._ended[name] = self._open.pop(name)

    def _new(self, watch: Watch, column: int, since: float, at: float) -> Deviation:
        labels = watch.labels[column]
        found = Deviation(watch.declared, labels, watch.unscaled.unit, watch.unscaled.promql(), watch.step, since)
        # Against the same weekday for days, against shortly before the onset for the rest.
        before = at - 7 * watch.step if watch.declared.reads == "bills" else since - 2 * watch.step
        found.contributors = contributors(watch.query, watch.store, labels, before, at, auto=watch.auto)
        return found

    def _key(self, watch: Watch, column: int) -> str:
        return fingerprint({**watch.labels[column], "detector": watch.declared.key})

    # -- delivery --

    def _deliver(self, at: float) -> None:
        due = [d for d in self._open.values() if d.sent_at is None or at - d.sent_at >= RESEND / self._pace]
        # What opened and closed before anybody was told needs no telling.
        ended = {name: d for name, d in self._ended.items() if d.sent_at is not None}
        self._ended = ended
        if not due and not ended:
            return
        deliveries: list[Delivery] = [d.delivery(at) for d in (*due, *ended.values())]
        try:
            self._sink.deliver(deliveries)
        except Exception as error:  # noqa: BLE001 - whatever the sink raises, it has not taken them: they are sent again
            _log.warning("%d deviations not delivered, will be tried again: %s", len(deliveries), error)
            return
        for deviation in due:
            deviation.sent_at = at
        self._ended = {}

    def _reopen(self, entries: Sequence[Mapping[str, Any]]) -> None:
        for entry in entries:
            watch = self.watches[entry["detector"]]
            column = watch.keys.get(fingerprint(entry["labels"]))
            if column is None:
                continue
            labels = watch.labels[column]
            found = Deviation(
                watch.declared, labels, watch.unscaled.unit, watch.unscaled.promql(), watch.step, float(entry["since"])
            )
            for name in VALUES:
                setattr(found, name, entry[name])
            # It was delivered before; at least once more is due soon, which tells the receiver that it
            # still lasts.
            found.sent_at = found.at
            self._open[self._key(watch, column)] = found

    # -- for others --

    def deviations(self) -> tuple[Deviation, ...]:
        """The deviations that are open now."""
        with self._lock:
            return tuple(self._open.values())

    def band(self, detector_key: str, labels: Mapping[str, str], start: float, end: float) -> Band | None:
        """Observed values with expectation and band of one series, for a chart; None when detector or
        series is not watched.

        `labels` may be those of a delivery. The past 1,440 steps are kept.
        """
        watch = self.watches.get(detector_key)
        return None if watch is None else watch.band(labels, start, end)

    def save(self) -> None:
        """Write the state now; a disk that refuses is logged."""
        if self._state_path is None:
            return
        try:
            save_state(self._state_path, list(self.watches.values()), list(self._open.values()))
        except OSError as error:
            _log.warning("%s: state not saved: %s", self._state_path, error)

    def start(self) -> None:
        """Run `tick` in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="detection", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and save the state."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.save()

    def _loop(self) -> None:
        # A quarter of the shortest step keeps the delay small; bills are looked at with the rest, their
        # store answers at once.
        steps = [watch.step for watch in self.watches.values()]
        pause = max(0.1, min([15.0, *steps]) / 4)
        while not self._stop.wait(pause):
            try:
                self.tick(self._clock())
            except Exception:  # noqa: BLE001 - detection must not die of one bad tick; the log has the trace
                _log.exception("detection stumbled; it goes on at the next step")


def _replay(group: Sequence[tuple[Watch, list[int], Floats]]) -> None:
    """Let watches of one step and the same seasons learn their histories together, in one pass."""
    parts = [watch.detector for watch, _, _ in group]
    whole = SeasonalDetector.joined(parts)
    first = min(ks[0] for _, ks, _ in group)
    last = max(ks[-1] for _, ks, _ in group)
    values = np.full((whole.series, last - first + 1), np.nan)
    edges = np.cumsum([0, *(part.series for part in parts)])
    for (_, ks, own), start in zip(group, edges, strict=False):
        values[start : start + len(own), np.asarray(ks) - first] = own
    step = group[0][0].step
    for i in range(values.shape[1]):
        at = (first + i) * step
        if at <= whole.last:
            continue
        tick = whole.tick(at, values[:, i])
        for (watch, _, _), start, end in zip(group, edges, edges[1:], strict=False):
            if values.shape[1] - i <= watch.remembered:
                watch.remember(tick.part(slice(start, end)), values[start:end, i])
    whole.split(parts)


def _metrics(watch: Watch, judgement: Judgement, at: float) -> list[Sample]:
    tick = judgement.tick
    samples = []
    for c, labels in enumerate(watch.labels):
        if not np.isfinite(judgement.observed[c]) or not np.isfinite(tick.expected[c]):
            continue
        mark = {**labels, "detector": watch.declared.key}
        for name, value in (
            ("expected", tick.expected[c]),
            ("lower", tick.lower[c]),
            ("upper", tick.upper[c]),
            ("score", tick.score[c]),
            ("deviating", float(tick.deviating[c])),
        ):
            samples.append(Sample(f"watchkeeper_detector_{name}", mark, float(value), at))
    return samples
