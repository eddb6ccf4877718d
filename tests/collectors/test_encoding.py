"""Our text is prometheus-client's, byte by byte, in both formats, and whatever was written before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from collectors.encoding import Encoder, encode, merge
from collectors.families import Family, Pairs, histogram_family, summary_family
from watchkeeper.signals import Histogram, Summary

_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from('\\"\n%{}, '), max_size=8
)
_labels = st.dictionaries(st.sampled_from(("a", "b", "le_", "Z")), _texts, max_size=3)
_values = (
    st.floats() | st.integers(-(2**53), 2**53).map(float) | st.sampled_from((0.0, -0.0, 1e6, 999999.5, 1e15, 1e21))
)
_points = st.lists(st.tuples(_labels, _values), min_size=1, max_size=4, unique_by=lambda s: tuple(sorted(s[0].items())))
_counts = st.floats(0, 1e12)


class _Fixed:
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _registry(*metrics: Metric) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Fixed(metrics))
    return registry


def _metric(family: Family) -> Metric:
    """The same in prometheus-client's own terms: a counter's name has no `_total`, untyped is unknown."""
    name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
    metric = Metric(name, family.help, {"untyped": "unknown"}.get(family.kind, family.kind))
    for point_name, pairs, value in family.points:
        metric.add_sample(point_name, dict(pairs), value)
    return metric


def _families() -> st.SearchStrategy[list[Family]]:
    def plain(name: str, kind: str) -> st.SearchStrategy[Family]:
        return st.builds(
            lambda help_, points: Family(name, kind, help_, [(name, tuple(labels.items()), v) for labels, v in points]),
            _texts.filter(bool),
            _points,
        )

    buckets = st.lists(st.tuples(st.floats(-1e9, 1e9), _counts), max_size=3, unique_by=lambda pair: pair[0])
    quantiles = st.lists(st.tuples(st.floats(0, 1), _values), max_size=3, unique_by=lambda pair: pair[0])
    histogram = Histogram("took_seconds", help="Took.", labels=("a",), origin="test")
    summary = Summary("waited_seconds", help="Waited.", labels=("a",), origin="test")
    return st.tuples(
        plain("thing", "gauge"),
        plain("other", "untyped"),
        plain("done_total", "counter"),
        st.builds(
            lambda value, pairs, total, count: histogram_family(histogram, [((value,), pairs, total, count)]),
            _texts,
            buckets,
            _values,
            _counts,
        ),
        st.builds(
            lambda value, pairs, total, count: summary_family(summary, [((value,), pairs, total, count)]),
            _texts,
            quantiles,
            _values,
            _counts,
        ),
    ).map(list)


@given(_families())
def test_the_text_is_that_of_prometheus_client(families: list[Family]) -> None:
    assert encode(families) == generate_latest(_registry(*map(_metric, families)))


@given(_families())
def test_the_openmetrics_text_is_that_of_prometheus_client(families: list[Family]) -> None:
    theirs = openmetrics.generate_latest(_registry(*map(_metric, families)))  # type: ignore[no-untyped-call]
    assert encode(families, openmetrics=True) == theirs


@given(st.lists(_families(), min_size=2, max_size=4))
@pytest.mark.long
def test_what_was_written_before_leaves_no_trace(scrapes: list[list[Family]]) -> None:
    encoder = Encoder((("instance", "one"),))
    for number, families in enumerate(scrapes):
        kept = families[number % 3 :]  # families come and go, too
        for form in (False, True):
            assert merge([(kept, encoder)], openmetrics=form) == encode(kept, (("instance", "one"),), openmetrics=form)


@given(st.lists(_values, min_size=1))
def test_a_value_is_written_as_prometheus_client_writes_it(values: list[float]) -> None:
    family = Family("x", "gauge", "X.", [("x", (("n", str(n)),), value) for n, value in enumerate(values)])
    written = [line.rpartition(" ")[2] for line in encode([family]).decode().splitlines()[2:]]
    assert written == [floatToGoString(value) for value in values]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("value", [3, True, 10**7, Fraction(1, 2)])
def test_other_kinds_of_numbers_are_written_as_floats(value: float) -> None:
    line = encode([Family("x", "gauge", "X.", [("x", (), value), ("x", (("n", "1"),), 0.5)])]).splitlines()[2]
    assert line.decode() == f"x {floatToGoString(value)}"  # type: ignore[no-untyped-call]


def test_a_change_of_the_sign_of_zero_is_seen() -> None:
    encoder = Encoder()
    for value, text in ((0.0, b"0.0"), (-0.0, b"-0.0"), (math.nan, b"NaN"), (0.0, b"0.0")):
        assert merge([([Family("x", "gauge", "X.", [("x", (), value)])], encoder)]).endswith(b"x " + text + b"\n")


def test_two_targets_share_one_block_of_a_family() -> None:
    def of(value: float) -> list[Family]:
        return [Family("x", "gauge", "X.", [("x", (), value)]), Family("y", "gauge", "Y.", [("y", (), value)])]

    text = merge([(of(1.0), Encoder((("instance", "a"),))), (of(2.0), Encoder((("instance", "b"),)))]).decode()
    assert text.splitlines() == [
        "# HELP x X.",
        "# TYPE x gauge",
        'x{instance="a"} 1.0',
        'x{instance="b"} 2.0',
        "# HELP y Y.",
        "# TYPE y gauge",
        'y{instance="a"} 1.0',
        'y{instance="b"} 2.0',
    ]


def _counter(name: str, kind: str = "counter", pairs: Pairs = ()) -> Family:
    return Family(name, kind, "Help.", [(name, pairs, 1.0)])


@pytest.mark.parametrize(
    "families, types",
    [
        ([_counter("a_total")], {"a": "counter"}),
        ([_counter("a")], {"a": "unknown"}),  # a counter that was borrowed keeps its name
        ([_counter("a_total"), _counter("a", "gauge")], {"a_total": "unknown", "a": "gauge"}),
        ([_counter("a_total"), _counter("a_created", "gauge")], {"a_total": "unknown", "a_created": "gauge"}),
        ([_counter("a", "untyped")], {"a": "unknown"}),
    ],
)
def test_series_are_called_the_same_in_openmetrics(families: list[Family], types: dict[str, str]) -> None:
    text = encode(families, openmetrics=True).decode()
    parsed = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    assert {metric.name: metric.type for metric in parsed} == types
    assert {sample.name for metric in parsed for sample in metric.samples} == {family.name for family in families}


def test_no_series_is_an_openmetrics_text_too() -> None:
    assert encode([], openmetrics=True) == b"# EOF\n"
    assert encode([]) == b""
