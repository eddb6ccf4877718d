"""Redis: what INFO, CONFIG GET, SLOWLOG and LATENCY say of a server, by the names of redis_exporter."""

from __future__ import annotations

from watchkeeper.borrowed import Borrowed
from watchkeeper.signals import Histogram, Info, Polarity, Signal, Summary
from watchkeeper.units import BYTES, MICROSECONDS, MILLISECONDS, ONE, PERCENT, RATIO, SECONDS, UNIX_TIME

__all__ = ["SIGNALS", "counter", "gauge"]

_ORIGIN = "redis_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_REPLICA = "a replica: the server follows a master"
_MASTER = "a replica that is connected to this server"
_LATENCY = "latency-monitor-threshold above 0 in redis.conf, and an event above it"
_ERRORS = "a command that was answered with an error"
_AOF = "appendonly yes in redis.conf"
_COMMANDS = "a command that was called since the server started"
_7_2, _7_4, _8_0 = (f"Redis {version} or later" for version in ("7.2", "7.4", "8.0"))
_MASTER_LABELS = ("master_host", "master_port")
_SLAVE_LABELS = ("slave_ip", "slave_port", "slave_state")


_names = Borrowed("redis_", _ORIGIN)
gauge, counter = _names.gauge, _names.counter


# Server
REDIS_UP = gauge("up", "Whether the server answered the last scrape.", ONE, _LOW)
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
REDIS_UPTIME_IN_SECONDS = gauge("uptime_in_seconds", "Time since the server started.", SECONDS, _LOW)
REDIS_START_TIME_SECONDS = gauge("start_time_seconds", "When the server started.", UNIX_TIME)
REDIS_PROCESS_ID = gauge("process_id", "Process id of the server.")
REDIS_LOADING_DUMP_FILE = gauge("loading_dump_file", "Whether the server is loading its data set.", ONE, _HIGH)
REDIS_CLUSTER_ENABLED = gauge("cluster_enabled", "Whether the server is part of a cluster.")
REDIS_CONFIG_MAXCLIENTS = gauge("config_maxclients", "Largest number of clients (maxclients).")
REDIS_CONFIG_MAXMEMORY = gauge("config_maxmemory", "Memory limit of the configuration, 0 for none.", BYTES)
REDIS_CONFIG_IO_THREADS = gauge("config_io_threads", "Configured I/O threads.")
REDIS_IO_THREADS_ACTIVE = gauge("io_threads_active", "Whether I/O threads are active.")

# Clients
REDIS_CONNECTED_CLIENTS = gauge("connected_clients", "Connected clients, without replicas.", ONE, _HIGH)
REDIS_BLOCKED_CLIENTS = gauge("blocked_clients", "Clients that wait in a blocking call.", ONE, _HIGH)
REDIS_TRACKING_CLIENTS = gauge("tracking_clients", "Clients with server-assisted caching.")
REDIS_CLIENTS_IN_TIMEOUT_TABLE = gauge("clients_in_timeout_table", "Clients in the table of timeouts.")
REDIS_CLUSTER_CONNECTIONS = gauge("cluster_connections", "Sockets of the cluster bus.")
REDIS_CLIENT_RECENT_MAX_INPUT_BUFFER_BYTES = gauge(
    "client_recent_max_input_buffer_bytes", "Largest recent input buffer of a client.", BYTES, _HIGH
)
REDIS_CLIENT_RECENT_MAX_OUTPUT_BUFFER_BYTES = gauge(
    "client_recent_max_output_buffer_bytes", "Largest recent output buffer of a client.", BYTES, _HIGH
)
REDIS_CONNECTIONS_RECEIVED_TOTAL = counter("connections_received_total", "Connections accepted.")
REDIS_REJECTED_CONNECTIONS_TOTAL = counter(
    "rejected_connections_total", "Connections refused because of maxclients.", ONE, _HIGH
)

