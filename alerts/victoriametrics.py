"""Alerts of VictoriaMetrics."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.victoriametrics import (
    VM_CONCURRENT_INSERT_LIMIT_TIMEOUT_TOTAL,
    VM_CONCURRENT_SELECT_LIMIT_TIMEOUT_TOTAL,
)

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="VictoriaMetricsReadOnly",
        system="victoriametrics",
        query="victoriametrics.read_only",
        threshold=0,
        hold="0s",
        severity="critical",
        summary="{{ $labels.instance }} takes no data any more: its disk is full",
        description="Free disk space is below -storage.minFreeDiskSpaceBytes. What is sent now waits with the senders.",
        runbook="victoriametrics/disk",
        panel="victoriametrics/read-only",
        source="vm_storage_is_read_only: it refuses every insert while it is 1",
    ),
    Alert(
        name="VictoriaMetricsDiskLow",
        system="victoriametrics",
        query="victoriametrics.free_disk_ratio",
        op="<",
        threshold=0.25,
        hold="30m",
        severity="critical",
        summary="{{ $labels.instance }}: the free disk space is {{ $value }} of its data",
        description="Merges need free space beside the data: without it, queries and inserts get slow, then stop.",
        runbook="victoriametrics/disk",
        panel="victoriametrics/free-disk-ratio",
        source="VictoriaMetrics' alert DiskRunsOutOfSpace: data are 80 % of data and free space, so 25 % is free",
    ),
    Alert(
        name="VictoriaMetricsSlowInserts",
        system="victoriametrics",
        query="victoriametrics.slow_insert_ratio",
        threshold=0.05,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the samples are slow to insert",
        description="The series do not fit into its cache: it needs more memory, or fewer active series.",
        runbook="victoriametrics/slow-inserts",
        panel="victoriametrics/slow-insert-ratio",
        source="VictoriaMetrics' alert TooHighSlowInsertsRate: 5 %, for fifteen minutes",
    ),
    Alert(
        name="VictoriaMetricsChurnHigh",
        system="victoriametrics",
        query="victoriametrics.churn_ratio",
        threshold=0.1,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the samples begin a new series",
        description="Some label has values that never come back. The index grows, and everything gets slow.",
        runbook="victoriametrics/slow-inserts",
        panel="victoriametrics/series-created-rate",
        source="VictoriaMetrics' alert TooHighChurnRate: 10 %, for fifteen minutes",
    ),
    Alert(
        name="VictoriaMetricsRowsIgnored",
        system="victoriametrics",
        query="victoriametrics.rows_ignored_rate",
        threshold=0,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }} leaves out samples: {{ $labels.reason }}",
        description="They are older than the retention, or from the future: a sender's clock is wrong.",
        runbook="victoriametrics/rows-ignored",
        panel="victoriametrics/rows-ignored",
        source="VictoriaMetrics' alert RowsRejectedOnIngestion: any, for fifteen minutes",
    ),
    Alert(
        name="VictoriaMetricsRejects",
        system="victoriametrics",
        # Either is enough, and one may be missing in other releases.
        query=q.or_(
            q.sum_by(q.rate(VM_CONCURRENT_INSERT_LIMIT_TIMEOUT_TOTAL), "job", "instance") > 0,
            q.sum_by(q.rate(VM_CONCURRENT_SELECT_LIMIT_TIMEOUT_TOTAL), "job", "instance") > 0,
        ),
        threshold=None,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }} refuses {{ $value }} inserts or queries per second",
        description="They waited for their turn in vain: its processor or its disk is too slow for what is asked.",
        runbook="victoriametrics/overload",
        panel="victoriametrics/rejected",
        source="VictoriaMetrics documentation: requests above the limit wait a minute and are then answered 503",
    ),
)
