"""Cost and performance in one: what is a deviation of the unit cost, and as what it is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.unit_cost import KINDS, RULES, UnitCost, explain, kinds, spans, split
from tests.detectors.series import Floats
from watchkeeper.clock import now
from watchkeeper.declarations import NamedQuery
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.systems import agent_platform

T = 60
MINUTE = 60.0


def residuals(
    *, unit: float = 0.0, traffic: float = 0.0, latency: float = 0.0
) -> tuple[Floats, Floats, Floats, Floats]:
    """Times and residuals of an hour; from the twentieth minute to the fortieth they are as given."""
    times = np.arange(T) * MINUTE
    inside = (times >= 20 * MINUTE) & (times < 40 * MINUTE)
    random = np.random.default_rng(1)
    found = [np.where(inside, value, 0.0) + 0.2 * random.standard_normal(T) for value in (unit, traffic, latency)]
    return times, *found  # type: ignore[return-value]


def test_a_dearer_request_at_normal_latency_fires_once_as_what_it_is() -> None:
    (found,) = spans(*residuals(unit=4.0))
    assert found.kind == "unit cost up, traffic and latency normal"
    assert found.since == 20 * MINUTE
    assert found.until == pytest.approx(44 * MINUTE, abs=MINUTE)
    assert found.worst == pytest.approx(4.0, abs=0.6)


def test_more_traffic_at_the_same_unit_cost_is_none() -> None:
    assert spans(*residuals(traffic=8.0)) == ()


def test_more_latency_at_the_same_unit_cost_is_not_told_here() -> None:
    assert spans(*residuals(latency=8.0)) == ()


def test_dearer_and_slower_is_one_deviation() -> None:
    (found,) = spans(*residuals(unit=4.0, latency=3.0))
    assert found.kind == "unit cost and latency up"


def test_dearer_under_more_traffic_says_so() -> None:
    (found,) = spans(*residuals(unit=4.0, traffic=3.0))
    assert found.kind == "unit cost up with traffic, latency normal"


def test_dearer_because_fewer_share_what_is_paid_anyway_is_none() -> None:
    assert spans(*residuals(unit=4.0, traffic=-4.0)) == ()


def test_latency_that_follows_later_makes_no_second_deviation() -> None:
    times, unit, traffic, latency = residuals(unit=4.0)
    latency[22:40] += 4.0
    (found,) = spans(times, unit, traffic, latency)
    assert found.kind == "unit cost and latency up"


def test_a_short_rise_is_none() -> None:
    times, unit, traffic, latency = residuals()
    unit[20:23] = 9.0
    assert spans(times, unit, traffic, latency) == ()


def test_what_lasts_has_no_end_yet() -> None:
    times, unit, traffic, latency = residuals(unit=4.0)
    (found,) = spans(times[:30], unit[:30], traffic[:30], latency[:30])
    assert found.until is None


def test_an_unknown_traffic_or_latency_hides_nothing_and_an_unknown_unit_says_nothing() -> None:
    one, gap = np.array([4.0]), np.array([math.nan])
    assert KINDS[kinds(one, gap, gap)[0]] == "unit cost up, traffic and latency normal"
    assert kinds(gap, one, one)[0] == 0


def test_series_do_not_touch_each_other() -> None:
    state = UnitCost(3, hold=3)
    for at in range(4):
        state.tick(float(at), np.array([1, 0, 4], np.int8))
    found, what = state.tick(4.0, np.array([1, 0, 4], np.int8))
    assert found.tolist() == [True, False, True] and what.tolist() == [1, 0, 4]


POSITIVE = st.floats(1e-3, 1e3)


@settings(deadline=None)
@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_the_parts_of_a_change_add_up_and_belong_to_whom_they_belong(
    t0: float, u0: float, t1: float, u1: float
) -> None:
    parts = split(t0, u0, t1, u1)
    assert parts.by_traffic + parts.by_unit == pytest.approx(t1 * u1 - t0 * u0, rel=1e-6, abs=1e-6)
    same_unit, same_traffic = split(t0, u0, t1, u0), split(t0, u0, t0, u1)
    assert same_unit.by_unit == pytest.approx(0.0, abs=1e-6 * max(t0, t1) * u0)
    assert same_traffic.by_traffic == pytest.approx(0.0, abs=1e-6 * t0 * max(u0, u1))


def test_an_unknown_part_makes_the_split_unknown() -> None:
    assert math.isnan(split(1.0, math.nan, 1.0, 1.0).total)


QUERIES: dict[str, NamedQuery] = {named.key: named for named in agent_platform.QUERIES}


def test_the_shipped_trios_name_queries_that_exist() -> None:
    for trio in RULES:
        assert {trio.unit, trio.traffic, trio.latency} <= QUERIES.keys()


def platform(*, dearer: float, busier: float, slower: float) -> tuple[EmbeddedStore, float]:
    """A store with an hour of tasks: each costs one cent and lasts a second, until half an hour ago."""
    until = now() // 60 * 60
    store = EmbeddedStore(None, retention=86_400.0)
    cost = count = seconds = 0.0
    samples = []
    for minute in range(61):
        at = until - 3_600 + minute * 60
        late = minute > 30
        tasks = 60 * (busier if late else 1.0)
        count += tasks
        cost += tasks * 0.01 * (dearer if late else 1.0)
        seconds += tasks * (slower if late else 1.0)
        mark = {"job": "gateway", "instance": "gateway:1", "gen_ai_workflow_name": "answer", "error_type": ""}
        fast = count if slower == 1.0 or not late else min(count, 31 * 60.0)
        samples += [
            Sample("gen_ai_workflow_duration_seconds_count", mark, count, at),
            Sample("gen_ai_workflow_duration_seconds_sum", mark, seconds, at),
            Sample("gen_ai_workflow_duration_seconds_bucket", {**mark, "le": "1.28"}, fast, at),
            Sample("gen_ai_workflow_duration_seconds_bucket", {**mark, "le": "20.48"}, count, at),
            Sample("gen_ai_workflow_duration_seconds_bucket", {**mark, "le": "+Inf"}, count, at),
            Sample("watchkeeper_gen_ai_cost_usd_total", {"job": "gateway", "instance": "gateway:1"}, cost, at),
        ]
    store.write(samples)
    return store, until


def told(**changes: float) -> str:
    store, until = platform(**changes)
    with store:
        return explain(RULES[0], lambda key: QUERIES[key].query, store, {}, until - 2_100, until)


def test_the_sentence_names_what_it_is_and_whose_the_rise_is() -> None:
    text = told(dearer=3.0, busier=1.0, slower=1.0)
    assert text.startswith("unit cost up, traffic and latency normal: unit cost +200%, traffic +0%, latency +0%")
    assert text.endswith("100% of the rise of the total is the unit's, the rest the traffic's")


def test_the_sentence_tells_latency_and_traffic_from_it() -> None:
    assert told(dearer=3.0, busier=1.0, slower=8.0).startswith("unit cost and latency up:")
    assert told(dearer=3.0, busier=3.0, slower=1.0).startswith("unit cost up with traffic, latency normal:")


def test_a_store_that_knows_nothing_is_no_sentence() -> None:
    with EmbeddedStore(None, retention=86_400.0) as store:
        assert explain(RULES[0], lambda key: QUERIES[key].query, store, {}, now() - 600, now()) == ""
