"""Candidates for the cause of an alarm, ranked by evidence, dependencies and changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.rootcause.evidence import Evidence, evidence, run_length, windows
from detectors.rootcause.graph import Graph, node_of
from detectors.rootcause.symptoms import strengths, symptom_of
from detectors.rootcause.tables import Column, Floats, Table
from detectors.rootcause.wording import Facts, wording
from detectors.seasonal import DetectionError
from watchkeeper.traces.graph import Edge
from watchkeeper.units import Unit

__all__ = ["Candidate", "Change", "rank", "surprises"]

# The share of a component's evidence that an equally deviating callee explains.
_EXPLAINED = 0.3
# How much it counts to explain the others that deviate.
_COVERED = 0.5
# What the target does not depend on may still be the cause, through what no graph shows.
_ELSEWHERE = 0.3
# Changes are looked for in the hour before the alarm; one at the onset doubles the score.
_CHANGE_SECONDS = 3_600.0
# Fewer normal rows than this before the alarm: what lies well after it is taken for normal as well.
_FEW = 10


@dataclass(frozen=True, slots=True)
class Change:
    """A deploy, flag, scaling or configuration event `at` a time (seconds since the epoch) of a component.

    `meant` is False for what happens by itself too, such as a restart: nobody who did it watches what follows. `of` is
    the service that the component is one instance of.
    """

    at: float
    component: str
    text: str
    meant: bool = True
    of: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signal that may be the cause, its score (scores of the components' best signals add up to 1) and the reason."""

    component: str
    signal: str
    score: float
    why: str


def rank(
    table: Table,
    at: float,
    *,
    normal: Table | None = None,
    edges: Iterable[tuple[str, str] | Edge] = (),
    target: str | None = None,
    changes: Iterable[Change] = (),
    units: Mapping[Column, Unit] | None = None,
    pace: float = 1.0,
) -> tuple[Candidate, ...]:
    """Every component with its strongest signal, and further signals, the likeliest cause first.

    `at` is when it was noticed (seconds since the epoch), `normal` a table of normal operation (without one: the
    rows before the alarm), `edges` are (caller, callee) or those of a trace store, `target` is the component or
    `component_signal` that alarmed, `changes` may name a service whose pods are the components; `units` are those of
    columns whose values the reasons tell with them, and `pace` is by what the minutes of the method are shorter. Raises
    DetectionError when the table has no rows around the alarm, and for an unknown target.
    """
    found, start = _found(table, at, normal, pace)
    pairs = ((e.client, e.server) if isinstance(e, Edge) else e for e in edges)
    graph = Graph.of(pairs, table.components)
    symptom = symptom_of(table.columns, found.surprise, target, graph)
    strength = strengths(table.columns, found.surprise, symptom, graph)
    scores = dict(strength)
    if graph:
        left = strengths(table.columns, _left(table.columns, found.surprise, graph), symptom, graph)
        scores = _through(graph, strength, left, symptom.component)
    lasting = _CHANGE_SECONDS / pace
    recent = _recent(changes, start - lasting, at, table.components)
    for component, change in recent.items():
        near = 1.0 - max(0.0, start - change.at) / lasting
        scores[component] = _raised(component, near, scores, graph)
    own = tuple((units or {}).get(column) for column in table.columns)
    facts = Facts(graph=graph, strength=strength, symptom=symptom, changes=recent, at=at, units=own)
    return _candidates(table, found, scores, facts)


def surprises(table: Table, at: float, *, pace: float = 1.0) -> Floats:
    """How surprising each signal is around an alarm, (S,): see `Evidence`. Raises DetectionError as `rank` does."""
    return _found(table, at, None, pace)[0].surprise


def _found(table: Table, at: float, normal: Table | None, pace: float) -> tuple[Evidence, float]:
    """The evidence of all signals, and from when on the fault was searched."""
    start, end = windows(table, at, has_normal=normal is not None, pace=pace)
    inside = (table.times >= start) & (table.times <= end)
    if not inside.any() or not table.columns:
        raise DetectionError(_no_rows(table, at))
    found = evidence(
        table.times[inside],
        table.values[inside],
        _normal_rows(table, normal, start, end, pace),
        table.values[table.times < at] if normal is not None else None,
        run_length(table, inside, pace=pace),
    )
    return found, start


