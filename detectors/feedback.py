"""Feedback: what people said of deviations, and what it changes.

`true` keeps the span out of what is learned. `false` widens the series' band in that direction to just above what
was called false, which is slowly forgotten. `planned` keeps the span out of what is learned and names a planned
event. What follows from it is a function of the opinions alone, whatever the order in which they arrived, and
of the time: so a replay of history comes to the same state.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.calendars import Event
from detectors.deviations import Deviation
from detectors.seasonal import DetectionError
from watchkeeper.deliveries import fingerprint
from watchkeeper.disk import replacing, write_all

__all__ = [
    "FORGET",
    "VERDICTS",
    "Feedback",
    "Opinion",
    "Told",
    "about",
    "append",
    "ends",
    "read",
    "recall",
    "remember",
    "series_key",
    "told",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound="Told")
Verdict = Literal["true", "false", "planned"]

VERDICTS: tuple[Verdict, ...] = ("true", "false", "planned")
FORGET = 30 * 86_400.0
"""Seconds after which half of a widened band (of its logarithm) is forgotten: a month, in which most services are
changed at least once."""
_ABOVE = 1.1
# However far off a false one was, the next real one must still be found.
_WIDEST = 5.0
# What was told of is remembered for `feedback` to refer to; the newest half stays when the file is larger.
_LOG_BYTES = 1_000_000

_log = logging.getLogger("watchkeeper.detectors")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a deviation that was delivered: enough to form an opinion of it later.

    `fingerprint` is that of its delivery; `excess` its worst distance from the expectation in half bands; times are
    seconds since the epoch, `until` None while it lasts.
    """

    fingerprint: str
    detector: str
    labels: dict[str, str]
    since: float
    until: float | None = None
    direction: Literal["up", "down"] = "up"
    excess: float = 1.0


class Opinion(Told, frozen=True, kw_only=True):
    """What somebody said of it: the verdict, when, who and why."""

    verdict: Verdict
    at: float
    by: str = ""
    why: str = ""

    @property
    def series(self) -> str:
        """The key of its series in the engine."""
        return series_key(self.detector, self.labels)


def series_key(detector: str, labels: Mapping[str, str]) -> str:
    """The key of a watched series, as the engine has it."""
    return fingerprint({**{k: v for k, v in labels.items() if k != "__name__"}, "detector": detector})


def told(deviation: Deviation) -> Told:
    """What is remembered of a deviation."""
    up = deviation.worst >= deviation.worst_expected
    half = deviation.upper - deviation.expected if up else deviation.expected - deviation.lower
    distance = abs(deviation.worst - deviation.worst_expected)
    excess = distance / half if half > 0 and math.isfinite(distance / half) else 1.0
    # Against the band as it is without what was called false before.
    excess *= deviation.widened
    return Told(
        fingerprint=fingerprint(deviation.identity),
        detector=deviation.detector.key,
        labels={k: v for k, v in deviation.labels.items() if k != "__name__"},
        since=deviation.since,
        until=deviation.ended,
        direction="up" if up else "down",
        excess=max(1.0, excess),
    )


def about(found: Told, verdict: Verdict, *, at: float, by: str = "", why: str = "") -> Opinion:
    """An opinion of a deviation."""
    return Opinion(**msgspec.structs.asdict(found), verdict=verdict, at=at, by=by, why=why)


# -- what follows from it --


