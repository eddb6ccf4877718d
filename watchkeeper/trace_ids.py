"""Trace ids as text: 32 lower-case hex digits, as W3C Trace Context has them."""

from __future__ import annotations

__all__ = ["beginning_of", "is_trace_id"]

_LENGTH = 32
_HEX = frozenset("0123456789abcdef")


def is_trace_id(text: str) -> bool:
    """Whether a text is a trace id: 32 lower-case hex digits, not all zero."""
    return len(text) == _LENGTH and _HEX.issuperset(text) and text.strip("0") != ""


def beginning_of(text: str) -> str:
    """What a person typed as an id or the beginning of one, in lower case; empty where it is neither.

    An id may be written as a UUID, in groups with dashes.
    """
    found = text.strip().lower()
    found = found.replace("-", "") if len(found) == _LENGTH + 4 else found
    return found if len(found) <= _LENGTH and _HEX.issuperset(found) else ""