# Memory
REDIS_MEMORY_USED_BYTES = gauge("memory_used_bytes", "Memory that the allocator gave out.", BYTES, _HIGH)
REDIS_MEMORY_MAX_BYTES = gauge("memory_max_bytes", "Memory limit in force (maxmemory), 0 for none.", BYTES)
REDIS_MEMORY_USED_RSS_BYTES = gauge("memory_used_rss_bytes", "Resident memory of the server.", BYTES, _HIGH)
REDIS_MEMORY_USED_PEAK_BYTES = gauge("memory_used_peak_bytes", "Most memory ever used.", BYTES)
REDIS_MEMORY_USED_DATASET_BYTES = gauge("memory_used_dataset_bytes", "Memory of the data set.", BYTES)
REDIS_MEMORY_USED_OVERHEAD_BYTES = gauge("memory_used_overhead_bytes", "Memory for managing the data.", BYTES)
REDIS_MEMORY_USED_STARTUP_BYTES = gauge("memory_used_startup_bytes", "Memory used at start.", BYTES)
REDIS_MEMORY_USED_LUA_BYTES = gauge("memory_used_lua_bytes", "Memory of the Lua engine.", BYTES)
REDIS_MEMORY_USED_SCRIPTS_BYTES = gauge("memory_used_scripts_bytes", "Memory of cached scripts.", BYTES)
REDIS_MEMORY_USED_FUNCTIONS_BYTES = gauge("memory_used_functions_bytes", "Memory of functions and scripts.", BYTES)
REDIS_MEMORY_USED_SCRIPTS_EVAL_BYTES = gauge("memory_used_scripts_eval_bytes", "Memory of EVAL scripts.", BYTES)
REDIS_MEMORY_USED_VM_EVAL_BYTES = gauge("memory_used_vm_eval_bytes", "Memory of the engine of EVAL scripts.", BYTES)
REDIS_MEMORY_USED_VM_FUNCTIONS_BYTES = gauge(
    "memory_used_vm_functions_bytes", "Memory of the functions' engine.", BYTES
)
REDIS_MEMORY_USED_VM_TOTAL = gauge("memory_used_vm_total", "Memory of all script engines.", BYTES)
REDIS_TOTAL_SYSTEM_MEMORY_BYTES = gauge("total_system_memory_bytes", "Memory of the machine.", BYTES)
REDIS_NUMBER_OF_FUNCTIONS = gauge("number_of_functions", "Functions loaded.")
REDIS_NUMBER_OF_LIBRARIES = gauge("number_of_libraries", "Libraries of functions loaded.")
REDIS_NUMBER_OF_CACHED_SCRIPTS = gauge("number_of_cached_scripts", "Cached Lua scripts.")
REDIS_MEM_FRAGMENTATION_RATIO = gauge("mem_fragmentation_ratio", "Resident memory over memory in use.", RATIO, _HIGH)
REDIS_MEM_FRAGMENTATION_BYTES = gauge("mem_fragmentation_bytes", "Resident memory less memory in use.", BYTES, _HIGH)
REDIS_MEM_CLIENTS_NORMAL = gauge("mem_clients_normal", "Memory of ordinary clients.", BYTES, _HIGH)
REDIS_MEM_CLIENTS_SLAVES = gauge("mem_clients_slaves", "Memory of the buffers of replicas.", BYTES, _HIGH)
REDIS_MEM_TOTAL_REPLICATION_BUFFERS_BYTES = gauge(
    "mem_total_replication_buffers_bytes", "Memory of the buffers of replication.", BYTES, _HIGH
)
REDIS_MEM_OVERHEAD_DB_HASHTABLE_REHASHING_BYTES = gauge(
    "mem_overhead_db_hashtable_rehashing_bytes",
    "Memory of hash tables that are being resized.",
    BYTES,
    requires=_7_4,
)
REDIS_MEM_NOT_COUNTED_FOR_EVICTION_BYTES = gauge(
    "mem_not_counted_for_eviction_bytes", "Memory that maxmemory does not count.", BYTES
)
REDIS_ALLOCATOR_ACTIVE_BYTES = gauge("allocator_active_bytes", "Active pages of the allocator.", BYTES)
REDIS_ALLOCATOR_ALLOCATED_BYTES = gauge("allocator_allocated_bytes", "Bytes that the allocator gave.", BYTES)
REDIS_ALLOCATOR_RESIDENT_BYTES = gauge("allocator_resident_bytes", "Resident bytes of the allocator.", BYTES)
REDIS_ALLOCATOR_FRAG_BYTES = gauge("allocator_frag_bytes", "External fragmentation.", BYTES, _HIGH)
REDIS_ALLOCATOR_FRAG_RATIO = gauge("allocator_frag_ratio", "Active over allocated bytes.", RATIO, _HIGH)
REDIS_ALLOCATOR_RSS_BYTES = gauge("allocator_rss_bytes", "Resident less active bytes.", BYTES)
REDIS_ALLOCATOR_RSS_RATIO = gauge("allocator_rss_ratio", "Resident over active bytes.", RATIO)
REDIS_LAZYFREE_PENDING_OBJECTS = gauge("lazyfree_pending_objects", "Objects that wait to be freed.", ONE, _HIGH)
REDIS_ACTIVE_DEFRAG_RUNNING = gauge("active_defrag_running", "Whether active defragmentation runs.")
REDIS_DEFRAG_HITS = gauge("defrag_hits", "Values moved by defragmentation.")
REDIS_DEFRAG_MISSES = gauge("defrag_misses", "Values not moved by defragmentation.")
REDIS_DEFRAG_KEY_HITS = gauge("defrag_key_hits", "Keys that defragmentation moved.")
REDIS_DEFRAG_KEY_MISSES = gauge("defrag_key_misses", "Keys that defragmentation skipped.")

