"""The dashboard of Redis."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Dashboard, Panel, Row
from watchkeeper.systems.redis_info import REDIS_DB_KEYS

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"

DASHBOARD = Dashboard(
    key="redis",
    title="Redis",
    system="redis",
    description="Is it up, does it refuse anybody, is there memory, is it fast.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("redis.up",),
                    kind="stat",
                    description="Whether the server answers the collector.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="memory-used-ratio",
                    title="Memory of maxmemory",
                    queries=("redis.memory_used_ratio",),
                    kind="gauge",
                    description="Servers without maxmemory are left out: they end with the machine's memory.",
                    legend=_EACH,
                    threshold_of="RedisMemoryHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="clients-used-ratio",
                    title="Clients of maxclients",
                    queries=("redis.clients_used_ratio",),
                    kind="gauge",
                    description="At 100% new clients are refused.",
                    legend=_EACH,
                    threshold_of="RedisClientsHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="hit-ratio",
                    title="Hit ratio",
                    queries=("redis.hit_ratio",),
                    kind="stat",
                    description="Share of lookups that found their key. Low is normal for a queue, bad for a cache.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Refusals and errors",
            panels=(
                Panel(
                    key="rejected-connections-rate",
                    title="Connections refused",
                    queries=("redis.rejected_connections_rate",),
                    description="Every one is a client's failure at maxclients.",
                    legend=_EACH,
                ),
                Panel(
                    key="error-replies-rate",
                    title="Error replies",
                    queries=("redis.error_replies_rate",),
                    description=(
                        "Commands that were answered with an error: wrong types, refused writes, missing rights."
                    ),
                    legend=_EACH,
                ),
                Panel(
                    key="evicted-keys-rate",
                    title="Keys evicted",
                    queries=("redis.evicted_keys_rate",),
                    description=(
                        "Keys thrown away for want of memory. Usual for a cache at its limit, a loss for anything else."
                    ),
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Memory and clients",
            panels=(
                Panel(
                    key="memory-used-bytes",
                    title="Memory in use",
                    queries=("redis.memory_used_bytes",),
                    description="What the allocator gave out, without fragmentation.",
                    legend=_EACH,
                ),
                Panel(
                    key="connected-clients",
                    title="Connected clients",
                    queries=("redis.connected_clients",),
                    description="A steady rise is a leak in somebody's connection pool.",
                    legend=_EACH,
                ),
                Panel(
                    key="blocked-clients",
                    title="Blocked clients",
                    queries=("redis.blocked_clients",),
                    description=(
                        "Clients in BLPOP, XREAD and their kin: consumers that wait for work. None means that nobody "
                        "consumes."
                    ),
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Replication and persistence",
            panels=(
                Panel(
                    key="master-link-up",
                    title="Link to the master",
                    queries=("redis.master_link_up",),
                    description="Whether a replica hears its master. Without it the replica serves old data.",
                    legend=_EACH,
                    threshold_of="RedisReplicationBroken",
                ),
                Panel(
                    key="replica-lag",
                    title="Replicas' silence",
                    queries=("redis.replica_lag",),
                    description="Time since a replica last answered its master; it does so every second.",
                    legend=_EACH,
                ),
                Panel(
                    key="persistence-ok",
                    title="Persistence",
                    queries=("redis.snapshot_ok", "redis.append_ok"),
                    description="Whether the last snapshot and the last write to the append-only file succeeded.",
                    legend=_EACH,
                    threshold_of="RedisSnapshotFailed",
                ),
                Panel(
                    key="unsaved-changes",
                    title="Unsaved changes",
                    queries=("redis.unsaved_changes",),
                    description="What a crash would lose where there is no append-only file.",
                    legend=_EACH,
                ),
            ),
            collapsed=True,
        ),
        Row(
            title="Cluster and Sentinel",
            panels=(
                Panel(
                    key="cluster-ok",
                    title="Cluster",
                    queries=("redis.cluster_ok",),
                    description="Whether a node can serve queries. Empty where there is no cluster.",
                    legend=_EACH,
                    threshold_of="RedisClusterDown",
                ),
                Panel(
                    key="cluster-slots-unassigned",
                    title="Slots without a node",
                    queries=("redis.cluster_slots_unassigned",),
                    description="Slots of 16,384 that no reachable node serves, as each node sees it.",
                    legend=_EACH,
                ),
                Panel(
                    key="sentinel-quorum",
                    title="Quorum of the Sentinels",
                    queries=("redis.sentinel_quorum",),
                    description="Whether enough Sentinels are there for a failover. Empty where there is none.",
                    legend="{{job}} {{master_name}}",
                    threshold_of="RedisSentinelNoQuorum",
                ),
                Panel(
                    key="sentinel-master-ok",
                    title="Masters as the Sentinels see them",
                    queries=("redis.sentinel_master_ok",),
                    description="Whether a master is healthy to all Sentinels that watch it.",
                    legend="{{job}} {{master_name}}",
                ),
            ),
            collapsed=True,
        ),
        Row(
            title="Load",
            panels=(
                Panel(
                    key="commands-rate",
                    title="Commands",
                    queries=("redis.commands_rate",),
                    description="Commands per second, of all kinds.",
                    legend=_EACH,
                ),
                Panel(
                    key="command-duration",
                    title="Duration of a command",
                    queries=("redis.command_duration",),
                    description="Mean time in the server by command. One slow command holds up all others.",
                    legend="{{cmd}}",
                ),
                Panel(
                    key="command-p99",
                    title="99th percentile of a command",
                    queries=("redis.command_p99",),
                    description="Of all calls since the server started, as Redis itself computes it.",
                    legend="{{cmd}}",
                ),
                Panel(
                    key="slowlog-length",
                    title="Slow log",
                    queries=("redis.slowlog_length",),
                    description=(
                        "Entries in the slow log, which keeps 128 by default: a full one says that it happens often."
                    ),
                    legend=_EACH,
                ),
                Panel(
                    key="network-out-rate",
                    title="Bytes sent",
                    queries=("redis.network_out_rate",),
                    description="Large replies fill a network before they fill a processor.",
                    legend=_EACH,
                ),
                Panel(
                    key="expired-keys-rate",
                    title="Keys expired",
                    queries=("redis.expired_keys_rate",),
                    description="Keys that reached their time to live.",
                    legend=_EACH,
                ),
                Panel(
                    key="keys",
                    title="Keys",
                    queries=(q.sum_by(REDIS_DB_KEYS, "instance", "db"),),
                    description="Keys by database.",
                    legend="{{instance}} {{db}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
