"""Push: the sidecar sends what it reads, each interval, to an OTLP receiver, by remote write, or into a text file.

One reading of all targets serves all of them. What OTLP and remote write are to get is synced to a queue on disk
first; see `watchkeeper.outbox`.
"""

from __future__ import annotations

import logging
import socket
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import watchkeeper
from collectors.destinations import Destination, Otlp, RemoteWriteTo, Round, Textfile
from collectors.families import Family, family
from collectors.loop import every, scraped, target_labels
from collectors.otlp import Part
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.systems.watchkeeper_signals import (
    WATCHKEEPER_BUILD_INFO,
    WATCHKEEPER_PUSH_FAILURES_TOTAL,
    WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL,
    WATCHKEEPER_PUSH_LAST_SUCCESS_TIMESTAMP_SECONDS,
    WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS,
    WATCHKEEPER_PUSH_QUEUE_BYTES,
    WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES,
    WATCHKEEPER_PUSH_RECORDS_ACCEPTED_TOTAL,
    WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL,
    WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL,
)

if TYPE_CHECKING:
    from collectors.runtime import Sidecar
    from watchkeeper.settings import PushSettings

__all__ = ["Pusher"]

_log = logging.getLogger("watchkeeper.collectors")

# Seconds
_LEAST_INTERVAL = 0.05


class Pusher:
    """Reads all targets of a sidecar each interval, and sends what they say where the settings want it.

    `directory` holds the queues, below `push/`, one for each receiver, for this process alone. The targets are asked
    for in every round, so a sidecar may have them replaced. Raises SettingsError when the settings cannot be followed,
    SpoolError when another process uses the directory.
    """

    def __init__(self, sidecar: Sidecar, settings: PushSettings, directory: Path, *, clock: Clock = now) -> None:
        self._sidecar = sidecar
        self._interval = max(_LEAST_INTERVAL, settings.interval)
        self._clock = clock
        # Several sidecars may send to one receiver: what they say of themselves must not meet there.
        self._own_labels = (("instance", socket.gethostname()), ("job", "watchkeeper"))
        self._destinations: list[Destination] = []
        try:
            if settings.otlp is not None:
                self._destinations.append(Otlp(settings.otlp, directory / "push" / "otlp", settings.queue_bytes))
            if settings.remote_write is not None:
                queue = directory / "push" / "remote_write"
                self._destinations.append(RemoteWriteTo(settings.remote_write, queue, settings.queue_bytes))
            if settings.textfile:
                self._destinations.append(Textfile(settings.textfile))
        except BaseException:
            self._end(0, None)
            raise
        self._stop = threading.Event()
        run = partial(every, self._interval, self._stop, self.round)
        self._thread = threading.Thread(target=run, name="push", daemon=True)

    def start(self) -> None:
        """Begin with a round at once, and with what an earlier process left in the queues."""
        for destination in self._destinations:
            destination.start()
        self._thread.start()

    def stop(self, seconds: float = 5.0, *, ended: bool = True) -> None:
        """End after the running round; send what waits for at most `seconds`, as far as receivers answer.

        What is left stays on disk. `ended` says that the series end too: they are marked stale, and the text file is
        removed. It is False when another pusher goes on at once, as after a reload.
        """
        self._stop.set()
        end = monotonic() + seconds
        if self._thread.ident is not None:
            self._thread.join(seconds)
        # A round that hangs may still write: then the series end with their last values.
        ended = ended and not self._thread.is_alive()
        self._end(max(0.0, end - monotonic()), self._clock() if ended else None)

    def round(self) -> None:
        """Read every target once, and hand what it said to every destination."""
        found = self._read()
        for destination in self._destinations:
            try:
                destination.write(found)
            except Exception:  # noqa: BLE001  one destination must not cost the others their round
                _log.exception("%s: a round was not written", destination.name)

    def families(self) -> list[Family]:
        """What the pusher says of itself, for `/metrics`."""
        rows = [((one.name,), one.counts()) for one in self._destinations]
        at = self._clock()
        queues = [(labels, counts.outbox.spool) for labels, counts in rows if counts.outbox is not None]
        oldest = [(labels, spool.oldest) for labels, spool in queues]
        dropped = [((*labels, reason), n) for labels, counts in rows for reason, n in counts.dropped.items()]
        success = [(labels, counts.succeeded) for labels, counts in rows if counts.succeeded is not None]
        return [
            family(WATCHKEEPER_PUSH_RECORDS_ACCEPTED_TOTAL, [(labels, float(c.accepted)) for labels, c in rows]),
            family(WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL, [(labels, float(c.sent)) for labels, c in rows]),
            family(WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL, [(labels, float(n)) for labels, n in dropped]),
            family(WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL, [(labels, float(c.rejected_items)) for labels, c in rows]),
            family(WATCHKEEPER_PUSH_FAILURES_TOTAL, [(labels, float(c.failures)) for labels, c in rows]),
            family(WATCHKEEPER_PUSH_QUEUE_BYTES, [(labels, float(spool.size)) for labels, spool in queues]),
            family(WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES, [(labels, float(spool.limit)) for labels, spool in queues]),
            family(
                WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS,
                [(labels, 0.0 if time is None else max(0.0, at - time)) for labels, time in oldest],
            ),
            family(WATCHKEEPER_PUSH_LAST_SUCCESS_TIMESTAMP_SECONDS, success),
        ]

    def _read(self) -> Round:
        at = self._clock()
        # A round must be over when the next begins.
        timeout = self._interval * 0.9
        end = monotonic() + timeout
        lanes = [self._sidecar.lane(target.name) for target in self._sidecar.targets]
        flights = [lane.begin(timeout) for lane in lanes]
        readings = [
            lane.result(flight, max(0.0, end - monotonic())) for lane, flight in zip(lanes, flights, strict=True)
        ]
        parts = [Part(one.target.name, target_labels(one.target), scraped(self._sidecar, one)) for one in readings]
        own = {WATCHKEEPER_BUILD_INFO.name: family(WATCHKEEPER_BUILD_INFO, [((watchkeeper.__version__,), 1.0)])}
        for source in (*self._sidecar.sources, self.families):
            own |= {one.name: one for one in source()}
        return Round(at, readings, [*parts, Part("", self._own_labels, list(own.values()))])

    def _end(self, seconds: float, at: float | None) -> None:
        end = monotonic() + seconds
        for destination in self._destinations:
            destination.stop(max(0.0, end - monotonic()), at)
