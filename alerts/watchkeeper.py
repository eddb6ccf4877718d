"""Alerts of Watchkeeper itself: a watcher that is blind says so."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.watchkeeper_signals import (
    UP,
    WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL,
    WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL,
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
        name="ReloadFailed",
        system="watchkeeper",
        query="watchkeeper.config_reload_successful",
        op="==",
        threshold=0,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }} did not take its new settings",
        description="The old ones stay in force until it is started anew: then it will not start. Its log has why.",
        runbook="watchkeeper/reload-failed",
        panel="watchkeeper/config-reload-successful",
        source="Five minutes: time to mend a typing mistake before anybody is told; as the prometheus-mixin has it",
    ),
    Alert(
        name="ScrapesRejected",
        system="watchkeeper",
        query=q.sum_by(q.increase(WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL, "10m"), "job", "instance"),
        # One among the ten minutes' samples is extrapolated to a little more than one.
        threshold=1.5,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }} refuses scrapes",
        description="About {{ $value }} within ten minutes: 32 were under way, so targets hang or too many ask.",
        runbook="watchkeeper/scrapes-rejected",
        panel="watchkeeper/scrapes-rejected-rate",
        source=(
            "32 scrapes at a time are those of 32 Prometheus servers: none is refused in normal operation; 1.5 lies "
            "above one, because increase() extrapolates"
        ),
    ),
    Alert(
        name="PushStalled",
        system="watchkeeper",
        query="watchkeeper.push_queue_age",
        threshold=300,
        hold="2m",
        severity="warning",
        summary="{{ $labels.destination }}: nothing was taken for {{ $value }}",
        description="What the sidecar reads waits on its disk; who looks at the receiver sees a gap until it arrives.",
        runbook="watchkeeper/push-queue",
        panel="watchkeeper/push-queue-age",
        source="Five minutes: Prometheus's lookback, after which the series vanish from its instant queries",
    ),
    Alert(
        name="PushQueueFilling",
        system="watchkeeper",
        query="watchkeeper.push_queue_ratio",
        threshold=0.8,
        hold="5m",
        severity="warning",
        summary="{{ $labels.destination }}: {{ $value }} of the queue is used",
        description="When it is full, new readings are dropped. What was accepted stays.",
        runbook="watchkeeper/push-queue",
        panel="watchkeeper/push-queue-ratio",
        source="A fifth of the room is left: at a steady rate, a quarter of the time for which it has been filling",
    ),
    Alert(
        name="PushDropping",
        system="watchkeeper",
        query=q.sum_by(
            q.increase(WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL, "10m"), "destination", "reason", "job", "instance"
        ),
        threshold=0.5,
        hold="1m",
        severity="warning",
        summary="{{ $labels.destination }} loses readings ({{ $labels.reason }})",
        description="About {{ $value }} readings of all targets within ten minutes did not and will not arrive.",
        runbook="watchkeeper/push-queue",
        panel="watchkeeper/push-dropped-rate",
        source="None is lost in normal operation; 0.5 lies below one, because increase() extrapolates",
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
