"""Likely causes of one deviation or alert: what else left its normal around the onset, ranked, and what was changed.

causes = Finder(detectors, lookup, store, edges=edges, changes=changes.between)
causes.find(Onset(system="redis", labels=labels, since=since, at=now, detector="redis.memory"))
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.components import component_of, place_of, service_of
from detectors.rootcause.graph import Graph
from detectors.rootcause.ranking import Change, rank, surprises
from detectors.rootcause.tables import Column, Floats, Table
from detectors.seasonal import DetectionError
from detectors.texts import clock_time, series_name
from watchkeeper.clock import monotonic
from watchkeeper.declarations import Detector
from watchkeeper.durations import parse_duration
from watchkeeper.errors import StoreError, WatchkeeperError
from watchkeeper.queries import Query, scaled
from watchkeeper.stores import Labels, Matrix, Store
from watchkeeper.units import Unit

__all__ = ["MOST", "Cause", "Causes", "Finder", "Limits", "Onset"]

MOST = 5
"""How many candidates are told: more are a list to read, and not an answer."""

# What is normal is seen on these hours before the onset; a fault is looked for until some minutes after it, and a
# change in the hour before.
_BEFORE, _AFTER, _CHANGED = 3 * 3_600.0, 600.0, 3_600.0
# When the rest of the window has passed, nothing is added to it any more.
_SETTLED = 300.0
# Who calls whom: in so long before the onset.
_CALLS = 3_600.0
# Fewer values before the onset than this say nothing of what is normal.
_FEW = 10
# At twice its normal distance (see `detectors.rootcause.evidence.Evidence`): of healthy noise, whether normal, heavy in
# its tails, correlated or on a slope of the day, at most two in a thousand series are, and many are looked at. What is
# asked of is known to deviate.
_OUT, _OUT_OWN = math.log(3.0), math.log(2.0)
_log = logging.getLogger("watchkeeper.detectors")

Edges = Callable[[float, float], Iterable[tuple[str, str]]]
"""Who called whom between two times: pairs of the caller and the called. May raise StoreError."""
Changes = Callable[[float, float], Iterable[Change]]
"""What was changed between two times. May raise StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """What is asked of: the series with these `labels`, of a `system`, out of the ordinary `since` a time, as known
    `at` another. `detector` is the key of the one that watches it; an alert has none.
    """

    system: str
    labels: Labels
    since: float
    at: float
    detector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A candidate: the component, what it shows (`signal` is the key of a detector, `title` says it in words), the
    score for the order, and why. `own` is that of what is asked of.
    """

    component: str
    signal: str
    title: str
    score: float
    why: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """The candidates, the likeliest first, and the changes in the window, the newest first.

    `note` says what is not known, or why nothing is. `settled` is whether the window had passed, so that the same
    question has the same answer later. `queries`, `series` and `edges` are how much was looked at.
    """

    component: str
    since: float
    candidates: tuple[Cause, ...] = ()
    changes: tuple[Change, ...] = ()
    note: str = ""
    settled: bool = False
    queries: int = 0
    series: int = 0
    edges: int = 0

    def told(self, change: Change) -> str:
        """A change with its component and how long before the onset it was."""
        names = [name for name in (change.component, change.of) if name]
        whose = f"{' of '.join(dict.fromkeys(names))}: " if names else ""
        gap = (self.since - change.at) / 60.0
        when = f"{gap:.0f} min before" if gap >= 1 else "at the onset" if gap > -1 else f"{-gap:.0f} min after"
        return f"{whose}{change.text} ({clock_time(change.at, self.since)}, {when})"

    def plain(self) -> dict[str, Any]:
        """All of it for JSON."""
        names = ("component", "signal", "title", "score", "why", "own")
        return {
            "of": self.component,
            "since": self.since,
            "candidates": [{name: getattr(one, name) for name in names} for one in self.candidates],
            "changes": [{"at": c.at, "component": c.component, "text": c.text} for c in self.changes],
            "note": self.note,
            "looked_at": {"queries": self.queries, "series": self.series, "calls": self.edges},
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may cost: `queries` asked of the store, `series` looked at, of each query and in all, and
    `seconds` after which no further query is asked.
    """

    queries: int = 80
    per_query: int = 200
    series: int = 2_000
    seconds: float = 8.0


@dataclass(slots=True)
class _Gathered:
    """The series by column, each with its detector and labels; `unasked` queries were left out, `failed` had no
    answer.
    """

    rows: list[tuple[Column, Detector, Labels, Floats, Floats]] = field(default_factory=list)
    units: dict[str, Unit] = field(default_factory=dict)
    queries: int = 0
    unasked: int = 0
    failed: int = 0
    problem: str = ""