# Keys
REDIS_DB_KEYS = gauge("db_keys", "Keys in a database.", ONE, _NEUTRAL, ("db",))
REDIS_DB_KEYS_EXPIRING = gauge("db_keys_expiring", "Keys with an expiry in a database.", ONE, _NEUTRAL, ("db",))
REDIS_DB_AVG_TTL_SECONDS = gauge(
    "db_avg_ttl_seconds",
    "Mean time to live of keys.",
    SECONDS,
    _NEUTRAL,
    ("db",),
    "a database that holds keys",
)
REDIS_KEYSPACE_HITS_TOTAL = counter("keyspace_hits_total", "Lookups that found their key.")
REDIS_KEYSPACE_MISSES_TOTAL = counter("keyspace_misses_total", "Lookups of a missing key.", ONE, _HIGH)
REDIS_EVICTED_KEYS_TOTAL = counter("evicted_keys_total", "Keys evicted for want of memory.", ONE, _HIGH)
REDIS_EXPIRED_KEYS_TOTAL = counter("expired_keys_total", "Keys that expired.")
REDIS_EXPIRED_STALE_PERCENTAGE = gauge(
    "expired_stale_percentage", "Estimated share of keys expired but still in memory.", PERCENT, _HIGH
)
REDIS_EXPIRED_TIME_CAP_REACHED_TOTAL = gauge(
    "expired_time_cap_reached_total", "Expiry cycles that ran out of time.", ONE, _HIGH
)
REDIS_EXPIRED_SUBKEYS_TOTAL = counter("expired_subkeys_total", "Fields of hashes that expired.", requires=_7_4)
REDIS_EXPIRE_CYCLE_CPU_TIME_MS_TOTAL = counter(
    "expire_cycle_cpu_time_ms_total", "Time spent on expiring keys.", MILLISECONDS
)
REDIS_EVICTED_CLIENTS_TOTAL = counter(
    "evicted_clients_total", "Clients disconnected because of maxmemory-clients.", ONE, _HIGH
)
REDIS_EVICTED_SCRIPTS_TOTAL = counter("evicted_scripts_total", "EVAL scripts evicted.", requires=_7_4)
REDIS_EVICTION_EXCEEDED_TIME_MS_TOTAL = counter(
    "eviction_exceeded_time_ms_total", "Time during which more than maxmemory was used.", MILLISECONDS, _HIGH
)
REDIS_CURRENT_EVICTION_EXCEEDED_TIME_MS = gauge(
    "current_eviction_exceeded_time_ms", "How long more than maxmemory has been in use.", MILLISECONDS, _HIGH
)

