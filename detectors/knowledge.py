"""Knowledge: what calendars and people say, brought to the detectors at work.

knowledge = Knowledge(settings.calendars, directory=Path(settings.data))

The opinions are those of `feedback.jsonl` in the directory, read again whenever the file has changed; what was told of
is remembered in `deviations.jsonl` beside it, for opinions to refer to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.advice import Advice
from detectors.calendars import Bound, calendar_of
from detectors.deviations import Deviation
from detectors.feedback import Feedback, ends, read, remember, series_key
from detectors.lately import Lately
from detectors.rootcause.ranking import Change
from watchkeeper.declarations import Detector
from watchkeeper.settings import CalendarSettings

__all__ = ["Guide", "Knowledge"]

Floats = NDArray[np.float64]

# Changes are asked for so often: the hour after a deploy is long, and the question may be dear.
_CHANGES_EVERY = 60.0
_log = logging.getLogger("watchkeeper.detectors")


class Guide:
    """What is known of S series, whose labels were looked at once."""

    def __init__(
        self, bound: Bound | None, opinions: Feedback, keys: Sequence[str], *, changes: bool, known_at: float | None
    ) -> None:
        self._known_at = known_at
        self._bound = bound
        self._changes = changes
        self._series = len(keys)
        self._opinions = opinions
        concerned = {one.series for one in opinions.opinions}
        self._columns = [column for column, key in enumerate(keys) if key in concerned]
        self._keys = [keys[column] for column in self._columns]

    def at(self, at: float, since: Floats) -> Advice | None:
        """The advice of a time; None when nothing is said of any series then. `since` (S,) is when the span of each
        began (NaN: there is none): a shift belongs to a deploy by its beginning, not by its adoption.
        """
        count = self._series
        frozen, up, down = (np.zeros(count, np.bool_) for _ in range(3))
        wider_up, wider_down, patience = np.ones(count), np.ones(count), np.ones(count)
        season_at: Floats | None = None
        if self._bound is not None:
            marks = self._bound.at(at)
            # The masks of the calendar are its own: these are changed below.
            frozen, up, down = marks.frozen.copy(), marks.up_muted, marks.down_muted
            season_at = marks.season_at if (marks.season_at != at).any() else None
            if self._changes and np.isfinite(since).any():
                begun = np.unique(since[np.isfinite(since)])
                of_begun = self._bound.over(begun).patience
                for column in np.flatnonzero(np.isfinite(since)):
                    patience[column] = of_begun[column, np.searchsorted(begun, since[column])]
        if self._columns:
            wider_up[self._columns], wider_down[self._columns] = self._opinions.widening(self._keys, at)
            frozen[self._columns] |= self._opinions.frozen(self._keys, at, self._known_at)
        said = frozen.any() or up.any() or down.any() or season_at is not None
        if not (said or (patience != 1).any() or (wider_up != 1).any() or (wider_down != 1).any()):
            return None
        return Advice(frozen, up, down, patience, wider_up, wider_down, season_at)


class Knowledge:
    """The calendar of the settings and the opinions of a directory; without a directory there are none. Only with
    `keep` is anything written there.

    `changes` are deploys and the like beside those of the calendar; what gives them is asked in a thread of its own.
    `version` grows with each change of what is known. Raises SettingsError for a country whose holidays are not known.
    """

    def __init__(
        self,
        calendars: CalendarSettings | None = None,
        *,
        directory: Path | None = None,
        keep: bool = True,
        changes: Callable[[], Iterable[Change]] | Iterable[Change] | None = None,
    ) -> None:
        self._settled = calendar_of(
            calendars or CalendarSettings(), changes=() if changes is None or callable(changes) else changes
        )
        self._calendar = self._settled
        self._opinions = Feedback()
        self._files = None if directory is None else (directory / "deviations.jsonl", directory / "feedback.jsonl")
        self._keep = keep
        self._stamp: tuple[int, int, int] | None = None
        self._unended = False
        self._changes: Lately[tuple[Change, ...]] | None = None
        if callable(changes):
            self._changes = Lately(lambda: tuple(changes()), _CHANGES_EVERY, "changes")
        self.version = 0

    def guide(
        self, series: Sequence[tuple[Detector, Mapping[str, str]]], *, known_at: float | None = None
    ) -> Guide | None:
        """What is known of certain series; None when that is nothing at any time.

        Who only learns from a past says when it learns, `known_at`: what was said until then of any part of that past
        keeps that part out. Else an opinion counts from when it was given.
        """
        calendar = self._calendar
        keys = [series_key(detector.key, labels) for detector, labels in series] if self._opinions.opinions else []
        own = set(keys)
        opinions = Feedback(tuple(one for one in self._opinions.opinions if one.series in own))
        bound = None
        if calendar.events or calendar.holidays or calendar.changes:
            bound = calendar.bind([_named(detector, labels) for detector, labels in series])
        elif not opinions.opinions:
            return None
        return Guide(bound, opinions, keys or [""] * len(series), changes=bool(calendar.changes), known_at=known_at)

    def silent_before(self, at: float) -> bool:
        """Whether nothing that is known has a part in what is learned before a time."""
        calendar = self._calendar
        said = self._opinions.opinions or calendar.events or calendar.holidays
        return not said and all(change.at >= at for change in calendar.changes)

    def fixed(self) -> Knowledge:
        """What is known now, which can be sent to another process and learns of nothing new there."""
        found = copy(self)
        found._files, found._changes = None, None
        return found

    def named(self, detector: Detector, labels: Mapping[str, str], since: float, at: float) -> tuple[str, ...]:
        """What a person should know of the time from `since` to `at` of a series."""
        return self._calendar.named(since, at, _named(detector, labels))

    def refresh(self, at: float, lasting: Collection[tuple[str, float]]) -> None:
        """Take in what has changed; `lasting` are the keys and beginnings of the deviations that are open.

        An opinion of one that lasts holds until it has ended. A file that cannot be read is logged, and what was known
        stays.
        """
        changed = False
        if self._changes is not None:
            newest = self._changes.newest(at)
            if newest is not None and (whole := (*self._settled.changes, *newest)) != self._calendar.changes:
                self._calendar = replace(self._calendar, changes=whole)
                changed = True
        if self._files is not None and ((stamp := _stamp(self._files[1])) != self._stamp or self._unended):
            try:
                self._read(*self._files, lasting)
            except OSError as error:
                _log.warning("%s: not read: %s", self._files[1], error.strerror)
            else:
                changed = True
            self._stamp, self._unended = stamp, False
        self.version += changed

    def _read(self, told: Path, said: Path, lasting: Collection[tuple[str, float]]) -> None:
        opinions = read(said).opinions
        ended = ends(told) if any(one.until is None for one in opinions) else {}
        found = []
        for one in opinions:
            if one.until is None and (one.series, one.since) not in lasting:
                # What is known of its end, else that it had not come when the opinion was given.
                until = ended.get((one.fingerprint, one.since), max(one.at, one.since))
                one = msgspec.structs.replace(one, until=until)
            found.append(one)
        self._opinions = Feedback(tuple(found))
        self._calendar = replace(self._calendar, events=(*self._settled.events, *self._opinions.events()))

    def remember(self, told: Sequence[Deviation]) -> None:
        """Keep what was told of, or has ended, for opinions to refer to; a disk that refuses is logged."""
        if self._files is None or not self._keep or not told:
            return
        try:
            remember(self._files[0], told)
        except OSError as error:
            _log.warning("%s: not written, so that no feedback can refer to it: %s", self._files[0], error.strerror)
        over = any(one.ended is not None for one in told)
        self._unended |= over and any(one.until is None for one in self._opinions.opinions)


def _named(detector: Detector, labels: Mapping[str, str]) -> dict[str, str]:
    return {**labels, "system": detector.system, "detector": detector.key}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
