"""Learning from history: watches of one step, season and past as one, whose tick costs little more than one's."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.knowledge import Knowledge
from detectors.peers import Peers
from detectors.seasonal import SeasonalDetector
from detectors.watch import Watch

__all__ = ["History", "alike", "replay"]

Floats = NDArray[np.float64]

History = tuple[Watch, list[int], Floats]
"""A watch with the steps and the values (S, T) that it is to learn from."""


def alike(found: Iterable[History]) -> list[list[History]]:
    """Those that are learned from together."""
    groups: dict[tuple[object, ...], list[History]] = {}
    for one in found:
        watch = one[0]
        own = watch.declared.key if isinstance(watch.detector, Peers) else ""
        # One that was restored begins where it left off, and a new one with all of its history.
        groups.setdefault((watch.step, watch.seasons, watch.detector.last, own), []).append(one)
    return list(groups.values())


def replay(group: Sequence[History], stop: threading.Event, knowledge: Knowledge | None, now: float) -> bool:
    """Let watches of one step, season and past learn their histories together, in one pass, by what is known `now` of
    them; False when `stop` was set. Those of `alike` are learned with.
    """
    parts = [watch.detector for watch, _, _ in group]
    seasonal = [part for part in parts if isinstance(part, SeasonalDetector)]
    # Peers are judged by each other: they are learned from by themselves.
    whole: SeasonalDetector | Peers = parts[0] if len(seasonal) < len(parts) else SeasonalDetector.joined(seasonal)
    first = min(ks[0] for _, ks, _ in group)
    last = max(ks[-1] for _, ks, _ in group)
    edges = np.cumsum([0, *(len(watch.labels) for watch, _, _ in group)])
    values = np.full((int(edges[-1]), last - first + 1), np.nan)
    for (_, ks, own), start in zip(group, edges, strict=False):
        values[start : start + len(own), np.asarray(ks) - first] = own
    step = group[0][0].step
    series = [(watch.declared, labels) for watch, _, _ in group for labels in watch.labels]
    guide = None if knowledge is None else knowledge.guide(series, known_at=now)
    for i in range(values.shape[1]):
        at = (first + i) * step
        if stop.is_set():
            return False
        if at <= whole.last:
            continue
        tick = whole.tick(at, values[:, i], advice=None if guide is None else guide.at(at, whole.spans.since))
        for (watch, _, _), start, end in zip(group, edges, edges[1:], strict=False):
            if values.shape[1] - i <= watch.remembered:
                with watch.lock:
                    watch.remember(tick.part(slice(start, end)), values[start:end, i])
    if isinstance(whole, SeasonalDetector):
        whole.split(seasonal)
    return True
