"""Alerts of MongoDB."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="MongodbDown",
        system="mongodb",
        query="mongodb.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description="The collector cannot connect, cannot log in, or may not ask for serverStatus.",
        runbook="mongodb/down",
        panel="mongodb/up",
        source="mongodb_up is 0 when a scrape cannot connect; one minute spans a restart",
    ),
    Alert(
        name="MongodbNoPrimary",
        system="mongodb",
        query="mongodb.primaries",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.rs_nm }} ({{ $labels.job }}) has no primary",
        description="No member that is read knows of a primary: nothing can be written.",
        runbook="mongodb/member-unhealthy",
        panel="mongodb/primary",
        source=(
            "MongoDB elects within 12 seconds by default (electionTimeoutMillis of 10 s): a minute without a "
            "primary is no election"
        ),
    ),
    Alert(
        name="MongodbMemberUnhealthy",
        system="mongodb",
        query="mongodb.member_health",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.member_idx }} of {{ $labels.rs_nm }} ({{ $labels.job }}) is not reached",
        description=(
            "A member cannot be reached by another one: the set has fewer copies, and one failure less to spare."
        ),
        runbook="mongodb/member-unhealthy",
        panel="mongodb/member-health",
        source="awesome-prometheus-alerts MongoDB replica member unhealthy; one minute spans a restart",
    ),
    Alert(
        name="MongodbReplicationLag",
        system="mongodb",
        query="mongodb.replication_lag",
        threshold=10,
        hold="5m",
        severity="warning",
        summary="{{ $labels.name }} of {{ $labels.set }} ({{ $labels.job }}) is {{ $value }} behind its primary",
        description=(
            "Reads from this member are old, and writes that were acknowledged by the primary alone may be "
            "lost with it."
        ),
        runbook="mongodb/replication-lag",
        panel="mongodb/replication-lag",
        source=(
            "awesome-prometheus-alerts MongoDB replication lag: 10 seconds; five minutes, so that one large "
            "write does not call"
        ),
    ),
    Alert(
        name="MongodbOplogWindowShort",
        system="mongodb",
        query="mongodb.oplog_window",
        op="<",
        threshold=3600,
        hold="15m",
        severity="warning",
        summary="The oplog of {{ $labels.instance }} reaches back {{ $value }}",
        description="A member that is away for longer has to copy all data anew.",
        runbook="mongodb/replication-lag",
        panel="mongodb/oplog-window",
        source="MongoDB Atlas alerts by default when the oplog window is below one hour",
    ),
    Alert(
        name="MongodbConnectionsHigh",
        system="mongodb",
        query="mongodb.connections_used_ratio",
        threshold=0.8,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the connections are in use",
        description="At the limit new connections are refused. A leak in a connection pool looks like this.",
        runbook="mongodb/connections-high",
        panel="mongodb/connections-used-ratio",
        source="awesome-prometheus-alerts MongoDB too many connections: 80 %",
    ),
    Alert(
        name="MongodbQueueLong",
        system="mongodb",
        query="mongodb.queue",
        threshold=100,
        hold="5m",
        severity="warning",
        summary="{{ $value }} {{ $labels.count_type }} wait in {{ $labels.instance }}",
        description="Operations arrive faster than they end: clients wait, and open further connections.",
        runbook="mongodb/slow-operations",
        panel="mongodb/queue",
        source="MongoDB Atlas alerts by default when more than 100 operations are queued",
    ),
    Alert(
        name="MongodbCacheDirty",
        system="mongodb",
        query="mongodb.cache_dirty_ratio",
        threshold=0.2,
        hold="5m",
        severity="warning",
        summary="{{ $value }} of the cache of {{ $labels.instance }} is not yet written",
        description=(
            "The disk does not keep up with the writes: clients have to evict pages themselves, and every "
            "operation gets slower."
        ),
        runbook="mongodb/slow-operations",
        panel="mongodb/cache-dirty-ratio",
        source="WiredTiger makes clients evict at eviction_dirty_trigger, 20 % by default",
    ),
)
