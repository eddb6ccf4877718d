"""Findings: what `watchkeeper check` reports, each with file and line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Literal

__all__ = ["Finding", "suggestion"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect: how grave, a code for tools, one line for people, and where (line 0: the file as a whole)."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str
    line: int

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.severity}: {self.message} [{self.code}]"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def suggestion(name: str, known: object) -> str:
    """` Did you mean X?` for the nearest of the known names, or nothing."""
    near = get_close_matches(name, [str(k) for k in known] if hasattr(known, "__iter__") else [], n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""
