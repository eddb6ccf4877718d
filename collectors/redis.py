"""Redis: INFO, CONFIG GET, SLOWLOG and LATENCY over one connection, in one round trip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from collectors.description import Collector
from collectors.families import Family, family, single
from collectors.resp import RedisConnection, RedisError
from watchkeeper.errors import TargetError
from watchkeeper.signals import Signal
from watchkeeper.systems import redis as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

Info = Mapping[str, str]
Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Field:
    """A signal that is one field of INFO (or of CONFIG GET); absent where the server does not have the field."""

    signal: Signal
    key: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Keyed:
    """Signals of the INFO fields that begin with `prefix`: `cmdstat_get:calls=1,usec=2`.

    The rest of the key is the first label when `key_label`; further labels are fields of the value.
    """

    prefix: str
    columns: tuple[tuple[Signal, str, float], ...]
    labels: tuple[str, ...] = ()
    key_label: bool = True


# What INFO calls a signal when that is not the signal's name without its prefix.
_OTHER_KEYS: dict[Signal, str] = {
    s.REDIS_LOADING_DUMP_FILE: "loading",
    s.REDIS_CLIENT_RECENT_MAX_INPUT_BUFFER_BYTES: "client_recent_max_input_buffer",
    s.REDIS_CLIENT_RECENT_MAX_OUTPUT_BUFFER_BYTES: "client_recent_max_output_buffer",
    s.REDIS_CONNECTIONS_RECEIVED_TOTAL: "total_connections_received",
    s.REDIS_REJECTED_CONNECTIONS_TOTAL: "rejected_connections",
    s.REDIS_MEMORY_USED_BYTES: "used_memory",
    s.REDIS_MEMORY_MAX_BYTES: "maxmemory",
    s.REDIS_MEMORY_USED_RSS_BYTES: "used_memory_rss",
    s.REDIS_MEMORY_USED_PEAK_BYTES: "used_memory_peak",
    s.REDIS_MEMORY_USED_DATASET_BYTES: "used_memory_dataset",
    s.REDIS_MEMORY_USED_OVERHEAD_BYTES: "used_memory_overhead",
    s.REDIS_MEMORY_USED_STARTUP_BYTES: "used_memory_startup",
    s.REDIS_MEMORY_USED_LUA_BYTES: "used_memory_lua",
    s.REDIS_MEMORY_USED_SCRIPTS_BYTES: "used_memory_scripts",
    s.REDIS_MEM_NOT_COUNTED_FOR_EVICTION_BYTES: "mem_not_counted_for_evict",
    s.REDIS_ALLOCATOR_ACTIVE_BYTES: "allocator_active",
    s.REDIS_ALLOCATOR_ALLOCATED_BYTES: "allocator_allocated",
    s.REDIS_ALLOCATOR_RESIDENT_BYTES: "allocator_resident",
    s.REDIS_DEFRAG_HITS: "active_defrag_hits",
    s.REDIS_DEFRAG_MISSES: "active_defrag_misses",
    s.REDIS_DEFRAG_KEY_HITS: "active_defrag_key_hits",
    s.REDIS_DEFRAG_KEY_MISSES: "active_defrag_key_misses",
    s.REDIS_KEYSPACE_HITS_TOTAL: "keyspace_hits",
    s.REDIS_KEYSPACE_MISSES_TOTAL: "keyspace_misses",
    s.REDIS_EVICTED_KEYS_TOTAL: "evicted_keys",
    s.REDIS_EXPIRED_KEYS_TOTAL: "expired_keys",
    s.REDIS_EXPIRED_STALE_PERCENTAGE: "expired_stale_perc",
    s.REDIS_EXPIRED_TIME_CAP_REACHED_TOTAL: "expired_time_cap_reached_count",
    s.REDIS_COMMANDS_PROCESSED_TOTAL: "total_commands_processed",
    s.REDIS_NET_INPUT_BYTES_TOTAL: "total_net_input_bytes",
    s.REDIS_NET_OUTPUT_BYTES_TOTAL: "total_net_output_bytes",
    s.REDIS_CPU_SYS_SECONDS_TOTAL: "used_cpu_sys",
    s.REDIS_CPU_USER_SECONDS_TOTAL: "used_cpu_user",
    s.REDIS_CPU_SYS_CHILDREN_SECONDS_TOTAL: "used_cpu_sys_children",
    s.REDIS_CPU_USER_CHILDREN_SECONDS_TOTAL: "used_cpu_user_children",
    s.REDIS_CPU_SYS_MAIN_THREAD_SECONDS_TOTAL: "used_cpu_sys_main_thread",
    s.REDIS_CPU_USER_MAIN_THREAD_SECONDS_TOTAL: "used_cpu_user_main_thread",
    s.REDIS_LATEST_FORK_SECONDS: "latest_fork_usec",
    s.REDIS_MIGRATE_CACHED_SOCKETS_TOTAL: "migrate_cached_sockets",
    s.REDIS_RDB_LAST_SAVE_TIMESTAMP_SECONDS: "rdb_last_save_time",
    s.REDIS_RDB_LAST_BGSAVE_DURATION_SEC: "rdb_last_bgsave_time_sec",
    s.REDIS_RDB_CURRENT_BGSAVE_DURATION_SEC: "rdb_current_bgsave_time_sec",
    s.REDIS_RDB_LAST_COW_SIZE_BYTES: "rdb_last_cow_size",
    s.REDIS_AOF_LAST_REWRITE_DURATION_SEC: "aof_last_rewrite_time_sec",
    s.REDIS_AOF_CURRENT_REWRITE_DURATION_SEC: "aof_current_rewrite_time_sec",
    s.REDIS_AOF_LAST_COW_SIZE_BYTES: "aof_last_cow_size",
    s.REDIS_REPLICA_RESYNCS_FULL: "sync_full",
    s.REDIS_REPLICA_PARTIAL_RESYNC_ACCEPTED: "sync_partial_ok",
    s.REDIS_REPLICA_PARTIAL_RESYNC_DENIED: "sync_partial_err",
    s.REDIS_REPLICATION_BACKLOG_BYTES: "repl_backlog_size",
    s.REDIS_REPL_BACKLOG_IS_ACTIVE: "repl_backlog_active",
    s.REDIS_REPL_BACKLOG_HISTORY_BYTES: "repl_backlog_histlen",
}
_FACTORS: dict[Signal, float] = {s.REDIS_LATEST_FORK_SECONDS: 1e-6}

KEYED = (
    Keyed(
        "cmdstat_",
        (
            (s.REDIS_COMMANDS_TOTAL, "calls", 1.0),
            (s.REDIS_COMMANDS_DURATION_SECONDS_TOTAL, "usec", 1e-6),
            (s.REDIS_COMMANDS_FAILED_CALLS_TOTAL, "failed_calls", 1.0),
            (s.REDIS_COMMANDS_REJECTED_CALLS_TOTAL, "rejected_calls", 1.0),
        ),
    ),
    Keyed("errorstat_", ((s.REDIS_ERRORS_TOTAL, "count", 1.0),)),
    Keyed(
        "slave",
        (
            (s.REDIS_CONNECTED_SLAVE_OFFSET_BYTES, "offset", 1.0),
            (s.REDIS_CONNECTED_SLAVE_LAG_SECONDS, "lag", 1.0),
        ),
        ("ip", "port", "state"),
        key_label=False,
    ),
)

CONFIG = {
    "maxclients": s.REDIS_CONFIG_MAXCLIENTS,
    "maxmemory": s.REDIS_CONFIG_MAXMEMORY,
    "io-threads": s.REDIS_CONFIG_IO_THREADS,
}

# Signals of a replica, labelled with its master.
OF_MASTER = (
    Field(s.REDIS_MASTER_LINK_UP, "master_link_status"),
    Field(s.REDIS_MASTER_LAST_IO_SECONDS_AGO, "master_last_io_seconds_ago"),
    Field(s.REDIS_MASTER_SYNC_IN_PROGRESS, "master_sync_in_progress"),
    Field(s.REDIS_SLAVE_REPL_OFFSET, "slave_repl_offset"),
)

_DATABASES = (s.REDIS_DB_KEYS, s.REDIS_DB_KEYS_EXPIRING, s.REDIS_DB_AVG_TTL_SECONDS)
_SLOW = (s.REDIS_SLOWLOG_LENGTH, s.REDIS_SLOWLOG_LAST_ID, s.REDIS_LAST_SLOW_EXECUTION_DURATION_SECONDS)
_SPIKES = (s.REDIS_LATENCY_SPIKE_LAST, s.REDIS_LATENCY_SPIKE_DURATION_SECONDS)
_ELSEWHERE = {
    s.REDIS_UP,
    s.REDIS_INSTANCE_INFO,
    s.REDIS_SLAVE_INFO,
    s.REDIS_START_TIME_SECONDS,
    *_DATABASES,
    *_SLOW,
    *_SPIKES,
    *CONFIG.values(),
    *(field.signal for field in OF_MASTER),
    *(signal for keyed in KEYED for signal, _, _ in keyed.columns),
}

FIELDS = tuple(
    Field(signal, _OTHER_KEYS.get(signal, signal.name.removeprefix("redis_")), _FACTORS.get(signal, 1.0))
    for signal in s.SIGNALS
    if signal not in _ELSEWHERE
)

# One round trip. Managed services and ACLs may refuse any of them but INFO.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("INFO", "ALL"),
    *(("CONFIG", "GET", name) for name in (*CONFIG, "databases")),
    ("SLOWLOG", "LEN"),
    ("SLOWLOG", "GET", "1"),
    ("LATENCY", "LATEST"),
)

_WORDS = {"ok": 1.0, "up": 1.0, "err": 0.0, "fail": 0.0, "down": 0.0, "yes": 1.0, "no": 0.0}


def number(text: str | None) -> float | None:
    """A value of INFO as a number; None when it is none."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return _WORDS.get(text)


