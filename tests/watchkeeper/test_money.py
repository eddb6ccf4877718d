"""Amounts of money."""

from __future__ import annotations

import pytest

from watchkeeper.money import money


@pytest.mark.parametrize(
    "value,currency,expected",
    [
        (1234.5, "USD", "$1,234.50"),
        (0.0, "USD", "$0.00"),
        (0.00412, "USD", "$0.0041"),
        (3e-8, "USD", "$3.0e-08"),
        (-9.75, "EUR", "-€9.75"),
        (12, "JPY", "12.00 JPY"),
        (-0.5, "", "-0.50"),
    ],
)
def test_an_amount_is_written_with_its_currency(value: float, currency: str, expected: str) -> None:
    assert money(value, currency) == expected
