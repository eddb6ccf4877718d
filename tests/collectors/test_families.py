from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from collectors.encoding import encode
from collectors.families import Family, family, format_value, with_labels
from watchkeeper.signals import Gauge


@given(st.floats())
def test_a_value_is_written_as_prometheus_client_writes_it(value: float) -> None:
    assert format_value(value) == floatToGoString(value)  # type: ignore[no-untyped-call]


def test_an_integer_is_written_as_a_float() -> None:
    assert format_value(3) == "3.0"


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
