"""Label matchers."""

from __future__ import annotations

import pytest

from watchkeeper.errors import UnsupportedQuery
from watchkeeper.signals import Matcher
from watchkeeper.stores.matching import compiled, predicate


@pytest.mark.parametrize(
    "op, value, labels, expected",
    [
        ("=", "a", {"x": "a"}, True),
        ("=", "", {}, True),
        ("!=", "", {}, False),
        ("!=", "a", {}, True),
        ("=~", "a|b", {"x": "ab"}, False),
        ("=~", "a.*", {"x": "abc"}, True),
        ("=~", "a?", {}, True),
        ("=~", ".+", {}, False),
        ("!~", "a|", {}, False),
        ("=~", "a.c", {"x": "a\nc"}, False),
        ("=~", r"\d+", {"x": "٣"}, False),
        ("=~", r"10\.0\.0\.1:\d+", {"x": "10.0.0.1:9100"}, True),
    ],
)
def test_matchers_read_values_as_prometheus_does(op: str, value: str, labels: dict[str, str], expected: bool) -> None:
    assert predicate([Matcher("x", op, value)])(labels) is expected


def test_all_matchers_must_hold() -> None:
    fulfils = predicate([Matcher("x", "=", "a"), Matcher("y", "!=", "b")])
    assert fulfils({"x": "a"})
    assert not fulfils({"x": "a", "y": "b"})


@pytest.mark.parametrize(
    "text",
    [
        r"(?=a)",
        r"(?<!a)b",
        r"(a)\1",
        r"\pL+",
        r"[[:alpha:]]",
        r"a++",
        r"(?>a)",
        r"a{,3}",
        r"(?P=n)",
        r"\Za",
        "(",
        r"(?x) a",
    ],
)
def test_an_expression_that_is_read_differently_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedQuery, match="the expression"):
        compiled(text)


@pytest.mark.parametrize("text", [r"\(\?=a\)", r"[a-z]{2,3}", r"(?i)abc", r"(?P<n>a)", r"\\1", r"a\+\+", r"(?:a|b)*?"])
def test_an_expression_that_both_read_alike_is_taken(text: str) -> None:
    compiled(text)
