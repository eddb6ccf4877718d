"""Learning a long history of many series by a crew, before an engine learns the rest and judges.

What the shards have learned (`detectors.shards`) is put into the engine's watches as a saved state would be: it is what
the engine would have learned itself.
"""

from __future__ import annotations

from detectors.crews import Crew
from detectors.engine import DetectionEngine
from detectors.history import History
from detectors.shard import Job
from detectors.shards import FEW, Opening, run
from detectors.watch import MOST_SERIES

__all__ = ["teach"]


def teach(engine: DetectionEngine, at: float, *, crew: Crew, opening: Opening) -> int:
    """Let a crew, whose workers open the store of metrics, learn the history up to `at` where it is worth it; for how
    many detectors it did. `DetectionEngine.warm_up` to the same time does the rest.

    Left to the engine is what a crew would not learn the same: peers, unit costs, what has begun already, a past of
    which calendars or people say something, and a detector with more series than are watched. Raises StoreError, and
    DetectionError when the crew cannot do it.
    """
    if crew.alone:
        return 0
    jobs = []
    for watch, first, last in engine.unlearned(at):
        history = History(watch.query, watch.step, first, last, watch.auto)
        expected = len(history.sample(watch.store))
        if 0 < expected <= MOST_SERIES:
            jobs.append((watch, Job(watch.declared, history, watch.maker()), expected * (last - first + 1)))
    if sum(values for *_, values in jobs) < FEW:
        return 0
    for watch, job, _ in jobs:
        found = run(job, watch.store, crew=crew, opening=opening, few=0)
        if len(found.keys) <= MOST_SERIES:
            watch.put(job.history.last, found.labels, found.arrays)
    return len(jobs)
