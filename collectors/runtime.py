"""The sidecar: all targets of a process behind one scrape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import watchkeeper
from collectors.description import collector_of
from collectors.families import Family, Pairs, family, merge
from collectors.lanes import Flight, Lane, Reading
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import SettingsError
from watchkeeper.systems.watchkeeper import (
    WATCHKEEPER_BUILD_INFO,
    WATCHKEEPER_TARGET_BREAKER_OPEN,
    WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL,
    WATCHKEEPER_TARGET_FAILURES_TOTAL,
    WATCHKEEPER_TARGET_LAST_SUCCESS_TIMESTAMP_SECONDS,
    WATCHKEEPER_TARGET_READS_TOTAL,
    WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS,
    WATCHKEEPER_TARGET_SERIES,
    WATCHKEEPER_TARGET_UP,
)

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["Reading", "Sidecar", "check_labels"]


def check_labels(targets: Sequence[Target]) -> None:
    """Raise SettingsError when two targets would be exposed as the same series on one `/metrics`."""
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    for target in targets:
        key = (collector_of(target).system, tuple(sorted(target.labels.items())))
        if key in seen:
            raise SettingsError(
                f"targets {seen[key]} and {target.name} would expose the same series: give each labels of its own, "
                f"for example labels: {{instance: {target.name}}}"
            )
        seen[key] = target.name


class Sidecar:
    """Reads its targets afresh, in parallel, each behind a lane of its own.

    Raises SettingsError when a target is set up wrongly, or two have the same name.
    """

    def __init__(self, targets: Sequence[Target], *, clock: Clock = now) -> None:
        self._lanes: dict[str, Lane] = {}
        self._prefixes: dict[tuple[str, Pairs], str] = {}
        for target in targets:
            if target.name in self._lanes:
                raise SettingsError(f"two targets are named {target.name!r}: every target needs a name of its own")
            self._lanes[target.name] = Lane(target, clock=clock)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets, in the order of the settings."""
        return tuple(lane.target for lane in self._lanes.values())

    def lane(self, name: str) -> Lane:
        """The lane of a target. Raises SettingsError when no target has that name."""
        try:
            return self._lanes[name]
        except KeyError:
            known = ", ".join(self._lanes) or "none"
            raise SettingsError(f"no target is named {name!r}: there are {known}") from None

    def begin(self, name: str, timeout: float | None = None) -> Flight:
        """Begin a read of one target without waiting for it; `result` of its lane ends it."""
        return self.lane(name).begin(timeout)

    def read(self, name: str, timeout: float | None = None) -> Reading:
        """Read one target, in at most `timeout` and its own timeout, in seconds."""
        lane = self.lane(name)
        return lane.result(lane.begin(timeout), timeout)

    def scrape(self, names: Sequence[str] | None = None, timeout: float | None = None) -> bytes:
        """The exposition text of some targets, or all, read afresh in at most `timeout` seconds.

        A target that does not answer in time, or fails, is there with its up signals at 0 and nothing else.
        """
        end = None if timeout is None else monotonic() + timeout
        lanes = list(self._lanes.values()) if names is None else [self.lane(name) for name in names]
        flights = [lane.begin(timeout) for lane in lanes]
        readings = []
        for lane, flight in zip(lanes, flights, strict=True):
            readings.append(lane.result(flight, None if end is None else max(0.0, end - monotonic())))
        parts = [(reading.families, lane.labels, lane.prefixes) for lane, reading in zip(lanes, readings, strict=True)]
        build = family(WATCHKEEPER_BUILD_INFO, [((watchkeeper.__version__,), 1.0)])
        return merge([*parts, ([*self.target_families(readings), build], (), self._prefixes)])

    def errors(self) -> dict[str, str]:
        """Why targets are down, by name, as their last reads have it; empty when all answered."""
        return {name: lane.error for name, lane in self._lanes.items() if lane.error is not None}

    def target_families(self, readings: Sequence[Reading]) -> list[Family]:
        """What the sidecar says of the targets of the given readings."""
        rows = [(self._lanes[reading.target.name], reading) for reading in readings]
        at = monotonic()
        labels = [(lane.target.system, lane.target.name) for lane, _ in rows]
        series = [sum(len(one.points) for one in reading.families) for _, reading in rows]
        columns = (
            (WATCHKEEPER_TARGET_UP, [float(reading.up) for _, reading in rows]),
            (WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS, [reading.seconds for _, reading in rows]),
            (WATCHKEEPER_TARGET_SERIES, series),
            (WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL, [lane.dropped for lane, _ in rows]),
            (WATCHKEEPER_TARGET_READS_TOTAL, [lane.reads for lane, _ in rows]),
            (WATCHKEEPER_TARGET_FAILURES_TOTAL, [lane.failures for lane, _ in rows]),
            (WATCHKEEPER_TARGET_BREAKER_OPEN, [float(lane.breaker.pause(at) > 0) for lane, _ in rows]),
        )
        families = [family(signal, zip(labels, values, strict=True)) for signal, values in columns]
        good = [((lane.target.system, lane.target.name), lane.succeeded) for lane, _ in rows if lane.succeeded]
        families.append(family(WATCHKEEPER_TARGET_LAST_SUCCESS_TIMESTAMP_SECONDS, good))
        return families

    def close(self, seconds: float = 1.0) -> None:
        """Give all connections back; a target that hangs is waited for `seconds` at most."""
        for lane in self._lanes.values():
            lane.close()
        end = monotonic() + seconds
        for lane in self._lanes.values():
            lane.join(max(0.0, end - monotonic()))