# Commands
REDIS_COMMANDS_PROCESSED_TOTAL = counter("commands_processed_total", "Commands processed.")
REDIS_COMMANDS_TOTAL = counter("commands_total", "Calls of a command.", ONE, _NEUTRAL, ("cmd",))
REDIS_COMMANDS_DURATION_SECONDS_TOTAL = counter(
    "commands_duration_seconds_total", "Time spent in a command.", SECONDS, _HIGH, ("cmd",)
)
REDIS_COMMANDS_FAILED_CALLS_TOTAL = counter(
    "commands_failed_calls_total", "Calls that failed while they ran.", ONE, _HIGH, ("cmd",)
)
REDIS_COMMANDS_REJECTED_CALLS_TOTAL = counter(
    "commands_rejected_calls_total", "Calls refused before they ran.", ONE, _HIGH, ("cmd",)
)
REDIS_ERRORS_TOTAL = counter("errors_total", "Error replies by their prefix.", ONE, _HIGH, ("err",), _ERRORS)
REDIS_TOTAL_ERROR_REPLIES = counter("total_error_replies", "Error replies.", ONE, _HIGH)
REDIS_UNEXPECTED_ERROR_REPLIES = counter("unexpected_error_replies", "Unexpected error replies.", ONE, _HIGH)
REDIS_DUMP_PAYLOAD_SANITIZATIONS = counter("dump_payload_sanitizations", "Deep checks of dump payloads.")
REDIS_LATENCY_PERCENTILES_USEC = Summary(
    "redis_latency_percentiles_usec",
    "Time of the calls of a command, as percentiles (quantile is 50, 99, 99.9).",
    MICROSECONDS,
    ("cmd",),
    _HIGH,
    "latency-tracking yes, as it is by default",
    _ORIGIN,
)
REDIS_COMMANDS_LATENCIES_USEC = Histogram(
    "redis_commands_latencies_usec",
    "Time of the calls of a command.",
    MICROSECONDS,
    ("cmd",),
    _HIGH,
    "the option latency_histogram",
    _ORIGIN,
)
REDIS_ACL_ACCESS_DENIED_AUTH_TOTAL = counter(
    "acl_access_denied_auth_total", "Logins that were refused.", ONE, _HIGH, requires=_7_2
)
REDIS_ACL_ACCESS_DENIED_CMD_TOTAL = counter(
    "acl_access_denied_cmd_total", "Calls refused because the user may not use the command.", ONE, _HIGH, requires=_7_2
)
REDIS_ACL_ACCESS_DENIED_KEY_TOTAL = counter(
    "acl_access_denied_key_total", "Calls refused because the user may not use the key.", ONE, _HIGH, requires=_7_2
)
REDIS_ACL_ACCESS_DENIED_CHANNEL_TOTAL = counter(
    "acl_access_denied_channel_total",
    "Calls refused because the user may not use the channel.",
    ONE,
    _HIGH,
    requires=_7_2,
)
REDIS_SLOWLOG_LENGTH = gauge("slowlog_length", "Entries in the slow log.", ONE, _HIGH)
REDIS_SLOWLOG_LAST_ID = gauge("slowlog_last_id", "Identifier of the newest slow-log entry.")
REDIS_LAST_SLOW_EXECUTION_DURATION_SECONDS = gauge(
    "last_slow_execution_duration_seconds", "Duration of the newest slow-log entry.", SECONDS, _HIGH
)
REDIS_LATENCY_SPIKE_LAST = gauge(
    "latency_spike_last",
    "When the last latency spike of an event was.",
    UNIX_TIME,
    _NEUTRAL,
    ("event_name",),
    _LATENCY,
)
REDIS_LATENCY_SPIKE_DURATION_SECONDS = gauge(
    "latency_spike_duration_seconds",
    "Length of the last latency spike of an event.",
    SECONDS,
    _HIGH,
    ("event_name",),
    _LATENCY,
)

