"""Rules evaluated in process, against the embedded store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from alerts.conditions import Rule
from alerts.evaluation import RuleEvaluator
from alerts.series import situation
from tests.alerts.shipped import catalogue, rules
from tests.servers import wait_until
from watchkeeper import queries as q
from watchkeeper.declarations import SLO, Alert
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import JournalError, StoreError
from watchkeeper.queries import Query, metrics_of
from watchkeeper.signals import Gauge, Selection, Signal
from watchkeeper.stores import Labels, Matrix, Sample, Vector
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import RATIO

HEAT = Gauge("heat_ratio", "How hot it is.", unit=RATIO)
START = 1_700_000_000.0
WATCHED = [rule for rule in rules() if metrics_of(rule.condition)]


class Sink:
    """Keeps what it is given; refuses while `broken`."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.broken = False

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        if self.broken:
            raise JournalError("the journal is full")
        self.taken += deliveries


class Half:
    """A store that cannot answer queries of one metric."""

    def __init__(self, store: EmbeddedStore, metric: str) -> None:
        self.store, self.metric = store, metric

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        if self.metric in metrics_of(query):
            raise StoreError("the disk is on fire")
        return self.store.instant(query, at, auto=auto)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        return self.store.range(query, start, end, step, auto=auto)

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        return self.store.series(what, start, end)


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    made = EmbeddedStore(None, clock=lambda: START + 86_400.0)
    yield made
    made.close()


@pytest.fixture
def sink() -> Sink:
    return Sink()


def hot(name: str = "Hot", hold: str = "1m") -> Alert:
    return Alert(
        name=name,
        system="example",
        query=q.value(HEAT),
        threshold=0.5,
        hold=hold,
        severity="warning",
        summary="{{ $labels.instance }} is {{ $value }} hot",
        description="It glows.",
        runbook="example/hot",
        panel="example/heat",
        source="a test",
    )


def heat(store: EmbeddedStore, at: float, value: float, instance: str = "a") -> None:
    store.write([Sample("heat_ratio", {"instance": instance, "job": "x"}, value, at)])


def evaluator(store: EmbeddedStore, sink: Sink, *alerts: Alert, **options: object) -> RuleEvaluator:
    return RuleEvaluator(alerts, (), lookup, store, sink, **options)  # type: ignore[arg-type]


def lookup(reference: Query | str) -> Query:
    assert isinstance(reference, Query)
    return reference


def test_a_series_is_pending_before_it_fires(store: EmbeddedStore, sink: Sink) -> None:
    heat(store, START, 0.9)
    rules = evaluator(store, sink, hot())
    rules.evaluate(START)
    assert [active.state for active in rules.active()] == ["pending"]
    assert sink.taken == []


def test_it_fires_when_the_hold_is_over(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot())
    for time in (START, START + 30, START + 60):
        heat(store, time, 0.9)
        rules.evaluate(time)
    (delivery,) = sink.taken
    assert delivery.status == "firing"
    assert delivery.starts_at == START + 60
    assert dict(delivery.labels) == {
        "alertname": "Hot",
        "instance": "a",
        "job": "x",
        "owner": "platform",
        "severity": "warning",
        "system": "example",
    }
    assert delivery.annotations["summary"] == "a is 90% hot"
    assert delivery.annotations["runbook"] == "example/hot"
    assert delivery.annotations["query"] == "heat_ratio > 0.5"


def test_a_dip_begins_the_hold_anew(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot())
    for time, value in ((START, 0.9), (START + 30, 0.1), (START + 60, 0.9), (START + 90, 0.9)):
        heat(store, time, value)
        rules.evaluate(time)
    assert sink.taken == []


def test_the_pace_shortens_the_hold(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot(), pace=20.0)
    for time in (START, START + 3):
        heat(store, time, 0.9)
        rules.evaluate(time)
    assert [delivery.status for delivery in sink.taken] == ["firing"]


def test_it_is_sent_again_while_it_lasts(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot(hold="0s"))
    for time in (START, START + 30, START + 60, START + 90, START + 120):
        heat(store, time, 0.9)
        rules.evaluate(time)
    assert len(sink.taken) == 3
    assert len({delivery.fingerprint for delivery in sink.taken}) == 1
    assert {delivery.starts_at for delivery in sink.taken} == {START}


