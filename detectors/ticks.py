"""What a detector says of one time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import WatchkeeperError

__all__ = ["STAGES", "DetectionError", "Tick"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STAGES = ("learning", "level", "first season", "all seasons")
"""What a series is judged by: nothing yet, its level, its shortest season, all its seasons."""


class DetectionError(WatchkeeperError):
    """Detection cannot go on with what it was given."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The judgement of one tick; all arrays have the shape (S,).

    `expected`, `lower`, `upper` are NaN while nothing is known; `score` in [0, 1] is 0.5 at the edge of the
    band in the bad direction; `deviating` holds from the end of the hold time until the values are back for
    as long, or the shift is adopted; `since` is the time of the first value of the run; `stage` indexes
    STAGES (among peers: see `detectors.peers.Peers.tick`); `view` indexes `detectors.evidence.MEMORIES`: over how long
    values speak the most for a deviation, or is one more for their level (among peers: -1).
    """

    at: float
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    deviating: Bools
    since: Floats
    stage: NDArray[np.int8]
    view: NDArray[np.int8]

    def part(self, columns: slice) -> Tick:
        """The judgement of some of the series."""
        return Tick(
            self.at, self.expected[columns], self.lower[columns], self.upper[columns], self.score[columns],
            self.deviating[columns], self.since[columns], self.stage[columns], self.view[columns],
        )  # fmt: skip
