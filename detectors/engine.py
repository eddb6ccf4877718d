"""The detection engine: evaluates every detector when it is due, and delivers what deviates.

engine = DetectionEngine(detectors, lookup, {"metrics": store, "bills": bills}, sink, writer=store)
engine.start()
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

from detectors.advice import Advice
from detectors.band_samples import band_samples
from detectors.beside import Companions
from detectors.budget import Budget
from detectors.checkpoints import EVERY, keep_checkpoint
from detectors.contributors import contributors
from detectors.deviations import Deviation, End
from detectors.holding import Holding
from detectors.knowledge import Knowledge
from detectors.learning import alike, replay
from detectors.state import LATER, VALUES, Restored, restore_state, save_state
from detectors.telling import Edges, Teller
from detectors.ticks import Tick
from detectors.unit_cost import RULES, WITH_LATENCY, Trio
from detectors.watch import Band, Judgement, Watch
from watchkeeper.clock import Clock, now
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import DeliverySink, fingerprint
from watchkeeper.errors import WatchkeeperError
from watchkeeper.queries import Query
from watchkeeper.stores import Sample, Store, Writer

__all__ = ["DetectionEngine"]

Floats = NDArray[np.float64]

SAVE_EVERY = 60.0
STOP_SECONDS = 10.0
"""How long `stop` waits for a store that does not answer."""
_EXPORTED = {"job": "exported_job", "instance": "exported_instance"}
_BLIND = "%s: not evaluated: %s"
_log = logging.getLogger("watchkeeper.detectors")


class DetectionEngine:
    """Detectors over stores, delivering to a sink.

    `lookup` gives the query of a key; `stores` those that detectors read; `writer`, where expectation, band and score
    are written as metrics (see `watchkeeper.systems.detectors`). Durations of detectors on metrics are divided by
    `pace`. With `state_path` a restart goes on where the last run stopped. A detector that fails is logged and tried
    again at its next step; the others go on. What moves together is delivered as one: by `edges`, who calls whom.
    `knowledge` is what calendars and people say. A deviation of a unit cost among `trios` is told as what it is, and
    not at all where traffic explains it. With a `holder`, who this is, no other process may keep its state there until
    `stop`: raises StoreError when one does. The `budget` is that of all together; without one a deviation takes the
    evidence of `detectors.tuning`.
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
        knowledge: Knowledge | None = None,
        edges: Edges | None = None,
        trios: Sequence[Trio] = RULES,
        holder: str = "",
        budget: Budget | None = None,
    ) -> None:
        self._clock = clock
        self._budget = budget
        self._knowledge = knowledge
        self._teller = Teller(sink, pace=pace, knowledge=knowledge, edges=edges)
        self._state_path = state_path
        self._holding = Holding(state_path, holder) if state_path is not None and holder else None
        self._writer = writer
        self._history = history_ticks
        self.watches: dict[str, Watch] = {}
        for declared in detectors:
            if (store := stores.get(declared.reads)) is None:
                _log.info("%s: no %s here, so it is off", declared.key, declared.reads)
                continue
            query = lookup(declared.query) if isinstance(declared.query, str) else declared.query
            self.watches[declared.key] = Watch(declared, query, store, pace=pace, knowledge=knowledge, budget=budget)
        self._companions = Companions(trios, self.watches, lookup, pace=pace, knowledge=knowledge)
        self._open: dict[str, Deviation] = {}
        self._over: list[Deviation] = []
        self._latest: dict[str, list[Sample]] = {}
        self._failing: dict[str, str] = {}
        self._ticking = threading.Lock()
        self._stop = threading.Event()
        self._warm = threading.Event()
        self._learning = False
        self._thread: threading.Thread | None = None
        self._saved_at = -np.inf
        self._keep_every = EVERY / pace
        if state_path is not None:
            self.restore(state_path)

    # -- time --

    def warm_up(self, at: float) -> None:
        """Learn from history up to `at`: one range query a detector, at most `history_ticks` steps of it.
        Delivers nothing. Once `stop` was called it leaves off, and what it has learned is not saved.
        """
        self._learning = True
        self._refresh(at)
        histories = []
        for watch in self._all():
            if self._stop.is_set():
                return
            try:
                # The newest value is left to the first tick: what deviates there is new, and must be told.
                found = watch.read(at, most_ticks=self._history, leave=1)
            except WatchkeeperError as error:
                _log.warning("%s: no history: %s", watch.declared.key, error)
                continue
            if found is not None and found[0]:
                histories.append((watch, *found))
        self._count_series()
        for group in alike(histories):
            if not replay(group, self._stop, self._knowledge, at):
                return
        self._learning = False

    def tick(self, at: float) -> None:
        """Evaluate what is due at a time, write the metrics, deliver deviations that opened, last or ended."""
        with self._ticking:
            samples: list[Sample] = []
            self._count_series()
            self._refresh(at)
            for watch in self.watches.values():
                if self._stop.is_set():
                    break
                if found := self._evaluate(watch, at):
                    self._latest[watch.declared.key] = found
                    samples += found
            if samples and self._writer is not None:
                try:
                    self._writer.write(samples)
                except WatchkeeperError as error:
                    _log.warning("expectations are not written: %s", error)
            over, self._over = self._over, []
            self._relate()
            self._teller.tell(at, {name: one for name, one in self._open.items() if not one.untold}, over)
            path = self._state_path
            if path is not None and not self._stop.is_set() and at - self._saved_at >= SAVE_EVERY:
                self.save()
                self._saved_at = at
                if path.exists() and not self._learning:
                    keep_checkpoint(path, at, every=self._keep_every)

    def _count_series(self) -> None:
        if self._budget is not None:  # peers have a threshold of their own
            self._budget.series = sum(len(w.labels) for w in self.watches.values() if not w.declared.peers)

    def _refresh(self, at: float) -> None:
        if self._knowledge is not None:
            self._knowledge.refresh(at, {(name, one.since) for name, one in self._open.items()})

    def _evaluate(self, watch: Watch, at: float) -> list[Sample]:
        key, mark = watch.declared.key, {"detector": watch.declared.key}
        if not watch.due(at):
            return []
        started = time.perf_counter()
        try:
            judged = self.advance(watch, at, most_ticks=self._history)
        except WatchkeeperError as error:
            # Once for all that it befalls, until it heals: a store that is away would fill the log.
            _log.log(logging.DEBUG if str(error) in self._failing.values() else logging.WARNING, _BLIND, key, error)
            self._failing[key] = str(error)
            return [Sample("watchkeeper_detector_up", mark, 0.0, at)]
        self._failing.pop(key, None)
        for judgement in judged:
            self.follow(watch, judgement)
        samples = [
            Sample("watchkeeper_detector_up", mark, 1.0, at),
            Sample("watchkeeper_detector_series", mark, float(len(watch.labels)), at),
            Sample("watchkeeper_detector_duration_seconds", mark, time.perf_counter() - started, at),
        ]
        if judged:
            samples.append(Sample("watchkeeper_detector_last_timestamp_seconds", mark, judged[-1].tick.at, at))
            untold = {fingerprint(d.labels) for d in self._open.values() if d.detector.key == key and d.untold}
            samples += band_samples(watch, judged[-1], at, {watch.keys[one] for one in untold if one in watch.keys})
        return samples

    def advance(self, watch: Watch, at: float, *, most_ticks: int, judge_all: bool = True) -> list[Judgement]:
        """`Watch.advance` of one of the engine's, after what is beside it. Raises StoreError."""
        self._companions.advance(watch.declared.key, at, most_ticks=most_ticks)
        return watch.advance(at, most_ticks=most_ticks, judge_all=judge_all)

    def follow(self, watch: Watch, judgement: Judgement) -> None:
        """Open, update and end the deviations of a watch by one judgement of it; tells nobody."""
        tick = judgement.tick
        present = {_key(watch.declared.key, watch.labels[c]): int(c) for c in np.flatnonzero(tick.deviating)}
        for name, c in present.items():
            deviation = self._open.get(name)
            if deviation is None:
                deviation = self._open[name] = self._new(watch, c, tick)
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
            deviation.silent = tick.at - deviation.at > float(watch.detector.spans.usual_gap[c])
            deviation.widened = _widened(judgement.advice, c, deviation)
            deviation.peers = watch.fellows(c) or deviation.peers
            if (beside := self._companions.of(watch.declared.key)) is not None:
                beside.judge(deviation)
        for name, deviation in list(self._open.items()):
            if deviation.detector.key == watch.declared.key and name not in present:
                deviation.ended = tick.at
                deviation.ended_by = _end(watch, judgement, deviation)
                if deviation.ended_by == "muted" and self._knowledge is not None:
                    deviation.notes = self._knowledge.named(watch.declared, deviation.labels, tick.at, tick.at)
                self._over.append(self._open.pop(name))

    def _relate(self) -> None:
        """Let what is dearer and slower go with the deviations of that latency: they are one problem."""
        for deviation in self._open.values():
            beside = self._companions.of(deviation.detector.key)
            if beside is not None and deviation.kind == WITH_LATENCY:
                slow = beside.latency.declared.query
                deviation.goes_with = frozenset(
                    name
                    for name, other in self._open.items()
                    if other.detector.query == slow
                    and all(deviation.labels.get(k, v) == v for k, v in other.labels.items())
                )

    def _all(self) -> list[Watch]:
        """The watches of the declared detectors, and those beside them."""
        return [*self.watches.values(), *self._companions.watches]

    def unlearned(self, at: float) -> list[tuple[Watch, int, int]]:
        """The watches of metrics that know nothing yet, and learn from their own past alone, whatever is learned beside
        them; with the first and the last step of the history that `warm_up` would read. None where calendars or people
        say something of it.
        """
        self._refresh(at)
        if self._knowledge is not None and not self._knowledge.silent_before(at):
            return []
        found = []
        for watch in self.watches.values():
            d = watch.declared
            if d.reads == "metrics" and not d.peers and watch.place is None and self._companions.of(d.key) is None:
                last = int(np.floor(at / watch.step + 1e-9)) - 1
                found.append((watch, last - self._history + 1, last))
        return found

    def begin(self, detector_key: str, place: int) -> None:
        """Let a detector, with what is beside it, begin after a step."""
        self.watches[detector_key].place = place
        self._companions.place(detector_key, place)

    def _new(self, watch: Watch, column: int, tick: Tick) -> Deviation:
        labels, since, at = watch.labels[column], float(tick.since[column]), tick.at
        found = Deviation(watch.declared, labels, watch.unscaled.unit, watch.unscaled.promql(), watch.step, since)
        found.view = int(tick.view[column])
        # Against the same weekday for days, against shortly before the onset for the rest.
        before = at - 7 * watch.step if watch.declared.reads == "bills" else since - 2 * watch.step
        found.contributors = contributors(watch.query, watch.store, labels, before, at, auto=watch.auto)
        return found

    def _reopen(self, restored: Restored) -> None:
        for entry in restored.open:
            watch = self.watches[entry["detector"]]
            column = watch.keys.get(fingerprint(entry["labels"]))
            if column is not None:
                self._open[_key(watch.declared.key, watch.labels[column])] = self._again(entry, watch.labels[column])
        heads = [self._again(entry, entry["labels"]) for entry in restored.heads]
        for head, entry in zip(heads, restored.heads, strict=True):
            head.ended, head.ended_by = entry["ended"], entry["ended_by"]
        self._teller.restore(restored.groups, self._open, {_key(one.detector.key, one.labels): one for one in heads})

    def _again(self, entry: Mapping[str, Any], labels: Mapping[str, str]) -> Deviation:
        watch = self.watches[entry["detector"]]
        found = Deviation(
            watch.declared, labels, watch.unscaled.unit, watch.unscaled.promql(), watch.step, float(entry["since"])
        )
        for name in VALUES:
            setattr(found, name, entry[name])
        for name, missing in LATER.items():
            setattr(found, name, entry.get(name, missing))
        # It was delivered before, unless it was none for a person.
        found.sent_at = None if entry.get("untold") else found.at
        return found

    # -- for others --

    def deviations(self) -> tuple[Deviation, ...]:
        """The deviations that are open now."""
        # Without waiting for a tick, whose store may take long to answer.
        return tuple(one for one in self._open.values() if not one.untold)

    def samples(self, at: float) -> list[Sample]:
        """What was last said of each detector, as of `at`, for `/metrics`; waits for no store.

        There job and instance are those of the scrape, and what a watched series has of these names is exported_job
        and exported_instance, as Prometheus calls them.
        """
        return [
            Sample(one.name, {_EXPORTED.get(k, k): v for k, v in one.labels.items()}, one.value, at)
            for found in list(self._latest.values())
            for one in found
        ]

    def known(self, detector_key: str, labels: Mapping[str, str], since: float, at: float) -> tuple[str, ...]:
        """What calendars and people say of the time from `since` to `at` of a series, a sentence's part each."""
        if self._knowledge is None:
            return ()
        return self._knowledge.named(self.watches[detector_key].declared, labels, since, at)

    def band(self, detector_key: str, labels: Mapping[str, str], start: float, end: float) -> Band | None:
        """Observed values with expectation and band of one series, for a chart; None when detector or
        series is not watched.

        `labels` may be those of a delivery. The past 1,440 steps are kept.
        """
        watch = self.watches.get(detector_key)
        return None if watch is None else watch.band(labels, start, end)

    def restore(self, path: Path) -> None:
        """Begin with what a saved state knows, as far as its shape still fits; see `detectors.state.restore_state`."""
        self._reopen(restore_state(path, self._all(), self._budget))

    def save(self) -> None:
        """Write the state now; a disk that refuses is logged. History that is half learned is not saved: the next
        start would take it for the whole.
        """
        if self._state_path is None or self._learning:
            return
        try:
            save_state(
                self._state_path,
                self._all(),
                list(self._open.values()),
                heads=list(self._teller.groups.heads().values()),
                groups=self._teller.groups.state(),
                budget=self._budget,
            )
        except OSError as error:
            _log.warning("%s: state not saved: %s", self._state_path, error)

    def start(self, *, warm_up: bool = True) -> None:
        """Learn from history, then run `tick`, in a thread until `stop`; returns at once."""
        self._thread = threading.Thread(target=self._loop, args=(warm_up,), name="detection", daemon=True)
        self._thread.start()

    def wait_until_warm(self, seconds: float) -> bool:
        """Wait until the thread has learned from history; False when that takes longer than `seconds`."""
        return self._warm.wait(seconds)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the thread and save the state; a store that does not answer is waited for `seconds` at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                _log.warning("a store has not answered for %g s: detection ends without its answer", seconds)
            self._thread = None
        self.save()
        if self._holding is not None:
            # What is held no more is written no more.
            self._state_path = None
            self._holding.release()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _loop(self, warm_up: bool) -> None:
        if warm_up:
            try:
                self.warm_up(self._clock())
            except Exception:  # noqa: BLE001 - what could not be learned from history is learned from now on
                self._learning = False
                _log.exception("history is not learned from")
        self._warm.set()
        # A quarter of the shortest step keeps the delay small; bills are looked at with the rest, their
        # store answers at once.
        steps = [watch.step for watch in self.watches.values()]
        pause = max(0.1, min([15.0, *steps]) / 4)
        while not self._stop.wait(pause):
            try:
                self.tick(self._clock())
            except Exception:  # noqa: BLE001 - detection must not die of one bad tick; the log has the trace
                _log.exception("detection stumbled; it goes on at the next step")


def _key(detector: str, labels: Mapping[str, str]) -> str:
    return fingerprint({**labels, "detector": detector})


def _widened(advice: Advice | None, column: int, deviation: Deviation) -> float:
    """By what feedback has multiplied the half of the band that a deviation is beyond."""
    if advice is None:
        return 1.0
    up = deviation.worst >= deviation.worst_expected
    return float((advice.wider_up if up else advice.wider_down)[column])


def _end(watch: Watch, judgement: Judgement, deviation: Deviation) -> End:
    """Why a deviation that is no longer one has ended, as far as that is known."""
    column = watch.keys.get(fingerprint(deviation.labels))
    if column is None:
        return "silent"
    spans = watch.detector.spans
    up = deviation.worst >= deviation.worst_expected
    if judgement.advice is not None and judgement.advice.mutes(column, up=up):
        return "muted"
    if spans.adopted(column, deviation.since):
        return "adopted"
    return "back" if np.isfinite(judgement.observed[column]) else "silent"
