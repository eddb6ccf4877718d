"""MongoDB: the families of its replies, as pure functions of documents.

What a reply does not have is left out: an absent field is unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.families import Family, family, single
from collectors.replies import at
from watchkeeper.signals import Signal
from watchkeeper.systems import mongodb as m
from watchkeeper.systems import mongodb_replication as r
from watchkeeper.systems import mongodb_status as s
from watchkeeper.systems.mongodb_names import BASE_LABELS

__all__ = ["Identity", "collection_stats", "database_stats", "identity", "number", "oplog", "replica_set", "status"]

Document = Mapping[str, Any]
Table = Sequence[tuple[str, Signal]]
Labels = Mapping[str, str]

_PRIMARY = "PRIMARY"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the exporter's base labels say of a server."""

    cluster: str = ""
    role: str = ""
    replica_set: str = ""
    state: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The base labels."""
        return dict(zip(BASE_LABELS, (self.cluster, self.role, self.replica_set, self.state), strict=True))


def number(value: Any) -> float | None:
    """A value as the exporter makes a number of it: booleans are 0 and 1, dates milliseconds, timestamps seconds."""
    if isinstance(value, bool | int | float):
        return float(value)
    if hasattr(value, "time") and hasattr(value, "inc"):  # bson's Timestamp
        return float(value.time)
    # DatetimeMS, the form in which the driver is told to leave dates: any year fits.
    return float(int(value)) if hasattr(value, "as_datetime") else None


def _family(signal: Signal, rows: Sequence[tuple[Labels, Any]]) -> Family:
    """The samples of a signal: labels by name and a value each, without those that are no number."""
    samples = []
    for labels, value in rows:
        found = number(value)
        if found is not None:
            samples.append((tuple(labels.get(name, "") for name in signal.labels), found))
    return family(signal, samples)


def _table(table: Table, rows: Sequence[tuple[Labels, Document]]) -> list[Family]:
    return [_family(signal, [(labels, at(document, path)) for labels, document in rows]) for path, signal in table]


def identity(
    status: Document, replica_set: Document, config: Document, options: Document, version: Document
) -> Identity:
    """Who a server is, by serverStatus, replSetGetStatus, replSetGetConfig, getCmdLineOpts and config.version."""
    cluster = at(config, "config.settings.replicaSetId") or version.get("clusterId") or ""
    role = "mongos" if status.get("process") == "mongos" else at(options, "parsed.sharding.clusterRole") or ""
    state = replica_set.get("myState")
    return Identity(str(cluster), str(role), str(replica_set.get("set", "")), "" if state is None else str(state))


def status(reply: Document, build: Document, who: Identity) -> list[Family]:
    """The families of serverStatus and buildInfo."""
    base = who.labels
    found = [family(m.MONGODB_UP, [((str(reply.get("process", "")).partition("-")[0],), 1.0)])]
    edition = "Enterprise" if "enterprise" in build.get("modules", ()) else "Community"
    vendor = "Percona" if "psmdbVersion" in build else "MongoDB"
    found.append(family(m.MONGODB_VERSION_INFO, [((edition, str(reply.get("version", "")), vendor), 1.0)]))
    found += _table((*s.STATUS, *s.COMMANDS), [(base, reply)])
    for path, signal in s.LABELLED:
        label = next(name for name in signal.labels if name not in BASE_LABELS)
        document = at(reply, path)
        rows = document.items() if isinstance(document, Mapping) else ()
        found.append(_family(signal, [({**base, label: key}, value) for key, value in rows]))
    found += _table(s.LATENCIES, _each(reply, "opLatencies", "op_type", base))
    tickets = _each(reply, "wiredTiger.concurrentTransactions", "txn_rw", base)
    return found + _table(s.TICKETS, tickets or _each(reply, "queues.execution", "txn_rw", base))


def _each(reply: Document, path: str, label: str, base: Labels) -> list[tuple[Labels, Document]]:
    document = at(reply, path)
    rows = document.items() if isinstance(document, Mapping) else ()
    return [({**base, label: key}, value) for key, value in rows if isinstance(value, Mapping)]


def replica_set(reply: Document, who: Identity) -> list[Family]:
    """The families of replSetGetStatus."""
    base, name = who.labels, str(reply.get("set", ""))
    members = [one for one in reply.get("members", ()) if isinstance(one, Mapping)]
    rows = [
        ({**base, "member_idx": str(one.get("name", "")), "member_state": str(one.get("stateStr", ""))}, one)
        for one in members
    ]
    found = [*_table(r.SET, [(base, reply)]), *_table(r.MEMBER, rows)]
    found.append(family(r.MONGODB_MONGOD_REPLSET_NUMBER_OF_MEMBERS, [((name,), float(len(members)))]))
    if (state := number(reply.get("myState"))) is not None:
        found.append(family(r.MONGODB_MONGOD_REPLSET_MY_STATE, [((name,), state)]))
    return [*found, family(r.MONGODB_MONGOD_REPLSET_MEMBER_REPLICATION_LAG, _lags(members, name))]


def _lags(members: Sequence[Document], name: str) -> list[tuple[tuple[str, ...], float]]:
    """Seconds by which members are behind the primary; without a primary nobody knows.

    A member that has applied nothing yet (its time is the epoch), and an arbiter, which has no data, have no lag. A
    member whose last heartbeat is newer than the primary's is at the same place, not ahead of it.
    """
    primary = next((_seconds(one) for one in members if one.get("stateStr") == _PRIMARY), None)
    if not primary:
        return []
    return [
        ((str(one.get("name", "")), name, str(one.get("stateStr", ""))), max(0.0, primary - applied))
        for one in members
        if one.get("stateStr") != _PRIMARY and (applied := _seconds(one))
    ]


def _seconds(member: Document) -> float:
    """When a member's last operation was, in whole seconds as the exporter compares them; 0 when it has none."""
    return (number(member.get("optimeDate")) or 0.0) // 1000


def oplog(oldest: Document, newest: Document) -> list[Family]:
    """The families of the first and the last entry of the oplog."""
    tail, head = number(oldest.get("ts")), number(newest.get("ts"))
    if tail is None or head is None:
        return []
    return [
        single(r.MONGODB_MONGOD_REPLSET_OPLOG_HEAD_TIMESTAMP, head),
        single(r.MONGODB_MONGOD_REPLSET_OPLOG_TAIL_TIMESTAMP, tail),
        single(m.MONGODB_OPLOG_WINDOW_SECONDS, max(0.0, head - tail)),
    ]


def database_stats(replies: Mapping[str, Document], who: Identity) -> list[Family]:
    """The families of dbStats, by database."""
    return _table(r.DATABASE, [({**who.labels, "database": name}, reply) for name, reply in replies.items()])


def collection_stats(replies: Mapping[str, Document], who: Identity) -> list[Family]:
    """The families of $collStats, by namespace (DATABASE.COLLECTION)."""
    rows: list[tuple[Labels, Document]] = []
    indexes: list[tuple[Labels, Any]] = []
    for namespace, reply in replies.items():
        database, _, collection = namespace.partition(".")
        labels = {**who.labels, "collection": collection, "database": database}
        rows.append((labels, reply))
        sizes = at(reply, "storageStats.indexSizes")
        indexes += [({**labels, "index_name": key}, value) for key, value in (sizes or {}).items()]
    return [*_table(r.COLLECTION, rows), _family(r.MONGODB_COLLSTATS_STORAGE_STATS_INDEX_SIZES, indexes)]
