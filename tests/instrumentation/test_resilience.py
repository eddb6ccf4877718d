"""Resilience patterns: what the libraries' own retries and breakers do, and bulkheads, timeouts and fallbacks."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pybreaker
import pytest
import stamina
import tenacity

from examples.servers.process import wait_until
from tests.instrumentation.conftest import Difference
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import REGISTRY
from watchkeeper.instrumentation.resilience import (
    BulkheadFullError,
    bulkhead,
    count_timeouts,
    fallback,
    stamina_hook,
    watch_breaker,
    watch_pybreaker,
    watch_tenacity,
)


class Flaky:
    """Fails a number of times, then answers."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    def __call__(self) -> str:
        if self.left > 0:
            self.left -= 1
            raise ConnectionError("no")
        return "done"


FAST = {"wait": tenacity.wait_fixed(0.001), "stop": tenacity.stop_after_attempt(3)}


def test_retries_of_tenacity_are_counted(difference: Difference) -> None:
    flaky = Flaky(2)

    @tenacity.retry(**FAST)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def charge() -> str:
        return flaky()

    assert watch_tenacity("charge", charge)() == "done"
    assert difference("resilience_retries_total", operation="charge", error_type="ConnectionError") == 2
    assert difference("resilience_retry_wait_seconds_total", operation="charge") == pytest.approx(0.002)
    assert difference("resilience_retries_exhausted_total", operation="charge", error_type="ConnectionError") == 0


def test_retries_that_run_out_are_counted_once(difference: Difference) -> None:
    retrying = watch_tenacity("pay", tenacity.Retrying(**FAST, reraise=True))  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        retrying(Flaky(9))
    assert difference("resilience_retries_total", operation="pay", error_type="ConnectionError") == 2
    assert difference("resilience_retries_exhausted_total", operation="pay", error_type="ConnectionError") == 1


def test_a_result_that_is_not_wanted_is_a_reason(difference: Difference) -> None:
    answers = iter([None, "x"])
    retrying = tenacity.Retrying(retry=tenacity.retry_if_result(lambda answer: answer is None), **FAST)  # type: ignore[arg-type]
    assert watch_tenacity("poll", retrying)(lambda: next(answers)) == "x"
    assert difference("resilience_retries_total", operation="poll", error_type="unwanted_result") == 1


def test_the_callers_own_hook_is_still_called() -> None:
    seen: list[int] = []
    retrying = tenacity.Retrying(before_sleep=lambda state: seen.append(state.attempt_number), **FAST)  # type: ignore[arg-type]
    watch_tenacity("hooked", retrying)(Flaky(2))
    assert seen == [1, 2]


def test_watched_twice_is_counted_once(difference: Difference) -> None:
    retrying = tenacity.Retrying(**FAST, reraise=True)  # type: ignore[arg-type]
    watch_tenacity("second", watch_tenacity("first", retrying))
    with pytest.raises(ConnectionError):
        retrying(Flaky(9))
    assert difference("resilience_retries_total", operation="first", error_type="ConnectionError") == 0
    assert difference("resilience_retries_total", operation="second", error_type="ConnectionError") == 2
    assert difference("resilience_retries_exhausted_total", operation="second", error_type="ConnectionError") == 1


def test_coroutines_are_retried_with_hooks_that_are_coroutines(difference: Difference) -> None:
    seen: list[int] = []

    async def before_sleep(state: tenacity.RetryCallState) -> None:
        await asyncio.sleep(0)
        seen.append(state.attempt_number)

    async def stop(state: tenacity.RetryCallState) -> bool:
        await asyncio.sleep(0)
        return state.attempt_number >= 3

    flaky = Flaky(9)

    @tenacity.retry(wait=FAST["wait"], stop=stop, before_sleep=before_sleep, reraise=True)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    async def charge() -> str:
        return flaky()

    watch_tenacity("async charge", charge)
    with pytest.raises(ConnectionError):
        asyncio.run(charge())
    assert seen == [1, 2]
    labels = {"operation": "async charge", "error_type": "ConnectionError"}
    assert difference("resilience_retries_total", **labels) == 2
    assert difference("resilience_retries_exhausted_total", **labels) == 1