# Network, processor
REDIS_NET_INPUT_BYTES_TOTAL = counter("net_input_bytes_total", "Bytes received.", BYTES)
REDIS_NET_OUTPUT_BYTES_TOTAL = counter("net_output_bytes_total", "Bytes sent.", BYTES)
REDIS_TOTAL_READS_PROCESSED = counter("total_reads_processed", "Read events.")
REDIS_TOTAL_WRITES_PROCESSED = counter("total_writes_processed", "Write events.")
REDIS_IO_THREADED_READS_PROCESSED = counter("io_threaded_reads_processed", "Read events in I/O threads.")
REDIS_IO_THREADED_WRITES_PROCESSED = counter("io_threaded_writes_processed", "Write events in I/O threads.")
REDIS_NET_REPL_INPUT_BYTES_TOTAL = counter("net_repl_input_bytes_total", "Bytes received for replication.", BYTES)
REDIS_NET_REPL_OUTPUT_BYTES_TOTAL = counter("net_repl_output_bytes_total", "Bytes sent for replication.", BYTES)
REDIS_REPLY_BUFFER_SHRINKS_TOTAL = counter("reply_buffer_shrinks_total", "Times that a reply buffer was made smaller.")
REDIS_REPLY_BUFFER_EXPANDS_TOTAL = counter("reply_buffer_expands_total", "Times that a reply buffer was made larger.")
REDIS_CLIENT_QUERY_BUFFER_LIMIT_DISCONNECTIONS_TOTAL = counter(
    "client_query_buffer_limit_disconnections_total",
    "Clients disconnected because of client-query-buffer-limit.",
    ONE,
    _HIGH,
    requires=_7_4,
)
REDIS_CLIENT_OUTPUT_BUFFER_LIMIT_DISCONNECTIONS_TOTAL = counter(
    "client_output_buffer_limit_disconnections_total",
    "Clients disconnected because of client-output-buffer-limit.",
    ONE,
    _HIGH,
    requires=_7_4,
)
REDIS_CPU_SYS_SECONDS_TOTAL = counter("cpu_sys_seconds_total", "System time of the server.", SECONDS, _HIGH)
REDIS_CPU_USER_SECONDS_TOTAL = counter("cpu_user_seconds_total", "User time of the server.", SECONDS, _HIGH)
REDIS_CPU_SYS_CHILDREN_SECONDS_TOTAL = counter("cpu_sys_children_seconds_total", "System time of children.", SECONDS)
REDIS_CPU_USER_CHILDREN_SECONDS_TOTAL = counter("cpu_user_children_seconds_total", "User time of children.", SECONDS)
REDIS_CPU_SYS_MAIN_THREAD_SECONDS_TOTAL = counter(
    "cpu_sys_main_thread_seconds_total", "System time of the main thread.", SECONDS, _HIGH
)
REDIS_CPU_USER_MAIN_THREAD_SECONDS_TOTAL = counter(
    "cpu_user_main_thread_seconds_total", "User time of the main thread.", SECONDS, _HIGH
)
REDIS_LATEST_FORK_SECONDS = gauge("latest_fork_seconds", "Duration of the last fork.", SECONDS, _HIGH)
REDIS_MIGRATE_CACHED_SOCKETS_TOTAL = gauge("migrate_cached_sockets_total", "Sockets open for MIGRATE.")
REDIS_PUBSUB_CHANNELS = gauge("pubsub_channels", "Channels with subscribers.")
REDIS_PUBSUB_PATTERNS = gauge("pubsub_patterns", "Patterns with subscribers.")
REDIS_PUBSUBSHARD_CHANNELS = gauge("pubsubshard_channels", "Sharded channels with subscribers.")
REDIS_TRACKING_TOTAL_KEYS = gauge("tracking_total_keys", "Keys tracked for clients.")
REDIS_TRACKING_TOTAL_ITEMS = gauge("tracking_total_items", "Pairs of key and client tracked.")
REDIS_TRACKING_TOTAL_PREFIXES = gauge("tracking_total_prefixes", "Prefixes tracked for clients.")

