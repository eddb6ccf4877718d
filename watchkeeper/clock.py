"""The one clock: code that needs the time takes a `Clock`, so that tests and the demo can set it."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock", "monotonic", "now"]

Clock = Callable[[], float]
"""A function without arguments that returns seconds since the Unix epoch."""


def now() -> float:
    """Seconds since the Unix epoch, as the machine's clock has it."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start that never go backwards; for deadlines and durations."""
    return time.monotonic()