class Finder:
    """Ranks causes over what `detectors` watch in a store of metrics; `lookup` gives the query of a key.

    `pace` is by what all durations are shorter. Without `edges` nothing is known of who calls whom.
    """

    def __init__(
        self,
        detectors: Iterable[Detector],
        lookup: Callable[[str], Query],
        store: Store,
        *,
        pace: float = 1.0,
        edges: Edges | None = None,
        changes: Changes | None = None,
        limits: Limits | None = None,
        stopwatch: Callable[[], float] = monotonic,
    ) -> None:
        self._detectors = tuple(one for one in detectors if one.reads == "metrics")
        self._lookup = lookup
        self._store = store
        self._pace = pace
        self._edges = edges
        self._changes = changes
        self._limits = limits or Limits()
        self._stopwatch = stopwatch

    def find(self, onset: Onset) -> Causes:
        """The likely causes; `note` says so where there is not enough to tell. Raises StoreError when the store answers
        none of the queries.
        """
        stop = self._stopwatch() + self._limits.seconds
        edges, blind = self._calls(onset)
        nodes = {name for edge in edges for name in edge}
        component = component_of(onset.labels, onset.system, nodes)
        found = self._gather(onset, nodes, stop)
        if found.failed and not found.rows:
            raise StoreError(found.problem)
        changes, unchanged = self._changed(onset)
        common: dict[str, Any] = {
            "component": component,
            "since": onset.since,
            "changes": changes,
            "settled": onset.at >= onset.since + _SETTLED / self._pace,
            "queries": found.queries,
            "series": len(found.rows),
            "edges": len(edges),
        }
        if not found.rows:
            return Causes(
                **common,
                note=_sentences(["No watched series has values around it, so that nothing can be ranked", unchanged]),
            )
        table = _table(found)
        columns, known = self._best(onset, table, found, component)
        if known < _FEW:
            told = f"Too little is known of what is normal: {known} values before the onset"
            return Causes(**common, note=_sentences([told, unchanged]))
        candidates, alone = self._ranked(onset, table, columns, found, component, edges, changes)
        notes = [alone, blind, unchanged]
        if found.unasked or found.failed:
            left = found.unasked + found.failed
            notes.append(
                f"{left} of {found.queries + left} queries were left out or gave no answer: more may have moved"
            )
        return Causes(**common, candidates=candidates, note=_sentences(notes))

    # -- gathering --

    def _calls(self, onset: Onset) -> tuple[tuple[tuple[str, str], ...], str]:
        """Who calls whom, and what is to be said where that is not known."""
        unknown = "Who calls whom is not known: a cause and what it causes are told apart by their values alone"
        if self._edges is None:
            return (), unknown
        try:
            found = tuple(dict.fromkeys(self._edges(onset.since - _CALLS / self._pace, onset.at)))
        except WatchkeeperError as error:
            _log.info("who calls whom is not known: %s", error)
            return (), unknown
        return found, "" if found else unknown

    def _changed(self, onset: Onset) -> tuple[tuple[Change, ...], str]:
        if self._changes is None:
            return (), ""
        start, end = onset.since - _CHANGED / self._pace, min(onset.at, onset.since + _SETTLED / self._pace)
        try:
            found = self._changes(start, end)
        except WatchkeeperError as error:
            _log.info("changes are not known: %s", error)
            return (), "What was changed before it is not known"
        return tuple(sorted(found, key=lambda c: (-c.at, c.component, c.text))), ""

    def _gather(self, onset: Onset, nodes: set[str], stop: float) -> _Gathered:
        """The series of all detectors, those nearest to the question first, as far as the limits allow."""
        found = _Gathered()
        wanted: dict[str, Detector] = {}
        for one in sorted(self._detectors, key=lambda d: (d.key != onset.detector, d.system != onset.system)):
            query = self._lookup(one.query) if isinstance(one.query, str) else one.query
            wanted.setdefault(query.promql("auto"), one)
        for one in wanted.values():
            asked = found.queries + found.failed
            if asked >= self._limits.queries or len(found.rows) >= self._limits.series or self._stopwatch() > stop:
                found.unasked += 1
                continue
            try:
                self._ask(one, onset, nodes, found)
            except WatchkeeperError as error:
                found.failed += 1
                found.problem = str(error)
                if isinstance(error, StoreError) and not found.rows:
                    break  # the next would wait for the same store
        return found

    def _ask(self, one: Detector, onset: Onset, nodes: set[str], found: _Gathered) -> None:
        query = self._lookup(one.query) if isinstance(one.query, str) else one.query
        step = parse_duration(one.step) / self._pace
        end = math.floor(min(onset.at, onset.since + _AFTER / self._pace) / step) * step
        start = math.floor((onset.since - _BEFORE / self._pace) / step) * step
        auto = parse_duration(one.window) / self._pace
        matrix = self._store.range(scaled(query, self._pace), start, end, step, auto=auto)
        found.queries += 1
        found.units[one.key] = query.unit
        room = min(self._limits.per_query, self._limits.series - len(found.rows))
        for index in _chosen(matrix, onset.labels, room):
            labels = {k: v for k, v in matrix.series[index].items() if k != "__name__"}
            present = matrix.present[index] & np.isfinite(matrix.values[index])
            column = (component_of(labels, one.system, nodes), one.key)
            found.rows.append((column, one, labels, matrix.times[present], matrix.values[index][present]))

    # -- ranking --

    def _best(self, onset: Onset, table: Table, found: _Gathered, component: str) -> tuple[dict[Column, int], int]:
        """By component and detector the series that is farthest from its normal, and how many values are known before
        the onset: of the series that is asked of, else of the best known one.
        """
        surprise = surprises(table, onset.since, pace=self._pace)
        before = np.isfinite(table.values[table.times < onset.since]).sum(axis=0)
        best: dict[Column, int] = {}
        known = int(before.max(initial=0))
        for index, (column, one, labels, _, _) in enumerate(found.rows):
            mine = one.key == onset.detector and labels == _own(onset.labels, labels)
            if mine and column[0] == component:
                best[column] = index
                known = int(before[index])
        for index, (column, *_) in enumerate(found.rows):
            if column == (component, onset.detector) and column in best:
                continue
            if column not in best or surprise[index] > surprise[best[column]]:
                best[column] = index
        return best, known

    def _ranked(
        self,
        onset: Onset,
        table: Table,
        best: Mapping[Column, int],
        found: _Gathered,
        component: str,
        edges: Sequence[tuple[str, str]],
        changes: Sequence[Change],
    ) -> tuple[tuple[Cause, ...], str]:
        columns, chosen = tuple(best), list(best.values())
        narrow = Table(table.times, table.values[:, chosen], columns)
        surprise = surprises(narrow, onset.since, pace=self._pace)
        out: dict[str, float] = {}
        for (name, _), value in zip(columns, surprise.tolist(), strict=True):
            out[name] = max(out.get(name, 0.0), value)
        graph = Graph.of(edges, narrow.components)
        target: str | None = f"{component}_{onset.detector}" if (component, onset.detector) in best else component
        if target == component and component not in narrow.components and component not in graph.callees:
            target = None
        names = {
            value: column[0]
            for column, _, labels, _, _ in found.rows
            for value in (service_of(labels), place_of(labels))
            if value
        }
        # A change is told by the label of its series, a component by the node that it is in the graph.
        mapped = [Change(c.at, _where(c, out, names), c.text) for c in changes]
        try:
            ranked = rank(
                narrow,
                onset.since,
                edges=edges,
                target=target,
                changes=mapped,
                pace=self._pace,
                units={column: found.units[column[1]] for column in columns},
            )
        except DetectionError as error:
            return (), f"Nothing can be ranked: {error}"
        causes: dict[str, Cause] = {}
        for one in ranked:
            least = _OUT_OWN if one.component == component else _OUT
            if one.component in causes or out[one.component] < least or len(causes) >= MOST:
                continue
            _, detector, labels, _, _ = found.rows[best[one.component, one.signal]]
            causes[one.component] = Cause(
                component=one.component,
                signal=one.signal,
                title=_title(detector, labels, one.component),
                score=one.score,
                why=one.why.replace("before the alarm", "before it"),
                own=one.component == component,
            )
        return tuple(causes.values()), _alone(tuple(causes.values()), component, len(narrow.components))


