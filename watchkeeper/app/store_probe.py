"""Whether the store behind a URL answers, asked in the background: who asks for the health must not wait for it."""

from __future__ import annotations

import logging
import threading

from watchkeeper import queries as q
from watchkeeper.clock import Clock, now
from watchkeeper.errors import WatchkeeperError
from watchkeeper.stores import Store
from watchkeeper.systems.watchkeeper_signals import WATCHKEEPER_BUILD_INFO

__all__ = ["StoreProbe"]

_log = logging.getLogger("watchkeeper.app")
# Any query does: what counts is that there is an answer.
_QUESTION = q.count_by(WATCHKEEPER_BUILD_INFO)


class StoreProbe:
    """Asks a store each `interval` seconds between `start` and `stop`; a change is one line in the log."""

    def __init__(self, store: Store, *, interval: float = 15.0, clock: Clock = now) -> None:
        self._store = store
        self._interval = interval
        self._clock = clock
        self._problem: str | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-probe", daemon=True)

    def problem(self) -> str | None:
        """What the last question failed with, None when it was answered or none was asked yet."""
        return self._problem

    def ask(self) -> None:
        """Ask once."""
        before = self._problem
        try:
            self._store.instant(_QUESTION, self._clock())
        except WatchkeeperError as error:
            self._problem = str(error)
            if before is None:
                _log.warning("the store does not answer: %s", error)
        else:
            self._problem = None
            if before is not None:
                _log.warning("the store answers again")

    def start(self) -> None:
        """Ask at once and then each interval, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, without waiting for a store that does not answer."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.ask()
            except Exception:  # noqa: BLE001  the next question may be answered
                _log.exception("asking the store")
            self._stopped.wait(self._interval)
