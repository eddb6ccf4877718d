"""How many spans the console takes at a time, so that a burst of them costs memory and threads with an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from watchkeeper.traces import TracesOverloaded

__all__ = ["Intake"]

# Bodies in memory at one time; more wait at their senders.
_BYTES = 32 * 1024 * 1024


class Intake:
    """How much is under way: bodies by their size, and the threads that decode and wait for the disk.

    Two decode at a time, since all of it is Python; many may wait for the disk, which syncs for all of them at once.
    """

    def __init__(self) -> None:
        self.decoding = anyio.CapacityLimiter(2)
        self.writing = anyio.CapacityLimiter(32)
        self._lock = threading.Lock()
        self._bytes = 0

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Keep room for a body. Raises TracesOverloaded when there is none."""
        with self._lock:
            if self._bytes + size > _BYTES:
                raise TracesOverloaded("too many spans are on their way: send these again later")
            self._bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._bytes -= size
