"""MongoDB: signals of replica sets, databases and collections, beside where they stand in the replies."""

from __future__ import annotations

from watchkeeper.signals import Gauge, Signal
from watchkeeper.systems.mongodb_names import HIGH, LOW, NEUTRAL, ORIGIN, UNIX_MILLISECONDS, counter, gauge
from watchkeeper.units import BYTES, MICROSECONDS, MILLISECONDS, ONE, SECONDS, UNIX_TIME, Unit

__all__ = [
    "COLLECTION",
    "DATABASE",
    "MEMBER",
    "MONGODB_COLLSTATS_STORAGE_STATS_INDEX_SIZES",
    "MONGODB_DBSTATS_FS_TOTAL_SIZE",
    "MONGODB_DBSTATS_FS_USED_SIZE",
    "MONGODB_DBSTATS_STORAGE_SIZE",
    "MONGODB_MONGOD_REPLSET_MEMBER_REPLICATION_LAG",
    "MONGODB_MONGOD_REPLSET_MY_STATE",
    "MONGODB_MONGOD_REPLSET_NUMBER_OF_MEMBERS",
    "MONGODB_MONGOD_REPLSET_OPLOG_HEAD_TIMESTAMP",
    "MONGODB_MONGOD_REPLSET_OPLOG_TAIL_TIMESTAMP",
    "MONGODB_RS_MEMBERS_HEALTH",
    "MONGODB_RS_MEMBERS_SELF",
    "MONGODB_RS_MEMBERS_STATE",
    "MONGODB_RS_MY_STATE",
    "REPLICATION_SIGNALS",
    "SET",
]

_MEMBER = "a member of a replica set"
_OTHER = "a replica set of several members"


def _replset(name: str, help: str, unit: Unit = ONE, *, labels: tuple[str, ...], requires: str = _MEMBER) -> Gauge:
    """A name that the exporter keeps from its first version, a gauge without the base labels."""
    polarity = HIGH if "lag" in name else NEUTRAL
    return Gauge(f"mongodb_mongod_replset_{name}", help, unit, labels, polarity, requires, ORIGIN)


MONGODB_MONGOD_REPLSET_MEMBER_REPLICATION_LAG = _replset(
    "member_replication_lag",
    "How far a member is behind the primary, by the times of their last operations.",
    SECONDS,
    labels=("name", "set", "state"),
    requires=f"{_OTHER}, and a primary",
)
MONGODB_MONGOD_REPLSET_NUMBER_OF_MEMBERS = _replset("number_of_members", "Members of the replica set.", labels=("set",))
MONGODB_MONGOD_REPLSET_MY_STATE = _replset(
    "my_state", "State of this member: 1 primary, 2 secondary, 7 arbiter.", labels=("set",)
)
MONGODB_MONGOD_REPLSET_OPLOG_HEAD_TIMESTAMP = _replset(
    "oplog_head_timestamp",
    "When the newest operation of the oplog was.",
    UNIX_TIME,
    labels=(),
    requires=f"{_MEMBER}, and the right to read local",
)
MONGODB_MONGOD_REPLSET_OPLOG_TAIL_TIMESTAMP = _replset(
    "oplog_tail_timestamp",
    "When the oldest operation of the oplog was.",
    UNIX_TIME,
    labels=(),
    requires=f"{_MEMBER}, and the right to read local",
)

# replSetGetStatus
MONGODB_RS_MY_STATE = gauge("rs_myState", "State of this member: 1 primary, 2 secondary, 7 arbiter.", requires=_MEMBER)
SET: tuple[tuple[str, Signal], ...] = (
    ("myState", MONGODB_RS_MY_STATE),
    ("term", gauge("rs_term", "Election term of the set.", requires=_MEMBER)),
    (
        "heartbeatIntervalMillis",
        gauge("rs_heartbeatIntervalMillis", "Time between heartbeats.", MILLISECONDS, requires=_MEMBER),
    ),
    ("majorityVoteCount", counter("rs_majorityVoteCount", "Votes of a majority.", requires=_MEMBER, exposed_as="")),
    *(
        (
            f"optimes.{field}",
            gauge(f"rs_optimes_{field}", help, UNIX_MILLISECONDS, requires=_MEMBER),
        )
        for field, help in (
            ("lastAppliedWallTime", "When the last operation that this member applied was."),
            ("lastCommittedWallTime", "When the last operation that a majority has was."),
            ("lastDurableWallTime", "When the last operation that this member has on disk was."),
        )
    ),
)