def _where(change: Change, components: Collection[str], names: Mapping[str, str]) -> str:
    """The component that a change is of; `names` are those of the labels of their series."""
    known = (change.component, names.get(change.component, ""), change.of, names.get(change.of, ""))
    return next((name for name in known if name in components), change.component)


def _alone(causes: Sequence[Cause], component: str, components: int) -> str:
    """What is to be said where nothing, or nothing else, deviates."""
    if components == 1:
        return f"Only {component} is watched there, so that nothing can be told of what it depends on"
    if not causes:
        return f"None of {components} watched components is far from its normal there: the cause has no signal here"
    if all(one.own for one in causes):
        return (
            f"None of the {components - 1} other watched components is far from its normal: look at {component} itself"
        )
    return ""


def _title(detector: Detector, labels: Labels, component: str) -> str:
    """What a series shows, without what names its component already."""
    rest = {k: v for k, v in labels.items() if v and v != component and k not in ("job",)}
    name = series_name(rest)
    return f"{detector.title}, {name}" if name else detector.title


def _own(labels: Labels, of: Labels) -> dict[str, str]:
    """What labels, which may be those of a delivery, say of the names that a series has."""
    return {name: labels[name] for name in of if name in labels}


def _chosen(matrix: Matrix, labels: Labels, room: int) -> list[int]:
    """The rows with values, as many as there is room for; the one that is asked of is always among them."""
    rows = [index for index in range(len(matrix.series)) if matrix.present[index].any()]
    if len(rows) <= room:
        return rows

    def shared(index: int) -> int:
        return sum(labels.get(name) == value for name, value in matrix.series[index].items())

    return sorted(rows, key=lambda index: -shared(index))[: max(room, 0)]


def _table(found: _Gathered) -> Table:
    """All series beside each other, each a column of its own."""
    times = np.unique(np.concatenate([times for _, _, _, times, _ in found.rows]))
    values = np.full((len(times), len(found.rows)), np.nan)
    for index, (_, _, _, own, row) in enumerate(found.rows):
        values[np.searchsorted(times, own), index] = row
    return Table(times, values, tuple((f"{c[0]}", f"{c[1]} {i}") for i, (c, _, _, _, _) in enumerate(found.rows)))


def _sentences(parts: Iterable[str]) -> str:
    return " ".join(f"{part}." for part in parts if part)