def test_its_end_is_sent_once(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot(hold="0s"))
    for time, value in ((START, 0.9), (START + 15, 0.1), (START + 30, 0.1)):
        heat(store, time, value)
        rules.evaluate(time)
    assert [(delivery.status, delivery.ends_at) for delivery in sink.taken] == [
        ("firing", None),
        ("resolved", START + 15),
    ]


def test_each_series_is_an_alert_of_its_own(store: EmbeddedStore, sink: Sink) -> None:
    heat(store, START, 0.9, "a")
    heat(store, START, 0.8, "b")
    heat(store, START, 0.1, "c")
    evaluator(store, sink, hot(hold="0s")).evaluate(START)
    assert sorted(delivery.labels["instance"] for delivery in sink.taken) == ["a", "b"]


def test_a_broken_rule_hurts_no_other_and_is_counted(store: EmbeddedStore, sink: Sink) -> None:
    cold = Gauge("cold_count", "Cold.", origin="a test")
    broken = replace(hot("Broken", "0s"), query=q.value(cold))
    heat(store, START, 0.9)
    rules = RuleEvaluator([broken, hot(hold="0s")], (), lookup, Half(store, "cold_count"), sink)
    rules.evaluate(START)
    assert [delivery.name for delivery in sink.taken] == ["Hot"]
    assert rules.failing() == {"Broken": "the disk is on fire"}
    counted = {
        sample.labels["rule"]: sample.value
        for sample in rules.samples(START)
        if sample.name == "watchkeeper_rule_evaluation_failures_total"
    }
    assert counted == {"Broken": 1.0, "Hot": 0.0}


def test_what_gives_no_answer_is_not_resolved(store: EmbeddedStore, sink: Sink) -> None:
    half = Half(store, "")
    rules = RuleEvaluator([hot(hold="0s")], (), lookup, half, sink)
    heat(store, START, 0.9)
    rules.evaluate(START)
    half.metric = "heat_ratio"
    rules.evaluate(START + 15)
    assert [delivery.status for delivery in sink.taken] == ["firing"]
    assert [active.state for active in rules.active()] == ["firing"]


def test_what_the_sink_refuses_is_delivered_at_the_next_pass(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot(hold="0s"))
    heat(store, START, 0.9)
    rules.evaluate(START)
    sink.broken = True
    heat(store, START + 15, 0.1)
    rules.evaluate(START + 15)
    sink.broken = False
    rules.evaluate(START + 30)
    assert [delivery.status for delivery in sink.taken] == ["firing", "resolved"]


def test_a_hold_goes_on_after_a_restart(store: EmbeddedStore, sink: Sink) -> None:
    heat(store, START, 0.9)
    evaluator(store, sink, hot(), writer=store).evaluate(START)
    heat(store, START + 60, 0.9)
    evaluator(store, sink, hot(), writer=store).evaluate(START + 60)
    assert [delivery.status for delivery in sink.taken] == ["firing"]


def test_what_ended_while_it_was_stopped_is_resolved(store: EmbeddedStore, sink: Sink) -> None:
    heat(store, START, 0.9)
    evaluator(store, sink, hot(hold="0s"), writer=store).evaluate(START)
    heat(store, START + 600, 0.1)
    evaluator(store, sink, hot(hold="0s"), writer=store).evaluate(START + 600)
    first, last = sink.taken
    assert (first.status, last.status) == ("firing", "resolved")
    assert first.fingerprint == last.fingerprint


def test_what_ended_before_a_restart_is_not_resolved_twice(store: EmbeddedStore, sink: Sink) -> None:
    rules = evaluator(store, sink, hot(hold="0s"), writer=store)
    for time, value in ((START, 0.9), (START + 15, 0.1)):
        heat(store, time, value)
        rules.evaluate(time)
    evaluator(store, sink, hot(hold="0s"), writer=store).evaluate(START + 30)
    assert [delivery.status for delivery in sink.taken] == ["firing", "resolved"]


def test_the_dead_man_is_left_to_prometheus(store: EmbeddedStore, sink: Sink) -> None:
    evaluator(store, sink, catalogue().alerts["DeadMan"]).evaluate(START)
    assert sink.taken == []


def test_the_loop_evaluates_until_it_is_stopped(store: EmbeddedStore, sink: Sink) -> None:
    heat(store, START, 0.9)
    rules = evaluator(store, sink, hot(hold="0s"), interval=0.01, clock=lambda: START)
    rules.start()
    try:
        wait_until(lambda: sink.taken, seconds=10.0, what="a delivery")
    finally:
        rules.stop()
    assert sink.taken[0].name == "Hot"


