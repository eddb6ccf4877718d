"""Up to where nothing is a surprise, and what evidence beyond it scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.profile import Usual
from detectors.spans import Spans
from detectors.tuning import Season, Tuning

__all__ = ["care", "compared", "credible", "score_of", "trusted"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def credible(expected: Floats, guesses: Floats, usable: Bools, usual: Sequence[Usual]) -> tuple[Floats, Floats]:
    """Up to where and down to where nothing is a surprise, (S,) each: what the mixture and the two experts that know
    most expect, with the room that edges of their profiles need.

    `guesses` and `usable` (experts, S) begin with the level, then the seasons from the shortest on, of which `usual`
    tells.
    """
    top, bottom = expected.copy(), expected.copy()
    left = np.full(len(expected), 2)
    for k in range(len(guesses) - 1, -1, -1):
        asked = usable[k] & (left > 0)
        left -= asked
        room = usual[k - 1].room if k else 0.0
        np.maximum(top, guesses[k] + room, out=top, where=asked)
        np.minimum(bottom, guesses[k] - room, out=bottom, where=asked)
    return top, bottom


def score_of(share: Floats, outside: Bools, spans: Spans) -> Floats:
    """The score (S,) in [0, 1] of evidence as a share of the limit, (2, S), upward first: 0.5 where it is the limit, in
    the bad direction. Where a value is not outside itself, what was before it is no longer news.
    """
    share = np.maximum(share, 0.0)
    share = np.where(outside, share, np.minimum(share, 0.999))
    worst = np.maximum(np.where(spans.high_is_bad, share[0], 0.0), np.where(spans.low_is_bad, share[1], 0.0))
    return np.asarray(worst / (worst + 1.0))


def care(
    at: float, born: Floats, cold: Bools, taught: Bools, seasons: Sequence[Season], spans: Spans, tuning: Tuning
) -> tuple[Floats, Bools]:
    """By how much more evidence it takes, (S,), and which series know all their seasons.

    A profile that is the mean of n seasons errs by its own noise too: the variance of what is left is 1 + 1 / n times
    that of a profile that is known. A series that has just adopted a shift begins again; one without seasons is known
    when it is `taught`.
    """
    most = tuning.profile_seasons
    if seasons:
        lived = np.floor(np.clip((at - born) / seasons[-1].period + 0.05, 0.0, most))
    else:
        lived = np.where(taught, most, 0.0)
    unshifted = spans.settled(at)
    wide = np.sqrt((1.0 + 1.0 / np.maximum(lived, 1.0)) / (1.0 + 1.0 / most))
    # Within the first of them the shorter seasons are known: what they leave is less than a whole season's noise.
    wide = np.minimum(wide, tuning.care)
    wide = np.where(cold & bool(seasons) | ~unshifted, np.maximum(wide, tuning.cold_factor), wide)
    return wide, unshifted & (lived >= tuning.known_after)


def compared(strength: Floats, looks: Floats) -> Floats:
    """Evidence (2, S) as that of a series that is looked at as often as the budget reckons with."""
    return np.asarray(np.where(strength > 0, np.sqrt(np.maximum(strength**2 + looks, 0.0)), 0.0))


def trusted(usable: Bools, error: Floats, tuning: Tuning) -> Bools:
    """Which experts (experts, S) may say that a value is no surprise: the level only where it does hardly worse."""
    best = np.where(usable, error, np.inf).min(axis=0)
    found = usable.copy()
    found[0] &= error[0] <= tuning.level_trusted * best
    return found