def test_a_watched_function_may_be_called_by_many_at_once(difference: Difference) -> None:
    @tenacity.retry(**FAST)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def call(flaky: Flaky) -> str:
        return flaky()

    watch_tenacity("many", call)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, [Flaky(2) for _ in range(40)])) == ["done"] * 40
    assert difference("resilience_retries_total", operation="many", error_type="ConnectionError") == 80


def test_what_is_not_tenacitys_is_refused() -> None:
    with pytest.raises(DefinitionError, match="no Retrying object"):
        watch_tenacity("x", lambda: None)


def test_retries_of_stamina_are_counted(difference: Difference) -> None:
    flaky = Flaky(2)
    stamina.instrumentation.set_on_retry_hooks([stamina_hook])
    try:

        @stamina.retry(on=ConnectionError, attempts=3, wait_initial=0.001, wait_jitter=0)
        def fetch() -> str:
            return flaky()

        assert fetch() == "done"
        name = f"{fetch.__module__}.{fetch.__qualname__}"
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert difference("resilience_retries_total", operation=name, error_type="ConnectionError") == 2


def _state(breaker: str) -> dict[str, float | None]:
    return {
        state: REGISTRY.get_sample_value("resilience_breaker_state", {"breaker": breaker, "state": state})
        for state in ("closed", "half_open", "open")
    }


def test_a_pybreaker_is_watched_through_its_life(difference: Difference) -> None:
    breaker = watch_pybreaker("payments", pybreaker.CircuitBreaker(fail_max=2, reset_timeout=60))
    flaky = Flaky(2)

    @breaker
    def pay() -> str:
        return flaky()

    with pytest.raises(ConnectionError):
        pay()
    with pytest.raises(pybreaker.CircuitBreakerError):
        pay()  # this one failed, and tripped it
    assert _state("payments") == {"closed": 0, "half_open": 0, "open": 1}
    assert difference("resilience_breaker_rejected_calls_total", breaker="payments") == 0
    with pytest.raises(pybreaker.CircuitBreakerError):
        pay()
    assert difference("resilience_breaker_rejected_calls_total", breaker="payments") == 1

    breaker.reset_timeout = 0
    assert pay() == "done"
    assert _state("payments") == {"closed": 1, "half_open": 0, "open": 0}
    assert difference("resilience_breaker_trips_total", breaker="payments") == 1


def test_a_pybreaker_that_is_watched_twice_is_counted_once(difference: Difference) -> None:
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=60)
    assert watch_pybreaker("twice", watch_pybreaker("twice", breaker)) is breaker
    for _ in range(2):
        with pytest.raises(pybreaker.CircuitBreakerError):
            breaker.call(Flaky(9))
    assert difference("resilience_breaker_trips_total", breaker="twice") == 1
    assert difference("resilience_breaker_rejected_calls_total", breaker="twice") == 1


def test_any_breaker_can_tell_its_state(difference: Difference) -> None:
    watched = watch_breaker("own")
    watched.moved("open")
    watched.moved("half-open")
    watched.moved("open")
    watched.rejected()
    assert difference("resilience_breaker_trips_total", breaker="own") == 2
    assert difference("resilience_breaker_rejected_calls_total", breaker="own") == 1
    with pytest.raises(DefinitionError, match="'ajar' is no state: closed, half_open, open"):
        watched.moved("ajar")


def test_a_full_bulkhead_refuses_at_once(difference: Difference) -> None:
    places = bulkhead("reports", limit=1)
    with places:
        assert REGISTRY.get_sample_value("resilience_bulkhead_running", {"bulkhead": "reports"}) == 1
        with pytest.raises(BulkheadFullError, match="reports: all 1 places"), places:
            pass
    with places:
        pass
    assert difference("resilience_bulkhead_rejected_calls_total", bulkhead="reports") == 1
    assert REGISTRY.get_sample_value("resilience_bulkhead_running", {"bulkhead": "reports"}) == 0


