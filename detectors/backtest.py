"""Backtest: what detectors would have told, had they been at work in a past time.

`replay` is one detector in this process. `replay_all` has many series replayed by a crew: each detector is a task, and
one of many series several, whose workers read their own series. A task is the same however often it is done, so a
worker that dies costs its task once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.budget import DEFAULT_LIMIT, Budget
from detectors.crews import Crew
from detectors.deviations import Deviation
from detectors.engine import DetectionEngine
from detectors.history import CELLS, History
from detectors.knowledge import Knowledge
from detectors.partition import Partition, divided_by, part_of_query, reach_of, values_of
from detectors.shards import FEW, SERIES_PER_SHARD, Opening
from detectors.unit_cost import RULES
from detectors.watch import MOST_SERIES, Judgement, Watch
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Nobody, fingerprint
from watchkeeper.queries import Query
from watchkeeper.stores import Store

__all__ = ["WEEK", "Part", "Replayed", "replay", "replay_all"]

WEEK = 7 * 86_400.0
# A judgement holds eight numbers a series beside the value: as much memory as a block of history.
_CELLS = CELLS // 8
# However few series are expected: there may be more than at the times that were looked at. Half of what a watch
# remembers, so that what is beside it is still known where a deviation began in the block before.
_TICKS = 720


Part = tuple[str, tuple[str, ...]]
"""A label and those of its values whose series are replayed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The deviations of one detector between two times, in the order of their onset; the last may still be open.

    `series` is how many it watched in all, `ticks` how many times it judged. A deviation that had begun when the time
    begins is among them.
    """

    detector: Detector
    start: float
    end: float
    series: int
    ticks: int
    deviations: tuple[Deviation, ...] = field(default=())

    def weekly(self) -> list[int]:
        """How many began in each week from the start on; the last may be cut short."""
        counts = [0] * max(1, math.ceil((self.end - self.start) / WEEK - 1e-9))
        for one in self.deviations:
            counts[min(len(counts) - 1, max(0, int((one.since - self.start) // WEEK)))] += 1
        return counts


def replay(
    detector: Detector,
    lookup: Callable[[str], Query],
    stores: Mapping[str, Store],
    start: float,
    end: float,
    *,
    learn: float,
    pace: float = 1.0,
    knowledge: Knowledge | None = None,
    limit: float = DEFAULT_LIMIT,
    part: Part | None = None,
) -> Replayed:
    """Run a fresh detector over the history between two times, after it has learned from `learn` seconds before.
    A deviation takes the evidence of a `limit`, in standard deviations: a budget is of all series together.

    Calendars and feedback count as `knowledge` has them, an opinion from when it was given on. History is read in
    blocks: what is held at once does not grow with the time. With a `part` only its series are. Raises StoreError, also
    half way: a count that leaves something out would be taken for the whole.
    """
    if knowledge is not None:
        knowledge.refresh(end, ())
    budget = Budget(math.inf, fixed=limit)
    engine = DetectionEngine((detector,), lookup, stores, Nobody(), pace=pace, knowledge=knowledge, budget=budget)
    watch = engine.watches.get(detector.key)
    if watch is None:
        return Replayed(detector, start, end, 0, 0)
    if part is not None:
        watch.query = part_of_query(watch.query, *part)
    first = math.floor(start / watch.step + 1e-9)
    engine.begin(detector.key, first - 1 - math.ceil(max(0.0, learn) / watch.step))
    for _ in _advance(engine, watch, (first - 1) * watch.step, judge_all=False):
        pass
    told: dict[int, Deviation] = {}
    ticks = 0
    seen: set[str] = set()
    for judgement in _advance(engine, watch, end, judge_all=True):
        ticks += 1
        seen.update(watch.keys)
        engine.follow(watch, judgement)
        # At work it is delivered with the tick that opens it: each that is seen open has been told.
        told |= {id(one): one for one in engine.deviations()}
    return Replayed(detector, start, end, len(seen), ticks, tuple(sorted(told.values(), key=_order)))


def replay_all(
    detectors: Sequence[Detector],
    lookup: Callable[[str], Query],
    stores: Mapping[str, Store],
    start: float,
    end: float,
    *,
    learn: float,
    pace: float = 1.0,
    knowledge: Knowledge | None = None,
    limit: float = DEFAULT_LIMIT,
    crew: Crew | None = None,
    opening: Opening | None = None,
) -> list[Replayed]:
    """`replay` of each detector, in their order: by a `crew` whose workers open the store of metrics themselves, where
    there is `opening`, and so much to do that it is worth it. The answer is the same.

    Raises StoreError, and DetectionError when the crew cannot do a task.
    """
    options = {"learn": learn, "pace": pace, "knowledge": knowledge, "limit": limit}
    store = stores.get("metrics")
    away = [one for one in detectors if one.reads == "metrics" and store is not None]
    parts: dict[str, list[Part | None]] = {}
    if crew is not None and opening is not None and store is not None and not crew.alone:
        divided = [(one, *_divided(one, lookup, store, start - learn, end, pace)) for one in away]
        if sum(values for *_, values in divided) >= FEW:
            parts = {one.key: own for one, own, _ in divided}
    found: dict[str, Replayed] = {}
    if parts and crew is not None:
        if knowledge is not None:
            knowledge.refresh(end, ())
            options["knowledge"] = knowledge.fixed()
        queries = {one.key: {key: lookup(key) for key in _asked(one)} for one in away}
        tasks = {
            f"{one.key}, part {number + 1} of {len(parts[one.key])}": (one, queries[one.key], opening, start, end, part)
            for one in away
            for number, part in enumerate(parts[one.key])
        }
        done = crew.run(_replay_there, {name: (*task, options) for name, task in tasks.items()})
        for one in away:
            found[one.key] = _merged([done[name] for name, task in tasks.items() if task[0] is one])
        options["knowledge"] = knowledge
    return [
        found.get(one.key) or replay(one, lookup, stores, start, end, **options)  # type: ignore[arg-type]
        for one in detectors
    ]


def _divided(
    detector: Detector, lookup: Callable[[str], Query], store: Store, start: float, end: float, pace: float
) -> tuple[list[Part | None], int]:
    """The parts that a detector is replayed in, and about how many values it has in all; a part that is None is all."""
    watch = Watch(detector, _query(detector, lookup), store, pace=pace)
    history = History(watch.query, watch.step, math.ceil(start / watch.step), math.floor(end / watch.step), watch.auto)
    expected = history.sample(store)
    values = len(expected) * (history.last - history.first + 1)
    count = math.ceil(len(expected) / SERIES_PER_SHARD)
    # Peers are judged by each other, and of too many series only the first are watched: these need all of them.
    whole = detector.peers or len(expected) > MOST_SERIES or detector.key in {trio.detector for trio in RULES}
    if whole or count < 2 or (label := divided_by(watch.query, expected.values(), count)) is None:
        return [None], values
    partition = Partition(count, label)
    own: dict[int, list[str]] = {}
    for value in sorted(values_of(watch.query, store, label, start - reach_of(watch.query, watch.auto), end)):
        own.setdefault(partition.shard_of_value(value), []).append(value)
    return [(label, tuple(own[number])) for number in sorted(own)], values


def _query(detector: Detector, lookup: Callable[[str], Query]) -> Query:
    return lookup(detector.query) if isinstance(detector.query, str) else detector.query


def _asked(detector: Detector) -> set[str]:
    """The named queries that a detector reads."""
    beside = [key for trio in RULES if trio.detector == detector.key for key in (trio.traffic, trio.latency)]
    return {key for key in (detector.query, *beside) if isinstance(key, str)}


def _replay_there(
    detector: Detector,
    queries: Mapping[str, Query],
    opening: Opening,
    start: float,
    end: float,
    part: Part | None,
    options: Mapping[str, Any],
) -> Replayed:
    with opening() as store:
        return replay(detector, queries.__getitem__, {"metrics": store}, start, end, part=part, **options)


def _merged(parts: Sequence[Replayed]) -> Replayed:
    deviations = sorted((one for part in parts for one in part.deviations), key=_order)
    return replace(
        parts[0],
        series=sum(part.series for part in parts),
        # Each judges from the first value of its own series on.
        ticks=max(part.ticks for part in parts),
        deviations=tuple(deviations),
    )


def _order(deviation: Deviation) -> tuple[float, str]:
    return deviation.since, fingerprint(deviation.labels)


def _advance(engine: DetectionEngine, watch: Watch, until: float, *, judge_all: bool) -> Iterator[Judgement]:
    """The judgements up to a time, block by block."""
    last = math.floor(until / watch.step + 1e-9)
    if watch.place is None or watch.place >= last:
        return
    expected = len(History(watch.query, watch.step, watch.place + 1, last, watch.auto).sample(watch.store))
    while watch.place < last:
        before = watch.place
        block = max(1, min(_TICKS, _CELLS // max(expected, len(watch.labels), 1)))
        yield from engine.advance(watch, min(last, before + block) * watch.step, most_ticks=block, judge_all=judge_all)
        if watch.place == before:
            return  # bills are not complete so far
