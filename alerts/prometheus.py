"""Alerts of Prometheus: the watcher of everybody else."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.signals import Counter
from watchkeeper.systems.prometheus import SCRAPE_LIMITS, STORAGE_FAILURES

__all__ = ["ALERTS"]


def _any_rose(counters: tuple[Counter, ...], over: str) -> q.Query:
    """The first of the counters that rose within a time, by server."""
    first, *rest = [q.sum_by(q.increase(counter, over), "job", "instance") > 0 for counter in counters]
    for other in rest:
        first = q.or_(first, other)
    return first


ALERTS: tuple[Alert, ...] = (
    Alert(
        name="PrometheusConfigReloadFailed",
        system="prometheus",
        query="prometheus.config_good",
        op="==",
        threshold=0,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }} could not read its configuration",
        description="It goes on with the old one; after a restart it would not start.",
        runbook="prometheus/config-reload",
        panel="prometheus/config-good",
        source="prometheus-mixin PrometheusBadConfig: ten minutes",
    ),
    Alert(
        name="PrometheusRuleFailures",
        system="prometheus",
        query="prometheus.rule_failures_rate",
        threshold=0,
        hold="15m",
        severity="critical",
        summary="{{ $labels.instance }}: rules of {{ $labels.rule_group }} fail",
        description="An alert that cannot be evaluated does not fire: what it watches is unknown.",
        runbook="prometheus/rules",
        panel="prometheus/rule-failures",
        source="prometheus-mixin PrometheusRuleFailures: any failure, for fifteen minutes",
    ),
    Alert(
        name="PrometheusRuleRoundsMissed",
        system="prometheus",
        query="prometheus.rule_iterations_missed",
        # One round among the ten minutes' samples is extrapolated to a little more than one.
        threshold=1.5,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }} leaves rounds of {{ $labels.rule_group }} out",
        description="The group takes longer than its interval: its alerts come late.",
        runbook="prometheus/rules",
        panel="prometheus/rule-duration-ratio",
        source="prometheus-mixin PrometheusMissingRuleEvaluations: any, for fifteen minutes; a single one is a restart",
    ),
    Alert(
        name="PrometheusStorageFailing",
        system="prometheus",
        query=_any_rose(STORAGE_FAILURES, "30m"),
        threshold=None,
        hold="15m",
        severity="critical",
        summary="{{ $labels.instance }}: its storage failed {{ $value }} times within half an hour",
        description="Log, checkpoint or blocks cannot be written or read: mostly a full or broken disk.",
        runbook="prometheus/storage",
        panel="prometheus/storage-failures",
        source="prometheus-mixin PrometheusTSDBReloadsFailing: any; its log and checkpoints are no less important",
    ),
    Alert(
        name="PrometheusCompactionsFailing",
        system="prometheus",
        query="prometheus.compactions_failed",
        # One failure is extrapolated to a little more than one.
        threshold=1.5,
        hold="30m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} compactions failed within half an hour",
        description="Memory and disk fill up, and queries over long ranges get slow.",
        runbook="prometheus/storage",
        panel="prometheus/compactions-failed",
        source="prometheus-mixin PrometheusTSDBCompactionsFailing: any; a failed one is tried again each minute or so, "
        "so that a second one within half an hour is no accident",
    ),
    Alert(
        name="PrometheusLimitsExceeded",
        system="prometheus",
        query=_any_rose(SCRAPE_LIMITS, "10m"),
        threshold=None,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} scrapes within ten minutes were thrown away for their size",
        description="A target gives more than sample_limit, label limits, body_size_limit or target_limit allow.",
        runbook="prometheus/limits",
        panel="prometheus/limits-exceeded",
        source="prometheus-mixin PrometheusScrapeSampleLimitHit, PrometheusTargetLimitHit: any, for fifteen minutes",
    ),
    Alert(
        name="PrometheusNotificationsDropped",
        system="prometheus",
        query="prometheus.notifications_dropped_rate",
        threshold=0,
        hold="5m",
        severity="critical",
        summary="{{ $labels.instance }} loses alerts: no Alertmanager takes them",
        description="Nobody is called. This one may have to find its way by another server.",
        runbook="prometheus/notifications",
        panel="prometheus/notifications-dropped",
        source="Every alert that is dropped is one that nobody hears; five minutes span a restart of Alertmanager",
    ),
    Alert(
        name="PrometheusRemoteWriteBehind",
        system="prometheus",
        query="prometheus.remote_lag",
        threshold=120,
        hold="15m",
        severity="critical",
        summary="{{ $labels.instance }}: remote write to {{ $labels.url }} is {{ $value }} behind",
        description="The receiver is slow or away. After two hours samples are lost for it.",
        runbook="prometheus/remote-write",
        panel="prometheus/remote-lag",
        source="prometheus-mixin PrometheusRemoteWriteBehind: 120 seconds, for fifteen minutes",
    ),
)
