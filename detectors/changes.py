"""Changes: what was deployed, scaled or restarted, by the metrics that are collected anyway, and what was announced.

changes = MetricChanges(catalogue.signals.values(), store)
Knowledge(settings.calendars, changes=changes.lately)
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.calendars import calendar_of
from detectors.components import place_of, service_of
from detectors.rootcause.ranking import Change
from watchkeeper import queries as q
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import UnsupportedQuery
from watchkeeper.queries import Query
from watchkeeper.settings import CalendarSettings
from watchkeeper.signals import Counter, Gauge, Info, Signal
from watchkeeper.stores import Labels, Matrix, Store
from watchkeeper.units import UNIX_TIME

__all__ = ["MetricChanges", "Told", "announced", "telling"]

Floats = NDArray[np.float64]
Kind = Literal["version", "start", "number", "restarts"]

_STEP = 60.0
# What is asked for at first, and how long it stays known: longer than the longest patience of a shift with its hold.
_FIRST, _KEPT = 6 * 3_600.0, 36 * 3_600.0
# One that was down for as long is compared with what it was before.
_OVERLAP = 3_600.0
# One roll-out reaches the instances of a service one after the other.
_ROLL_OUT = 900.0
# Times of a start that are computed from an uptime differ by rounding, and by what a clock was set.
_SAME_START = 30.0
# Together, for all questions of one look; and no more series of one signal than that.
_SECONDS, _SERIES = 10.0, 2_000
_log = logging.getLogger("watchkeeper.detectors")


@dataclass(frozen=True, slots=True)
class Told:
    """A signal that tells of changes; `labels` are those of an info that name a version."""

    signal: Signal
    kind: Kind
    labels: tuple[str, ...] = ()

    @property
    def query(self) -> Query:
        """What is asked: the newest value of each series, of a counter its rise."""
        if isinstance(self.signal, Counter):
            return q.increase(self.signal, "5m")
        return q.value(self.signal)  # type: ignore[arg-type]  # a gauge or an info: see `telling`


def telling(signals: Iterable[Signal]) -> tuple[Told, ...]:
    """Those of the signals that tell of changes, by the conventions of their names and units: an info with a version,
    revision or image; the time of a start; a wished number of replicas; the generation of a workload; a counter of
    restarts.
    """
    found = []
    for signal in signals:
        if isinstance(signal, Info):
            labels = tuple(label for label in signal.labels if _is_version(label, signal.name))
            found += [Told(signal, "version", labels)] if labels else []
        elif isinstance(signal, Gauge) and signal.unit == UNIX_TIME:
            found += (
                [Told(signal, "start")] if signal.name.endswith(("_start_time_seconds", "_boot_time_seconds")) else []
            )
        elif isinstance(signal, Gauge) and signal.name.endswith(("_spec_replicas", "_metadata_generation")):
            found.append(Told(signal, "number"))
        elif isinstance(signal, Counter) and signal.name.endswith("_restarts_total"):
            found.append(Told(signal, "restarts"))
    return tuple(found)


def _is_version(label: str, metric: str) -> bool:
    # `mongodb_version_info{mongodb="7.0.1"}` calls the version by the name of the program.
    return (
        label in ("version", "revision", "release", "image", "image_spec", "build_hash")
        or label.endswith("_version")
        or f"{label}_version" in metric
    )


def announced(calendars: CalendarSettings, start: float, end: float) -> tuple[Change, ...]:
    """The deploys that the calendars name, and the windows and events that begin, between two times."""
    found = list(calendar_of(CalendarSettings(deploys=calendars.deploys)).changes)
    for word, spans in (("maintenance", calendars.maintenance), ("planned:", calendars.planned)):
        for span in spans:
            begin = float(span.start)
            if span.every and begin < start:
                begin += float(span.every) * float(np.ceil((start - begin) / float(span.every)))
            of = {name: value for name, value in span.labels.items() if "*" not in value}
            found.append(Change(begin, service_of(of) or place_of(of), f"{word} {span.name} began", meant=False))
    return tuple(sorted((c for c in found if start <= c.at <= end), key=lambda c: (c.at, c.text)))


class MetricChanges:
    """The changes that the series of a store tell of; of all `signals` those of `telling` are asked.

    `pace` is by what minutes are shorter; what the `calendars` announce is added by `between`.
    """

    def __init__(
        self,
        signals: Iterable[Signal],
        store: Store,
        *,
        calendars: CalendarSettings | None = None,
        pace: float = 1.0,
        clock: Clock = now,
    ) -> None:
        self._told = telling(signals)
        self._store = store
        self._calendars = calendars or CalendarSettings()
        self._pace = pace
        self._clock = clock
        self._known: tuple[Change, ...] = ()
        self._until: float | None = None

    def lately(self) -> tuple[Change, ...]:
        """What has changed lately, for who asks again and again and has the calendars: only what is new is asked of the
        store.

        Raises StoreError when it does not answer.
        """
        at = self._clock()
        begin = at - _FIRST / self._pace if self._until is None else self._until - _OVERLAP / self._pace
        fresh = self._asked(begin, at)
        self._until = at
        kept = [one for one in self._known if one.at >= at - _KEPT / self._pace]
        self._known = _merged([*kept, *fresh], _ROLL_OUT / self._pace)
        return self._known

    def between(self, start: float, end: float) -> tuple[Change, ...]:
        """What changed between two times, calendars included. Raises StoreError when the store does not answer."""
        found = (*self._asked(start, end), *announced(self._calendars, start, end))
        return tuple(sorted((c for c in found if start <= c.at <= end), key=lambda c: (c.at, c.text)))

    def _asked(self, start: float, end: float) -> tuple[Change, ...]:
        step, found = _STEP / self._pace, []
        first = np.floor(start / step) * step
        limit = monotonic() + _SECONDS
        for one in self._told:
            if monotonic() > limit:
                _log.info("%s and what follows is not asked for changes: the store takes too long", one.signal.name)
                break
            try:
                query = q.scaled(one.query, self._pace)
                matrix = self._store.range(query, first, end, step, auto=5 * step)
            except UnsupportedQuery:
                continue
            if len(matrix.series) > _SERIES:
                _log.info("%s: %d series are too many to look for changes", one.signal.name, len(matrix.series))
                continue
            found += list(_READ[one.kind](one, matrix))
        found = [c for c in found if start <= c.at <= end]
        return _merged(found, _ROLL_OUT / self._pace)


def _merged(found: Sequence[Change], within: float) -> tuple[Change, ...]:
    """Each change once: the first of those with one component and text; a restart that came with a new version is
    that.
    """
    kept: list[Change] = []
    for one in sorted(found, key=lambda c: (c.at, not c.meant, c.text)):
        if not any(k.component == one.component and k.text == one.text and one.at - k.at <= within for k in kept):
            kept.append(one)
    return tuple(c for c in kept if not any(_told_by(c, m) and abs(c.at - m.at) <= within for m in kept))


def _told_by(one: Change, other: Change) -> bool:
    """Whether another change tells of this one, and more: a version of a restart, replicas of a generation."""
    of = other.component in (one.component, one.of)
    if one.text.startswith("generation"):
        return of and not other.text.startswith(("generation", "restart", "a new"))
    return of and not one.meant and other.meant and not one.text.startswith("replicas")


def _versions(told: Told, matrix: Matrix) -> Iterator[Change]:
    """An instance whose version is another than before, or a new instance with one that none of its service had."""
    times = np.asarray(matrix.times)
    instances: dict[tuple[tuple[str, str], ...], dict[tuple[str, ...], NDArray[np.bool_]]] = {}
    for labels, present in zip(matrix.series, matrix.present, strict=True):
        version = tuple(labels.get(label, "") for label in told.labels)
        rows = instances.setdefault(_identity(told, labels), {})
        rows[version] = rows.get(version, False) | present
    services: dict[str, dict[tuple[str, ...], NDArray[np.bool_]]] = {}
    for identity, rows in instances.items():
        whole = services.setdefault(service_of(dict(identity)), {})
        for version, present in rows.items():
            whole[version] = whole.get(version, False) | present
    for identity, rows in instances.items():
        labels = dict(identity)
        service = service_of(labels)
        whole = services[service]
        for version, present in rows.items():
            for begin in np.flatnonzero(present[1:] & ~present[:-1]) + 1:
                before = _before(rows, int(begin)) or _before(whole, int(begin))
                if before and version not in before:
                    old = min(before)
                    names = [i for i in range(len(version)) if version[i] != old[i]]
                    part = _telling_part(told.labels, names)
                    text = f"{told.labels[part].replace('_', ' ')} {old[part]} → {version[part]}"
                    yield Change(float(times[begin]), service or place_of(labels), text)


def _telling_part(labels: Sequence[str], changed: Sequence[int]) -> int:
    """Of the labels that changed the one that people call the version."""
    return min(changed, key=lambda i: (labels[i] != "version", "image" not in labels[i], i))


def _before(rows: Mapping[tuple[str, ...], NDArray[np.bool_]], begin: int) -> set[tuple[str, ...]]:
    """The versions that were there when any last was, before a step."""
    any_ = np.logical_or.reduce([present[:begin] for present in rows.values()])
    last = np.flatnonzero(any_)
    return {version for version, present in rows.items() if present[last[-1]]} if len(last) else set()


def _starts(told: Told, matrix: Matrix) -> Iterator[Change]:
    """A restart of one that was there, or a new instance of a service that was there."""
    there: dict[str, int] = {}
    for labels, present in zip(matrix.series, matrix.present, strict=True):
        seen = np.flatnonzero(present)
        if len(seen):
            service = service_of(labels)
            there[service] = min(there.get(service, len(present)), int(seen[0]))
    for labels, values, present in zip(matrix.series, matrix.values, matrix.present, strict=True):
        seen = np.flatnonzero(present & np.isfinite(values))
        if not len(seen):
            continue
        service, place = service_of(labels), place_of(labels)
        row = values[seen]
        for i in np.flatnonzero(np.diff(row) > _SAME_START):
            yield Change(float(row[i + 1]), place or service, "restart", meant=False, of=service)
        # One that only now is scraped may be old.
        new = seen[0] > there[service] and row[0] >= matrix.times[0]
        if new and service:
            yield Change(float(row[0]), service, "a new instance", meant=False)


def _numbers(told: Told, matrix: Matrix) -> Iterator[Change]:
    # Replicas are often an autoscaler's, which is no deploy.
    scaled = told.signal.name.endswith("_spec_replicas")
    what = "replicas" if scaled else "generation"
    for labels, values, present in zip(matrix.series, matrix.values, matrix.present, strict=True):
        seen = np.flatnonzero(present & np.isfinite(values))
        row = values[seen]
        for i in np.flatnonzero(np.diff(row)):
            text = f"{what} {row[i]:g} → {row[i + 1]:g}"
            yield Change(float(matrix.times[seen[i + 1]]), service_of(labels) or place_of(labels), text, not scaled)


def _restarts(told: Told, matrix: Matrix) -> Iterator[Change]:
    for labels, values, present in zip(matrix.series, matrix.values, matrix.present, strict=True):
        # A quarter: an increase is extrapolated to the ends of its window.
        rising = present & np.isfinite(values) & (values > 0.25)
        place, service = place_of(labels), service_of(labels)
        for i in np.flatnonzero(rising[1:] & ~rising[:-1]) + 1:
            text = f"restart of container {labels['container']}" if labels.get("container") else "restart"
            yield Change(float(matrix.times[i]), place or service, text, meant=False, of=service)


def _identity(told: Told, labels: Labels) -> tuple[tuple[str, str], ...]:
    """What tells an instance from another: what the scrape added, not what the info says."""
    return tuple(sorted((k, v) for k, v in labels.items() if k != "__name__" and k not in told.signal.labels))


_READ = {"version": _versions, "start": _starts, "number": _numbers, "restarts": _restarts}
