"""What the tests of the collectors are built on refuses what they are to find."""

from __future__ import annotations

import pytest

from collectors.families import family
from tests.collectors.helpers import by_name, check_declared, check_emitted, compare, names_of, parsed, value_of
from watchkeeper.signals import Gauge

SIZE = Gauge("some_size", "How large something is.", labels=("kind",))
OTHER = Gauge("other_size", "How large something else is.")


def test_a_family_that_comes_twice_is_refused() -> None:
    twice = [family(SIZE, [(("a",), 1.0)]), family(SIZE, [(("b",), 2.0)])]
    for check in (by_name, names_of, lambda found: compare(found, "")):
        with pytest.raises(AssertionError, match="some_size comes twice"):
            check(twice)
    with pytest.raises(AssertionError, match="some_size comes twice"):
        check_declared(twice, [SIZE])


def test_a_series_that_comes_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="some_size"):
        check_emitted([family(SIZE, [(("a",), 1.0), (("a",), 2.0)])], [SIZE])
    assert check_emitted([family(SIZE, [(("a",), 1.0), (("b",), 1.0)])], [SIZE]) == {"some_size"}


def test_what_is_not_declared_or_not_emitted_is_refused() -> None:
    size = family(SIZE, [(("a",), 1.0)])
    with pytest.raises(AssertionError, match="some_size"):
        check_emitted([size], [OTHER])
    with pytest.raises(AssertionError, match="other_size"):
        check_declared([size], [SIZE, OTHER])


def test_a_value_is_that_of_its_labels() -> None:
    found = [family(SIZE, [(("a",), 1.0), (("b",), 2.0)])]
    assert value_of(found, "some_size", kind="b") == 2.0
    assert names_of([*found, family(OTHER, [])]) == {"some_size"}
    assert parsed('some_size{kind="a"} 1\n')["some_size"].points[0][2] == 1.0
