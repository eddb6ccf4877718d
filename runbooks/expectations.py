"""`expect="value < 0.8"`: what an answer must be for a step to succeed."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from runbooks.records import Result

__all__ = ["SUBJECTS", "Expectation", "parse_expectation"]

SUBJECTS = ("value", "rows", "status")
_TEXT = re.compile(r"(?:(value|rows|status)\s*)?(<=|>=|==|!=|<|>)\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """A comparison with a number: of every value (the last column), of the number of rows, or of a status."""

    subject: str
    op: str
    number: float

    def __str__(self) -> str:
        return f"{self.subject} {self.op} {self.number:g}"

    def miss(self, result: Result, status: int | None = None) -> str | None:
        """Why the result does not meet the expectation, None when it does. No data meets no expectation of a value."""
        compare = _OPERATORS[self.op]
        if self.subject == "rows":
            found = float(len(result.rows) or len(result.series))
            return None if compare(found, self.number) else f"expected {self}, found {found:g} rows"
        if self.subject == "status":
            if status is not None and compare(float(status), self.number):
                return None
            return f"expected {self}, found {status}"
        values = _values(result)
        if not values:
            return f"expected {self}, found no data"
        for value in values:
            if value is None or math.isnan(value) or not compare(value, self.number):
                return f"expected {self}, found {'no value' if value is None else format(value, '.4g')}"
        return None


def _values(result: Result) -> list[float | None]:
    if result.series:
        return [series.points[-1][1] if series.points else None for series in result.series]
    return [float(row[-1]) if isinstance(row[-1], int | float) else None for row in result.rows if row]


def parse_expectation(text: str, subjects: tuple[str, ...]) -> Expectation:
    """The expectation of a text; raises ValueError that names what is allowed."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'expect="{text}" is not a comparison: write for example expect="< 0.8" or expect="rows == 0"')
    subject = match[1] or subjects[0]
    if subject not in subjects:
        raise ValueError(f"expect compares {subject}, allowed here: {', '.join(subjects)}")
    return Expectation(subject, match[2], float(match[3]))