def parse_info(text: str) -> dict[str, str]:
    """The fields of INFO."""
    fields = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            fields[key] = value
    return fields


def _pairs(value: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in value.split(",") if "=" in part)


def families(replies: Sequence[Any]) -> list[Family]:
    """The families of one round trip; `replies` in the order of COMMANDS, an exception where a command was refused."""
    info = parse_info(replies[0])
    config = _config(replies[1 : 2 + len(CONFIG)])
    out = [single(s.REDIS_UP, 1.0)]
    for field in FIELDS:
        value = number(info.get(field.key))
        if value is not None:
            out.append(single(field.signal, value * field.factor))
    for name, signal in CONFIG.items():
        if (value := number(config.get(name))) is not None:
            out.append(single(signal, value))
    for keyed in KEYED:
        out += _keyed(keyed, info)
    out += _databases(info, config)
    out += _identity(info)
    return [*out, *_slow(*replies[-3:-1]), *_spikes(replies[-1])]


def _config(replies: Sequence[Any]) -> dict[str, str]:
    config: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, list) and len(reply) == 2:
            config[reply[0]] = reply[1]
    return config


def _keyed(keyed: Keyed, info: Info) -> list[Family]:
    rows = []
    for key, text in info.items():
        # `slave0` is a replica, `slave_priority` is not.
        if not key.startswith(keyed.prefix):
            continue
        rest = key[len(keyed.prefix) :]
        if not keyed.key_label and not rest.isdecimal():
            continue
        values = _pairs(text)
        labels = tuple(values.get(label, "") for label in keyed.labels)
        rows.append(((rest, *labels) if keyed.key_label else labels, values))
    found = []
    for signal, column, factor in keyed.columns:
        samples = [(labels, value * factor) for labels, row in rows if (value := number(row.get(column))) is not None]
        found.append(family(signal, samples))
    return found


