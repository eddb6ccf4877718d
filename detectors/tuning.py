"""The one set of numbers of the detector: the same for every series, whatever it measures.

Sources: tuned once on the development half of the Numenta Anomaly Benchmark (`python -m
benchmarks.detectors` prints what it reaches) and on the generated series of tests/detectors. Times are
shares of the first season, so that one set serves a 30-second metric and a daily bill. Nothing here looks
at what a series is called or where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DAY", "Season", "Tuning", "seasons_of"]

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """How fast each part learns, and how rare a value must be.

    `quiet_seasons`: a single value of a healthy series lies outside the band, in one direction, about once
    in so many of its first seasons. `level`, `offset`, `scale`: memories as shares of the first season.
    `profile_seasons`: how many seasons a profile remembers. `minimum`: valid samples before anything may
    deviate. `cold_factor`: by how much the band is wider before the first season is known. `adopt`: shares
    of the first season after which a lasting shift becomes the new normal (cold: before the season is
    known; harmless: in the direction that is not bad). `floor_of_range`, `floor_of_value`, `floor_of_demand`: the
    scale is at least these shares of the range seen so far, of the expectation, and of the difference that is
    demanded. `expert_power`: how strongly smaller past errors count. `clip`: how many scales one value may move
    what is learned. `tail_*`: see `detectors.tails`.
    """

    quiet_seasons: float = 50.0
    level: float = 1 / 24
    offset: float = 1 / 8
    scale: float = 3.0
    profile_seasons: float = 6.0
    minimum: int = 30
    cold_factor: float = 1.4
    adopt: float = 1.0
    adopt_cold: float = 1 / 12
    adopt_harmless: float = 1 / 24
    expert_power: float = 4.0
    clip: float = 3.0
    floor_of_range: float = 0.005
    floor_of_value: float = 0.002
    floor_of_demand: float = 0.125
    tail_quantile: float = 0.95
    tail_memory: float = 100.0
    tail_prior: float = 0.6
    tail_clip: float = 6.0


@dataclass(frozen=True, slots=True)
class Season:
    """A period in seconds, and the slots that its profile has."""

    period: float
    slots: int


def seasons_of(periods: Sequence[float], step: float) -> tuple[Season, ...]:
    """The seasons that samples every `step` seconds can show: shortest first; a period below four steps is
    left out.

    A profile has at most 96 slots a day (a quarter of an hour) and 336 for anything longer (half an hour of
    a week), so that a series costs some kilobytes whatever its step.
    """
    found = []
    for index, period in enumerate(sorted(set(periods))):
        if period < 4 * step:
            continue
        most = 96 if index == 0 else 336
        found.append(Season(period, max(1, min(most, round(period / step)))))
    return tuple(found)
