"""Resilience patterns as metrics: retries, circuit breakers, bulkheads, timeouts, fallbacks.

The patterns stay those of their libraries; what they do is counted through the hooks that they offer.

    charge = watch_tenacity("charge", charge)               # a function with @tenacity.retry, or a Retrying object
    stamina.instrumentation.set_on_retry_hooks([stamina_hook])
    breaker = watch_pybreaker("payments", pybreaker.CircuitBreaker())
    with bulkhead("reports", limit=4, wait=0.5): ...         # raises BulkheadFullError
    with count_timeouts("charge"): ...                       # counts a TimeoutError that passes
    @fallback("recommendations", lambda: [])                 # answers with the fallback, and counts it
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from watchkeeper.errors import DefinitionError, WatchkeeperError
from watchkeeper.instrumentation import metrics
from watchkeeper.instrumentation.operations import error_type
from watchkeeper.systems.resilience import BREAKER_STATES

__all__ = [
    "Bulkhead",
    "BulkheadFullError",
    "WatchedBreaker",
    "bulkhead",
    "count_timeouts",
    "fallback",
    "stamina_hook",
    "watch_breaker",
    "watch_pybreaker",
    "watch_tenacity",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
B = TypeVar("B", bound=Any)


class BulkheadFullError(WatchkeeperError):
    """A bulkhead has no place, and none became free in time."""


# --- Retries ----------------------------------------------------------------------------------------------------------


def watch_tenacity(operation: str, retrying: T) -> T:
    """Count the retries of a function that `tenacity.retry` decorates, or of a Retrying object, plain or of asyncio;
    gives it back. Watched again, it has the new name.

    Raises DefinitionError for something else.
    """
    found: Any = retrying if hasattr(retrying, "before_sleep") else getattr(retrying, "retry", None)
    before, stop = getattr(found, "before_sleep", _MISSING), getattr(found, "stop", None)
    if before is _MISSING or not callable(stop):
        raise DefinitionError(f"{retrying!r} is no Retrying object of tenacity, and no function that it decorates")
    # What was there before it was watched; the decorated function copies the object at each call, with what is set.
    before, stop = getattr(before, _WATCHED, before), getattr(stop, _WATCHED, stop)

    def slept(state: Any) -> Any:
        metrics.RETRIES.child(operation, _of_state(state)).inc()
        metrics.RETRY_WAIT.child(operation).inc(max(0.0, float(state.next_action.sleep if state.next_action else 0)))
        return before(state) if before is not None else None

    def stopped(state: Any) -> Any:
        return ended(stop(state), state)

    def ended(enough: Any, state: Any) -> bool:
        if enough:
            metrics.RETRIES_EXHAUSTED.child(operation, _of_state(state)).inc()
        return bool(enough)

    # With asyncio both may be coroutines, and are awaited only when the function says that it is one.
    async def slept_later(state: Any) -> None:
        answer = slept(state)
        if inspect.isawaitable(answer):
            await answer

    async def stopped_later(state: Any) -> bool:
        enough = stop(state)
        return ended(await enough if inspect.isawaitable(enough) else enough, state)

    asynchronous = inspect.iscoroutinefunction(found.iter)
    hooks: tuple[Any, Any] = (slept_later, stopped_later) if asynchronous else (slept, stopped)
    for hook, original in zip(hooks, (before, stop), strict=True):
        setattr(hook, _WATCHED, original)
    found.before_sleep, found.stop = hooks
    return retrying


_WATCHED = "_watchkeeper_original"
_MISSING: Any = object()


def _of_state(state: Any) -> str:
    """Why an attempt counts as failed: its exception, or a result that is not wanted."""
    outcome = state.outcome
    error = outcome.exception() if outcome is not None and outcome.failed else None
    return error_type(error) if error is not None else "unwanted_result"


def stamina_hook(details: Any) -> None:
    """A hook for `stamina.instrumentation.set_on_retry_hooks`: counts every retry under the function's name.

    Stamina has no hook for the last failure: operations that ran out of retries are not counted.
    """
    metrics.RETRIES.child(details.name, error_type(details.caused_by)).inc()
    metrics.RETRY_WAIT.child(details.name).inc(details.wait_for)


# --- Circuit breakers -------------------------------------------------------------------------------------------------


class WatchedBreaker:
    """The metrics of one circuit breaker of any library: tell it the states and the calls that were rejected."""

    __slots__ = ("_name", "_state")

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = "closed"
        metrics.BREAKER_TRIPS.child(name)  # there from the beginning, so that a rate sees the first
        metrics.BREAKER_REJECTED.child(name)
        self._show()

    def moved(self, state: str) -> None:
        """It is in this state now: closed, half_open or open. Raises DefinitionError for another."""
        state = state.replace("-", "_")
        if state not in BREAKER_STATES:
            raise DefinitionError(f"breaker {self._name}: {state!r} is no state: {', '.join(BREAKER_STATES)}")
        if state == "open" and self._state != "open":
            metrics.BREAKER_TRIPS.child(self._name).inc()
        self._state = state
        self._show()

    def rejected(self) -> None:
        """It did not let a call through."""
        metrics.BREAKER_REJECTED.child(self._name).inc()

    def _show(self) -> None:
        for state in BREAKER_STATES:
            metrics.BREAKER_STATE.child(self._name, state).set(state == self._state)


def watch_breaker(name: str) -> WatchedBreaker:
    """The metrics of a circuit breaker, closed at first."""
    return WatchedBreaker(name)


def watch_pybreaker(name: str, breaker: B) -> B:
    """Count the trips and the rejected calls of a `pybreaker.CircuitBreaker`; gives it back. Watched again, nothing
    changes.
    """
    import pybreaker

    if hasattr(breaker.call, _WATCHED):
        return breaker

    watched = WatchedBreaker(name)
    watched.moved(str(breaker.current_state))
    call = breaker.call

    class Listener(pybreaker.CircuitBreakerListener):
        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            watched.moved(str(new_state.name))

    def counted(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        began = False

        def noted(*inner: Any, **named: Any) -> Any:
            nonlocal began
            began = True
            return function(*inner, **named)

        try:
            return call(noted, *args, **kwargs)
        except pybreaker.CircuitBreakerError:
            # The call whose failure trips the breaker raises the same error, and was not rejected.
            if not began:
                watched.rejected()
            raise

    setattr(counted, _WATCHED, call)
    breaker.add_listener(Listener())
    breaker.call = counted  # no listener is asked when a breaker rejects
    return breaker


# --- Bulkheads --------------------------------------------------------------------------------------------------------


class Bulkhead:
    """At most `limit` callers at once; the next wait up to `wait` seconds, then BulkheadFullError is raised.

    A context manager for threads; `async with` for coroutines of one event loop, which then wait without blocking it.
    """

    def __init__(self, name: str, limit: int, wait: float = 0.0) -> None:
        if limit < 1:
            raise DefinitionError(f"bulkhead {name}: limit {limit} lets nobody in")
        self._name = name
        self.limit = limit
        self.wait = wait
        self._places = threading.BoundedSemaphore(limit)
        self._running = metrics.BULKHEAD_RUNNING.child(name)
        self._waiting = metrics.BULKHEAD_WAITING.child(name)
        self._rejected = metrics.BULKHEAD_REJECTED.child(name)
        metrics.BULKHEAD_LIMIT.child(name).set(limit)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            with self._waiting.track_inprogress():
                entered = self._places.acquire(timeout=self.wait) if self.wait > 0 else False
            if not entered:
                self._refuse()
        self._running.inc()

    def __exit__(self, *error: object) -> None:
        self._running.dec()
        self._places.release()

    async def __aenter__(self) -> None:
        import asyncio

        if not self._places.acquire(blocking=False):
            with self._waiting.track_inprogress():
                end = asyncio.get_running_loop().time() + self.wait
                # A place that a thread gives back wakes no event loop, so that it is looked for.
                while not self._places.acquire(blocking=False):
                    left = end - asyncio.get_running_loop().time()
                    if left <= 0:
                        self._refuse()
                    await asyncio.sleep(min(0.01, left))
        self._running.inc()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__()

    def _refuse(self) -> None:
        self._rejected.inc()
        raise BulkheadFullError(f"bulkhead {self._name}: all {self.limit} places are taken")


def bulkhead(name: str, *, limit: int, wait: float = 0.0) -> Bulkhead:
    """The bulkhead of a name: the same one at each call, so that it may stand where it is used.

    Raises DefinitionError for a limit below 1, or when the name has another limit or wait already.
    """
    with _making:
        found = _bulkheads.get(name)
        if found is None:
            found = _bulkheads[name] = Bulkhead(name, limit, wait)
    if (found.limit, found.wait) != (limit, wait):
        raise DefinitionError(
            f"bulkhead {name}: it has limit {found.limit} and wait {found.wait:g} already, not {limit} and {wait:g}"
        )
    return found


_bulkheads: dict[str, Bulkhead] = {}
_making = threading.Lock()


# --- Timeouts and fallbacks -------------------------------------------------------------------------------------------


@contextmanager
def count_timeouts(operation: str, *, also: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Count a TimeoutError that leaves the block: of sockets, asyncio, futures, subprocesses, and their subclasses.

    The timeouts of HTTP clients are none of these: `also=httpx.TimeoutException`, `also=requests.Timeout`.
    """
    import subprocess

    counted = metrics.TIMEOUTS.child(operation)
    kinds: tuple[type[Exception], ...] = (TimeoutError, subprocess.TimeoutExpired)
    kinds += also if isinstance(also, tuple) else (also,)
    try:
        yield
    except kinds:
        counted.inc()
        raise


def fallback(
    operation: str, instead: Callable[[], Any], *, on: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function or coroutine function: when it raises `on`, answer with `instead()` and count that."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):
            coroutine = cast(Callable[P, Any], function)

            @functools.wraps(function)
            async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
                try:
                    return await coroutine(*args, **kwargs)
                except on as error:
                    metrics.FALLBACKS.child(operation, error_type(error)).inc()
                    answer = instead()
                    return await answer if inspect.isawaitable(answer) else answer

            return cast(Callable[P, R], asynchronous)

        @functools.wraps(function)
        def synchronous(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except on as error:
                metrics.FALLBACKS.child(operation, error_type(error)).inc()
                return cast(R, instead())

        return synchronous

    return decorate
