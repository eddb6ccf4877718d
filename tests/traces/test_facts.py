"""What a span did, and why it failed, in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.traces.support import span
from watchkeeper.traces import Event
from watchkeeper.traces.facts import facts, failure, remarks
from watchkeeper.traces.tree import Row

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.usage.input_tokens": 12_345,
    "gen_ai.usage.output_tokens": 300,
}


def test_a_model_call_tells_model_tokens_and_cost() -> None:
    cost = {"watchkeeper.gen_ai.cost.amount": "0.00412", "watchkeeper.gen_ai.cost.currency": "USD"}
    found = span("ask", attributes={**CHAT, **cost, "gen_ai.response.time_to_first_chunk": 0.25})
    assert facts(found) == ("gpt-4.1", "12,345 in, 300 out tokens", "$0.0041", "first part after 250 ms")


def test_the_model_is_not_told_twice() -> None:
    assert facts(span("chat gpt-4.1", attributes=CHAT))[0] == "12,345 in, 300 out tokens"


def test_unknown_is_told_as_unknown() -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "secret-model"}
    assert facts(span("chat", attributes=attributes)) == ("secret-model", "tokens unknown", "cost unknown")


@pytest.mark.parametrize(
    "attributes,expected",
    [
        ({"db.system.name": "postgresql", "db.query.text": "SELECT\n  1"}, ("postgresql", "SELECT 1")),
        ({"messaging.system": "kafka", "messaging.destination.name": "tasks"}, ("kafka", "tasks")),
        ({"http.response.status_code": 503, "server.address": "tools"}, ("status 503", "tools")),
        ({"http.status_code": 200, "http.target": "/"}, ("status 200", "/")),
        ({"anything": 1}, ()),
    ],
)
def test_other_spans_tell_what_they_asked(attributes: dict[str, str | int], expected: tuple[str, ...]) -> None:
    assert facts(span(attributes=attributes)) == expected


@pytest.mark.parametrize(
    "error,attributes,expected",
    [
        ("it\nbroke", {}, "it broke"),
        ("it broke", {"error.type": "timeout"}, "timeout: it broke"),
        ("TimeoutError: late", {"error.type": "TimeoutError"}, "TimeoutError: late"),
        ("529", {"error.type": "529"}, "status 529"),
    ],
)
def test_a_failure_is_one_line(error: str, attributes: dict[str, str], expected: str) -> None:
    assert failure(span(error=error, attributes=attributes)) == expected


def test_an_exception_says_more_than_the_status() -> None:
    event = Event(0, "exception", {"exception.type": "ValueError", "exception.message": "no\nidea"})
    assert failure(span(error="x", events=(event,))) == "ValueError: no idea"


def test_costs_are_written_as_everywhere() -> None:
    cost = {"watchkeeper.gen_ai.cost.amount": "1234.5", "watchkeeper.gen_ai.cost.currency": "EUR"}
    assert "€1,234.50" in facts(span("ask", attributes={**CHAT, **cost}))


def row(**odd: Any) -> Row:
    found = span(cut=odd.pop("cut", 0))
    return Row(span=found, depth=0, start=0, seconds=1, own=1, critical=(), children=0, **odd)


@pytest.mark.parametrize(
    "odd,expected",
    [
        ({}, ()),
        ({"orphan": True}, ("Its parent is not here: it was not sent, was lost, or comes late.",)),
        ({"circle": True}, ("It is among its own ancestors, which cannot be: the circle is opened here.",)),
        ({"shifted": 9.75}, ("It is shown 9.75 s later than it says: its clock disagrees with its caller's.",)),
        ({"shifted": -9.75}, ("It is shown 9.75 s earlier than it says: its clock disagrees with its caller's.",)),
        ({"cut": 1}, ("1 of its values was cut or left out, for size or number.",)),
        ({"cut": 3}, ("3 of its values were cut or left out, for size or number.",)),
    ],
)
def test_what_is_odd_about_a_span_is_told(odd: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert remarks(row(**odd)) == expected