# Persistence
REDIS_RDB_LAST_BGSAVE_STATUS = gauge("rdb_last_bgsave_status", "Whether the last snapshot succeeded.", ONE, _LOW)
REDIS_RDB_LAST_SAVE_TIMESTAMP_SECONDS = gauge(
    "rdb_last_save_timestamp_seconds", "When the last good snapshot was written.", UNIX_TIME
)
REDIS_RDB_CHANGES_SINCE_LAST_SAVE = gauge(
    "rdb_changes_since_last_save", "Changes since the last good snapshot.", ONE, _HIGH
)
REDIS_RDB_BGSAVE_IN_PROGRESS = gauge("rdb_bgsave_in_progress", "Whether a snapshot is being written.")
REDIS_RDB_LAST_BGSAVE_DURATION_SEC = gauge(
    "rdb_last_bgsave_duration_sec", "Duration of the last snapshot, -1 for none.", SECONDS
)
REDIS_RDB_CURRENT_BGSAVE_DURATION_SEC = gauge(
    "rdb_current_bgsave_duration_sec", "Duration of the running snapshot, -1 for none.", SECONDS
)
REDIS_RDB_LAST_COW_SIZE_BYTES = gauge("rdb_last_cow_size_bytes", "Memory copied during a snapshot.", BYTES, _HIGH)
REDIS_RDB_SAVES_TOTAL = gauge("rdb_saves_total", "Snapshots written since the server started.")
REDIS_RDB_LAST_LOAD_EXPIRED_KEYS = gauge("rdb_last_load_expired_keys", "Expired keys skipped by the last load.")
REDIS_RDB_LAST_LOAD_LOADED_KEYS = gauge("rdb_last_load_loaded_keys", "Keys loaded by the last load.")
REDIS_ASYNC_LOADING = gauge("async_loading", "Whether a replica loads a data set while it serves the old one.")
REDIS_AOF_ENABLED = gauge("aof_enabled", "Whether the append-only file is on.")
REDIS_AOF_LAST_WRITE_STATUS = gauge(
    "aof_last_write_status", "Whether the last write to the append-only file succeeded.", ONE, _LOW
)
REDIS_AOF_LAST_BGREWRITE_STATUS = gauge(
    "aof_last_bgrewrite_status", "Whether the last rewrite of the append-only file succeeded.", ONE, _LOW
)
REDIS_AOF_REWRITE_IN_PROGRESS = gauge("aof_rewrite_in_progress", "Whether the append-only file is being rewritten.")
REDIS_AOF_REWRITE_SCHEDULED = gauge("aof_rewrite_scheduled", "Whether a rewrite of the append-only file is scheduled.")
REDIS_AOF_LAST_REWRITE_DURATION_SEC = gauge(
    "aof_last_rewrite_duration_sec",
    "Duration of the last rewrite of the append-only file, -1 for none.",
    SECONDS,
)
REDIS_AOF_CURRENT_REWRITE_DURATION_SEC = gauge(
    "aof_current_rewrite_duration_sec", "Duration of the running rewrite, -1 for none.", SECONDS
)
REDIS_AOF_LAST_COW_SIZE_BYTES = gauge(
    "aof_last_cow_size_bytes", "Memory copied while the append-only file was rewritten.", BYTES, _HIGH
)
REDIS_AOF_CURRENT_SIZE_BYTES = gauge("aof_current_size_bytes", "Size of the append-only file.", BYTES, requires=_AOF)
REDIS_AOF_BASE_SIZE_BYTES = gauge(
    "aof_base_size_bytes", "Size of the append-only file after its last rewrite.", BYTES, requires=_AOF
)
REDIS_AOF_PENDING_REWRITE = gauge("aof_pending_rewrite", "Whether a rewrite waits for a snapshot.", requires=_AOF)
REDIS_AOF_BUFFER_LENGTH = gauge("aof_buffer_length", "Bytes that wait to be written.", BYTES, _HIGH, requires=_AOF)
REDIS_AOF_PENDING_BIO_FSYNC = gauge(
    "aof_pending_bio_fsync", "Calls of fsync that wait in the background.", ONE, _HIGH, requires=_AOF
)
REDIS_AOF_DELAYED_FSYNC = gauge(
    "aof_delayed_fsync", "Writes that waited because fsync took too long.", ONE, _HIGH, requires=_AOF
)
REDIS_MODULE_FORK_IN_PROGRESS = gauge("module_fork_in_progress", "Whether a module has forked.")
REDIS_MODULE_FORK_LAST_COW_SIZE = gauge("module_fork_last_cow_size", "Memory copied for a module.", BYTES)

