"""Lanes: one for each target, so that a sick one hurts nobody else.

A lane reads its target once at a time (concurrent scrapes share that read), answers at the deadline whatever the target
does, and leaves a target alone that keeps failing. A read has a thread of its own, but for one case: where the session
says that it is `inline` (connected, and a read ends when it is aborted), the thread of the scrape reads itself, which
saves two changes of threads. The watchdog aborts such a read at its deadline. Where it finds the kept connection dead,
the lane's thread goes on: to resolve a name and to connect cannot be aborted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from collectors.breaker import Breaker
from collectors.description import ConnectionEndedError, Session, collector_of, redact
from collectors.encoding import Encoder
from collectors.families import Family, Pairs, single
from collectors.problems import in_words
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import TargetError, WatchkeeperError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["Flight", "Lane", "Reading"]

_log = logging.getLogger("watchkeeper.collectors")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of a target gave.

    When `up` is False, `families` hold at most the exporter's own up signal, and `error` is one line without secrets.
    `seconds` is how long it took.
    """

    target: Target
    families: Sequence[Family]
    up: bool
    seconds: float
    error: str | None = None


class Flight:
    """A read that is under way or done; `deadline` in seconds of the monotonic clock.

    `here` is the thread that runs it, where that is the one that began it.
    """

    __slots__ = ("_callbacks", "_done", "_lock", "begun", "deadline", "here", "overdue", "reading")

    def __init__(self, begun: float, deadline: float, here: int | None = None) -> None:
        self.begun = begun
        self.deadline = deadline
        self.here = here
        self.overdue = False
        self.reading: Reading | None = None
        self._done: threading.Event | None = None
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def finish(self, reading: Reading) -> None:
        with self._lock:
            self.reading = reading
            done, callbacks, self._callbacks = self._done, self._callbacks, []
        if done is not None:
            done.set()
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        with self._lock:
            if self.reading is not None:
                return True
            if self._done is None:
                self._done = threading.Event()
        return self._done.wait(max(0.0, seconds))

    def give_up(self) -> None:
        """Have its deadline now, also for those who wait."""
        with self._lock:
            self.deadline = min(self.deadline, monotonic())
            if self._done is not None:
                self._done.set()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back when the read is done, at once when it is."""
        with self._lock:
            if self.reading is None:
                self._callbacks.append(callback)
                return
        callback()


class Lane:
    """One target and the thread that reads it. Raises SettingsError when the target is set up wrongly."""

    def __init__(self, target: Target, *, clock: Clock = now, breaker: Breaker | None = None) -> None:
        self.target = target
        self.collector = collector_of(target)
        self.labels: Pairs = tuple(sorted(target.labels.items()))
        self.encoder = Encoder(self.labels)
        self.own: Pairs = (("target_system", target.system), ("target", target.name))
        self.reads = 0
        self.failures = 0
        self.dropped = 0
        self.succeeded: float | None = None
        self.seconds: float | None = None
        self.error: str | None = None
        self.breaker = breaker or Breaker()
        self._clock = clock
        self._lock = threading.Lock()
        # Held while a session is aborted or closed: what is shut down must not be another's descriptor by now.
        self._ending = threading.Lock()
        self._flight: Flight | None = None
        self._session: Session | None = None
        self._thread: threading.Thread | None = None
        self._orders: SimpleQueue[Flight | None] = SimpleQueue()
        self._closed = False
        self._retired = False

    def begin(self, timeout: float | None = None, *, here: bool = False) -> Flight:
        """Begin a read, or join the one that is under way; `timeout` bounds it beside the target's own.

        With `here`, the caller calls `run` when the flight names its thread.
        """
        at = monotonic()
        seconds = self.target.timeout if timeout is None else min(timeout, self.target.timeout)
        with self._lock:
            flight = self._flight
            if flight is not None and flight.reading is None:
                if not flight.overdue:
                    return flight
                waiting = f"still waiting for an answer since {at - flight.begun:.1f} s"
                return self._answered(at, waiting)
            if (pause := self.breaker.pause(at)) or self._closed:
                last = f": {self.error}" if self.error else ""
                why = f"left alone for {pause:.1f} s after {self.breaker.failures} failures{last}"
                return self._answered(at, "the sidecar is closing" if self._closed else why)
            self.reads += 1
            if here and getattr(self._session, "inline", False):
                flight = self._flight = Flight(at, at + seconds, here=threading.get_ident())
                return flight
            flight = self._flight = Flight(at, at + seconds)
            self._order(flight)
        return flight

    def _order(self, flight: Flight) -> None:
        """Have the lane's thread do a read; the lock is held."""
        if self._thread is None:
            name = f"lane-{self.target.name}"
            self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
            self._thread.start()
        self._orders.put(flight)
        if self._retired:
            self._orders.put(None)  # for a thread that begins only now, nobody else says that it is to end

    def run(self, flight: Flight) -> None:
        """Do the read of a flight, in this thread, or hand it to the lane's own where it takes a new connection."""
        reading = self._read(flight)
        if reading is None:
            return
        with self._lock:
            # An answer after the deadline was reported as a failure: it does not count twice.
            late = flight.overdue
            if not late:
                self._note(reading.error, monotonic())
                if reading.up:
                    self.seconds = reading.seconds
            else:
                reading = self._down(reading.seconds, self.error or _late(reading.seconds))
        if late:
            self._drop_session()  # it was aborted, even if the answer came through
        flight.finish(reading)
        if self._retired or self._closed:
            self._drop_session(unless_busy=True)

    def result(self, flight: Flight, timeout: float | None = None) -> Reading:
        """The reading of a flight, at its deadline at the latest; a target that has not answered by then is down."""
        at = monotonic()
        until = flight.deadline if timeout is None else min(flight.deadline, at + timeout)
        flight.wait(until - at)
        if flight.reading is not None:
            return flight.reading
        seconds = monotonic() - flight.begun
        self.expire(flight)
        return self._down(seconds, _late(seconds))

    def expire(self, flight: Flight) -> None:
        """Give a flight up, once, when its deadline has passed without an answer."""
        at = monotonic()
        with self._lock:
            first = flight.reading is None and not flight.overdue and at >= flight.deadline
            if first:
                flight.overdue = True
                self._note(_late(at - flight.begun), at)
            session = self._session
        # One that is being closed just now needs no abort.
        if first and session is not None and self._ending.acquire(blocking=False):
            try:
                session.abort()
            finally:
                self._ending.release()

    def give_up(self) -> None:
        """Answer those who wait for a read that is under way, and abort it."""
        with self._lock:
            flight = self._flight
        if flight is not None and flight.reading is None:
            flight.give_up()
            self.expire(flight)

    def retire(self) -> None:
        """Give the connection back when nobody reads any more: the settings name the target no longer, or otherwise.

        A scrape that has begun may still read.
        """
        with self._lock:
            self._retired = True
            if self._thread is not None:
                self._orders.put(None)
        self._drop_session(unless_busy=True)

    def close(self) -> None:
        """Stop the thread once its read is done; does not wait for it."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._orders.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread of a closed lane."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _answered(self, at: float, error: str) -> Flight:
        flight = Flight(at, at)
        flight.finish(self._down(0.0, error))
        return flight

    def _down(self, seconds: float, error: str) -> Reading:
        up = self.collector.up
        families = () if up is None else (single(up, 0.0),)
        return Reading(self.target, families, False, seconds, error)

    def _loop(self) -> None:
        while True:
            flight = self._orders.get()
            if flight is not None:
                self.run(flight)
                continue
            with self._lock:
                if self._orders.empty():
                    if not self._closed:
                        self._thread = None  # a scrape that comes late to a retired lane starts another
                    break
        self._drop_session(unless_busy=True)

    def _read(self, flight: Flight) -> Reading | None:
        try:
            if self._session is None:
                session = self.collector.open(self.target)
                with self._lock:
                    self._session = session
            try:
                found = self._session.read(flight.deadline)
            except ConnectionEndedError:
                if flight.overdue:
                    raise  # it was aborted
                with self._ending:
                    self._session.close()
                if self._handed_over(flight):
                    return None
                found = self._session.read(flight.deadline)
            families = self._limited(found)
        except WatchkeeperError as error:
            # Whoever shows it names the target.
            failed = str(error).removeprefix(f"target {self.target.name}: ")
        except Exception as error:  # noqa: BLE001  whatever a driver raises concerns this target alone
            failed = in_words(error)
        else:
            return Reading(self.target, families, True, monotonic() - flight.begun)
        self._drop_session()
        return self._down(monotonic() - flight.begun, redact(failed, self.target))

    def _handed_over(self, flight: Flight) -> bool:
        """Give a read that the scrape's thread does to the lane's own thread; False where it is that one already."""
        with self._lock:
            if flight.here is None:
                return False
            if self._closed:
                raise TargetError("the sidecar is closing")
            flight.here = None
            self._order(flight)
        return True

    def _limited(self, families: Sequence[Family]) -> Sequence[Family]:
        """At most `max_series` samples, in the order in which they came; the rest is counted."""
        room = self.target.max_series
        count = sum([len(one.points) for one in families])
        if count <= room:
            return families
        self.dropped += count - room
        kept = []
        for one in families:
            kept.append(Family(one.name, one.kind, one.help, one.points[:room], one.exemplars))
            room = max(0, room - len(one.points))
        return kept

    def _note(self, error: str | None, at: float) -> None:
        """Keep the books; a change of state is one line in the log."""
        if error is None:
            if self.error is not None:
                _log.warning("target %s answers again", self.target.name, extra={"target": self.target.name})
            self.breaker.succeeded()
            self.succeeded = self._clock()
        else:
            if self.error is None:
                _log.warning("target %s is down: %s", self.target.name, error, extra={"target": self.target.name})
            self.failures += 1
            self.breaker.failed(at)
        self.error = error

    def _drop_session(self, *, unless_busy: bool = False) -> None:
        with self._lock:
            if unless_busy and self._flight is not None and self._flight.reading is None:
                return  # the end of that read does it
            session, self._session = self._session, None
        if session is not None:
            try:
                with self._ending:
                    session.close()
            except Exception as error:  # noqa: BLE001  it is being thrown away
                _log.debug("closing the session of %s: %s", self.target.name, error)


def _late(seconds: float) -> str:
    return f"no answer within {seconds:.1f} s"
