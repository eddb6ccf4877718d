"""Telling others what happens: a bounded queue for each subscriber, who may miss events but never holds anybody up."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Self

from runbooks.records import Event

__all__ = ["Hub", "Subscription"]

_SIZE = 1000


class Subscription:
    """The events from now on.

    `missed` is True once the subscriber was too slow: read the journal again from the last id it has.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue: queue.Queue[Event] = queue.Queue(_SIZE)
        self.missed = False

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event, None when there was none within `timeout` seconds."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def put(self, event: Event) -> None:
        """Add an event, or note that it was missed; never blocks."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self.missed = True

    def close(self) -> None:
        """Stop listening."""
        self._hub.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Hub:
    """All subscriptions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def subscribe(self) -> Subscription:
        """A new subscription."""
        subscription = Subscription(self)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        with self._lock:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        for subscription in self._subscriptions:
            subscription.put(event)