def test_a_caller_may_wait_for_a_place(difference: Difference) -> None:
    places = bulkhead("patient", limit=1, wait=10)
    entered = threading.Event()

    def second() -> None:
        with places:
            entered.set()

    with places:
        thread = threading.Thread(target=second)
        thread.start()
        labels = {"bulkhead": "patient"}
        wait_until(lambda: REGISTRY.get_sample_value("resilience_bulkhead_waiting", labels) == 1, what="a waiter")
        assert not entered.is_set()
    thread.join(5)
    assert entered.is_set()
    assert difference("resilience_bulkhead_rejected_calls_total", bulkhead="patient") == 0


def test_coroutines_wait_without_blocking_their_loop() -> None:
    places = bulkhead("async", limit=1, wait=5)
    order: list[str] = []

    async def first() -> None:
        async with places:
            order.append("first in")
            await asyncio.sleep(0.02)
            order.append("first out")

    async def second() -> None:
        async with places:
            order.append("second in")

    async def both() -> None:
        await asyncio.gather(first(), second())

    asyncio.run(both())
    assert order == ["first in", "first out", "second in"]


def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    places = bulkhead("cancelled", limit=1, wait=60)

    async def enter() -> None:
        async with places:
            await asyncio.sleep(60)

    async def scene() -> None:
        holder, waiter = asyncio.create_task(enter()), asyncio.create_task(enter())
        labels = {"bulkhead": "cancelled"}
        async with asyncio.timeout(10):
            while REGISTRY.get_sample_value("resilience_bulkhead_waiting", labels) != 1:
                await asyncio.sleep(0)
        waiter.cancel()
        holder.cancel()
        await asyncio.gather(holder, waiter, return_exceptions=True)
        for gauge in ("running", "waiting"):
            assert REGISTRY.get_sample_value(f"resilience_bulkhead_{gauge}", labels) == 0
        async with asyncio.timeout(5), places:
            pass

    asyncio.run(scene())


def test_a_bulkhead_that_stands_where_it_is_used_is_one() -> None:
    with (
        bulkhead("inline", limit=1),
        pytest.raises(BulkheadFullError),
        bulkhead("inline", limit=1),
    ):
        pass
    with pytest.raises(DefinitionError, match="inline: it has limit 1 and wait 0 already, not 2 and 0"):
        bulkhead("inline", limit=2)


def test_a_bulkhead_lets_somebody_in() -> None:
    with pytest.raises(DefinitionError, match="limit 0 lets nobody in"):
        bulkhead("none", limit=0)


@pytest.mark.parametrize("error", [TimeoutError(), subprocess.TimeoutExpired("x", 1)])
def test_timeouts_are_counted_and_go_on(error: Exception, difference: Difference) -> None:
    with pytest.raises(type(error)), count_timeouts("fetch"):
        raise error
    assert difference("resilience_timeouts_total", operation="fetch") == 1


def test_timeouts_of_a_client_are_counted_when_they_are_named(difference: Difference) -> None:
    class ClientTimeoutError(Exception):
        pass

    with pytest.raises(ClientTimeoutError), count_timeouts("ask", also=ClientTimeoutError):
        raise ClientTimeoutError
    assert difference("resilience_timeouts_total", operation="ask") == 1


def test_other_errors_are_no_timeouts(difference: Difference) -> None:
    with pytest.raises(ValueError, match="no"), count_timeouts("fetch"):
        raise ValueError("no")
    assert difference("resilience_timeouts_total", operation="fetch") == 0


def test_a_fallback_answers_and_is_counted(difference: Difference) -> None:
    @fallback("recommend", lambda: ["bestseller"], on=ConnectionError)
    def recommend() -> list[str]:
        raise ConnectionError("no")

    @fallback("recommend", lambda: ["bestseller"])
    async def later() -> list[str]:
        raise ConnectionError("no")

    assert recommend() == asyncio.run(later()) == ["bestseller"]
    assert difference("resilience_fallbacks_total", operation="recommend", error_type="ConnectionError") == 2


def test_an_error_that_the_fallback_is_not_for_goes_on() -> None:
    @fallback("recommend", list, on=ConnectionError)
    def recommend() -> list[str]:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        recommend()
