"""Not asking again, for a while, what has just failed: a page waits for a store that hangs once, not at each line."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TypeVar

from watchkeeper.errors import StoreError

__all__ = ["Patience"]

T = TypeVar("T")

_SECONDS = 5.0
_LONGEST_SECONDS = 60.0
# An answer that takes longer is awaited by a person; a failure after it is most likely that of the whole store.
_SLOW_SECONDS = 1.0
_KEPT = 200


class Patience:
    """Remembers failures of stores. Any thread may ask."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._failed: dict[Hashable, tuple[float, StoreError]] = {}
        self._hung: tuple[float, StoreError] | None = None

    def ask(self, key: Hashable, question: Callable[[], T]) -> T:
        """The answer to a question; raises its StoreError, and the same again to those who ask soon after.

        "Soon" is 5 s, or as long as the failure took, at most a minute. One that took longer than a second counts
        for every question, a quick one for those of its key alone.
        """
        began = self._stopwatch()
        for kept in (self._hung, self._failed.get(key)):
            if kept is not None and began < kept[0]:
                raise StoreError(str(kept[1]))
        try:
            return question()
        except StoreError as error:
            ended = self._stopwatch()
            until = ended + min(max(_SECONDS, ended - began), _LONGEST_SECONDS)
            if ended - began > _SLOW_SECONDS:
                self._hung = (until, error)
            if len(self._failed) > _KEPT:
                self._failed.clear()
            self._failed[key] = (until, error)
            raise
