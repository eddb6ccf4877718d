"""Redis: the system and its named queries; the signals stand in `redis_info` and `redis_modes`."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Signal
from watchkeeper.systems import redis_info as i
from watchkeeper.systems import redis_modes as m
from watchkeeper.units import SECONDS

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

SIGNALS: tuple[Signal, ...] = (*i.SIGNALS, *m.SIGNALS)

SYSTEM = System(
    key="redis",
    title="Redis",
    summary="An in-memory data store: cache, queue, session store; with Sentinel and Cluster.",
    collected="ours",
    signals=SIGNALS,
    exporter="redis_exporter",
    tested_against="Redis 7.0.15 and 8.2.3, Sentinel and Cluster 7.0.15, redis_exporter 1.45.0",
)

_HITS, _MISSES = q.rate(i.REDIS_KEYSPACE_HITS_TOTAL), q.rate(i.REDIS_KEYSPACE_MISSES_TOTAL)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="redis.up", title="Whether the server answers", query=q.min_by(i.REDIS_UP, "job", "instance")),
    NamedQuery(
        key="redis.memory_used_bytes",
        title="Memory in use",
        query=q.max_by(i.REDIS_MEMORY_USED_BYTES, "job", "instance"),
    ),
    # maxmemory 0 means no limit: such a server has no ratio.
    NamedQuery(
        key="redis.memory_used_ratio",
        title="Memory in use over maxmemory",
        query=q.max_by(q.ratio(i.REDIS_MEMORY_USED_BYTES, q.value(i.REDIS_MEMORY_MAX_BYTES) > 0), "job", "instance"),
    ),
    NamedQuery(
        key="redis.connected_clients",
        title="Connected clients",
        query=q.max_by(i.REDIS_CONNECTED_CLIENTS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.clients_used_ratio",
        title="Connected clients over maxclients",
        query=q.max_by(q.ratio(i.REDIS_CONNECTED_CLIENTS, i.REDIS_CONFIG_MAXCLIENTS), "job", "instance"),
    ),
    NamedQuery(
        key="redis.blocked_clients",
        title="Clients that wait in a blocking call",
        query=q.max_by(i.REDIS_BLOCKED_CLIENTS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.rejected_connections_rate",
        title="Connections refused per second",
        query=q.sum_by(q.rate(i.REDIS_REJECTED_CONNECTIONS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.evicted_keys_rate",
        title="Keys evicted per second",
        query=q.sum_by(q.rate(i.REDIS_EVICTED_KEYS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.expired_keys_rate",
        title="Keys expired per second",
        query=q.sum_by(q.rate(i.REDIS_EXPIRED_KEYS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.hit_ratio",
        title="Share of lookups that found their key",
        query=q.ratio(q.sum_by(_HITS, "job", "instance"), q.sum_by(_HITS + _MISSES, "job", "instance") > 0),
    ),
    NamedQuery(
        key="redis.commands_rate",
        title="Commands per second",
        query=q.sum_by(q.rate(i.REDIS_COMMANDS_PROCESSED_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.command_duration",
        title="Mean duration of a command, by command",
        query=q.ratio(
            q.sum_by(q.rate(i.REDIS_COMMANDS_DURATION_SECONDS_TOTAL), "cmd"),
            q.sum_by(q.rate(i.REDIS_COMMANDS_TOTAL), "cmd") > 0,
        ),
    ),
    NamedQuery(
        key="redis.error_replies_rate",
        title="Error replies per second",
        query=q.sum_by(q.rate(i.REDIS_TOTAL_ERROR_REPLIES), "job", "instance"),
    ),
    NamedQuery(
        key="redis.slowlog_length",
        title="Entries in the slow log",
        query=q.max_by(i.REDIS_SLOWLOG_LENGTH, "job", "instance"),
    ),
    NamedQuery(
        key="redis.network_out_rate",
        title="Bytes sent per second",
        query=q.sum_by(q.rate(i.REDIS_NET_OUTPUT_BYTES_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.command_p99",
        title="99th percentile of a command's duration, by command",
        query=q.convert(q.max_by(i.REDIS_LATENCY_PERCENTILES_USEC.quantiles.where(quantile="99"), "cmd"), SECONDS),
    ),
    NamedQuery(
        key="redis.master_link_up",
        title="Whether a replica's link to its master is up",
        query=q.min_by(i.REDIS_MASTER_LINK_UP, "job", "instance"),
    ),
    NamedQuery(
        key="redis.replica_lag",
        title="Time since a replica last answered its master",
        query=q.max_by(i.REDIS_CONNECTED_SLAVE_LAG_SECONDS, "job", "instance"),
    ),
    # Both are 1 where snapshots or the append-only file are not in use.
    NamedQuery(
        key="redis.snapshot_ok",
        title="Whether the last snapshot succeeded",
        query=q.min_by(i.REDIS_RDB_LAST_BGSAVE_STATUS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.append_ok",
        title="Whether the last write to the append-only file succeeded",
        query=q.min_by(i.REDIS_AOF_LAST_WRITE_STATUS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.unsaved_changes",
        title="Changes since the last good snapshot",
        query=q.max_by(i.REDIS_RDB_CHANGES_SINCE_LAST_SAVE, "job", "instance"),
    ),
    NamedQuery(
        key="redis.cluster_ok",
        title="Whether a cluster node can serve queries",
        query=q.min_by(m.REDIS_CLUSTER_STATE, "job", "instance"),
    ),
    NamedQuery(
        key="redis.cluster_slots_unassigned",
        title="Slots of the cluster that no reachable node serves, of 16,384",
        query=q.max_by(16384.0 - q.value(m.REDIS_CLUSTER_SLOTS_OK), "job", "instance"),
    ),
    NamedQuery(
        key="redis.sentinel_quorum",
        title="Whether enough Sentinels are there for a failover",
        query=q.min_by(m.REDIS_SENTINEL_MASTER_CKQUORUM_STATUS, "job", "master_name"),
    ),
    NamedQuery(
        key="redis.sentinel_master_ok",
        title="Whether Sentinels take a master for healthy",
        query=q.min_by(m.REDIS_SENTINEL_MASTER_STATUS, "job", "master_name"),
    ),
)
