"""Numbers and times as people read them."""

from __future__ import annotations

import math

import pytest

from runbooks.console.numbers import ago, human, iso
from watchkeeper.units import BYTES, ONE, SECONDS, USD


@pytest.mark.parametrize(
    "value,unit,text",
    [
        (1.234, "seconds", "1.23 s"),
        (0.0042, "seconds", "4.2 ms"),
        (0.99996, "seconds", "1 s"),
        (0.00085, "seconds", "850 µs"),
        (250.0, "seconds", "4 min 10 s"),
        (3599.9, "seconds", "1 h"),
        (7500.0, "seconds", "2 h 5 min"),
        (273_600.0, "seconds", "3 d 4 h"),
        (1500.0, "milliseconds", "1.5 s"),
        (340 * 1024**2, "bytes", "340 MiB"),
        (1023.9, "bytes", "1 KiB"),
        (512.0, "kibibytes", "512 KiB"),
        (0.034, "ratio", "3.4 %"),
        (0.07, "ratio", "7 %"),
        (93.4, "percent", "93.4 %"),
        (1.2, "USD", "$1.20"),
        (0.00042, "USD", "$0.00042"),
        (-12.5, "EUR", "-€12.50"),
        (12_345.6, "JPY", "12,345.60 JPY"),
        (5.0, "count", "5"),
        (1_234_567.0, "count", "1.23M"),
        (0.0, "seconds", "0 s"),
        (61.5, "celsius", "61.5 °C"),
        (900.0, "tokens", "900 tokens"),
        (1_795_434_558.0, "seconds since the epoch", "2026-11-23 11:49:18 UTC"),
        (math.inf, "seconds", "∞"),
        (math.nan, "seconds", "unknown"),
        (None, "bytes", "unknown"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert human(value, unit) == text


def test_a_composed_unit_is_written_as_a_rate() -> None:
    assert human(2048.0, str(BYTES / SECONDS)) == "2 KiB/s"
    assert human(12.5, str(ONE / SECONDS)) == "12.5 /s"
    assert human(0.25, str(USD / SECONDS)) == "$0.25/s"


@pytest.mark.parametrize(
    "seconds,text",
    [(0.4, "now"), (12, "12 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (180_000, "2 d ago")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(1000.0, 1000.0 + seconds) == text


def test_a_time_to_come() -> None:
    assert ago(1180.0, 1000.0) == "in 3 min"


def test_iso_is_utc() -> None:
    assert iso(1_795_434_558.9) == "2026-11-23T11:49:18Z"