# Replication
REDIS_CONNECTED_SLAVES = gauge("connected_slaves", "Connected replicas.", ONE, _LOW)
REDIS_CONNECTED_SLAVE_OFFSET_BYTES = gauge(
    "connected_slave_offset_bytes", "Offset that a replica has.", BYTES, _NEUTRAL, _SLAVE_LABELS, _MASTER
)
REDIS_CONNECTED_SLAVE_LAG_SECONDS = gauge(
    "connected_slave_lag_seconds",
    "Time since a replica last answered.",
    SECONDS,
    _HIGH,
    _SLAVE_LABELS,
    _MASTER,
)
REDIS_MASTER_LINK_UP = gauge(
    "master_link_up", "Whether the link to the master is up.", ONE, _LOW, _MASTER_LABELS, _REPLICA
)
REDIS_MASTER_LAST_IO_SECONDS_AGO = gauge(
    "master_last_io_seconds_ago", "Time since the master was heard.", SECONDS, _HIGH, _MASTER_LABELS, _REPLICA
)
REDIS_MASTER_SYNC_IN_PROGRESS = gauge(
    "master_sync_in_progress", "Whether a full synchronisation runs.", ONE, _HIGH, _MASTER_LABELS, _REPLICA
)
REDIS_SLAVE_REPL_OFFSET = gauge(
    "slave_repl_offset", "Offset that this replica has.", BYTES, _NEUTRAL, _MASTER_LABELS, _REPLICA
)
REDIS_SLAVE_INFO = Info(
    "redis_slave_info",
    "Which master the replica follows.",
    labels=(*_MASTER_LABELS, "read_only"),
    requires=_REPLICA,
    origin=_ORIGIN,
)
REDIS_SLAVE_PRIORITY = gauge("slave_priority", "Priority for a failover.", ONE, _NEUTRAL, (), _REPLICA)
REDIS_SLAVE_EXPIRES_TRACKED_KEYS = gauge("slave_expires_tracked_keys", "Keys a writable replica expires itself.")
REDIS_MASTER_REPL_OFFSET = gauge("master_repl_offset", "Replication offset of the server.", BYTES)
REDIS_SECOND_REPL_OFFSET = gauge("second_repl_offset", "Offset up to which the second id counts.", BYTES)
REDIS_REPLICA_RESYNCS_FULL = gauge("replica_resyncs_full", "Full synchronisations with replicas.", ONE, _HIGH)
REDIS_REPLICA_PARTIAL_RESYNC_ACCEPTED = gauge("replica_partial_resync_accepted", "Partial synchronisations accepted.")
REDIS_REPLICA_PARTIAL_RESYNC_DENIED = gauge(
    "replica_partial_resync_denied", "Partial synchronisations denied.", ONE, _HIGH
)
REDIS_REPLICATION_BACKLOG_BYTES = gauge("replication_backlog_bytes", "Size of the replication backlog.", BYTES)
REDIS_REPL_BACKLOG_IS_ACTIVE = gauge("repl_backlog_is_active", "Whether the replication backlog is in use.")
REDIS_REPL_BACKLOG_FIRST_BYTE_OFFSET = gauge(
    "repl_backlog_first_byte_offset", "Offset of the first byte in the replication backlog.", BYTES
)
REDIS_REPL_BACKLOG_HISTORY_BYTES = gauge(
    "repl_backlog_history_bytes", "Bytes of data in the replication backlog.", BYTES
)


SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
