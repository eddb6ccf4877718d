"""Failures of stores are remembered for a while."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbooks.console.patience import Patience
from watchkeeper.errors import StoreError


class Stopwatch:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def failing(stopwatch: Stopwatch, seconds: float) -> Callable[[], str]:
    """A question that takes its time and fails."""

    def question() -> str:
        stopwatch.at += seconds
        raise StoreError("away")

    return question


def asked_after(stopwatch: Stopwatch, patience: Patience, key: str, at: float) -> bool:
    """Whether a question is really asked at a time."""
    stopwatch.at = at
    try:
        return patience.ask(key, lambda: "answer") == "answer"
    except StoreError:
        return False


@pytest.mark.parametrize(
    "took,key,at,asked",
    [
        (0.1, "a", 5.0, False),  # the same question, within five seconds
        (0.1, "a", 5.2, True),
        (0.1, "b", 0.2, True),  # another question: only this one was refused
        (30.0, "b", 59.0, False),  # a store that hangs hangs for all
        (30.0, "b", 60.1, True),
        (300.0, "a", 359.0, False),
        (300.0, "a", 360.1, True),  # a minute at most
    ],
)
def test_a_failure_is_remembered(took: float, key: str, at: float, asked: bool) -> None:
    stopwatch = Stopwatch()
    patience = Patience(stopwatch)
    with pytest.raises(StoreError, match="away"):
        patience.ask("a", failing(stopwatch, took))
    assert asked_after(stopwatch, patience, key, at) is asked


def test_an_answer_is_not_remembered() -> None:
    patience = Patience(Stopwatch())
    answers = iter(["one", "two"])
    assert [patience.ask("a", lambda: next(answers)) for _ in range(2)] == ["one", "two"]
