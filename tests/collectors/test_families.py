from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.utils import floatToGoString

from collectors.families import Family, encode, family, format_value, with_labels
from watchkeeper.signals import Gauge

_texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from('\\"\n'), max_size=8)
_labels = st.dictionaries(st.sampled_from(("a", "b", "le_", "Z")), _texts, max_size=3)
_series = st.lists(
    st.tuples(_labels, st.floats()), min_size=1, max_size=4, unique_by=lambda s: tuple(sorted(s[0].items()))
)


class _Fixed:
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


@given(st.floats())
def test_a_value_is_written_as_prometheus_client_writes_it(value: float) -> None:
    assert format_value(value) == floatToGoString(value)  # type: ignore[no-untyped-call]


def test_an_integer_is_written_as_a_float() -> None:
    assert format_value(3) == "3.0"


@given(help=_texts.filter(bool), kind=st.sampled_from(("gauge", "untyped")), series=_series)
def test_the_text_is_that_of_prometheus_client(
    help: str, kind: str, series: list[tuple[dict[str, str], float]]
) -> None:
    metric = Metric("thing", help, kind)
    for labels, value in series:
        metric.add_sample("thing", labels, value)
    registry = CollectorRegistry()
    registry.register(_Fixed(metric))
    ours = Family("thing", kind, help, [("thing", tuple(labels.items()), value) for labels, value in series])
    assert encode([ours]) == generate_latest(registry)


def test_target_labels_stand_on_every_series() -> None:
    signal = Gauge("thing", help="A thing.", labels=("place",), origin="test")
    text = encode([family(signal, [(("here",), 1.0)])], (("instance", "one"),))
    assert text.splitlines()[2] == b'thing{instance="one",place="here"} 1.0'


def test_a_label_of_the_same_name_as_a_target_label_is_kept_as_exported() -> None:
    assert with_labels((("job", "its"),), (("job", "ours"),)) == (("exported_job", "its"), ("job", "ours"))


def test_a_family_without_samples_leaves_no_trace() -> None:
    assert encode([Family("thing", "gauge", "A thing.", [])]) == b""


def test_a_sample_with_the_wrong_number_of_label_values_is_refused() -> None:
    signal = Gauge("thing", help="A thing.", labels=("place",), origin="test")
    with pytest.raises(ValueError, match="zip"):
        family(signal, [((), math.pi)])
