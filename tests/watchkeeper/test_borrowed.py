"""Signals with the names of an exporter: what is said once, and what a single one says otherwise."""

from __future__ import annotations

import pytest

from watchkeeper.borrowed import Borrowed
from watchkeeper.errors import SignalError
from watchkeeper.signals import Counter, Gauge, Info, Polarity
from watchkeeper.units import BYTES, ONE

NAMES = Borrowed("vm_", "VictoriaMetrics", ("path",), "untyped")


def test_prefix_origin_labels_and_exposition_are_said_once() -> None:
    wanted = Gauge("vm_free_bytes", "Free.", BYTES, ("path",), Polarity.LOW_IS_BAD, None, "VictoriaMetrics", "untyped")
    assert NAMES.gauge("free_bytes", "Free.", BYTES, Polarity.LOW_IS_BAD) == wanted


def test_one_signal_may_say_otherwise() -> None:
    found = NAMES.counter("rows", "Rows.", labels=(), requires="a cluster", exposed_as="")
    assert found == Counter("vm_rows", "Rows.", ONE, (), Polarity.NEUTRAL, "a cluster", "VictoriaMetrics", "")


def test_an_info_signal_has_the_labels_that_it_is_given() -> None:
    assert NAMES.info("build_info", "Version.", ("version",)) == Info(
        "vm_build_info", "Version.", labels=("version",), origin="VictoriaMetrics"
    )


def test_a_signal_that_is_none_is_refused() -> None:
    with pytest.raises(SignalError, match="help is empty"):
        NAMES.gauge("free_bytes", "")
