"""Calendars: what is expected of a time beside what the past lets expect of it.

A maintenance window says nothing and teaches nothing. A holiday is looked up, and learned, as a Sunday. A planned event
mutes its direction and teaches nothing. Soon after a deploy a lasting change is the new normal earlier, and the deploy
is named beside what deviates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.components import place_of
from detectors.rootcause.ranking import Change
from detectors.texts import clock_time
from watchkeeper.errors import SettingsError
from watchkeeper.settings import CalendarSettings

__all__ = ["Bound", "Calendar", "Event", "HolidayCalendar", "Marks", "calendar_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY = 86_400.0
SOONER = 0.25
"""Share of the usual patience after which a shift that began with a deploy is adopted: who deployed watches it now."""
# Named beside a deviation: those that began within this time before it.
_NAMED_WITHIN = 3_600.0


@dataclass(frozen=True, slots=True)
class Event:
    """A span of time, from `start` up to `end` (seconds since the epoch), that says something of the series that have
    its labels: a value may hold `*`, and system and detector are among the labels. With `every` it comes again.
    """

    kind: Literal["maintenance", "planned"]
    name: str
    start: float
    end: float
    labels: Mapping[str, str] = field(default_factory=dict)
    direction: Literal["up", "down", "both"] = "both"
    every: float = 0.0

    def covers(self, times: Floats) -> Bools:
        """Which times are in it, (T,)."""
        since = times - self.start
        if self.every > 0:
            since = np.where(since >= 0, np.mod(since, self.every), since)
        return np.asarray((since >= 0) & (since < self.end - self.start))


@dataclass(slots=True)
class HolidayCalendar:
    """The public holidays of one place.

    Raises SettingsError for a country or subdivision that is not known.
    """

    country: str
    subdivision: str = ""
    timezone: str = "UTC"
    labels: Mapping[str, str] = field(default_factory=dict)
    _years: dict[int, dict[date, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._zone = ZoneInfo(self.timezone)
        self._of_year(2024)

    _zone: ZoneInfo = field(init=False, repr=False)

    def _of_year(self, year: int) -> dict[date, str]:
        if year not in self._years:
            import holidays

            try:
                found = holidays.country_holidays(
                    self.country, subdiv=self.subdivision or None, years=year, language="en_US"
                )
            except NotImplementedError:
                place = f"{self.country}{f', subdivision {self.subdivision}' if self.subdivision else ''}"
                raise SettingsError(
                    f"calendars.holidays: no holidays are known of {place}: expected an ISO 3166 code such as DE, and "
                    f"a subdivision of it such as BY",
                    place=("calendars", "holidays"),
                ) from None
            self._years[year] = dict(found.items())
        return self._years[year]

    def day(self, at: float) -> date:
        """The local day of a time."""
        return datetime.fromtimestamp(at, self._zone).date()

    def name(self, at: float) -> str:
        """The holiday that a time falls on; empty on all other days."""
        day = self.day(at)
        return self._of_year(day.year).get(day, "")

    def like(self, at: float, *, known_since: float = -math.inf) -> float:
        """A time of the past at which a holiday was like it, at the same local hour: the last holiday of the same name
        where something is known of it, else the Sunday before; the time itself when it is no holiday.
        """
        name = self.name(at)
        if not name:
            return at
        today = self.day(at)
        before = [day for y in (today.year, today.year - 1) for day, n in self._of_year(y).items() if n == name]
        last = max((day for day in before if day < today), default=None)
        if last is not None and (found := self._moved(at, (today - last).days)) >= known_since:
            return found
        return self._moved(at, (today.weekday() + 1) % 7)

    def _moved(self, at: float, days: int) -> float:
        """As many local days before: across a change of the clocks, 9 o'clock stays 9 o'clock."""
        return (datetime.fromtimestamp(at, self._zone) - timedelta(days=days)).timestamp() if days else at


@dataclass(frozen=True, slots=True)
class Marks:
    """What is expected beside the past; (S,) for a time, (S, T) for times.

    `frozen`: nothing is learned. `up_muted`, `down_muted`: a deviation in that direction is not told. `patience`: the
    share of the usual patience after which a shift is adopted. `season_at`: the time at which profiles are looked up
    and learned, which on a holiday is that of a Sunday.
    """

    frozen: Bools
    up_muted: Bools
    down_muted: Bools
    patience: Floats
    season_at: Floats

    def at(self, index: int) -> Marks:
        """Those of one of the times."""
        return Marks(
            self.frozen[:, index],
            self.up_muted[:, index],
            self.down_muted[:, index],
            self.patience[:, index],
            self.season_at[:, index],
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """Events, holidays and changes; see `calendar_of`. `after_deploy` is in seconds."""

    events: Sequence[Event] = ()
    holidays: Sequence[HolidayCalendar] = ()
    changes: Sequence[Change] = ()
    after_deploy: float = 3_600.0

    def bind(self, labels: Sequence[Mapping[str, str]], extra: Mapping[str, str] | None = None) -> Bound:
        """The calendar for certain series, whose labels are looked at once; `extra` (system, detector) all have."""
        return Bound(self, [{**one, **(extra or {})} for one in labels])

    def expected_at(self, times: Floats, labels: Sequence[Mapping[str, str]]) -> Marks:
        """The marks (S, T) of series at times (T,)."""
        return self.bind(labels).over(times)

    def named(self, since: float, at: float, labels: Mapping[str, str]) -> tuple[str, ...]:
        """What a person should know of a deviation that began at `since`: changes of the hour before it and until `at`,
        the newest first, then events and holidays that cover its beginning.
        """
        found = [
            f"{_told(change)} at {clock_time(change.at, at)}"
            for change in sorted(self.changes, key=lambda c: (-c.at, c.text))
            if since - _NAMED_WITHIN <= change.at <= at and _concerns(change, labels)
        ]
        beginning = np.array([since])
        for event in self.events:
            if event.covers(beginning)[0] and _has(labels, event.labels):
                found.append(f"{event.kind} {event.name}" if event.kind == "maintenance" else f"planned: {event.name}")
        for calendar in self.holidays:
            if _has(labels, calendar.labels) and (name := calendar.name(since)):
                found.append(f"holiday: {name} ({calendar.country})")
        return tuple(found)

    def muted(self, at: float, labels: Mapping[str, str], *, up: bool) -> bool:
        """Whether a deviation in that direction is not told at a time."""
        marks = self.bind([labels]).at(at)
        return bool((marks.up_muted if up else marks.down_muted)[0])


class Bound:
    """A calendar for S series."""

    def __init__(self, calendar: Calendar, labels: Sequence[Mapping[str, str]]) -> None:
        self._calendar = calendar
        self._series = len(labels)
        self._events = [(e, _which(labels, e.labels)) for e in calendar.events]
        self._holidays = [(h, _which(labels, h.labels)) for h in calendar.holidays]
        # Somebody watches what a deploy does; a restart may be nobody's.
        self._changes = [
            (change.at, np.array([_concerns(change, one) for one in labels], np.bool_))
            for change in calendar.changes
            if change.meant
        ]

    def at(self, at: float) -> Marks:
        """The marks (S,) of a time; of a tick, whose cost does not depend on how long the calendar is past."""
        return self.over(np.array([at])).at(0)

    def over(self, times: Floats, *, known_since: float = math.inf) -> Marks:
        """The marks (S, T) of times (T,). Who keeps the past itself, and not a profile of the week, says from when on:
        a holiday is then like the last of its name.
        """
        shape = (self._series, len(times))
        frozen, up, down = (np.zeros(shape, np.bool_) for _ in range(3))
        patience, season_at = np.ones(shape), np.broadcast_to(times, shape).copy()
        for event, which in self._events:
            covered = event.covers(times)
            if not covered.any() or not which.any():
                continue
            both = which[:, None] & covered[None, :]
            frozen |= both
            if event.kind == "maintenance" or event.direction != "down":
                up |= both
            if event.kind == "maintenance" or event.direction != "up":
                down |= both
        for at, which in self._changes:
            soon = (times >= at) & (times < at + self._calendar.after_deploy)
            if soon.any() and which.any():
                patience[which[:, None] & soon[None, :]] = SOONER
        for calendar, which in self._holidays:
            moved = np.array([calendar.like(float(t), known_since=known_since) for t in times])
            changed = moved != times
            if changed.any():
                season_at[np.ix_(which, changed)] = moved[changed]
        return Marks(frozen, up, down, patience, season_at)


def calendar_of(
    settings: CalendarSettings, *, changes: Iterable[Change] = (), events: Iterable[Event] = ()
) -> Calendar:
    """The calendar of the settings, with further changes from elsewhere and events that people named in their feedback.

    Raises SettingsError for a country whose holidays are not known.
    """
    windows = [
        Event("maintenance", m.name, m.start, m.end, m.labels, "both", float(m.every or 0.0))
        for m in settings.maintenance
    ]
    planned = [
        Event("planned", p.name, p.start, p.end, p.labels, p.direction, float(p.every or 0.0)) for p in settings.planned
    ]
    days = []
    for index, one in enumerate(settings.holidays):
        try:
            days.append(HolidayCalendar(one.country, one.subdivision, one.timezone, one.labels))
        except SettingsError as error:
            raise SettingsError(str(error), place=("calendars", "holidays", index, "country")) from None
    deploys = (Change(float(one.at), one.component, f"deploy of {one.name}") for one in settings.deploys)
    return Calendar((*windows, *planned, *events), tuple(days), (*deploys, *changes), float(settings.after_deploy))


def _told(change: Change) -> str:
    """A change of one instance with its name: of a series of the whole service it is not told otherwise."""
    return f"{change.text} of {change.component}" if change.of and change.of != change.component else change.text


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(name in labels and fnmatchcase(labels[name], value) for name, value in wanted.items())


def _which(labels: Sequence[Mapping[str, str]], wanted: Mapping[str, str]) -> Bools:
    return np.array([_has(one, wanted) for one in labels], np.bool_)


def _concerns(change: Change, labels: Mapping[str, str]) -> bool:
    """Whether a change is of a component that a series belongs to; one of no component is everybody's, and one of an
    instance that of its service where no instance is told apart.
    """
    values = labels.values()
    whole = change.of and change.of in values and not place_of(labels)
    return not change.component or change.component in values or bool(whole)
