"""The circuit breaker: a target that failed several times in a row is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable
from random import random

__all__ = ["BASE_SECONDS", "CAP_SECONDS", "THRESHOLD", "Breaker"]

# Three failures are no accident; the pause then doubles from about one fast scrape interval to about two slow ones, so
# that a target that is back is seen within half a minute.
THRESHOLD = 3
BASE_SECONDS = 2.0
CAP_SECONDS = 30.0


class Breaker:
    """Counts failures in a row; times are seconds of a monotonic clock, given by the caller.

    The pause is drawn between half and all of its length, so that sidecars that lost a target together do not come back
    together.
    """

    def __init__(self, draw: Callable[[], float] = random) -> None:
        self.failures = 0
        self._until = 0.0
        self._draw = draw

    def pause(self, now: float) -> float:
        """Seconds for which the target is still to be left alone; 0 when it may be read."""
        return max(0.0, self._until - now) if self.failures >= THRESHOLD else 0.0

    def succeeded(self) -> None:
        """The target answered."""
        self.failures = 0

    def failed(self, now: float) -> None:
        """The target failed, or was late."""
        self.failures += 1
        if self.failures >= THRESHOLD:
            # The exponent is bounded, for a target that is down for weeks would overflow it.
            length = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(self.failures - THRESHOLD, 10))
            self._until = now + length * (0.5 + self._draw() / 2)
