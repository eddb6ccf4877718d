"""MongoDB: names, kinds and labels as Percona's mongodb_exporter has them; the signals stand in modules beside."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Gauge, Info, Signal, matches
from watchkeeper.systems import mongodb_replication as r
from watchkeeper.systems import mongodb_status as s
from watchkeeper.systems.mongodb_names import LOW, ORIGIN
from watchkeeper.units import ONE, SECONDS

__all__ = [
    "MONGODB_COMMAND_SUCCESS",
    "MONGODB_OPLOG_WINDOW_SECONDS",
    "MONGODB_UP",
    "MONGODB_VERSION_INFO",
    "QUERIES",
    "SIGNALS",
    "SYSTEM",
]

MONGODB_UP = Gauge(
    "mongodb_up", "Whether the server answered the last scrape.", ONE, ("cluster_role",), LOW, origin=ORIGIN
)
MONGODB_VERSION_INFO = Info(
    "mongodb_version_info", "Version of the server.", labels=("edition", "mongodb", "vendor"), origin=ORIGIN
)
MONGODB_COMMAND_SUCCESS = Gauge(
    "mongodb_command_success",
    "Whether a command of the scrape was answered; what was not is left out.",
    ONE,
    ("command",),
    LOW,
)
MONGODB_OPLOG_WINDOW_SECONDS = Gauge(
    "mongodb_oplog_window_seconds",
    "Time between the oldest and the newest operation of the oplog: a member that is away for longer starts anew.",
    SECONDS,
    (),
    LOW,
    "a member of a replica set, and the right to read local",
)

SIGNALS: tuple[Signal, ...] = (
    MONGODB_UP,
    MONGODB_VERSION_INFO,
    MONGODB_COMMAND_SUCCESS,
    MONGODB_OPLOG_WINDOW_SECONDS,
    *s.STATUS_SIGNALS,
    *r.REPLICATION_SIGNALS,
)

SYSTEM = System(
    key="mongodb",
    title="MongoDB",
    summary="A document database: servers, replica sets, sharded clusters.",
    collected="ours",
    signals=SIGNALS,
    exporter="mongodb_exporter (Percona)",
    tested_against=(
        "recorded replies of MongoDB 4.1 and 4.2 and of $collStats of 2024, behind the driver's interface; pymongo "
        "against a small stand-in that speaks its wire protocol; no live server"
    ),
)

_CURRENT = s.MONGODB_SS_CONNECTIONS.where(conn_type="current")

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="mongodb.up", title="Whether the server answers", query=q.min_by(MONGODB_UP, "job", "instance")),
    NamedQuery(
        key="mongodb.connections",
        title="Connections",
        query=q.max_by(_CURRENT, "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.connections_used_ratio",
        title="Connections over the most that are allowed",
        query=q.ratio(
            q.sum_by(_CURRENT, "job", "instance"),
            q.sum_by(_CURRENT, "job", "instance")
            + q.sum_by(s.MONGODB_SS_CONNECTIONS.where(conn_type="available"), "job", "instance"),
        ),
    ),
    NamedQuery(
        key="mongodb.operations_rate",
        title="Operations per second, by kind",
        query=q.sum_by(q.rate(s.MONGODB_SS_OPCOUNTERS), "job", "instance", "legacy_op_type"),
    ),
    NamedQuery(
        key="mongodb.latency",
        title="Mean duration of an operation, by kind",
        query=q.convert(
            q.ratio(
                q.sum_by(q.rate(s.MONGODB_SS_OP_LATENCIES_LATENCY), "job", "instance", "op_type"),
                q.sum_by(q.rate(s.MONGODB_SS_OP_LATENCIES_OPS), "job", "instance", "op_type") > 0,
            ),
            SECONDS,
        ),
    ),
    NamedQuery(
        key="mongodb.queue",
        title="Operations that wait for a lock",
        query=q.sum_by(
            s.MONGODB_SS_GLOBAL_LOCK_CURRENT_QUEUE.where(count_type=matches("readers|writers")),
            "job",
            "instance",
            "count_type",
        ),
    ),
    NamedQuery(
        key="mongodb.tickets_available",
        title="Tickets of the storage engine that are left",
        query=q.min_by(s.MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_AVAILABLE, "job", "instance", "txn_rw"),
    ),
    NamedQuery(
        key="mongodb.cache_used_ratio",
        title="Cache in use over its size",
        query=q.max_by(
            q.ratio(s.MONGODB_SS_WT_CACHE_BYTES_CURRENTLY_IN_THE_CACHE, s.MONGODB_SS_WT_CACHE_MAXIMUM_BYTES_CONFIGURED),
            "job",
            "instance",
        ),
    ),
    NamedQuery(
        key="mongodb.cache_dirty_ratio",
        title="Changed and unwritten share of the cache",
        query=q.max_by(
            q.ratio(
                s.MONGODB_SS_WT_CACHE_TRACKED_DIRTY_BYTES_IN_THE_CACHE,
                s.MONGODB_SS_WT_CACHE_MAXIMUM_BYTES_CONFIGURED,
            ),
            "job",
            "instance",
        ),
    ),
    NamedQuery(
        key="mongodb.application_evictions_rate",
        title="Pages that clients evict themselves per second",
        query=q.sum_by(q.rate(s.MONGODB_SS_WT_CACHE_PAGES_EVICTED_BY_APPLICATION_THREADS), "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.cache_read_rate",
        title="Pages read into the cache per second",
        query=q.sum_by(q.rate(s.MONGODB_SS_WT_CACHE_PAGES_READ_INTO_CACHE), "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.scanned_per_returned",
        title="Documents read for each that is returned",
        query=q.ratio(
            q.sum_by(q.rate(s.MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED_OBJECTS), "job", "instance"),
            q.sum_by(q.rate(s.MONGODB_SS_METRICS_DOCUMENT.where(doc_op_type="returned")), "job", "instance") > 0,
        ),
    ),
    NamedQuery(
        key="mongodb.write_conflicts_rate",
        title="Writes that conflicted per second",
        query=q.sum_by(q.rate(s.MONGODB_SS_METRICS_OPERATION_WRITE_CONFLICTS), "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.asserts_rate",
        title="Assertions per second, by kind",
        query=q.sum_by(q.rate(s.MONGODB_SS_ASSERTS), "job", "instance", "assert_type"),
    ),
    NamedQuery(
        key="mongodb.replication_lag",
        title="How far a member is behind the primary",
        # The lag itself does not say whose it is: two sets may have one name, and their members the same hosts.
        query=q.max_by(
            q.join(
                "/",
                r.MONGODB_MONGOD_REPLSET_MEMBER_REPLICATION_LAG,
                q.max_by(r.MONGODB_RS_MEMBERS_SELF, "job", "instance", "cl_id"),  # 1
                on=("job", "instance"),
                group="left",
                include=("cl_id",),
            ),
            "job",
            "cl_id",
            "set",
            "name",
        ),
    ),
    NamedQuery(
        key="mongodb.member_health",
        title="Whether the members reach each other",
        query=q.min_by(r.MONGODB_RS_MEMBERS_HEALTH, "job", "cl_id", "rs_nm", "member_idx"),
    ),
    NamedQuery(
        key="mongodb.primaries",
        title="Whether any member knows of a primary",
        query=q.max_by(
            q.truth(q.combine("==", q.value(r.MONGODB_RS_MEMBERS_STATE), q.number(1.0, ONE))), "job", "cl_id", "rs_nm"
        ),
    ),
    NamedQuery(
        key="mongodb.oplog_window",
        title="Time that the oplog reaches back",
        query=q.min_by(MONGODB_OPLOG_WINDOW_SECONDS, "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.storage_bytes",
        title="Bytes on disk of a database",
        query=q.max_by(r.MONGODB_DBSTATS_STORAGE_SIZE, "job", "instance", "database"),
    ),
    NamedQuery(
        key="mongodb.disk_used_ratio",
        title="Use of the disk that holds the data",
        query=q.max_by(q.ratio(r.MONGODB_DBSTATS_FS_USED_SIZE, r.MONGODB_DBSTATS_FS_TOTAL_SIZE), "job", "instance"),
    ),
    NamedQuery(
        key="mongodb.command_success",
        title="Whether a command of the scrape was answered",
        query=q.min_by(MONGODB_COMMAND_SUCCESS, "job", "instance", "command"),
    ),
)
