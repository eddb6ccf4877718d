"""Amounts of money as people read them."""

from __future__ import annotations

__all__ = ["money"]

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


def money(value: float, currency: str) -> str:
    """An amount with its currency (ISO 4217), small ones with two digits that count.

    >>> money(1234.5, "USD"), money(0.00042, "EUR"), money(12, "JPY")
    ('$1,234.50', '€0.00042', '12.00 JPY')
    """
    size = abs(value)
    text = f"{size:,.2f}" if size >= 0.095 or size == 0 else f"{size:.2g}" if size >= 1e-6 else f"{size:.1e}"
    sign = "-" if value < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}".rstrip()
