"""Every shipped detector refers to what exists, and demands what its unit allows."""

from __future__ import annotations

from importlib import import_module

import pytest

from watchkeeper.declarations import Detector
from watchkeeper.durations import parse_duration

SYSTEMS = ("agent_platform", "bills", "host", "postgresql", "redis")
ALL: list[Detector] = [d for system in SYSTEMS for d in import_module(f"detectors.{system}").DETECTORS]


@pytest.mark.parametrize("declared", ALL, ids=lambda d: d.key)
def test_a_detector_watches_a_named_query_of_its_system(declared: Detector) -> None:
    queries = {named.key for named in import_module(f"watchkeeper.systems.{declared.system}").QUERIES}
    assert declared.query in queries
    assert declared.key.startswith(f"{declared.system}.")


@pytest.mark.parametrize("declared", ALL, ids=lambda d: d.key)
def test_a_detector_explains_itself_and_leads_somewhere(declared: Detector) -> None:
    assert len(declared.source) > 40
    assert declared.runbook.startswith(f"{declared.system}/")
    assert declared.panel.startswith(f"{declared.system}/")
    assert declared.minimum_relative > 0 or declared.minimum_absolute > 0


@pytest.mark.parametrize("declared", ALL, ids=lambda d: d.key)
def test_the_hold_is_some_steps_long_and_not_an_hour(declared: Detector) -> None:
    steps = parse_duration(declared.hold) / parse_duration(declared.step)
    assert 1 <= steps <= 30


def test_keys_are_unique() -> None:
    assert len({d.key for d in ALL}) == len(ALL)
