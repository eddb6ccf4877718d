"""The sidecar: all targets of a process behind one scrape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import watchkeeper
from collectors.description import collector_of
from collectors.encoding import Encoder, merge
from collectors.families import Family, family
from collectors.lanes import Flight, Lane, Reading
from collectors.process import process_families
from collectors.watchdog import Watchdog
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import SettingsError
from watchkeeper.systems.watchkeeper_signals import (
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
    from watchkeeper.signals import Signal

__all__ = ["Reading", "Sidecar", "check_labels"]


def check_labels(targets: Sequence[Target]) -> None:
    """Raise SettingsError when two targets would be exposed as the same series on one `/metrics`.

    Its place has the index of the second of them.
    """
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    for index, target in enumerate(targets):
        key = (collector_of(target).system, tuple(sorted(target.labels.items())))
        if key in seen:
            raise SettingsError(
                f"targets {seen[key]} and {target.name} would expose the same series: give each labels of its own, "
                f"for example labels: {{instance: {target.name}}}",
                place=("targets", index),
            )
        seen[key] = target.name


class Sidecar:
    """Reads its targets afresh, in parallel, each behind a lane of its own.

    Raises SettingsError when a target is set up wrongly, or two have the same name.
    """

    def __init__(self, targets: Sequence[Target], *, clock: Clock = now) -> None:
        self._clock = clock
        self._encoder = Encoder()
        self._watchdog = Watchdog()
        self._replacing = threading.Lock()
        # Replaced as a whole, never changed: a scrape keeps the one with which it began.
        self._lanes: Mapping[str, Lane] = self._lanes_of(targets, {})
        self.sources: tuple[Callable[[], Sequence[Family]], ...] = (process_families,)
        """What the process says of itself on `/metrics`, beside its targets."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets, in the order of the settings."""
        return tuple([lane.target for lane in self._lanes.values()])

    def lane(self, name: str) -> Lane:
        """The lane of a target. Raises SettingsError when no target has that name."""
        return _lane(self._lanes, name)

    def replace(self, targets: Sequence[Target]) -> None:
        """Have other targets from now on; those that are the same keep their lanes, connections and counters.

        Scrapes that are under way end with what they began. Raises SettingsError, and changes nothing then.
        """
        with self._replacing:
            old = self._lanes
            self._lanes = self._lanes_of(targets, old)
            kept = set(map(id, self._lanes.values()))
            for lane in old.values():
                if id(lane) not in kept:
                    lane.retire()

    def _lanes_of(self, targets: Sequence[Target], old: Mapping[str, Lane]) -> dict[str, Lane]:
        lanes: dict[str, Lane] = {}
        for target in targets:
            if target.name in lanes:
                raise SettingsError(f"two targets are named {target.name!r}: every target needs a name of its own")
            known = old.get(target.name)
            same = known is not None and known.target == target
            lanes[target.name] = known if known is not None and same else Lane(target, clock=self._clock)
        return lanes

    def begin(self, name: str, timeout: float | None = None) -> Flight:
        """Begin a read of one target without waiting for it; `result` of its lane ends it."""
        return self.lane(name).begin(timeout)

    def read(self, name: str, timeout: float | None = None) -> Reading:
        """Read one target, in at most `timeout` and its own timeout, in seconds."""
        return self._read([self.lane(name)], timeout)[0]

    def scrape(
        self, names: Sequence[str] | None = None, timeout: float | None = None, *, openmetrics: bool = False
    ) -> bytes:
        """The exposition of some targets, or all, read afresh in at most `timeout` seconds.

        A target that does not answer in time, or fails, is there with its up signals at 0 and nothing else.
        """
        known = self._lanes
        lanes = list(known.values()) if names is None else [_lane(known, name) for name in names]
        readings = self._read(lanes, timeout)
        parts = [(reading.families, lane.encoder) for lane, reading in zip(lanes, readings, strict=True)]
        own = [*_said_of(lanes, readings), _BUILD]
        if names is None:
            # A target may be a process that says the same of itself.
            taken = {one.name for families, _ in parts for one in families}
            own += [one for source in self.sources for one in source() if one.name not in taken]
        return merge([*parts, (own, self._encoder)], openmetrics=openmetrics)

    def _read(self, lanes: Sequence[Lane], timeout: float | None) -> list[Reading]:
        end = None if timeout is None else monotonic() + timeout
        here: tuple[Lane, Flight] | None = None
        me = threading.get_ident()
        flights = []
        for lane in lanes:
            flight = lane.begin(timeout, here=here is None)
            flights.append(flight)
            if here is None and flight.here == me and flight.reading is None:
                here = lane, flight
        if here is not None:
            lane, flight = here
            self._watchdog.watch(flight, lane)
            lane.run(flight)
            self._watchdog.done(flight)
        return [
            lane.result(flight, None if end is None else max(0.0, end - monotonic()))
            for lane, flight in zip(lanes, flights, strict=True)
        ]

    def errors(self) -> dict[str, str]:
        """Why targets are down, by name, as their last reads have it; empty when all answered."""
        return {name: lane.error for name, lane in self._lanes.items() if lane.error is not None}

    def target_families(self, readings: Sequence[Reading]) -> list[Family]:
        """What the sidecar says of the targets of the given readings."""
        known = self._lanes
        found = [(known[reading.target.name], reading) for reading in readings if reading.target.name in known]
        return _said_of([lane for lane, _ in found], [reading for _, reading in found])

    def give_up(self) -> None:
        """End the reads that are under way: their targets are down for those who wait for them."""
        for lane in self._lanes.values():
            lane.give_up()

    def close(self, seconds: float = 1.0) -> None:
        """Give all connections back; a target that hangs is waited for `seconds` at most."""
        lanes = self._lanes
        for lane in lanes.values():
            lane.close()
        end = monotonic() + seconds
        for lane in lanes.values():
            lane.join(max(0.0, end - monotonic()))
        self._watchdog.close()