_OF_MEMBER = ("member_idx", "member_state")
MONGODB_RS_MEMBERS_HEALTH = gauge(
    "rs_members_health", "Whether a member can be reached.", ONE, LOW, label=_OF_MEMBER, requires=_MEMBER
)
MONGODB_RS_MEMBERS_STATE = gauge("rs_members_state", "State of a member.", label=_OF_MEMBER, requires=_MEMBER)
MONGODB_RS_MEMBERS_SELF = gauge(
    "rs_members_self", "Whether a member is the one that answers.", label=_OF_MEMBER, requires=_MEMBER
)
MEMBER: tuple[tuple[str, Signal], ...] = (
    ("_id", gauge("rs_members_id", "Identifier of a member.", label=_OF_MEMBER, requires=_MEMBER)),
    ("health", MONGODB_RS_MEMBERS_HEALTH),
    ("state", MONGODB_RS_MEMBERS_STATE),
    (
        "uptime",
        gauge(
            "rs_members_uptime",
            "Time since a member was last reached anew.",
            SECONDS,
            label=_OF_MEMBER,
            requires=_MEMBER,
        ),
    ),
    ("self", MONGODB_RS_MEMBERS_SELF),
    (
        "optimeDate",
        gauge(
            "rs_members_optimeDate",
            "When the last operation that a member applied was.",
            UNIX_MILLISECONDS,
            LOW,
            label=_OF_MEMBER,
            requires=_MEMBER,
        ),
    ),
    (
        "electionDate",
        gauge(
            "rs_members_electionDate",
            "When the primary was elected.",
            UNIX_MILLISECONDS,
            label=_OF_MEMBER,
            requires=_MEMBER,
        ),
    ),
    (
        "configVersion",
        gauge("rs_members_configVersion", "Version of a member's configuration.", label=_OF_MEMBER, requires=_MEMBER),
    ),
    (
        "pingMs",
        gauge("rs_members_pingMs", "Time to a member and back.", MILLISECONDS, HIGH, label=_OF_MEMBER, requires=_OTHER),
    ),
    (
        "lastHeartbeat",
        gauge(
            "rs_members_lastHeartbeat",
            "When a heartbeat to a member was last answered.",
            UNIX_MILLISECONDS,
            LOW,
            label=_OF_MEMBER,
            requires=_OTHER,
        ),
    ),
    (
        "lastHeartbeatRecv",
        gauge(
            "rs_members_lastHeartbeatRecv",
            "When a heartbeat of a member last came.",
            UNIX_MILLISECONDS,
            LOW,
            label=_OF_MEMBER,
            requires=_OTHER,
        ),
    ),
)

