from __future__ import annotations

import pytest

from detectors.texts import amount, band, clock_time, expand, series_name
from watchkeeper.units import BYTES, MILLISECONDS, ONE, RATIO, SECONDS, USD, Unit


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (4.12, SECONDS, "4.1 s"),
        (0.318, SECONDS, "318 ms"),
        (1500.0, MILLISECONDS, "1.5 s"),
        (400.0, SECONDS, "6.7 min"),
        (182 * 2**20, BYTES, "182 MiB"),
        (3 * 2**20, BYTES / SECONDS, "3 MiB/s"),
        (1234.5, USD, "1,234.50 USD"),
        (0.0371, USD, "0.037 USD"),
        (0.464, RATIO, "46.4 %"),
        (1234567.0, ONE, "1,234,567"),
        (0.0, SECONDS, "0 s"),
        (float("nan"), SECONDS, "unknown"),
    ],
)
def test_amounts_are_told_with_their_unit(value: float, unit: Unit, text: str) -> None:
    assert amount(value, unit) == text


def test_a_band_of_what_cannot_be_negative_begins_at_nothing() -> None:
    assert band(-0.2, 0.6, SECONDS, never_negative=True) == "0 s to 600 ms"


def test_times_carry_their_date_when_they_are_old() -> None:
    assert clock_time(1_700_000_000, 1_700_003_600) == "22:13 UTC"
    assert clock_time(1_700_000_000, 1_700_103_600) == "2023-11-14 22:13 UTC"
    assert clock_time(1_699_920_000, 1_700_103_600) == "2023-11-14"


def test_a_series_is_named_by_its_only_label_or_by_all() -> None:
    assert series_name({"tool": "search", "job": "platform"}) == "search"
    assert series_name({"tool": "search", "instance": "a", "__name__": "x"}) == "tool=search, instance=a"


def test_templates_know_labels_and_value_and_nothing_else() -> None:
    text = expand("{{ $labels.tool }} {{$value}} {{ $labels.none }}|{{ other }}", {"tool": "{{ $value }}"}, "4 s")
    assert text == "{{ $value }} 4 s |{{ other }}"