def _lane(lanes: Mapping[str, Lane], name: str) -> Lane:
    try:
        return lanes[name]
    except KeyError:
        known = ", ".join(lanes) or "none"
        raise SettingsError(f"no target is named {name!r}: there are {known}") from None


def _said_of(lanes: Sequence[Lane], readings: Sequence[Reading]) -> list[Family]:
    at = monotonic()
    columns: tuple[tuple[Signal, list[float]], ...] = (
        (WATCHKEEPER_TARGET_UP, [float(reading.up) for reading in readings]),
        (WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS, [reading.seconds for reading in readings]),
        (WATCHKEEPER_TARGET_SERIES, [_count(reading) for reading in readings]),
        (WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL, [float(lane.dropped) for lane in lanes]),
        (WATCHKEEPER_TARGET_READS_TOTAL, [float(lane.reads) for lane in lanes]),
        (WATCHKEEPER_TARGET_FAILURES_TOTAL, [float(lane.failures) for lane in lanes]),
        (WATCHKEEPER_TARGET_BREAKER_OPEN, [float(lane.breaker.pause(at) > 0) for lane in lanes]),
    )
    own = [lane.own for lane in lanes]
    families = []
    for signal, values in columns:
        name = signal.name
        points = [(name, pairs, value) for pairs, value in zip(own, values, strict=True)]
        families.append(Family(name, signal.kind, signal.help, points))
    last = WATCHKEEPER_TARGET_LAST_SUCCESS_TIMESTAMP_SECONDS
    good = [(last.name, lane.own, lane.succeeded) for lane in lanes if lane.succeeded is not None]
    return [*families, Family(last.name, last.kind, last.help, good)]


def _count(reading: Reading) -> float:
    return float(sum([len(one.points) for one in reading.families]))


_BUILD = family(WATCHKEEPER_BUILD_INFO, [((watchkeeper.__version__,), 1.0)])