# --- the shipped rules, under the series of their generated tests: the embedded store judges as promtool does


def judged(rule: Rule, *, fires: bool) -> Sink:
    made = situation(rule.condition, rule.hold, fires=fires, system=rule.system)
    assert made is not None
    # Their times begin at 0, as promtool's do.
    store = EmbeddedStore(None, clock=lambda: made.end)
    for name, labels, values in made.series():
        store.write([Sample(name, labels, value, 60.0 * index) for index, value in enumerate(values)])
    sink = Sink()
    shipped = catalogue()
    alerts = [alert for alert in shipped.alerts.values() if alert.name == rule.name]
    slos: list[SLO] = [] if alerts else list(shipped.slos.values())
    rules = RuleEvaluator(alerts, slos, shipped.query, store, sink)
    begin = made.end - rule.hold - 60.0
    for step in range(int((rule.hold + 60.0) // 60.0) + 1):
        rules.evaluate(begin + 60.0 * step)
    store.close()
    return sink


@pytest.mark.parametrize("rule", WATCHED, ids=lambda rule: rule.name)
def test_a_shipped_rule_fires(rule: Rule) -> None:
    firing = {delivery.name for delivery in judged(rule, fires=True).taken}
    assert rule.name in firing


@pytest.mark.parametrize("rule", WATCHED, ids=lambda rule: rule.name)
def test_a_shipped_rule_is_quiet(rule: Rule) -> None:
    assert rule.name not in {delivery.name for delivery in judged(rule, fires=False).taken}


def shipped_alert(name: str, store: EmbeddedStore, sink: Sink) -> RuleEvaluator:
    return RuleEvaluator((catalogue().alerts[name],), (), catalogue().query, store, sink)


def count(store: EmbeddedStore, name: str, labels: Labels, jumps: Sequence[int]) -> None:
    """A counter read every 15 s for a quarter of an hour, that rises by one at each of `jumps` (readings)."""
    for i in range(61):
        value = float(sum(i >= jump for jump in jumps))
        store.write([Sample(name, labels, value, START + 15.0 * i)])


@pytest.mark.parametrize("failures, fires", [((30,), False), ((30, 40), True)])
def test_one_failure_of_a_rule_is_not_a_defect_and_two_are(
    failures: tuple[int, ...], fires: bool, store: EmbeddedStore, sink: Sink
) -> None:
    name = "watchkeeper_rule_evaluation_failures_total"
    count(store, name, {"rule": "Hot", "job": "watchkeeper", "instance": "watchkeeper"}, failures)
    rules = shipped_alert("RuleFailure", store, sink)
    rules.evaluate(START + 905.0)
    assert bool(rules.active()) is fires


@pytest.mark.parametrize("deadlocks, fires", [((25, 35, 45), False), ((25, 35, 45, 50), True)])
def test_three_deadlocks_are_no_alert_and_four_are(
    deadlocks: tuple[int, ...], fires: bool, store: EmbeddedStore, sink: Sink
) -> None:
    count(store, "pg_stat_database_deadlocks", {"datname": "shop", "job": "db", "instance": "a"}, deadlocks)
    rules = shipped_alert("PostgreSQLDeadlocks", store, sink)
    rules.evaluate(START + 905.0)
    assert bool(rules.active()) is fires


def test_targets_of_one_name_in_two_systems_and_two_sidecars_are_told_apart(store: EmbeddedStore, sink: Sink) -> None:
    rules = shipped_alert("TargetDown", store, sink)
    for at in (START, START + 60, START + 121):
        for system, sidecar in (("redis", "a:1"), ("postgresql", "a:1"), ("redis", "b:1")):
            labels = {"target_system": system, "target": "main", "job": "watchkeeper", "instance": sidecar}
            store.write([Sample("watchkeeper_target_up", labels, 0.0, at)])
        rules.evaluate(at)
    told = {(d.labels["target_system"], d.labels["instance"]): d for d in sink.taken if d.status == "firing"}
    assert set(told) == {("redis", "a:1"), ("postgresql", "a:1"), ("redis", "b:1")}
    assert len({d.fingerprint for d in told.values()}) == 3
    assert {d.labels["system"] for d in told.values()} == {"watchkeeper"}
    assert told["postgresql", "a:1"].annotations["summary"] == "main (postgresql) cannot be read"
