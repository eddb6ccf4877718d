"""Redis: names, kinds and labels as redis_exporter has them."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Info, Polarity, Signal
from watchkeeper.units import BYTES, ONE, PERCENT, RATIO, SECONDS, UNIX_TIME, Unit

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "redis_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_REPLICA = "a replica: the server follows a master"
_MASTER = "a replica that is connected to this server"
_LATENCY = "latency-monitor-threshold above 0 in redis.conf, and an event above it"
_ERRORS = "a command that was answered with an error"
_MASTER_LABELS = ("master_host", "master_port")
_SLAVE_LABELS = ("slave_ip", "slave_port", "slave_state")


def _gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = (),
    requires: str | None = None,
) -> Gauge:
    return Gauge(f"redis_{name}", help, unit, labels, polarity, requires, _ORIGIN)


def _counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = (),
    requires: str | None = None,
) -> Counter:
    return Counter(f"redis_{name}", help, unit, labels, polarity, requires, _ORIGIN)


# Server
REDIS_UP = _gauge("up", "Whether the server answered the last scrape.", ONE, _LOW)
REDIS_INSTANCE_INFO = Info(
    "redis_instance_info",
    "Version, mode and role of the server.",
    labels=(
        "maxmemory_policy",
        "os",
        "process_id",
        "redis_build_id",
        "redis_mode",
        "redis_version",
        "role",
        "run_id",
        "tcp_port",
    ),
    origin=_ORIGIN,
)
REDIS_UPTIME_IN_SECONDS = _gauge("uptime_in_seconds", "Time since the server started.", SECONDS, _LOW)
REDIS_START_TIME_SECONDS = _gauge("start_time_seconds", "When the server started.", UNIX_TIME)
REDIS_PROCESS_ID = _gauge("process_id", "Process id of the server.")
REDIS_LOADING_DUMP_FILE = _gauge("loading_dump_file", "Whether the server is loading its data set.", ONE, _HIGH)
REDIS_CLUSTER_ENABLED = _gauge("cluster_enabled", "Whether the server is part of a cluster.")
REDIS_CONFIG_MAXCLIENTS = _gauge("config_maxclients", "Largest number of clients (maxclients).")
REDIS_CONFIG_MAXMEMORY = _gauge("config_maxmemory", "Memory limit of the configuration, 0 for none.", BYTES)
REDIS_CONFIG_IO_THREADS = _gauge("config_io_threads", "Configured I/O threads.")
REDIS_IO_THREADS_ACTIVE = _gauge("io_threads_active", "Whether I/O threads are active.")

# Clients
REDIS_CONNECTED_CLIENTS = _gauge("connected_clients", "Connected clients, without replicas.", ONE, _HIGH)
REDIS_BLOCKED_CLIENTS = _gauge("blocked_clients", "Clients that wait in a blocking call.", ONE, _HIGH)
REDIS_TRACKING_CLIENTS = _gauge("tracking_clients", "Clients with server-assisted caching.")
REDIS_CLIENTS_IN_TIMEOUT_TABLE = _gauge("clients_in_timeout_table", "Clients in the table of timeouts.")
REDIS_CLUSTER_CONNECTIONS = _gauge("cluster_connections", "Sockets of the cluster bus.")
REDIS_CLIENT_RECENT_MAX_INPUT_BUFFER_BYTES = _gauge(
    "client_recent_max_input_buffer_bytes", "Largest recent input buffer of a client.", BYTES, _HIGH
)
REDIS_CLIENT_RECENT_MAX_OUTPUT_BUFFER_BYTES = _gauge(
    "client_recent_max_output_buffer_bytes", "Largest recent output buffer of a client.", BYTES, _HIGH
)
REDIS_CONNECTIONS_RECEIVED_TOTAL = _counter("connections_received_total", "Connections accepted.")
REDIS_REJECTED_CONNECTIONS_TOTAL = _counter(
    "rejected_connections_total", "Connections refused because of maxclients.", ONE, _HIGH
)

# Memory
REDIS_MEMORY_USED_BYTES = _gauge("memory_used_bytes", "Memory that the allocator gave out.", BYTES, _HIGH)
REDIS_MEMORY_MAX_BYTES = _gauge("memory_max_bytes", "Memory limit in force (maxmemory), 0 for none.", BYTES)
REDIS_MEMORY_USED_RSS_BYTES = _gauge("memory_used_rss_bytes", "Resident memory of the server.", BYTES, _HIGH)
REDIS_MEMORY_USED_PEAK_BYTES = _gauge("memory_used_peak_bytes", "Most memory ever used.", BYTES)
REDIS_MEMORY_USED_DATASET_BYTES = _gauge("memory_used_dataset_bytes", "Memory of the data set.", BYTES)
REDIS_MEMORY_USED_OVERHEAD_BYTES = _gauge("memory_used_overhead_bytes", "Memory for managing the data.", BYTES)
REDIS_MEMORY_USED_STARTUP_BYTES = _gauge("memory_used_startup_bytes", "Memory used at start.", BYTES)
REDIS_MEMORY_USED_LUA_BYTES = _gauge("memory_used_lua_bytes", "Memory of the Lua engine.", BYTES)
REDIS_MEMORY_USED_SCRIPTS_BYTES = _gauge("memory_used_scripts_bytes", "Memory of cached scripts.", BYTES)
REDIS_NUMBER_OF_CACHED_SCRIPTS = _gauge("number_of_cached_scripts", "Cached Lua scripts.")
REDIS_MEM_FRAGMENTATION_RATIO = _gauge("mem_fragmentation_ratio", "Resident memory over memory in use.", RATIO, _HIGH)
REDIS_MEM_FRAGMENTATION_BYTES = _gauge("mem_fragmentation_bytes", "Resident memory less memory in use.", BYTES, _HIGH)
REDIS_MEM_CLIENTS_NORMAL = _gauge("mem_clients_normal", "Memory of ordinary clients.", BYTES, _HIGH)
REDIS_MEM_CLIENTS_SLAVES = _gauge("mem_clients_slaves", "Memory of the buffers of replicas.", BYTES, _HIGH)
REDIS_MEM_NOT_COUNTED_FOR_EVICTION_BYTES = _gauge(
    "mem_not_counted_for_eviction_bytes", "Memory that maxmemory does not count.", BYTES
)
REDIS_ALLOCATOR_ACTIVE_BYTES = _gauge("allocator_active_bytes", "Active pages of the allocator.", BYTES)
REDIS_ALLOCATOR_ALLOCATED_BYTES = _gauge("allocator_allocated_bytes", "Bytes that the allocator gave.", BYTES)
REDIS_ALLOCATOR_RESIDENT_BYTES = _gauge("allocator_resident_bytes", "Resident bytes of the allocator.", BYTES)
REDIS_ALLOCATOR_FRAG_BYTES = _gauge("allocator_frag_bytes", "External fragmentation.", BYTES, _HIGH)
REDIS_ALLOCATOR_FRAG_RATIO = _gauge("allocator_frag_ratio", "Active over allocated bytes.", RATIO, _HIGH)
REDIS_ALLOCATOR_RSS_BYTES = _gauge("allocator_rss_bytes", "Resident less active bytes.", BYTES)
REDIS_ALLOCATOR_RSS_RATIO = _gauge("allocator_rss_ratio", "Resident over active bytes.", RATIO)
REDIS_LAZYFREE_PENDING_OBJECTS = _gauge("lazyfree_pending_objects", "Objects that wait to be freed.", ONE, _HIGH)
REDIS_ACTIVE_DEFRAG_RUNNING = _gauge("active_defrag_running", "Whether active defragmentation runs.")
REDIS_DEFRAG_HITS = _gauge("defrag_hits", "Values moved by defragmentation.")
REDIS_DEFRAG_MISSES = _gauge("defrag_misses", "Values not moved by defragmentation.")
REDIS_DEFRAG_KEY_HITS = _gauge("defrag_key_hits", "Keys that defragmentation moved.")
REDIS_DEFRAG_KEY_MISSES = _gauge("defrag_key_misses", "Keys that defragmentation skipped.")

# Keys
REDIS_DB_KEYS = _gauge("db_keys", "Keys in a database.", ONE, _NEUTRAL, ("db",))
REDIS_DB_KEYS_EXPIRING = _gauge("db_keys_expiring", "Keys with an expiry in a database.", ONE, _NEUTRAL, ("db",))
REDIS_DB_AVG_TTL_SECONDS = _gauge(
    "db_avg_ttl_seconds",
    "Mean time to live of keys.",
    SECONDS,
    _NEUTRAL,
    ("db",),
    "a database that holds keys",
)
REDIS_KEYSPACE_HITS_TOTAL = _counter("keyspace_hits_total", "Lookups that found their key.")
REDIS_KEYSPACE_MISSES_TOTAL = _counter("keyspace_misses_total", "Lookups of a missing key.", ONE, _HIGH)
REDIS_EVICTED_KEYS_TOTAL = _counter("evicted_keys_total", "Keys evicted for want of memory.", ONE, _HIGH)
REDIS_EXPIRED_KEYS_TOTAL = _counter("expired_keys_total", "Keys that expired.")
REDIS_EXPIRED_STALE_PERCENTAGE = _gauge(
    "expired_stale_percentage", "Estimated share of keys expired but still in memory.", PERCENT, _HIGH
)
REDIS_EXPIRED_TIME_CAP_REACHED_TOTAL = _gauge(
    "expired_time_cap_reached_total", "Expiry cycles that ran out of time.", ONE, _HIGH
)

# Commands
REDIS_COMMANDS_PROCESSED_TOTAL = _counter("commands_processed_total", "Commands processed.")
REDIS_COMMANDS_TOTAL = _counter("commands_total", "Calls of a command.", ONE, _NEUTRAL, ("cmd",))
REDIS_COMMANDS_DURATION_SECONDS_TOTAL = _counter(
    "commands_duration_seconds_total", "Time spent in a command.", SECONDS, _HIGH, ("cmd",)
)
REDIS_COMMANDS_FAILED_CALLS_TOTAL = _counter(
    "commands_failed_calls_total", "Calls that failed while they ran.", ONE, _HIGH, ("cmd",)
)
REDIS_COMMANDS_REJECTED_CALLS_TOTAL = _counter(
    "commands_rejected_calls_total", "Calls refused before they ran.", ONE, _HIGH, ("cmd",)
)
REDIS_ERRORS_TOTAL = _counter("errors_total", "Error replies by their prefix.", ONE, _HIGH, ("err",), _ERRORS)
REDIS_TOTAL_ERROR_REPLIES = _counter("total_error_replies", "Error replies.", ONE, _HIGH)
REDIS_UNEXPECTED_ERROR_REPLIES = _counter("unexpected_error_replies", "Unexpected error replies.", ONE, _HIGH)
REDIS_DUMP_PAYLOAD_SANITIZATIONS = _counter("dump_payload_sanitizations", "Deep checks of dump payloads.")
REDIS_SLOWLOG_LENGTH = _gauge("slowlog_length", "Entries in the slow log.", ONE, _HIGH)
REDIS_SLOWLOG_LAST_ID = _gauge("slowlog_last_id", "Identifier of the newest slow-log entry.")
REDIS_LAST_SLOW_EXECUTION_DURATION_SECONDS = _gauge(
    "last_slow_execution_duration_seconds", "Duration of the newest slow-log entry.", SECONDS, _HIGH
)
REDIS_LATENCY_SPIKE_LAST = _gauge(
    "latency_spike_last",
    "When the last latency spike of an event was.",
    UNIX_TIME,
    _NEUTRAL,
    ("event_name",),
    _LATENCY,
)
REDIS_LATENCY_SPIKE_DURATION_SECONDS = _gauge(
    "latency_spike_duration_seconds",
    "Length of the last latency spike of an event.",
    SECONDS,
    _HIGH,
    ("event_name",),
    _LATENCY,
)

# Network, processor
REDIS_NET_INPUT_BYTES_TOTAL = _counter("net_input_bytes_total", "Bytes received.", BYTES)
REDIS_NET_OUTPUT_BYTES_TOTAL = _counter("net_output_bytes_total", "Bytes sent.", BYTES)
REDIS_TOTAL_READS_PROCESSED = _counter("total_reads_processed", "Read events.")
REDIS_TOTAL_WRITES_PROCESSED = _counter("total_writes_processed", "Write events.")
REDIS_IO_THREADED_READS_PROCESSED = _counter("io_threaded_reads_processed", "Read events in I/O threads.")
REDIS_IO_THREADED_WRITES_PROCESSED = _counter("io_threaded_writes_processed", "Write events in I/O threads.")
REDIS_CPU_SYS_SECONDS_TOTAL = _counter("cpu_sys_seconds_total", "System time of the server.", SECONDS, _HIGH)
REDIS_CPU_USER_SECONDS_TOTAL = _counter("cpu_user_seconds_total", "User time of the server.", SECONDS, _HIGH)
REDIS_CPU_SYS_CHILDREN_SECONDS_TOTAL = _counter("cpu_sys_children_seconds_total", "System time of children.", SECONDS)
REDIS_CPU_USER_CHILDREN_SECONDS_TOTAL = _counter("cpu_user_children_seconds_total", "User time of children.", SECONDS)
REDIS_CPU_SYS_MAIN_THREAD_SECONDS_TOTAL = _counter(
    "cpu_sys_main_thread_seconds_total", "System time of the main thread.", SECONDS, _HIGH
)
REDIS_CPU_USER_MAIN_THREAD_SECONDS_TOTAL = _counter(
    "cpu_user_main_thread_seconds_total", "User time of the main thread.", SECONDS, _HIGH
)
REDIS_LATEST_FORK_SECONDS = _gauge("latest_fork_seconds", "Duration of the last fork.", SECONDS, _HIGH)
REDIS_MIGRATE_CACHED_SOCKETS_TOTAL = _gauge("migrate_cached_sockets_total", "Sockets open for MIGRATE.")
REDIS_PUBSUB_CHANNELS = _gauge("pubsub_channels", "Channels with subscribers.")
REDIS_PUBSUB_PATTERNS = _gauge("pubsub_patterns", "Patterns with subscribers.")
REDIS_TRACKING_TOTAL_KEYS = _gauge("tracking_total_keys", "Keys tracked for clients.")
REDIS_TRACKING_TOTAL_ITEMS = _gauge("tracking_total_items", "Pairs of key and client tracked.")
REDIS_TRACKING_TOTAL_PREFIXES = _gauge("tracking_total_prefixes", "Prefixes tracked for clients.")

# Persistence
REDIS_RDB_LAST_BGSAVE_STATUS = _gauge("rdb_last_bgsave_status", "Whether the last snapshot succeeded.", ONE, _LOW)
REDIS_RDB_LAST_SAVE_TIMESTAMP_SECONDS = _gauge(
    "rdb_last_save_timestamp_seconds", "When the last good snapshot was written.", UNIX_TIME
)
REDIS_RDB_CHANGES_SINCE_LAST_SAVE = _gauge(
    "rdb_changes_since_last_save", "Changes since the last good snapshot.", ONE, _HIGH
)
REDIS_RDB_BGSAVE_IN_PROGRESS = _gauge("rdb_bgsave_in_progress", "Whether a snapshot is being written.")
REDIS_RDB_LAST_BGSAVE_DURATION_SEC = _gauge(
    "rdb_last_bgsave_duration_sec", "Duration of the last snapshot, -1 for none.", SECONDS
)
REDIS_RDB_CURRENT_BGSAVE_DURATION_SEC = _gauge(
    "rdb_current_bgsave_duration_sec", "Duration of the running snapshot, -1 for none.", SECONDS
)
REDIS_RDB_LAST_COW_SIZE_BYTES = _gauge("rdb_last_cow_size_bytes", "Memory copied during a snapshot.", BYTES, _HIGH)
REDIS_AOF_ENABLED = _gauge("aof_enabled", "Whether the append-only file is on.")
REDIS_AOF_LAST_WRITE_STATUS = _gauge(
    "aof_last_write_status", "Whether the last write to the append-only file succeeded.", ONE, _LOW
)
REDIS_AOF_LAST_BGREWRITE_STATUS = _gauge(
    "aof_last_bgrewrite_status", "Whether the last rewrite of the append-only file succeeded.", ONE, _LOW
)
REDIS_AOF_REWRITE_IN_PROGRESS = _gauge("aof_rewrite_in_progress", "Whether the append-only file is being rewritten.")
REDIS_AOF_REWRITE_SCHEDULED = _gauge("aof_rewrite_scheduled", "Whether a rewrite of the append-only file is scheduled.")
REDIS_AOF_LAST_REWRITE_DURATION_SEC = _gauge(
    "aof_last_rewrite_duration_sec",
    "Duration of the last rewrite of the append-only file, -1 for none.",
    SECONDS,
)
REDIS_AOF_CURRENT_REWRITE_DURATION_SEC = _gauge(
    "aof_current_rewrite_duration_sec", "Duration of the running rewrite, -1 for none.", SECONDS
)
REDIS_AOF_LAST_COW_SIZE_BYTES = _gauge(
    "aof_last_cow_size_bytes", "Memory copied while the append-only file was rewritten.", BYTES, _HIGH
)
REDIS_MODULE_FORK_IN_PROGRESS = _gauge("module_fork_in_progress", "Whether a module has forked.")
REDIS_MODULE_FORK_LAST_COW_SIZE = _gauge("module_fork_last_cow_size", "Memory copied for a module.", BYTES)

# Replication
REDIS_CONNECTED_SLAVES = _gauge("connected_slaves", "Connected replicas.", ONE, _LOW)
REDIS_CONNECTED_SLAVE_OFFSET_BYTES = _gauge(
    "connected_slave_offset_bytes", "Offset that a replica has.", BYTES, _NEUTRAL, _SLAVE_LABELS, _MASTER
)
REDIS_CONNECTED_SLAVE_LAG_SECONDS = _gauge(
    "connected_slave_lag_seconds",
    "Time since a replica last answered.",
    SECONDS,
    _HIGH,
    _SLAVE_LABELS,
    _MASTER,
)
REDIS_MASTER_LINK_UP = _gauge(
    "master_link_up", "Whether the link to the master is up.", ONE, _LOW, _MASTER_LABELS, _REPLICA
)
REDIS_MASTER_LAST_IO_SECONDS_AGO = _gauge(
    "master_last_io_seconds_ago", "Time since the master was heard.", SECONDS, _HIGH, _MASTER_LABELS, _REPLICA
)
REDIS_MASTER_SYNC_IN_PROGRESS = _gauge(
    "master_sync_in_progress", "Whether a full synchronisation runs.", ONE, _HIGH, _MASTER_LABELS, _REPLICA
)
REDIS_SLAVE_REPL_OFFSET = _gauge(
    "slave_repl_offset", "Offset that this replica has.", BYTES, _NEUTRAL, _MASTER_LABELS, _REPLICA
)
REDIS_SLAVE_INFO = Info(
    "redis_slave_info",
    "Which master the replica follows.",
    labels=(*_MASTER_LABELS, "read_only"),
    requires=_REPLICA,
    origin=_ORIGIN,
)
REDIS_SLAVE_PRIORITY = _gauge("slave_priority", "Priority for a failover.", ONE, _NEUTRAL, (), _REPLICA)
REDIS_SLAVE_EXPIRES_TRACKED_KEYS = _gauge("slave_expires_tracked_keys", "Keys a writable replica expires itself.")
REDIS_MASTER_REPL_OFFSET = _gauge("master_repl_offset", "Replication offset of the server.", BYTES)
REDIS_SECOND_REPL_OFFSET = _gauge("second_repl_offset", "Offset up to which the second id counts.", BYTES)
REDIS_REPLICA_RESYNCS_FULL = _gauge("replica_resyncs_full", "Full synchronisations with replicas.", ONE, _HIGH)
REDIS_REPLICA_PARTIAL_RESYNC_ACCEPTED = _gauge("replica_partial_resync_accepted", "Partial synchronisations accepted.")
REDIS_REPLICA_PARTIAL_RESYNC_DENIED = _gauge(
    "replica_partial_resync_denied", "Partial synchronisations denied.", ONE, _HIGH
)
REDIS_REPLICATION_BACKLOG_BYTES = _gauge("replication_backlog_bytes", "Size of the replication backlog.", BYTES)
REDIS_REPL_BACKLOG_IS_ACTIVE = _gauge("repl_backlog_is_active", "Whether the replication backlog is in use.")
REDIS_REPL_BACKLOG_FIRST_BYTE_OFFSET = _gauge(
    "repl_backlog_first_byte_offset", "Offset of the first byte in the replication backlog.", BYTES
)
REDIS_REPL_BACKLOG_HISTORY_BYTES = _gauge(
    "repl_backlog_history_bytes", "Bytes of data in the replication backlog.", BYTES
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="redis",
    title="Redis",
    summary="An in-memory data store: cache, queue, session store.",
    collected="ours",
    signals=SIGNALS,
    exporter="redis_exporter",
    tested_against="Redis 7.0.15, redis_exporter 1.45.0",
)

_HITS, _MISSES = q.rate(REDIS_KEYSPACE_HITS_TOTAL), q.rate(REDIS_KEYSPACE_MISSES_TOTAL)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="redis.up", title="Whether the server answers", query=q.min_by(REDIS_UP, "job", "instance")),
    NamedQuery(
        key="redis.memory_used_bytes",
        title="Memory in use",
        query=q.max_by(REDIS_MEMORY_USED_BYTES, "job", "instance"),
    ),
    # maxmemory 0 means no limit: such a server has no ratio.
    NamedQuery(
        key="redis.memory_used_ratio",
        title="Memory in use over maxmemory",
        query=q.max_by(q.ratio(REDIS_MEMORY_USED_BYTES, q.value(REDIS_MEMORY_MAX_BYTES) > 0), "job", "instance"),
    ),
    NamedQuery(
        key="redis.connected_clients",
        title="Connected clients",
        query=q.max_by(REDIS_CONNECTED_CLIENTS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.clients_used_ratio",
        title="Connected clients over maxclients",
        query=q.max_by(q.ratio(REDIS_CONNECTED_CLIENTS, REDIS_CONFIG_MAXCLIENTS), "job", "instance"),
    ),
    NamedQuery(
        key="redis.blocked_clients",
        title="Clients that wait in a blocking call",
        query=q.max_by(REDIS_BLOCKED_CLIENTS, "job", "instance"),
    ),
    NamedQuery(
        key="redis.rejected_connections_rate",
        title="Connections refused per second",
        query=q.sum_by(q.rate(REDIS_REJECTED_CONNECTIONS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.evicted_keys_rate",
        title="Keys evicted per second",
        query=q.sum_by(q.rate(REDIS_EVICTED_KEYS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.expired_keys_rate",
        title="Keys expired per second",
        query=q.sum_by(q.rate(REDIS_EXPIRED_KEYS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.hit_ratio",
        title="Share of lookups that found their key",
        query=q.ratio(q.sum_by(_HITS, "job", "instance"), q.sum_by(_HITS + _MISSES, "job", "instance")),
    ),
    NamedQuery(
        key="redis.commands_rate",
        title="Commands per second",
        query=q.sum_by(q.rate(REDIS_COMMANDS_PROCESSED_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="redis.command_duration",
        title="Mean duration of a command, by command",
        query=q.ratio(
            q.sum_by(q.rate(REDIS_COMMANDS_DURATION_SECONDS_TOTAL), "cmd"),
            q.sum_by(q.rate(REDIS_COMMANDS_TOTAL), "cmd") > 0,
        ),
    ),
    NamedQuery(
        key="redis.error_replies_rate",
        title="Error replies per second",
        query=q.sum_by(q.rate(REDIS_TOTAL_ERROR_REPLIES), "job", "instance"),
    ),
    NamedQuery(
        key="redis.slowlog_length",
        title="Entries in the slow log",
        query=q.max_by(REDIS_SLOWLOG_LENGTH, "job", "instance"),
    ),
    NamedQuery(
        key="redis.network_out_rate",
        title="Bytes sent per second",
        query=q.sum_by(q.rate(REDIS_NET_OUTPUT_BYTES_TOTAL), "job", "instance"),
    ),
)
