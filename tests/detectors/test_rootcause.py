"""Root-cause ranking over generated systems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from detectors.rootcause import Candidate, Change, Graph, Table, from_frame, from_matrices, rank
from detectors.seasonal import DetectionError
from tests.detectors.systems import KINDS, Fault, System
from watchkeeper.stores import Matrix
from watchkeeper.traces.graph import Edge


def order(found: Sequence[Candidate]) -> list[str]:
    """The components in the order of their first candidates."""
    return list(dict.fromkeys(candidate.component for candidate in found))


def faults(kind: str, count: int = 8, **options: float) -> list[tuple[System, Fault]]:
    """A fault of the kind in each of so many systems."""
    systems = [System(seed) for seed in range(count)]
    return [(system, system.fault(kind, **options)) for system in systems]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_the_faulty_component_is_first_without_a_graph(kind: str) -> None:
    hits = [order(rank(fault.table, fault.at))[0] == fault.component for _, fault in faults(kind)]
    assert sum(hits) >= 7


@pytest.mark.parametrize("kind", KINDS)
def test_the_faulty_signal_is_named(kind: str) -> None:
    hits = [rank(fault.table, fault.at)[0].signal == fault.signal for _, fault in faults(kind)]
    assert sum(hits) >= 6


@pytest.mark.parametrize("kind, target", [("delay", "frontend_latency"), ("errors", "frontend_error")])
def test_with_a_graph_the_symptom_is_followed_to_its_source(kind: str, target: str) -> None:
    hits = [
        order(rank(fault.table, fault.at, edges=system.edges, target=target))[0] == fault.component
        for system, fault in faults(kind, size=0.3)
    ]
    assert sum(hits) >= 7


@pytest.mark.parametrize("late", [30.0, 60.0, 120.0])
def test_a_late_alarm_costs_nothing(late: float) -> None:
    found = [fault for kind in KINDS for _, fault in faults(kind, 4)]
    in_time = sum(order(rank(fault.table, fault.at))[0] == fault.component for fault in found)
    too_late = sum(order(rank(fault.table, fault.at + late))[0] == fault.component for fault in found)
    assert too_late >= in_time - 1


def test_samples_a_minute_apart_are_enough() -> None:
    found = [fault for kind in KINDS for _, fault in faults(kind, 4, before=120, after=10, step=60.0)]
    assert sum(order(rank(fault.table, fault.at))[0] == fault.component for fault in found) >= 13


def test_normal_operation_of_another_day_serves_as_the_past() -> None:
    system = System(3)
    calm = system.fault("cpu", 1, before=600, after=0, start=1_600_000_000.0).table
    system = System(3)
    fault = system.fault("delay", 4, before=3, after=300)
    assert order(rank(fault.table, fault.at, normal=calm))[0] == fault.component


def test_what_had_drifted_before_the_alarm_is_no_cause() -> None:
    random = np.random.default_rng(5)
    times = np.arange(20.0) * 60
    values = np.column_stack([10 + random.normal(0, 0.1, 20), 1 + random.normal(0, 0.1, 20)])
    normal = Table(times, values, (("moved", "rate"), ("broken", "rate")))
    now = values[:8].copy()
    now[:, 0] += 50
    now[4:, 1] += 2
    table = Table(1e6 + times[:8], now, normal.columns)
    assert order(rank(table, 1e6 + 240, normal=normal)) == ["broken", "moved"]


def test_a_signal_that_goes_missing_is_evidence() -> None:
    system = System(1)
    fault = system.fault("memory", 2, size=0.0)
    values = fault.table.values.copy()
    gone = [i for i, (component, _) in enumerate(fault.table.columns) if component == "svc-5"]
    for column in gone:
        values[fault.table.times >= fault.at, column] = np.nan
    found = rank(Table(fault.table.times, values, fault.table.columns), fault.at)
    assert found[0].component == "svc-5"
    assert "has no values around the alarm" in found[0].why


def test_signals_sampled_in_turns_rank_as_those_sampled_together() -> None:
    fault = System(2).fault("cpu", before=120, after=10, step=60.0)
    names = fault.table.components
    of = np.array([names.index(component) % 2 for component, _ in fault.table.columns])
    times = np.concatenate([fault.table.times, fault.table.times + 1])
    values = np.vstack([np.where(of == turn, fault.table.values, np.nan) for turn in (0, 1)])
    rows = np.argsort(times)
    found = rank(Table(times[rows], values[rows], fault.table.columns), fault.at)
    assert order(found)[0] == fault.component


def test_a_deploy_raises_its_component_and_is_named() -> None:
    fault = System(4).fault("cpu", 3, size=0.0)
    before = order(rank(fault.table, fault.at)).index("svc-7")
    found = rank(fault.table, fault.at, changes=[Change(fault.at - 120, "svc-7", "deploy 1.4.2")])
    assert order(found).index("svc-7") < before
    assert "deploy 1.4.2 2 min before the alarm" in next(c.why for c in found if c.component == "svc-7")


def test_a_deploy_of_a_service_concerns_its_pods() -> None:
    fault = System(4).fault("cpu", 3)
    found = rank(fault.table, fault.at, changes=[Change(fault.at - 60, "svc", "deploy 2")])
    assert all(("deploy 2" in c.why) == c.component.startswith("svc-") for c in found)


def test_a_change_after_the_alarm_or_long_before_raises_nothing() -> None:
    fault = System(4).fault("cpu", 3)
    changes = [Change(fault.at + 5, "svc-7", "deploy"), Change(fault.at - 9_000, "svc-6", "flag")]
    assert rank(fault.table, fault.at, changes=changes) == rank(fault.table, fault.at)


def test_pods_belong_to_the_service_that_the_graph_names() -> None:
    graph = Graph.of([("web", "cart"), ("cart", "proxy"), ("proxy", "db")], ["web-5f6-a", "web-5f6-b", "cart-1", "db"])
    assert graph.callees["web-5f6-a"] == {"cart-1"}
    assert graph.callees["cart-1"] == {"db"}, "what has no signals is looked through"
    assert graph.above("db") == {"db", "cart-1", "web-5f6-a", "web-5f6-b"}


def test_a_circle_of_calls_ends() -> None:
    fault = System(6).fault("delay", 5)
    circle = [("frontend", "svc-5"), ("svc-5", "svc-2"), ("svc-2", "frontend")]
    assert order(rank(fault.table, fault.at, edges=circle, target="frontend"))


def test_every_component_is_ranked_and_scores_fall() -> None:
    fault = System(7).fault()
    found = rank(fault.table, fault.at)
    assert set(order(found)) == set(fault.table.components)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
    assert sum(next(c.score for c in found if c.component == name) for name in order(found)) == pytest.approx(
        1, abs=1e-3
    )


def test_the_reason_reads_like_a_sentence() -> None:
    system = System(8)
    fault = system.fault("delay", 6)
    best = rank(fault.table, fault.at, edges=system.edges, target="frontend_latency")[0]
    assert best.why.startswith("rose to 0.")
    assert "times its normal distance" in best.why
    assert "frontend depends on it" in best.why


def test_constant_empty_and_zero_signals_are_borne() -> None:
    times = np.arange(40.0) * 60
    values = np.column_stack([np.full(40, 5.0), np.full(40, np.nan), np.zeros(40), np.where(times >= 1800, 9.0, 1.0)])
    table = Table(times, values, (("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")))
    found = rank(table, 1800.0)
    assert found[0].component == "d"
    assert all(np.isfinite(c.score) for c in found)


def test_nothing_that_deviates_is_said_so() -> None:
    fault = System(9).fault("cpu", 1, size=0.0)
    calm = [c.why for c in rank(fault.table, fault.at) if c.signal == "cpu"]
    assert any("hardly out of the ordinary" in why for why in calm)


def test_a_time_without_rows_is_refused() -> None:
    fault = System(0).fault()
    with pytest.raises(DetectionError, match="none around the alarm at 5"):
        rank(fault.table, 5.0)


def test_an_unknown_target_is_refused_with_the_nearest_name() -> None:
    fault = System(0).fault()
    with pytest.raises(DetectionError, match=r"'frontend_latncy'.*frontend_latency"):
        rank(fault.table, fault.at, target="frontend_latncy")


def test_a_table_whose_parts_do_not_fit_is_refused() -> None:
    with pytest.raises(DetectionError, match="expected \\(2, 1\\)"):
        Table(np.array([1.0, 2.0]), np.zeros((2, 2)), (("a", "b"),))
    with pytest.raises(DetectionError, match="have to rise"):
        Table(np.array([2.0, 1.0]), np.zeros((2, 1)), (("a", "b"),))
    with pytest.raises(DetectionError, match="two columns for 'b' of 'a'"):
        Table(np.array([1.0, 2.0]), np.zeros((2, 2)), (("a", "b"), ("a", "b")))


def test_a_frame_becomes_a_table() -> None:
    index = pd.to_datetime(["2026-01-01T00:01:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"])
    frame = pd.DataFrame({"cart_cpu": [2.0, 1.0, 3.0], "cart_mem": [1, 1, 1], "web_cpu": [0, 0, 0]}, index=index)
    table = from_frame(frame)
    assert table.columns == (("cart", "cpu"), ("cart", "mem"), ("web", "cpu"))
    assert list(table.values[:, 0]) == [1.0, 3.0]
    assert table.times[1] - table.times[0] == 60.0


def test_answers_of_a_store_become_a_table() -> None:
    times = np.array([0.0, 60.0])
    labels = ({"pod": "a", "code": "1"}, {"pod": "a", "code": "2"}, {"pod": "b", "code": "1"})
    values = np.array([[1.0, 2.0], [10.0, 20.0], [5.0, np.nan]])
    matrix = Matrix(times, labels, values, np.isfinite(values))
    table = from_matrices({"requests": matrix}, lambda found: found["pod"])
    assert table.columns == (("a", "requests"), ("b", "requests"))
    assert list(table.values[:, 0]) == [11.0, 22.0]
    assert np.isnan(table.values[1, 1])


def test_edges_of_a_trace_store_are_taken_as_they_are() -> None:
    system = System(3)
    fault = system.fault("delay", 4)
    measured = {"calls": 9, "failed": 0, "seconds": 1.0, "p95": 0.2, "slowest": 0.3}
    edges = [Edge(client=a, server=b, kind="call", **measured) for a, b in system.edges]  # type: ignore[arg-type]
    assert rank(fault.table, fault.at, edges=edges) == rank(fault.table, fault.at, edges=system.edges)
