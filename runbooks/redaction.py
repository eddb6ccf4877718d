"""Secrets are taken out of everything before it is stored.

Those that the settings know, and texts that look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from runbooks.records import Result

__all__ = ["redact", "redact_result"]

_MASK = "[redacted]"
# A known secret that is shorter than this would black out half of a text; it is not a secret either.
_SHORTEST = 4
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_MASK}"),
    (re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@"), rf"\1:{_MASK}@"),
    (
        re.compile(
            r"(?i)([\"']?\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)\b[\"']?\s*[=:]\s*)"
            r"(?:\"[^\"\n]*\"|'[^'\n]*'|(?!\d+(?:\.\d+)?\b)[^\s,;&\"'}]{4,})"
        ),
        rf"\1{_MASK}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _MASK),
    (re.compile(r"\b(?:sk|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_-]{16,}"), _MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), _MASK),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without what looks like one."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _MASK)
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    return text


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