def _databases(info: Info, config: Info) -> list[Family]:
    # An empty database is not in INFO: how many there are is in the configuration.
    names = [f"db{index}" for index in range(int(number(config.get("databases")) or 0))]
    names += [key for key in info if key.startswith("db") and key[2:].isdecimal() and key not in names]
    rows = {name: _pairs(info.get(name, "")) for name in names}
    keys = [((name,), number(row.get("keys", "0")) or 0.0) for name, row in rows.items()]
    expiring = [((name,), number(row.get("expires", "0")) or 0.0) for name, row in rows.items()]
    ttl = [((name,), float(row["avg_ttl"]) / 1000) for name, row in rows.items() if "avg_ttl" in row]
    return [family(signal, samples) for signal, samples in zip(_DATABASES, (keys, expiring, ttl), strict=True)]


def _identity(info: Info) -> list[Family]:
    found = [family(s.REDIS_INSTANCE_INFO, [(tuple(info.get(name, "") for name in s.REDIS_INSTANCE_INFO.labels), 1.0)])]
    now, uptime = number(info.get("server_time_usec")), number(info.get("uptime_in_seconds"))
    if now is not None and uptime is not None:
        found.append(single(s.REDIS_START_TIME_SECONDS, float(int(now / 1e6 - uptime))))
    if info.get("role") == "slave":
        master = (info.get("master_host", ""), info.get("master_port", ""))
        for field in OF_MASTER:
            if (value := number(info.get(field.key))) is not None:
                found.append(family(field.signal, [(master, value)]))
        found.append(family(s.REDIS_SLAVE_INFO, [((*master, info.get("slave_read_only", "")), 1.0)]))
    return found