# dbStats
_DATABASES = "a database that may be listed, and the option databases above 0"
MONGODB_DBSTATS_STORAGE_SIZE = gauge(
    "dbstats_storageSize",
    "Bytes on disk of a database's collections.",
    BYTES,
    HIGH,
    label="database",
    requires=_DATABASES,
)
MONGODB_DBSTATS_FS_USED_SIZE = gauge(
    "dbstats_fsUsedSize",
    "Bytes used on the disk that holds a database.",
    BYTES,
    HIGH,
    label="database",
    requires=_DATABASES,
)
MONGODB_DBSTATS_FS_TOTAL_SIZE = gauge(
    "dbstats_fsTotalSize", "Size of the disk that holds a database.", BYTES, label="database", requires=_DATABASES
)
DATABASE: tuple[tuple[str, Signal], ...] = (
    *(
        (field, gauge(f"dbstats_{field}", help, unit, label="database", requires=_DATABASES))
        for field, help, unit in (
            ("collections", "Collections of a database.", ONE),
            ("views", "Views of a database.", ONE),
            ("objects", "Documents of a database.", ONE),
            ("avgObjSize", "Mean size of a document.", BYTES),
            ("dataSize", "Bytes of a database's documents, uncompressed.", BYTES),
            ("indexes", "Indexes of a database.", ONE),
            ("indexSize", "Bytes on disk of a database's indexes.", BYTES),
            ("totalSize", "Bytes on disk of a database's collections and indexes.", BYTES),
        )
    ),
    ("storageSize", MONGODB_DBSTATS_STORAGE_SIZE),
    ("fsUsedSize", MONGODB_DBSTATS_FS_USED_SIZE),
    ("fsTotalSize", MONGODB_DBSTATS_FS_TOTAL_SIZE),
)

# $collStats
_COLLECTIONS = "the option collections"
_OF_COLLECTION = ("collection", "database")
MONGODB_COLLSTATS_STORAGE_STATS_INDEX_SIZES = gauge(
    "collstats_storageStats_indexSizes",
    "Bytes on disk of an index.",
    BYTES,
    label=("collection", "database", "index_name"),
    requires=_COLLECTIONS,
)
COLLECTION: tuple[tuple[str, Signal], ...] = (
    (
        "storageStats.count",
        counter(
            "collstats_storageStats_count",
            "Documents of a collection.",
            label=_OF_COLLECTION,
            requires=_COLLECTIONS,
            exposed_as="",
        ),
    ),
    *(
        (
            f"storageStats.{field}",
            gauge(f"collstats_storageStats_{field}", help, unit, label=_OF_COLLECTION, requires=_COLLECTIONS),
        )
        for field, help, unit in (
            ("size", "Bytes of a collection's documents, uncompressed.", BYTES),
            ("avgObjSize", "Mean size of a document.", BYTES),
            ("storageSize", "Bytes on disk of a collection.", BYTES),
            ("nindexes", "Indexes of a collection.", ONE),
            ("totalIndexSize", "Bytes on disk of a collection's indexes.", BYTES),
            ("capped", "Whether a collection is capped.", ONE),
        )
    ),
    *(
        (
            f"latencyStats.{kind}.{field}",
            counter(
                f"collstats_latencyStats_{kind}_{field}",
                f"{title} {kind}.",
                unit,
                polarity,
                label=_OF_COLLECTION,
                requires=_COLLECTIONS,
            ),
        )
        for kind in ("reads", "writes", "commands")
        for field, title, unit, polarity in (
            ("latency", "Time spent in", MICROSECONDS, HIGH),
            ("ops", "Number of", ONE, NEUTRAL),
        )
    ),
    (
        "queryExecStats.collectionScans.total",
        counter(
            "collstats_queryExecStats_collectionScans_total",
            "Queries that read the whole collection.",
            ONE,
            HIGH,
            label=_OF_COLLECTION,
            requires=_COLLECTIONS,
        ),
    ),
)

REPLICATION_SIGNALS: tuple[Signal, ...] = (
    MONGODB_MONGOD_REPLSET_MEMBER_REPLICATION_LAG,
    MONGODB_MONGOD_REPLSET_NUMBER_OF_MEMBERS,
    MONGODB_MONGOD_REPLSET_MY_STATE,
    MONGODB_MONGOD_REPLSET_OPLOG_HEAD_TIMESTAMP,
    MONGODB_MONGOD_REPLSET_OPLOG_TAIL_TIMESTAMP,
    MONGODB_COLLSTATS_STORAGE_STATS_INDEX_SIZES,
    *(signal for table in (SET, MEMBER, DATABASE, COLLECTION) for _, signal in table),
)
