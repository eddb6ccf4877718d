"""Grafana's units for ours."""

from __future__ import annotations

from watchkeeper.units import (
    BYTES,
    CELSIUS,
    HOURS,
    KIBIBYTES,
    MICROSECONDS,
    MILLISECONDS,
    MINUTES,
    ONE,
    PERCENT,
    RATIO,
    SECONDS,
    TOKENS,
    UNIX_TIME,
    Unit,
)

__all__ = ["grafana_unit"]

# Identifiers of @grafana/data (valueFormats/categories.ts).
_UNITS: tuple[tuple[Unit, str], ...] = (
    (RATIO, "percentunit"),
    (PERCENT, "percent"),
    (SECONDS, "s"),
    (MILLISECONDS, "ms"),
    (MICROSECONDS, "µs"),
    (MINUTES, "m"),
    (HOURS, "h"),
    (BYTES, "bytes"),
    (KIBIBYTES, "kbytes"),
    (BYTES / SECONDS, "binBps"),
    (ONE / SECONDS, "ops"),
    (CELSIUS, "celsius"),
    (TOKENS, "suffix: tokens"),
    (TOKENS / SECONDS, "suffix: tokens/s"),
)
_CURRENCIES = {"USD": "currencyUSD", "EUR": "currencyEUR", "GBP": "currencyGBP", "JPY": "currencyJPY"}


def grafana_unit(unit: Unit) -> str:
    """The identifier of Grafana's unit for values in `unit`; `short` where it has none.

    A point in time is a date: Grafana wants milliseconds there, so the query is multiplied by 1000.
    """
    if unit == UNIX_TIME:
        return "dateTimeAsIso"
    for ours, theirs in _UNITS:
        if unit.same(ours) and (unit.dimensions or unit.name == ours.name):
            return theirs
    names = dict(unit.dimensions)
    currency = next((name for name in names if name.isupper() and len(name) == 3), None)
    if currency and names == {currency: 1} and unit.factor == 1.0:
        return _CURRENCIES.get(currency, f"suffix: {currency}")
    if currency and names == {currency: 1, "seconds": -1}:
        per = {1.0: "s", round(1 / 3600, 12): "h", round(1 / 86400, 12): "d"}.get(round(unit.factor, 12))
        return f"suffix: {currency}/{per}" if per else "short"
    return "short"
