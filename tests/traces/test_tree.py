"""The waterfall: order, own time, the critical path, and what it makes of spans that cannot be right."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces.support import AT, span, trace
from watchkeeper.traces import Row, Span, Waterfall, waterfall


def critical(found: Waterfall) -> dict[str, list[tuple[float, float]]]:
    return {
        row.span.name: [(round(start, 6), round(end, 6)) for start, end in row.critical]
        for row in found.rows
        if row.critical
    }


def rows(found: Waterfall) -> dict[str, Row]:
    return {row.span.name: row for row in found.rows}


def test_spans_are_in_the_order_of_a_reader() -> None:
    found = waterfall(
        trace(
            span("second", 2, 1, id=3, parent=1),
            span("inner", 0.6, 0.2, id=4, parent=2),
            span("root", 0, 4, id=1),
            span("first", 0.5, 1, id=2, parent=1),
        )
    )
    assert [(row.depth, row.span.name) for row in found.rows] == [
        (0, "root"),
        (1, "first"),
        (2, "inner"),
        (1, "second"),
    ]
    assert (found.start, found.seconds) == (AT, 4.0)


def test_own_time_is_what_no_child_ran_in() -> None:
    found = rows(
        waterfall(
            trace(
                span("root", 0, 10, id=1),
                span("a", 1, 4, id=2, parent=1),
                span("b", 3, 4, id=3, parent=1),  # at the same time as a, for two seconds
                span("c", 9, 5, id=4, parent=1),  # goes on after its parent
            )
        )
    )
    assert found["root"].own == pytest.approx(10 - 6 - 1)
    assert found["a"].own == pytest.approx(4)


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    found = waterfall(
        trace(
            span("root", 0, 10, id=1),
            span("short", 1, 2, id=2, parent=1),
            span("long", 1, 5, id=3, parent=1),
            span("last", 7, 2, id=4, parent=1),
            span("below", 7.5, 1, id=5, parent=4),
        )
    )
    assert critical(found) == {
        "root": [(0, 1), (6, 7), (9, 10)],
        "long": [(1, 6)],
        "last": [(7, 7.5), (8.5, 9)],
        "below": [(7.5, 8.5)],
    }
    assert [(place.name, round(place.seconds, 6)) for place in found.places] == [
        ("long", 5),
        ("root", 3),
        ("below", 1),
        ("last", 1),
    ]


def test_a_message_handled_later_is_on_the_path_and_its_wait_is_nobodys() -> None:
    found = waterfall(
        trace(
            span("POST /tasks", 0, 1, id=1, kind="server"),
            span("process", 4, 6, id=2, parent=1, kind="consumer", service="worker"),
        )
    )
    assert critical(found) == {"POST /tasks": [(0, 1)], "process": [(4, 10)]}
    assert [(place.service, place.name, place.seconds) for place in found.places] == [
        ("worker", "process", 6),
        ("", "", 3),
        ("gateway", "POST /tasks", 1),
    ]


def test_a_span_without_its_parent_is_shown_as_one() -> None:
    found = waterfall(trace(span("root", 0, 2, id=1), span("lost", 1, 0.5, id=2, parent=99)))
    assert [(row.span.name, row.depth, row.orphan) for row in found.rows] == [("root", 0, False), ("lost", 0, True)]


def test_a_circle_is_opened() -> None:
    found = waterfall(
        trace(
            span("root", 0, 5, id=1),
            span("a", 1, 1, id=2, parent=4),
            span("b", 2, 1, id=3, parent=2),
            span("c", 3, 1, id=4, parent=3),
            span("self", 4, 1, id=5, parent=5),
        )
    )
    assert [(row.span.name, row.depth, row.circle) for row in found.rows] == [
        ("root", 0, False),
        ("a", 0, True),
        ("b", 1, False),
        ("c", 2, False),
        ("self", 0, True),
    ]


def test_a_called_span_from_before_its_caller_is_put_into_the_middle_of_the_call() -> None:
    found = rows(
        waterfall(
            trace(
                span("call", 10, 4, id=1, kind="client"),
                span("serve", 8, 2, id=2, parent=1, kind="server", service="tools"),
                span("inside", 8.5, 1, id=3, parent=2, service="tools"),
            )
        )
    )
    assert found["serve"].start == pytest.approx(1)  # a second on the way there and one back
    assert found["serve"].shifted == pytest.approx(3)
    assert found["inside"].start == pytest.approx(1.5)


def test_a_span_of_the_same_process_is_believed() -> None:
    found = rows(waterfall(trace(span("root", 1, 1, id=1), span("early", 0, 1, id=2, parent=1))))
    assert found["early"].shifted == 0
    assert found["early"].start == 0


def test_a_server_that_ends_after_its_caller_is_believed() -> None:
    found = rows(
        waterfall(
            trace(
                span("call", 0, 1, id=1, kind="client"),
                span("serve", 0.5, 0.6, id=2, parent=1, kind="server", service="tools"),
            )
        )
    )
    assert found["serve"].shifted == 0


def test_a_chain_of_ten_thousand_spans() -> None:
    found = waterfall(trace(*[span(f"s{n}", n / 10_000, 1, id=n, parent=n - 1) for n in range(1, 10_001)]))
    assert found.rows[-1].depth == 9_999


def test_failures_begin_where_no_child_failed() -> None:
    found = waterfall(
        trace(
            span("root", 0, 3, id=1, error="x"),
            span("call", 0, 1, id=2, parent=1, error="x"),
            span("fine", 2, 1, id=3, parent=1),
        )
    )
    assert [row.span.name for row in found.errors] == ["root", "call"]
    assert [row.span.name for row in found.origins] == ["call"]


def test_a_trace_that_takes_no_time_has_a_waterfall() -> None:
    found = waterfall(trace(span("root", 0, 0, id=1), span("child", 0, 0, id=2, parent=1)))
    assert found.seconds == 0
    assert found.places == ()


SPANS = st.lists(
    st.tuples(
        st.integers(0, 12),  # parent: any, itself and a missing one among them
        st.integers(0, 50),
        st.integers(0, 50),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["internal", "client", "server", "consumer"]),
    ),
    min_size=1,
    max_size=10,
)


def _made(drawn: list[tuple[int, int, int, str, str]]) -> list[Span]:
    return [
        span(f"s{n}", start, length, id=n, parent=parent, service=service, kind=kind)
        for n, (parent, start, length, service, kind) in enumerate(drawn, 1)
    ]


@given(SPANS)
def test_every_span_is_there_once_and_the_path_covers_the_whole(drawn: list[tuple[int, int, int, str, str]]) -> None:
    found = waterfall(trace(*_made(drawn)))
    assert sorted(row.span.span_id for row in found.rows) == sorted(f"{n:016x}" for n in range(1, len(drawn) + 1))
    for row in found.rows:
        assert -1e-6 <= row.own <= row.seconds + 1e-6
        assert all(row.start - 1e-6 <= a < b <= row.start + row.seconds + 1e-6 for a, b in row.critical)
    # Each moment belongs to one span, or to none.
    assert math.fsum(place.seconds for place in found.places) == pytest.approx(found.seconds, abs=1e-6)
    parts = sorted(part for row in found.rows for part in row.critical)
    assert all(before[1] <= after[0] + 1e-6 for before, after in pairwise(parts))
