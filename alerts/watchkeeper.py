"""Alerts of Watchkeeper itself: a watcher that is blind says so."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.watchkeeper import (
    UP,
    WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL,
    WATCHKEEPER_TARGET_UP,
)

__all__ = ["ALERTS"]

# The in-process loop writes both for each target: then the one that names the target speaks.
_READ_BY_US = q.count_by(WATCHKEEPER_TARGET_UP, "job", "instance")

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="TargetDown",
        system="watchkeeper",
        query="watchkeeper.target_up",
        op="==",
        threshold=0,
        hold="2m",
        severity="warning",
        summary="{{ $labels.target }} ({{ $labels.target_system }}) cannot be read",
        description="Its signals are missing, so alerts on them are blind. The collector's log says why.",
        runbook="watchkeeper/target-down",
        panel="watchkeeper/target-up",
        source="Two minutes: eight scrapes at 15 s, more than a restart",
    ),
    Alert(
        name="ScrapeFailing",
        system="watchkeeper",
        query=q.unless(UP, _READ_BY_US, on=("job", "instance")),
        op="==",
        threshold=0,
        hold="2m",
        severity="warning",
        summary="{{ $labels.job }} {{ $labels.instance }}: its scrape fails",
        description="A sidecar or an application does not answer on /metrics.",
        runbook="watchkeeper/target-down",
        panel="watchkeeper/up",
        source="Two minutes: eight scrapes at 15 s, more than a restart",
    ),
    Alert(
        name="RuleFailure",
        system="watchkeeper",
        query=q.sum_by(q.increase(WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL, "10m"), "rule"),
        # One failure among the ten minutes' samples is extrapolated to a little more than one.
        threshold=1.5,
        hold="2m",
        severity="warning",
        summary="The rule {{ $labels.rule }} gives no answer",
        description="It failed about {{ $value }} times within ten minutes: what it watches is unknown, not well.",
        runbook="watchkeeper/rule-failure",
        panel="watchkeeper/rule-failures-rate",
        source=(
            "One failure is a hiccup of the store; two within ten minutes are a defect; 1.5 lies between, because "
            "increase() extrapolates"
        ),
    ),
    Alert(
        name="RulesStalled",
        system="watchkeeper",
        query="watchkeeper.rule_age",
        threshold=300,
        hold="1m",
        severity="critical",
        summary="No rule was evaluated for {{ $value }}",
        description=(
            "Every alert that is evaluated in process is blind. Only another Prometheus can tell: it must scrape this"
            " one."
        ),
        runbook="watchkeeper/rule-failure",
        panel="watchkeeper/rule-age",
        source="Five minutes are twenty evaluations at 15 s",
    ),
    Alert(
        name="DeadMan",
        system="watchkeeper",
        query=q.constant(1),
        threshold=None,
        hold="0s",
        severity="info",
        summary="The path from Prometheus to whoever is called works",
        description="This alert always fires. A service outside calls somebody when it stops arriving.",
        runbook="watchkeeper/dead-man",
        panel="watchkeeper/up",
        source="kube-prometheus Watchdog",
    ),
)
