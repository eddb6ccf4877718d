"""What is a trace id, and what a person may type for one."""

from __future__ import annotations

import pytest

from watchkeeper.trace_ids import beginning_of, is_trace_id

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "text,expected",
    [(ID, True), (ID.upper(), False), (ID[:-1], False), (ID + "0", False), ("0" * 32, False), ("g" * 32, False)],
)
def test_an_id_is_32_digits_that_are_not_all_zero(text: str, expected: bool) -> None:
    assert is_trace_id(text) is expected


@pytest.mark.parametrize(
    "text,expected",
    [
        (ID, ID),
        (f" {ID.upper()}\n", ID),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", ID),
        ("4BF9", "4bf9"),
        ("4bf92f35-77b3", ""),
        ("", ""),
        ("xyz", ""),
        (ID + "0", ""),
    ],
)
def test_what_a_person_types_becomes_the_beginning_of_an_id(text: str, expected: str) -> None:
    assert beginning_of(text) == expected
