"""Who calls whom, out of spans."""

from __future__ import annotations

import pytest

from tests.traces.support import span
from watchkeeper.traces import Edge, Link, Span, edges
from watchkeeper.traces.graph import USER


def short(found: tuple[Edge, ...]) -> list[tuple[str, str, str, int, int]]:
    return [(edge.client, edge.server, edge.kind, edge.calls, edge.failed) for edge in found]


def client(name: str = "GET", start: float = 0, seconds: float = 1, **more: object) -> Span:
    return span(name, start, seconds, kind="client", **more)  # type: ignore[arg-type]


def test_a_client_and_its_server_are_a_call() -> None:
    (edge,) = edges([client(id=1, parent=99), span("GET /", 0.1, 0.5, id=2, parent=1, kind="server", service="tools")])
    assert (edge.client, edge.server, edge.kind, edge.calls, edge.failed) == ("gateway", "tools", "call", 1, 0)
    assert edge.seconds == edge.p95 == edge.slowest == pytest.approx(0.5)


def test_a_trace_that_begins_with_a_server_was_begun_by_a_user() -> None:
    assert short(edges([span(id=1, kind="server")])) == [(USER, "gateway", "call", 1, 0)]


def test_a_call_that_either_side_says_failed_has_failed() -> None:
    found = edges(
        [
            client(id=1, parent=99, error="timeout"),
            span(id=2, parent=1, kind="server", service="tools"),
            client(id=3, parent=99),
            span(id=4, parent=3, kind="server", service="tools", error="500"),
        ]
    )
    assert short(found) == [("gateway", "tools", "call", 2, 2)]


def test_a_consumer_is_a_message_by_its_parent_or_its_link() -> None:
    sent = span(id=1, kind="producer", attributes={"messaging.system": "rabbitmq"})
    also = span(id=2, kind="producer", attributes={"messaging.system": "rabbitmq"})
    by_parent = span(id=3, parent=1, kind="consumer", service="worker")
    by_link = span(
        id=4, kind="consumer", service="worker", trace_id="a" * 32, links=(Link(also.trace_id, also.span_id),)
    )
    # The second producer's span is not answered within its own trace, but by a link.
    assert ("gateway", "worker", "message", 2, 0) in short(edges([sent, also, by_parent, by_link]))


def test_work_that_goes_on_elsewhere_after_its_cause_has_ended_is_a_message() -> None:
    found = edges([span(id=1, seconds=0.1, parent=99), span(id=2, start=0.05, seconds=3, parent=1, service="worker")])
    assert short(found) == [("gateway", "worker", "message", 1, 0)]


@pytest.mark.parametrize(
    "attributes,expected",
    [
        ({"db.system.name": "postgresql", "db.namespace": "tasks"}, ("postgresql/tasks", "database")),
        ({"db.system": "redis"}, ("redis", "database")),
        ({"messaging.system": "kafka", "messaging.destination.name": "events"}, ("kafka/events", "message")),
        ({"peer.service": "billing", "server.address": "10.0.0.1"}, ("billing", "external")),
        ({"server.address": "api.example.com"}, ("api.example.com", "external")),
        ({"gen_ai.provider.name": "anthropic"}, ("anthropic", "external")),
    ],
)
def test_an_end_that_sends_no_spans_is_named_by_its_callers(
    attributes: dict[str, str], expected: tuple[str, str]
) -> None:
    assert short(edges([client(id=1, attributes=attributes)])) == [("gateway", *expected, 1, 0)]


def test_an_end_without_a_name_is_left_out() -> None:
    assert edges([client(id=1, attributes={"n": 1})]) == ()


def test_a_service_that_did_not_get_the_call_is_no_stranger() -> None:
    found = edges(
        [
            client(id=1, error="refused", attributes={"server.address": "tools"}),
            span(id=2, parent=99, kind="server", service="tools"),
        ]
    )
    assert short(found) == [("gateway", "tools", "call", 1, 1)]


def test_one_call_in_two_client_spans_is_one() -> None:
    found = edges(
        [
            client("chat gpt-4.1", id=1, attributes={"gen_ai.provider.name": "openai"}),
            client("POST", id=2, parent=1, attributes={"server.address": "api.openai.com"}),
        ]
    )
    assert short(found) == [("gateway", "api.openai.com", "external", 1, 0)]


def test_who_asks_for_a_span_whose_parent_is_missing_is_unknown() -> None:
    assert edges([span(id=1, parent=99, kind="server")]) == ()


def test_spans_of_different_traces_with_the_same_ids_do_not_meet() -> None:
    found = edges([client(id=1, parent=99), span(id=2, parent=1, kind="server", service="tools", trace_id="b" * 32)])
    assert found == ()


def test_the_quantile_is_a_duration_that_there_was() -> None:
    spans = [span(id=n, seconds=n / 100, kind="server") for n in range(1, 101)]
    (edge,) = edges(spans)
    assert edge.p95 == pytest.approx(0.95)
    assert edge.slowest == pytest.approx(1.0)
    assert edge.mean == pytest.approx(0.505)
