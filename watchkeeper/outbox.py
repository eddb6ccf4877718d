"""An outbox: records wait in a queue on disk until a receiver has taken them, in order, at least once.

One thread sends. Several waiting records are sent as one request where their bodies may be joined, as those of a
protobuf message with one repeated field may: the concatenation of two messages is their merged message.
"""

from __future__ import annotations

import logging
import random
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from watchkeeper.clock import Clock, now
from watchkeeper.errors import WatchkeeperError
from watchkeeper.posting import Answer
from watchkeeper.spool import Entry, Spool, SpoolError

__all__ = ["Outbox", "Outcome", "Send", "Sending", "pack", "unpack"]

_log = logging.getLogger(__name__)

# Seconds. A receiver that was away is found again soon, and not run over by all its senders at once.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# A receiver may ask for any pause; one that asks for a day must not silence us for it.
_LONGEST_RETRY_AFTER = 600.0
# A request that was aborted ends at once, unless it is looking up a name or connecting: then it is left behind.
_END_SECONDS = 1.0
# What is joined into one request after an outage, before compression.
_JOINED_RECORDS, _JOINED_BYTES = 100, 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: the answer, and how many items of it the receiver said that it did not take."""

    answer: Answer
    rejected_items: int = 0
    message: str = ""


Send = Callable[[bytes], Outcome]
"""Sends a body; raises WatchkeeperError when no answer arrives."""


class Sending(Protocol):
    """What `send` uses, a Poster for example."""

    def abort(self) -> None:
        """Make a request in another thread fail now, and every later one."""

    def close(self) -> None:
        """Give the connections back."""


def pack(body: bytes, state: bytes = b"") -> bytes:
    """A record: a body as it waits on disk, compressed, since an outage is bounded by bytes; and what its maker must
    know to make the next one.
    """
    return zlib.compress(body, 1) + (zlib.compress(state, 1) if state else b"")


def unpack(record: bytes) -> tuple[bytes, bytes]:
    """Body and state of a record. Raises SpoolError."""
    try:
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(record)
        return body, zlib.decompress(unpacker.unused_data) if unpacker.unused_data else b""
    except zlib.error as error:
        raise SpoolError(f"a record cannot be unpacked: {error}") from None


class Outbox:
    """A queue of a directory and the thread that empties it; `poster` is what `send` uses, and is closed with it.

    `sent` and `rejected` count records; `rejected_items` what receivers did not take of requests that they answered
    with success; `failures` the attempts that must be repeated; `succeeded` is when a request was last taken, in Unix
    seconds. Raises SpoolError when the directory cannot be used.
    """

    def __init__(
        self,
        name: str,
        directory: str | Path,
        limit: int,
        send: Send,
        *,
        poster: Sending | None = None,
        clock: Clock = now,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self.name = name
        self.spool = Spool(directory, limit, clock=clock)
        self.sent = self.rejected = self.rejected_items = self.failures = 0
        self.succeeded: float | None = None
        self.error: str | None = None
        self._send = send
        self._poster = poster
        self._clock = clock
        self._first_pause = first_pause
        self._pause = 0.0
        self._full = self._refusing = False
        self._idle = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)

    def start(self) -> None:
        """Begin to send, with what an earlier process left behind first."""
        self._thread.start()

    def put(self, record: bytes) -> bool:
        """Accept a packed record: it is synced to the disk when this is True.

        False when the queue is full or the disk refuses: that is counted, and logged once until it heals.
        """
        try:
            self.spool.put(record)
        except SpoolError as error:
            if not self._full:
                _log.error("%s: %s; further ones are counted", self.name, error)
            self._full = True
            return False
        if self._full:
            _log.warning("%s: records are accepted again", self.name)
        self._full = False
        return True

    def flush(self, seconds: float) -> bool:
        """Wait until nothing waits, at most `seconds`, and no longer than the receiver answers; whether that is so."""
        with self._idle:
            self._idle.wait_for(lambda: not len(self.spool) or self.error or self._stop.is_set(), seconds)
        return not len(self.spool)

    def stop(self, seconds: float = 5.0) -> None:
        """Send what waits for at most `seconds`, then end; what is left stays on disk for the next process."""
        if self._thread.is_alive():
            self.flush(seconds)
        self._stop.set()
        with self._idle:
            self._idle.notify_all()
        if self._poster is not None:
            self._poster.abort()
        self.spool.close()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)
        if self._poster is not None and not self._thread.is_alive():
            self._poster.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if not self.spool.wait():
                    return
                if self._stop.wait(self._pause):
                    return
                self.step()
            except Exception as error:  # noqa: BLE001  the thread must outlive whatever one record does to it
                if self._stop.is_set():
                    return
                self._later(f"{type(error).__name__}: {error}", None)

    def step(self) -> None:
        """Send what waits at the head of the queue once."""
        entries = self.spool.peek(_JOINED_RECORDS, _JOINED_BYTES)
        if not entries:
            return
        bodies = []
        for entry in entries:
            try:
                bodies.append(unpack(entry.record)[0])
            except SpoolError as error:
                if not bodies:
                    self._refused(entry, str(error))
                    return
                break
            if sum(map(len, bodies)) > _JOINED_BYTES:
                break
        entries = entries[: len(bodies)]
        try:
            outcome = self._send(b"".join(bodies))
        except WatchkeeperError as error:
            self._later(str(error), None)
            return
        if outcome.answer.fate == "later":
            self._later(outcome.answer.text(), outcome.answer.retry_after(self._clock))
        elif outcome.answer.fate == "taken":
            self._taken(entries, outcome)
        elif len(entries) == 1:
            self._refused(entries[0], outcome.answer.text())
        else:
            self._one_by_one(entries, bodies)

    def _one_by_one(self, entries: Sequence[Entry], bodies: Sequence[bytes]) -> None:
        """One record of several is refused: the others must not go with it."""
        for entry, body in zip(entries, bodies, strict=True):
            try:
                outcome = self._send(body)
            except WatchkeeperError as error:
                self._later(str(error), None)
                return
            fate = outcome.answer.fate
            if fate == "later":
                self._later(outcome.answer.text(), outcome.answer.retry_after(self._clock))
                return
            if fate == "taken":
                self._taken([entry], outcome)
            else:
                self._refused(entry, outcome.answer.text())

    def _taken(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        self.sent += len(entries)
        self.rejected_items += outcome.rejected_items
        if outcome.rejected_items:
            _log.warning("%s: %d items were not taken: %s", self.name, outcome.rejected_items, outcome.message)
        self.succeeded = self._clock()
        self._pause = 0.0
        self._refusing = False
        if self.error is not None:
            _log.warning("%s: takes records again, %d wait", self.name, len(self.spool) - len(entries))
            self.error = None
        self._done(entries[-1])

    def _refused(self, entry: Entry, why: str) -> None:
        self.rejected += 1
        self._pause = 0.0
        if not self._refusing:
            text = "%s: a record of %d bytes is refused and dropped: %s; further ones are counted"
            _log.error(text, self.name, len(entry.record), why)
        self._refusing = True
        self._done(entry)

    def _later(self, why: str, retry_after: float | None) -> None:
        self.failures += 1
        if self.error is None:
            _log.warning("%s: %s; records wait on disk until it answers", self.name, why)
        self.error = why
        longest = min(_LONGEST_PAUSE, max(self._first_pause, self._pause * 2))
        # Half of it by chance, so that senders that failed together do not come back together.
        self._pause = longest * (0.5 + random.random() / 2)  # noqa: S311
        if retry_after is not None:
            self._pause = max(self._pause, min(retry_after, _LONGEST_RETRY_AFTER))
        with self._idle:
            self._idle.notify_all()

    def _done(self, entry: Entry) -> None:
        self.spool.ack(entry.after)
        with self._idle:
            self._idle.notify_all()
