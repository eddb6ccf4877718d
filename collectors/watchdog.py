"""The watchdog: one thread that aborts reads which run in the threads of scrapes and are past their deadlines."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from watchkeeper.clock import monotonic

if TYPE_CHECKING:
    from collectors.lanes import Flight, Lane

__all__ = ["Watchdog"]

_log = logging.getLogger("watchkeeper.collectors")


class Watchdog:
    """Sleeps until the next deadline. It is not woken by a read that ends in time: it finds that out by itself."""

    def __init__(self) -> None:
        self._watched: dict[Flight, Lane] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        # When it looks next, in monotonic seconds; None while it has nothing to look for.
        self._next: float | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, flight: Flight, lane: Lane) -> None:
        """Abort the read of a flight at its deadline, unless it is `done` by then."""
        with self._lock:
            self._watched[flight] = lane
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            if self._next is None or flight.deadline < self._next:
                self._next = flight.deadline
                self._wake.set()

    def done(self, flight: Flight) -> None:
        """The read of a flight has ended."""
        with self._lock:
            self._watched.pop(flight, None)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            self._wake.set()

    def _run(self) -> None:
        while not self._closed:
            with self._lock:
                self._wake.clear()
                watched = list(self._watched.items())
                self._next = min([flight.deadline for flight, _ in watched], default=None)
                until = self._next
            at = monotonic()
            if until is None or until > at:
                self._wake.wait(None if until is None else until - at)
                continue
            for flight, lane in watched:
                if flight.deadline <= at:
                    self.done(flight)
                    try:
                        lane.expire(flight)
                    except Exception:  # noqa: BLE001  without this thread no read would be ended any more
                        _log.exception("target %s: a read was not aborted", lane.target.name)
