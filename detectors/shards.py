"""Long histories over many series, in shards: what one process would find, found by several.

job = Job(declared, History(query, step, first, last), partial(SeasonalDetector, step=step, seasons=seasons))
outcome = run(job, store, crew=crew_of(settings.detect), opening=opening_of(settings.store))

A shard holds the series whose labels hash to it. Its history is read in blocks of time, and its detector judges them
one tick after the other. What a shard has learned and found by the end of a chapter is a value, the same however often
it is worked out: a worker that dies costs its chapter once more, and nothing is lost or counted twice. Calendars and
feedback are left aside. `detectors.teaching` has it learn for an engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.crews import Crew, Local
from detectors.deviations import Deviation
from detectors.history import Block
from detectors.partition import Partition, divided_by, part_of_query, reach_of, values_of
from detectors.seasonal import DetectionError
from detectors.shard import BINS, ONSET, Job, Part, Shard
from watchkeeper.settings import Prometheus, StoreSettings
from watchkeeper.stores import Labels, Store

__all__ = ["Job", "Opening", "Outcome", "opening_of", "run"]

Opening = Callable[[], AbstractContextManager[Store]]
"""How a worker opens a store of its own; it is pickled, so it holds references to secrets and never a secret."""

SERIES_PER_SHARD = 1_000
"""So many that the cost of a tick is that of its values; the count of shards depends on nothing but the series, so that
a machine with more cores gives the same answer."""
CHAPTER = 5_000
"""Ticks after which a shard hands back what it has: few enough to do again, many beside the cost of sending 32 KB a
series."""
FEW = 5_000_000
"""Values below which other processes would take longer to start than this one to be done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was learned and found: the same for any number of shards, workers and blocks.

    The series are in the order of `keys`, the fingerprints of `labels`. `arrays` is the state of one detector over all
    of them and `last` the time of its last tick. `deviations` are in the order of their onset; those with `ended` None
    last until the end. `onsets` (of the type ONSET) are in the order of time; their `series` are places in `keys`.
    `judged` (S,) counts the values, `scores` (S, BINS) how often the score was in each bin.
    """

    labels: tuple[Labels, ...]
    keys: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    last: float
    deviations: tuple[Deviation, ...]
    onsets: NDArray[Any]
    judged: NDArray[np.int64]
    scores: NDArray[np.uint32]


def opening_of(settings: StoreSettings) -> Opening | None:
    """How workers open the store of the settings; None for the embedded store, which one process has for itself."""
    return None if settings.prometheus is None else partial(_opened, settings.prometheus)


def _opened(settings: Prometheus) -> AbstractContextManager[Store]:
    from watchkeeper.stores.prometheus import PrometheusStore

    return closing(PrometheusStore.from_settings(settings))


def run(
    job: Job,
    store: Store,
    *,
    crew: Crew | None = None,
    opening: Opening | None = None,
    shards: int | None = None,
    chapter: int = CHAPTER,
    few: int = FEW,
) -> Outcome:
    """Work through the history of a job, by a crew (default: the local cores) or, where that is not worth it, here.

    With `opening` the shards read their own series, if their query can be divided by a label; else `store` is read
    here, once, and each shard is sent its part. A process holds one block at a time, and what was learned. `chapter` is
    in ticks, `few` in values.

    Raises StoreError when a store does not answer, DetectionError when the crew cannot do a shard.
    """
    history = job.history
    if history.last < history.first:
        raise DetectionError(
            f"a history from step {history.first} to {history.last} has no steps: it ends before it begins"
        )
    expected = history.sample(store)
    count = shards or max(1, math.ceil(len(expected) / SERIES_PER_SHARD))
    crew = crew or Local()
    if count == 1 or crew.alone or len(expected) * (history.last - history.first + 1) < few:
        parts = _here(job, store, Partition(count), len(expected))
    elif opening is not None and (label := divided_by(history.query, expected.values(), count)) is not None:
        parts = _apart(job, store, Partition(count, label), crew, opening, chapter, len(expected))
    else:
        parts = _sent(job, store, Partition(count), crew, len(expected))
    return _merged(job, parts)


def _here(job: Job, store: Store, partition: Partition, series: int) -> list[Part]:
    """All shards in this process, which reads each block once."""
    at_work: dict[int, Shard] = {}
    for block in job.history.blocks(store, series=series):
        for number, own in _divided(block, partition, at_work):
            if number not in at_work:
                at_work[number] = Shard(job)
            at_work[number].take(own)
    return [at_work[number].part(state=job.state) for number in sorted(at_work)]


def _sent(job: Job, store: Store, partition: Partition, crew: Crew, series: int) -> list[Part]:
    """Each block is read here and sent to the shards in parts; a block is a chapter."""
    parts: dict[int, Part] = {}
    for block in job.history.blocks(store, series=series):
        keep = job.state or block.last < job.history.last
        tasks = {number: (job, parts.get(number), own, keep) for number, own in _divided(block, partition, parts)}
        parts |= _by_crew(crew, _judge_block, tasks, partition, block.first, block.last)
    return [parts[number] for number in sorted(parts)]


def _apart(
    job: Job, store: Store, partition: Partition, crew: Crew, opening: Opening, chapter: int, series: int
) -> list[Part]:
    """Each shard reads its own series from a store that its worker opens; here only their labels are read."""
    history = job.history
    label = partition.by or ""
    parts: dict[int, Part] = {}
    for first in range(history.first, history.last + 1, chapter):
        last = min(first + chapter - 1, history.last)
        before = reach_of(history.query, history.auto)
        values = values_of(history.query, store, label, first * history.step - before, last * history.step)
        each = max(1.0, series / max(len(values), 1))
        own: dict[int, list[str]] = {number: [] for number in parts}
        for value in sorted(values):
            own.setdefault(partition.shard_of_value(value), []).append(value)
        part_of = replace(job, history=replace(history, first=first, last=last), state=job.state or last < history.last)
        tasks = {
            number: (part_of, parts.get(number), opening, label, mine, math.ceil(len(mine) * each))
            for number, mine in sorted(own.items())
        }
        parts |= _by_crew(crew, _judge_chapter, tasks, partition, first, last)
    return [parts[number] for number in sorted(parts)]


def _by_crew(
    crew: Crew,
    work: Callable[..., Part],
    tasks: Mapping[int, tuple[Any, ...]],
    partition: Partition,
    first: int,
    last: int,
) -> dict[int, Part]:
    names = {f"shard {number + 1} of {partition.count}, steps {first} to {last}": number for number in tasks}
    found = crew.run(work, {name: tasks[number] for name, number in names.items()})
    return {number: found[name] for name, number in names.items()}


def _divided(block: Block, partition: Partition, begun: Mapping[int, object]) -> list[tuple[int, Block]]:
    """The block of each shard. One that has begun gets its own even without a value: time passes there too."""
    rows: dict[int, list[int]] = {number: [] for number in begun}
    for row, labels in enumerate(block.labels):
        rows.setdefault(partition.shard(labels), []).append(row)
    return [(number, block.part(rows[number])) for number in sorted(rows)]


def _judge_block(job: Job, part: Part | None, block: Block, state: bool) -> Part:
    shard = Shard(job, part)
    shard.take(block)
    return shard.part(state=state)


def _judge_chapter(
    job: Job, part: Part | None, opening: Opening, label: str, values: Sequence[str], series: int
) -> Part:
    history = job.history
    shard = Shard(job, part)
    if not values:
        nothing = np.empty((0, history.last - history.first + 1))
        shard.take(Block(history.first, history.last, (), (), nothing))
        return shard.part(state=job.state)
    query = part_of_query(history.query, label, values)
    with opening() as store:
        for block in history.blocks(store, series=max(series, len(shard.keys)), query=query):
            shard.take(block)
    return shard.part(state=job.state)


def _merged(job: Job, parts: Sequence[Part]) -> Outcome:
    keys = [key for part in parts for key in part.keys]
    labels = [labels for part in parts for labels in part.labels]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    if len(set(keys)) < len(keys):
        twice = next(keys[a] for a, b in pairwise(order) if keys[a] == keys[b])
        raise DetectionError(f"series {twice} is in two shards: the store's answers do not agree on its labels")
    states = [part.arrays for part in parts if part.keys]
    names = sorted(states[0]) if states else []
    arrays = {name: np.concatenate([state[name] for state in states], axis=-1)[..., order] for name in names}
    found: list[tuple[float, str, Deviation]] = []
    for part in parts:
        found += [(one.since, part.keys[c], one) for c, one in (*part.ended, *part.open.items())]
    found.sort(key=lambda item: (item[0], item[1]))
    place = np.empty(len(keys), np.int64)
    place[order] = np.arange(len(keys))
    onsets = np.concatenate([np.empty(0, ONSET), *(part.onsets for part in parts)])
    starts = np.cumsum([0, *(len(part.keys) for part in parts)])
    shift = [np.full(len(part.onsets), start) for part, start in zip(parts, starts, strict=False)]
    onsets["series"] = place[onsets["series"] + np.concatenate([np.zeros(0, np.int64), *shift])]
    onsets = onsets[np.lexsort((onsets["series"], onsets["at"]))]
    judged = np.concatenate([np.zeros(0, np.int64), *(part.judged for part in parts)])[order]
    scores = np.concatenate([np.zeros((0, BINS), np.uint32), *(part.scores for part in parts)])[order]
    return Outcome(
        tuple(labels[i] for i in order),
        tuple(keys[i] for i in order),
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        max((part.last for part in parts), default=-math.inf),
        tuple(one for _, _, one in found),
        onsets,
        judged,
        scores,
    )