def _no_rows(table: Table, at: float) -> str:
    span = f"has rows from {table.times[0]:.0f} to {table.times[-1]:.0f}" if len(table.times) else "has no rows"
    return f"the table {span}, and none around the alarm at {at:.0f}: name the time of the alarm in seconds or ISO 8601"


def _normal_rows(table: Table, normal: Table | None, start: float, end: float, pace: float) -> Floats:
    """What is normal, (N, S): of the table of normal operation; for signals that it has not, the past of the table."""
    past = table.values[table.times < start]
    if normal is None:
        if len(past) < _FEW:
            # There is hardly a past: an hour that follows, when it is over, tells more than nothing.
            later = (table.times > 2 * end - start) & (table.times < end + 3_600.0 / pace)
            past = np.vstack([past, table.values[later]])
        return past
    outside = (normal.times < start) | (normal.times > end)
    rows = normal.aligned(table.columns)[outside]
    lacking = ~np.isfinite(rows).any(axis=0)
    return np.vstack([rows, np.where(lacking, past, np.nan)])


def _left(columns: Sequence[Column], surprise: Floats, graph: Graph) -> Floats:
    """What callees leave of each signal's surprise: a caller repeats what its callee shows in the same signal."""
    at = {column: i for i, column in enumerate(columns)}
    left = surprise.copy()
    for i, (component, signal) in enumerate(columns):
        below = [surprise[at[other, signal]] for other in graph.callees.get(component, ()) if (other, signal) in at]
        left[i] -= _EXPLAINED * min(left[i], max(below, default=0.0))
    return left


def _through(
    graph: Graph, strength: Mapping[str, float], left: Mapping[str, float], target: str | None
) -> dict[str, float]:
    """The scores by component once dependencies are known.

    Deviations run from callee to caller, so a component is a likely cause when its own callees deviate less, when
    the target depends on it, and when those that call it, directly or not, are most of what deviates.
    """
    whole = sum(strength.values()) or 1.0
    reach = graph.below(target) if target is not None else frozenset(strength)
    scores = {}
    for component in strength:
        covered = sum(strength.get(other, 0.0) for other in graph.above(component)) / whole
        scores[component] = left[component] * covered**_COVERED * (1.0 if component in reach else _ELSEWHERE)
    return scores


def _recent(changes: Iterable[Change], first: float, at: float, components: Iterable[str]) -> dict[str, Change]:
    """The last change of each component between two times."""
    last = {c.component: c for c in sorted(changes, key=lambda c: c.at) if first <= c.at <= at}
    found: dict[str, Change] = {}
    for component in components:
        node = node_of(component, last)
        if node is not None:
            found[component] = last[node]
    return found


def _raised(component: str, near: float, scores: Mapping[str, float], graph: Graph) -> float:
    """The score of a component that changed: up to twice its own, the nearer the change, and never less than a part
    of what its callers show, for what a deploy breaks may be seen there alone.
    """
    callers = [scores[other] for other in graph.callers.get(component, ()) if other in scores]
    return max(scores[component] * (1.0 + near), near * 0.5 * max(callers, default=0.0))


def _candidates(table: Table, found: Evidence, scores: Mapping[str, float], facts: Facts) -> tuple[Candidate, ...]:
    whole = sum(scores.values()) or 1.0
    rows: dict[str, list[int]] = {}
    for i, (component, _) in enumerate(table.columns):
        rows.setdefault(component, []).append(i)
    out = []
    for component, own in rows.items():
        own.sort(key=lambda i: -found.surprise[i])
        best = float(found.surprise[own[0]])
        for place, i in enumerate(own):
            # Further signals of a component follow, each at a smaller part, so that other components come between.
            part = 1.0 if place == 0 else float(found.surprise[i]) / best / (place + 1) if best > 0 else 0.0
            if place == 0 or part > 0.0:
                score = scores[component] / whole * part
                out.append((score, place, component, table.columns[i][1], i))
    out.sort(key=lambda item: (-item[0], item[1], item[2], item[3]))
    return tuple(
        Candidate(component, signal, round(score, 6), wording(component, i, rows[component], found, facts))
        for score, _, component, signal, i in out
    )
