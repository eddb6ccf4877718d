"""The one set of numbers of the detector: the same for every series, whatever it measures.

Sources: chosen on the generated series of `benchmarks.synthetic` (`python -m benchmarks.synthetic --budget` prints what
they reach) and of tests/detectors. Times are shares of the first season, so that one set serves a 30-second metric and
a daily bill. Nothing here looks at what a series is called or where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DAY", "Season", "Tuning", "seasons_of"]

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """How fast each part learns, and how much evidence it takes.

    `limit`: the evidence at which something deviates, in standard deviations, where no alert budget sets it. `cap`: the
    normal score beyond which one value says no more. `stays`: the score, or the scales, that keep a run going. `lull`:
    the share of its past that a deviation must be over before it has ended, and `longest_lull`, of its first season,
    how much at most. `level_trusted`: by how many times the level may err more than the best expert and be believed.
    `care`: by how much more evidence a series takes at most that knows a season. `known_after`: how many of its longest
    seasons a series must have lived through to be known. `calm`: the share of that evidence above which what is
    ordinary is not learned: leaving out less plain values makes the tails too narrow, and with them the budget is
    overspent. `evidence`: how many of its first seasons the standard deviations of evidence remember.
    `level`, `offset`, `scale`: memories as shares of the first season. `profile_seasons`: how many seasons a profile
    remembers. `minimum`: valid samples before anything may deviate. `cold_factor`: by how much the band is wider before
    the first season is known. `adopt`: shares of the first season after which a lasting shift becomes the new normal
    (cold: before the season is known; harmless: in the direction that is not bad). `floor_of_range`, `floor_of_value`,
    `floor_of_demand`: the scale is at least these shares of the range seen so far, of the expectation, and of the
    difference that is demanded. `expert_power`: how strongly smaller past errors count. `clip`: how many scales one
    value may move what is learned. `tail_*`: see `detectors.tails`.
    """

    limit: float = 5.3
    cap: float = 4.0
    stays: float = 1.0
    lull: float = 1 / 12
    longest_lull: float = 1 / 24
    level_trusted: float = 2.0
    known_after: float = 3.0
    calm: float = 0.7
    care: float = 1.18
    evidence: float = 14.0
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
