"""Advice: what is known of the series of a tick beside their past, as arrays for the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Advice"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Advice:
    """What calendars and people say of one time; each (S,).

    `frozen`: nothing is learned, and no shift adopted. `up_muted`, `down_muted`: a deviation in that direction does not
    begin, and one that lasts ends. `patience`: the share of the usual patience after which a shift is adopted.
    `wider_up`, `wider_down`: what the distance from the expectation to that edge of the band is multiplied by.
    `season_at`: the time at which profiles are looked up and learned; None where it is that of the tick for all series.
    """

    frozen: Bools
    up_muted: Bools
    down_muted: Bools
    patience: Floats
    wider_up: Floats
    wider_down: Floats
    season_at: Floats | None = None

    def mutes(self, column: int, *, up: bool) -> bool:
        """Whether a deviation of a series in that direction is not told."""
        return bool((self.up_muted if up else self.down_muted)[column])
