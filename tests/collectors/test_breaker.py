from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.breaker import BASE_SECONDS, CAP_SECONDS, THRESHOLD, Breaker


def _failed(times: int, draw: float = 1.0) -> Breaker:
    breaker = Breaker(lambda: draw)
    for _ in range(times):
        breaker.failed(100.0)
    return breaker


def test_a_few_failures_change_nothing() -> None:
    assert _failed(THRESHOLD - 1).pause(100.0) == 0.0


def test_repeated_failures_open_it() -> None:
    assert _failed(THRESHOLD).pause(100.0) == BASE_SECONDS


def test_it_lets_the_target_be_tried_after_the_pause() -> None:
    assert _failed(THRESHOLD).pause(100.0 + BASE_SECONDS) == 0.0


def test_the_pause_doubles() -> None:
    assert _failed(THRESHOLD + 1).pause(100.0) == 2 * BASE_SECONDS


def test_success_closes_it() -> None:
    breaker = _failed(THRESHOLD + 3)
    breaker.succeeded()
    assert breaker.pause(100.0) == 0.0


@given(st.integers(THRESHOLD, 5_000), st.floats(0, 1))
def test_the_pause_is_jittered_and_bounded(times: int, draw: float) -> None:
    assert BASE_SECONDS / 2 <= _failed(times, draw).pause(100.0) <= CAP_SECONDS
