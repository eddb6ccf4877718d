"""Label matchers: expressions are RE2 and match the whole value; an absent label has the empty value."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from watchkeeper.errors import UnsupportedQuery
from watchkeeper.signals import Matcher

__all__ = ["compiled", "predicate"]

Labels = Mapping[str, str]

# What Python has and RE2 has not, or what both have with another meaning. An escaped character is consumed first.
_FOREIGN = re.compile(
    r"""\\(?:[1-9]|[pPQECzZuUNgx]) | \\. |
        \(\?(?:[=!>(]|<[=!]|P=|P>|\#|[a-zA-Z-]*[xLuaU]) |
        (?:[*+?]|\{\d*,?\d*\})\+ | \{,\d*\} | \[:\w*:\] | \[\^?\]""",
    re.VERBOSE | re.DOTALL,
)


def predicate(matchers: Iterable[Matcher]) -> Callable[[Labels], bool]:
    """Whether labels fulfil all matchers. Raises UnsupportedQuery for an expression that RE2 reads differently."""
    tests = [(matcher.label, _test(matcher.op, matcher.value)) for matcher in matchers]

    def fulfils(labels: Labels) -> bool:
        return all(test(labels.get(label, "")) for label, test in tests)

    return fulfils


@lru_cache(maxsize=1024)
def _test(op: str, value: str) -> Callable[[str], bool]:
    if op == "=":
        return value.__eq__
    if op == "!=":
        return value.__ne__
    expression, wanted = compiled(value), op == "=~"
    known: dict[str, bool] = {}

    def test(text: str) -> bool:
        found = known.get(text)
        if found is None:
            if len(known) > 10_000:
                known.clear()
            found = known[text] = (expression.fullmatch(text) is not None) is wanted
        return found

    return test


def compiled(text: str) -> re.Pattern[str]:
    """An RE2 expression for Python. Raises UnsupportedQuery where the two differ."""
    for found in _FOREIGN.finditer(text):
        part = found.group()
        if len(part) > 2 or part[1:] in set("123456789pPQECzZuUNgx") or not part.startswith("\\"):
            raise UnsupportedQuery(
                f"the expression {text!r}: {part!r} is not read alike by RE2 and here: write it without"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text, re.ASCII)
    except (re.error, FutureWarning, DeprecationWarning, OverflowError, RecursionError) as error:
        raise UnsupportedQuery(f"the expression {text!r} cannot be used here: {error}") from None
