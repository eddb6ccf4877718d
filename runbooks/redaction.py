"""Secrets are taken out of everything before it is stored.

Those that the settings know, and texts that look like one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runbooks.records import Result
from watchkeeper.redaction import redacted

__all__ = ["redact", "redact_result"]

_MASK = "[redacted]"
# A known secret that is shorter than this would black out half of a text; it is not a secret either.
_SHORTEST = 4


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without what looks like one."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _MASK)
    return redacted(text, _MASK, data=True)


def redact_result(result: Result, secrets: Iterable[str] = ()) -> Result:
    """The result without secrets in its texts and cells; labels of series are cells too."""
    known = tuple(secrets)
    return replace(
        result,
        summary=redact(result.summary, known),
        text=redact(result.text, known),
        rows=tuple(
            tuple(redact(cell, known) if isinstance(cell, str) else cell for cell in row) for row in result.rows
        ),
        series=tuple(
            replace(series, labels={name: redact(value, known) for name, value in series.labels.items()})
            for series in result.series
        ),
    )
