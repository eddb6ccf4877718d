"""One subscription to the engine, passed on to every open page: a page costs no thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from runbooks.records import Event
from runbooks.subscriptions import Subscription

__all__ = ["Closed", "Hub", "Listener"]

# A page that lags further behind is told to load itself again.
_QUEUE = 200
_POLL_SECONDS = 0.5


class Closed(Exception):  # noqa: N818  an end, not an error
    """The hub has closed."""


class Listener:
    """One open page: `next()` gives events; None when it missed some; raises Closed at the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(_QUEUE)
        self._ended = asyncio.Event()

    def tell(self, event: Event | None) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, event)

    def end(self) -> None:
        """From any thread: nothing comes after this."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended.set)

    def _put(self, event: Event | None) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            event = None
        self._queue.put_nowait(event)

    async def next(self, timeout: float) -> Event | None:
        """The next event. Raises TimeoutError after `timeout` seconds, Closed when the hub has closed."""
        get, end = asyncio.ensure_future(self._queue.get()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({get, end}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if get.done():
                return get.result()
            if end.done():
                raise Closed
            raise TimeoutError
        finally:
            get.cancel()
            end.cancel()


class Hub:
    """Takes the engine's events in one thread and gives them to the listeners."""

    def __init__(self, subscribe: Callable[[], Subscription]) -> None:
        self._subscribe = subscribe
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; also after `close`."""
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(self._stop,), name="console-events", daemon=True).start()

    def close(self) -> None:
        """End all listeners at once, and the thread within half a second; may be called twice."""
        self._stop.set()
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()

    def listen(self) -> Listener:
        """A listener of the running event loop; give it back with `leave`."""
        listener = Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        if self._stop.is_set():
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        with self._lock:
            self._listeners.discard(listener)

    @property
    def listeners(self) -> int:
        """How many pages are listening."""
        return len(self._listeners)

    def _run(self, stop: threading.Event) -> None:
        subscription = self._subscribe()
        try:
            while not stop.is_set():
                event = subscription.get(_POLL_SECONDS)
                missed, subscription.missed = subscription.missed, False
                with self._lock:
                    listeners = list(self._listeners)
                for listener in listeners:
                    if missed:
                        listener.tell(None)
                    if event is not None:
                        listener.tell(event)
        finally:
            subscription.close()