def _slow(length: Any, newest: Any) -> list[Family]:
    found = []
    if isinstance(length, int):
        found.append(single(s.REDIS_SLOWLOG_LENGTH, float(length)))
    if isinstance(newest, list):
        entry = newest[0] if newest else (0, 0, 0)
        found.append(single(s.REDIS_SLOWLOG_LAST_ID, float(entry[0])))
        found.append(single(s.REDIS_LAST_SLOW_EXECUTION_DURATION_SECONDS, entry[2] / 1e6))
    return found


def _spikes(latest: Any) -> list[Family]:
    events = latest if isinstance(latest, list) else []
    last = [((event[0],), float(event[1])) for event in events]
    length = [((event[0],), event[2] / 1000) for event in events]
    return [family(signal, samples) for signal, samples in zip(_SPIKES, (last, length), strict=True)]


class RedisSession:
    """One connection, opened at the first read."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: RedisConnection | None = None

    def read(self, deadline: float) -> Sequence[Family]:
        try:
            connection = self._connection or self._connect(deadline)
            replies = connection.pipeline(COMMANDS, deadline)
            if isinstance(replies[0], RedisError):
                raise replies[0]
        except (OSError, RedisError) as error:
            raise TargetError(f"Redis at {_where(self._target)}: {_explained(error)}") from None
        return families(replies)

    def abort(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.abort()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self, deadline: float) -> RedisConnection:
        target = self._target
        parts = urlsplit(target.url or COLLECTOR.default_url)
        # Read at every connection, so that a rotated password is picked up by the first scrape that is refused.
        password = target.password.resolve() if target.password is not None else unquote(parts.password or "")
        user = target.user or unquote(parts.username or "")
        address: tuple[str, int] | str = (parts.hostname or "127.0.0.1", parts.port or 6379)
        if parts.scheme == "unix":
            address = unquote(parts.path)
        ca_file = target.options.get("ca_file")
        connection = RedisConnection.open(address, deadline, tls=parts.scheme == "rediss", ca_file=ca_file)
        self._connection = connection
        if password:
            connection.call("AUTH", *([user] if user else []), password, deadline=deadline)
        # A server that wants a password refuses this; the first command says so in a better place.
        connection.pipeline([("CLIENT", "SETNAME", "watchkeeper")], deadline)
        return connection


def _where(target: Target) -> str:
    parts = urlsplit(target.url or COLLECTOR.default_url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname or '127.0.0.1'}:{parts.port or 6379}"


def _explained(error: Exception) -> str:
    """The error in a person's words, with what to do where the server's reply says it."""
    text = str(error) or type(error).__name__
    if "NOAUTH" in text or "Authentication required" in text:
        return "it wants a password: set password: {file: PATH} or {env: NAME} for the target"
    if "WRONGPASS" in text or "invalid password" in text or "invalid username-password" in text:
        return "it refused the user or the password"
    if "NOPERM" in text:
        return f"{text}: allow the user INFO, CONFIG GET, SLOWLOG and LATENCY"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return text


COLLECTOR = Collector(
    system="redis",
    open=RedisSession,
    signals=s.SIGNALS,
    up=s.REDIS_UP,
    schemes=("redis", "rediss", "unix"),
    default_url="redis://127.0.0.1:6379/0",
    options=(("ca_file", "certificates that sign the server's, for rediss://"),),
)
