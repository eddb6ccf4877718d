"""What the fields of Redis' INFO and CLUSTER INFO are called as signals."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.families import single
from watchkeeper.signals import Signal
from watchkeeper.systems import redis_info as s
from watchkeeper.systems import redis_modes as m

__all__ = ["FIELDS"]

# What INFO calls a signal when that is not the signal's name without its prefix.
_OTHER_KEYS: dict[str, Signal] = {
    "loading": s.REDIS_LOADING_DUMP_FILE,
    "client_recent_max_input_buffer": s.REDIS_CLIENT_RECENT_MAX_INPUT_BUFFER_BYTES,
    "client_recent_max_output_buffer": s.REDIS_CLIENT_RECENT_MAX_OUTPUT_BUFFER_BYTES,
    "total_connections_received": s.REDIS_CONNECTIONS_RECEIVED_TOTAL,
    "rejected_connections": s.REDIS_REJECTED_CONNECTIONS_TOTAL,
    "client_query_buffer_limit_disconnections": s.REDIS_CLIENT_QUERY_BUFFER_LIMIT_DISCONNECTIONS_TOTAL,
    "client_output_buffer_limit_disconnections": s.REDIS_CLIENT_OUTPUT_BUFFER_LIMIT_DISCONNECTIONS_TOTAL,
    "used_memory": s.REDIS_MEMORY_USED_BYTES,
    "maxmemory": s.REDIS_MEMORY_MAX_BYTES,
    "used_memory_rss": s.REDIS_MEMORY_USED_RSS_BYTES,
    "used_memory_peak": s.REDIS_MEMORY_USED_PEAK_BYTES,
    "used_memory_dataset": s.REDIS_MEMORY_USED_DATASET_BYTES,
    "used_memory_overhead": s.REDIS_MEMORY_USED_OVERHEAD_BYTES,
    "used_memory_startup": s.REDIS_MEMORY_USED_STARTUP_BYTES,
    "used_memory_lua": s.REDIS_MEMORY_USED_LUA_BYTES,
    "used_memory_scripts": s.REDIS_MEMORY_USED_SCRIPTS_BYTES,
    "used_memory_functions": s.REDIS_MEMORY_USED_FUNCTIONS_BYTES,
    "used_memory_scripts_eval": s.REDIS_MEMORY_USED_SCRIPTS_EVAL_BYTES,
    "used_memory_vm_eval": s.REDIS_MEMORY_USED_VM_EVAL_BYTES,
    "used_memory_vm_functions": s.REDIS_MEMORY_USED_VM_FUNCTIONS_BYTES,
    "used_memory_vm_total": s.REDIS_MEMORY_USED_VM_TOTAL,
    "total_system_memory": s.REDIS_TOTAL_SYSTEM_MEMORY_BYTES,
    "mem_not_counted_for_evict": s.REDIS_MEM_NOT_COUNTED_FOR_EVICTION_BYTES,
    "mem_total_replication_buffers": s.REDIS_MEM_TOTAL_REPLICATION_BUFFERS_BYTES,
    "mem_overhead_db_hashtable_rehashing": s.REDIS_MEM_OVERHEAD_DB_HASHTABLE_REHASHING_BYTES,
    "allocator_active": s.REDIS_ALLOCATOR_ACTIVE_BYTES,
    "allocator_allocated": s.REDIS_ALLOCATOR_ALLOCATED_BYTES,
    "allocator_resident": s.REDIS_ALLOCATOR_RESIDENT_BYTES,
    "active_defrag_hits": s.REDIS_DEFRAG_HITS,
    "active_defrag_misses": s.REDIS_DEFRAG_MISSES,
    "active_defrag_key_hits": s.REDIS_DEFRAG_KEY_HITS,
    "active_defrag_key_misses": s.REDIS_DEFRAG_KEY_MISSES,
    "keyspace_hits": s.REDIS_KEYSPACE_HITS_TOTAL,
    "keyspace_misses": s.REDIS_KEYSPACE_MISSES_TOTAL,
    "evicted_keys": s.REDIS_EVICTED_KEYS_TOTAL,
    "evicted_clients": s.REDIS_EVICTED_CLIENTS_TOTAL,
    "evicted_scripts": s.REDIS_EVICTED_SCRIPTS_TOTAL,
    "total_eviction_exceeded_time": s.REDIS_EVICTION_EXCEEDED_TIME_MS_TOTAL,
    "current_eviction_exceeded_time": s.REDIS_CURRENT_EVICTION_EXCEEDED_TIME_MS,
    "expired_keys": s.REDIS_EXPIRED_KEYS_TOTAL,
    "expired_subkeys": s.REDIS_EXPIRED_SUBKEYS_TOTAL,
    "expired_stale_perc": s.REDIS_EXPIRED_STALE_PERCENTAGE,
    "expired_time_cap_reached_count": s.REDIS_EXPIRED_TIME_CAP_REACHED_TOTAL,
    "expire_cycle_cpu_milliseconds": s.REDIS_EXPIRE_CYCLE_CPU_TIME_MS_TOTAL,
    "total_commands_processed": s.REDIS_COMMANDS_PROCESSED_TOTAL,
    "acl_access_denied_auth": s.REDIS_ACL_ACCESS_DENIED_AUTH_TOTAL,
    "acl_access_denied_cmd": s.REDIS_ACL_ACCESS_DENIED_CMD_TOTAL,
    "acl_access_denied_key": s.REDIS_ACL_ACCESS_DENIED_KEY_TOTAL,
    "acl_access_denied_channel": s.REDIS_ACL_ACCESS_DENIED_CHANNEL_TOTAL,
    "total_net_input_bytes": s.REDIS_NET_INPUT_BYTES_TOTAL,
    "total_net_output_bytes": s.REDIS_NET_OUTPUT_BYTES_TOTAL,
    "total_net_repl_input_bytes": s.REDIS_NET_REPL_INPUT_BYTES_TOTAL,
    "total_net_repl_output_bytes": s.REDIS_NET_REPL_OUTPUT_BYTES_TOTAL,
    "reply_buffer_shrinks": s.REDIS_REPLY_BUFFER_SHRINKS_TOTAL,
    "reply_buffer_expands": s.REDIS_REPLY_BUFFER_EXPANDS_TOTAL,
    "used_cpu_sys": s.REDIS_CPU_SYS_SECONDS_TOTAL,
    "used_cpu_user": s.REDIS_CPU_USER_SECONDS_TOTAL,
    "used_cpu_sys_children": s.REDIS_CPU_SYS_CHILDREN_SECONDS_TOTAL,
    "used_cpu_user_children": s.REDIS_CPU_USER_CHILDREN_SECONDS_TOTAL,
    "used_cpu_sys_main_thread": s.REDIS_CPU_SYS_MAIN_THREAD_SECONDS_TOTAL,
    "used_cpu_user_main_thread": s.REDIS_CPU_USER_MAIN_THREAD_SECONDS_TOTAL,
    "latest_fork_usec": s.REDIS_LATEST_FORK_SECONDS,
    "migrate_cached_sockets": s.REDIS_MIGRATE_CACHED_SOCKETS_TOTAL,
    "rdb_saves": s.REDIS_RDB_SAVES_TOTAL,
    "rdb_last_save_time": s.REDIS_RDB_LAST_SAVE_TIMESTAMP_SECONDS,
    "rdb_last_bgsave_time_sec": s.REDIS_RDB_LAST_BGSAVE_DURATION_SEC,
    "rdb_current_bgsave_time_sec": s.REDIS_RDB_CURRENT_BGSAVE_DURATION_SEC,
    "rdb_last_cow_size": s.REDIS_RDB_LAST_COW_SIZE_BYTES,
    "rdb_last_load_keys_expired": s.REDIS_RDB_LAST_LOAD_EXPIRED_KEYS,
    "rdb_last_load_keys_loaded": s.REDIS_RDB_LAST_LOAD_LOADED_KEYS,
    "aof_current_size": s.REDIS_AOF_CURRENT_SIZE_BYTES,
    "aof_base_size": s.REDIS_AOF_BASE_SIZE_BYTES,
    "aof_last_rewrite_time_sec": s.REDIS_AOF_LAST_REWRITE_DURATION_SEC,
    "aof_current_rewrite_time_sec": s.REDIS_AOF_CURRENT_REWRITE_DURATION_SEC,
    "aof_last_cow_size": s.REDIS_AOF_LAST_COW_SIZE_BYTES,
    "sync_full": s.REDIS_REPLICA_RESYNCS_FULL,
    "sync_partial_ok": s.REDIS_REPLICA_PARTIAL_RESYNC_ACCEPTED,
    "sync_partial_err": s.REDIS_REPLICA_PARTIAL_RESYNC_DENIED,
    "repl_backlog_size": s.REDIS_REPLICATION_BACKLOG_BYTES,
    "repl_backlog_active": s.REDIS_REPL_BACKLOG_IS_ACTIVE,
    "repl_backlog_histlen": s.REDIS_REPL_BACKLOG_HISTORY_BYTES,
    "cluster_stats_messages_sent": m.REDIS_CLUSTER_MESSAGES_SENT_TOTAL,
    "cluster_stats_messages_received": m.REDIS_CLUSTER_MESSAGES_RECEIVED_TOTAL,
}

# In microseconds, where the signal is in seconds.
_DIVISORS: dict[Signal, float] = {s.REDIS_LATEST_FORK_SECONDS: 1e6}


def _by_field() -> dict[str, tuple[str, str, str, float]]:
    renamed = set(_OTHER_KEYS.values())
    table = {one.name.removeprefix("redis_"): one for one in (*s.SIGNALS, *m.SIGNALS) if one not in renamed}
    table = {key: one for key, one in table.items() if not one.labels and not key.startswith("config_")} | _OTHER_KEYS
    return {key: (*single(one, 0.0)[:3], _DIVISORS.get(one, 1.0)) for key, one in table.items()}


FIELDS: Mapping[str, tuple[str, str, str, float]] = _by_field()
"""By field: name, kind and help of its family, and what one of the signal's unit is in the field's."""