@dataclass(frozen=True)
class Feedback:
    """All opinions; of one deviation (a fingerprint and its beginning) the latest counts."""

    opinions: Sequence[Opinion] = field(default=())

    @cached_property
    def settled(self) -> tuple[Opinion, ...]:
        """The opinions that count, in the order in which they were given."""
        latest: dict[tuple[str, float], Opinion] = {}
        for one in sorted(self.opinions, key=_order):
            latest[one.fingerprint, one.since] = one
        return tuple(sorted(latest.values(), key=_order))

    def known_at(self, at: float) -> Feedback:
        """What was known at a time: for a replay, in which no opinion counts before it was given."""
        return Feedback(tuple(one for one in self.opinions if one.at <= at))

    def widening(self, keys: Sequence[str], at: float) -> tuple[Floats, Floats]:
        """By what the distance from the expectation to the upper and to the lower edge is multiplied, (S,) each, for
        series of these keys at a time: 1 where nothing was called false.
        """
        up, down = np.zeros(len(keys)), np.zeros(len(keys))
        columns = {key: column for column, key in enumerate(keys)}
        for one in self.known_at(at).settled:
            column = columns.get(one.series)
            if column is None or one.verdict != "false":
                continue
            size = math.log(min(_ABOVE * max(one.excess, 1.0), _WIDEST)) * 0.5 ** ((at - one.at) / FORGET)
            side = up if one.direction == "up" else down
            side[column] = max(side[column], size)
        return np.exp(up), np.exp(down)

    def frozen(self, keys: Sequence[str], at: float, known_at: float | None = None) -> Bools:
        """Of which series (S,) nothing is learned at a time: those with a deviation then that was true, or planned.

        By what is known at that time, or at `known_at`: a deviation that is called true while it lasts teaches nothing
        from then on until it ends, and nothing of it is learned from history later.
        """
        found = np.zeros(len(keys), np.bool_)
        columns = {key: column for column, key in enumerate(keys)}
        for one in self.known_at(at if known_at is None else known_at).settled:
            column = columns.get(one.series)
            if column is not None and one.verdict != "false" and one.since <= at:
                found[column] |= one.until is None or at <= one.until
        return found

    def events(self) -> tuple[Event, ...]:
        """The planned events that were named, for the calendar: from when they were named on, until the end that was
        named.
        """
        return tuple(
            Event(
                "planned",
                one.why or "named in feedback",
                max(one.since, one.at),
                max(_until(one), math.nextafter(max(one.since, one.at), math.inf)),
                {**one.labels, "detector": one.detector},
                one.direction,
            )
            for one in self.settled
            if one.verdict == "planned" and _until(one) >= max(one.since, one.at)
        )


def _until(one: Opinion) -> float:
    """Its end; of one that lasted when the opinion was given, that time."""
    return one.until if one.until is not None else max(one.at, one.since)


def _order(one: Opinion) -> tuple[float, str, float, str]:
    # Two at the same instant are told apart by their texts, so that the order of arrival does not matter.
    return one.at, one.fingerprint, one.since, msgspec.json.encode(one).decode()


# -- on disk --


def append(path: Path, opinion: Opinion) -> None:
    """Add an opinion to the file (one JSON object a line), synced before it returns. Raises OSError."""
    _append(path, [opinion])


def read(path: Path) -> Feedback:
    """The opinions of a file, none where there is none; a line that cannot be read is logged and passed over.

    Raises OSError.
    """
    return Feedback(tuple(_lines(path, Opinion)))


def remember(path: Path, deviations: Iterable[Deviation]) -> None:
    """Add what was delivered to the file that `recall` looks in, which stays below a bound. Raises OSError."""
    _append(path, [told(one) for one in deviations])
    if path.stat().st_size > _LOG_BYTES:
        lines = path.read_bytes().splitlines(keepends=True)
        with replacing(path) as file:
            file.writelines(lines[len(lines) // 2 :])


def ends(path: Path) -> dict[tuple[str, float], float]:
    """When the remembered deviations ended, by fingerprint and beginning; none of those of which no end is known.

    Raises OSError.
    """
    return {(one.fingerprint, one.since): one.until for one in _lines(path, Told) if one.until is not None}


def recall(path: Path, name: str) -> Told:
    """The newest deviation whose fingerprint begins with `name`. Raises DetectionError when there is none, or several
    fingerprints begin so, and OSError.
    """
    found: dict[str, Told] = {}
    for one in _lines(path, Told):
        if one.fingerprint.startswith(name.lower()):
            newest = found.get(one.fingerprint)
            # The same one again, with its end.
            if newest is None or one.since >= newest.since:
                found[one.fingerprint] = one
    if not found:
        raise DetectionError(f"no deviation with the fingerprint {name!r} was delivered from here: see {path}")
    if len(found) > 1:
        raise DetectionError(f"{name!r} begins several fingerprints: {', '.join(sorted(found)[:5])}: write more of it")
    return next(iter(found.values()))


def _append(path: Path, entries: Sequence[Told]) -> None:
    if not entries:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        # A line that a crash cut short must not spoil the next one.
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            data = b"\n" + data
        write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path, kind: type[T]) -> list[T]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            _log.warning("%s:%d: passed over: %s", path, number, error)
    return found
