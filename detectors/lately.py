"""Answers that may take long, for callers that must not wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Lately"]

T = TypeVar("T")
_log = logging.getLogger("watchkeeper.detectors")


class Lately(Generic[T]):
    """The newest answer of `ask`, which is called in a thread of its own at most every `every` seconds; `what` names it
    in the log. One call is under way at a time.
    """

    def __init__(self, ask: Callable[[], T], every: float, what: str) -> None:
        self._ask, self._every, self._what = ask, every, what
        self._asked_at: float | None = None
        self._found: T | None = None
        self._thread: threading.Thread | None = None

    def newest(self, at: float) -> T | None:
        """The last answer; None before the first. Returns at once."""
        due = self._asked_at is None or not 0 <= at - self._asked_at < self._every
        if due and (self._thread is None or not self._thread.is_alive()):
            self._asked_at = at
            self._thread = threading.Thread(target=self._run, name=f"asking for {self._what}", daemon=True)
            self._thread.start()
        return self._found

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except Exception as error:  # noqa: BLE001 - what was known before stays known, whatever the source raises
            _log.warning("%s are not known anew: %s", self._what, error)
