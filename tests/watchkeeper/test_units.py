from __future__ import annotations

import pytest

from watchkeeper.errors import UnitError
from watchkeeper.units import BYTES, KIBIBYTES, MILLISECONDS, ONE, PERCENT, RATIO, SECONDS, USD, money


def test_a_rate_of_bytes_is_bytes_per_second() -> None:
    assert str(BYTES / SECONDS) == "bytes per seconds"


def test_equal_units_divide_to_a_ratio() -> None:
    assert (BYTES / BYTES) == RATIO


def test_multiplying_by_a_plain_count_changes_nothing() -> None:
    assert (SECONDS * ONE) == SECONDS


def test_a_product_and_its_quotient_cancel() -> None:
    assert (BYTES / SECONDS * SECONDS).same(BYTES)


@pytest.mark.parametrize(
    "unit, target, factor", [(MILLISECONDS, SECONDS, 1e-3), (KIBIBYTES, BYTES, 1024), (PERCENT, RATIO, 0.01)]
)
def test_conversion_gives_the_factor(unit: object, target: object, factor: float) -> None:
    assert unit.conversion(target) == factor  # type: ignore[attr-defined]


def test_conversion_between_different_things_is_refused() -> None:
    with pytest.raises(UnitError, match="bytes cannot be converted to seconds"):
        BYTES.conversion(SECONDS)


def test_milliseconds_and_seconds_are_not_the_same() -> None:
    assert not MILLISECONDS.same(SECONDS)


def test_currencies_do_not_mix() -> None:
    assert not USD.same(money("EUR"))
