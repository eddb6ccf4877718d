"""Alerts of Redis."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.redis_info import REDIS_REJECTED_CONNECTIONS_TOTAL

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="RedisDown",
        system="redis",
        query="redis.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description=(
            "The collector cannot connect, or INFO fails: the server is down, is loading its data set, or wants a "
            "password."
        ),
        runbook="redis/down",
        panel="redis/up",
        source="redis_up is 0 when a scrape cannot connect; one minute spans a restart",
    ),
    Alert(
        name="RedisMemoryHigh",
        system="redis",
        query="redis.memory_used_ratio",
        threshold=0.9,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of maxmemory is used",
        description=(
            "At maxmemory keys are evicted or writes refused, as maxmemory-policy says. Servers without a limit are "
            "left out."
        ),
        runbook="redis/memory-high",
        panel="redis/memory-used-ratio",
        source="awesome-prometheus-alerts Redis out of configured maxmemory: 90 %",
    ),
    Alert(
        name="RedisRejectedConnections",
        system="redis",
        query=q.sum_by(q.increase(REDIS_REJECTED_CONNECTIONS_TOTAL, "5m"), "job", "instance"),
        threshold=0,
        hold="0s",
        severity="critical",
        summary="{{ $labels.instance }} refused {{ $value }} connections within five minutes",
        description="maxclients is reached: clients fail now.",
        runbook="redis/rejected-connections",
        panel="redis/rejected-connections-rate",
        source="Redis refuses only at maxclients: every refusal is a client's failure",
    ),
    Alert(
        name="RedisClientsHigh",
        system="redis",
        query="redis.clients_used_ratio",
        threshold=0.8,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of maxclients are connected",
        description="At maxclients Redis refuses connections. A leak in a connection pool looks like this.",
        runbook="redis/rejected-connections",
        panel="redis/clients-used-ratio",
        source="80 %, as for every limit whose end is a refusal: time to act before RedisRejectedConnections",
    ),
    Alert(
        name="RedisReplicationBroken",
        system="redis",
        query="redis.master_link_up",
        op="==",
        threshold=0,
        hold="2m",
        severity="warning",
        summary="{{ $labels.instance }} has lost its master",
        description="The replica serves old data, and cannot take over without losing what it has not seen.",
        runbook="redis/replication-broken",
        panel="redis/master-link-up",
        source="master_link_status is down while a replica connects and synchronises: two minutes span a reconnection",
    ),
    Alert(
        name="RedisSnapshotFailed",
        system="redis",
        query="redis.snapshot_ok",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} cannot write a snapshot",
        description=(
            "The last snapshot failed. With stop-writes-on-bgsave-error, as it is by default, Redis refuses writes "
            "until one succeeds."
        ),
        runbook="redis/persistence-failed",
        panel="redis/persistence-ok",
        source="Redis documentation, persistence: writes are refused with MISCONF while the last save is an error",
    ),
    Alert(
        name="RedisAppendFailed",
        system="redis",
        query="redis.append_ok",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} cannot write its append-only file",
        description="The last write to the append-only file failed: Redis refuses writes until one succeeds.",
        runbook="redis/persistence-failed",
        panel="redis/persistence-ok",
        source="Redis documentation, persistence: writes are refused with MISCONF while aof_last_write_status is err",
    ),
    Alert(
        name="RedisClusterDown",
        system="redis",
        query="redis.cluster_ok",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="The cluster is down as {{ $labels.instance }} sees it",
        description="Slots have no reachable master, or the node is in a minority: it answers CLUSTERDOWN.",
        runbook="redis/cluster-down",
        panel="redis/cluster-ok",
        source="Redis Cluster specification: with cluster_state fail a node refuses queries; a failover takes less",
    ),
    Alert(
        name="RedisSentinelNoQuorum",
        system="redis",
        query="redis.sentinel_quorum",
        op="==",
        threshold=0,
        hold="5m",
        severity="warning",
        summary="Too few Sentinels for a failover of {{ $labels.master_name }} ({{ $labels.job }})",
        description="If the master fails now, no replica takes over.",
        runbook="redis/sentinel-quorum",
        panel="redis/sentinel-quorum",
        source="Redis documentation, Sentinel: CKQUORUM is what monitoring should watch; five minutes span a restart",
    ),
)
