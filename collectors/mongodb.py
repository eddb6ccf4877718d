"""MongoDB: serverStatus, replSetGetStatus, the oplog's ends, dbStats and, for named collections, $collStats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collectors import mongodb_replies as replies
from collectors.description import Collector
from collectors.families import Family, family
from collectors.mongodb_driver import Driver, PymongoDriver, Refused
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.systems.mongodb import MONGODB_COMMAND_SUCCESS, MONGODB_UP

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "MongodbSession"]

_log = logging.getLogger("watchkeeper.collectors")

Document = Mapping[str, Any]

# Sections of serverStatus that are large and that no signal comes from.
_STATUS = {"serverStatus": 1, "locks": 0, "tcmalloc": 0, "security": 0}
# What a server answers that is not, or not yet, a member of a replica set: that is a fact, and no failure.
_NO_MEMBER = frozenset({59, 76, 94, 123})
_COLLECTION: list[Document] = [{"$collStats": {"storageStats": {}, "latencyStats": {}, "queryExecStats": {}}}]


class MongodbSession:
    """One connection for commands, beside the one that the driver watches the server with."""

    def __init__(self, target: Target, driver: Driver | None = None) -> None:
        self._target = target
        self._databases = _count(target)
        self._collections = _namespaces(target)
        self._driver = driver or PymongoDriver(target)
        self._build: Document = {}
        self._options: Document = {}
        self._success: dict[str, float] = {}
        self._failed: set[str] = set()

    def read(self, deadline: float) -> Sequence[Family]:
        self._success = {}
        try:
            status = self._driver.run("admin", _STATUS, deadline)
        except Refused as error:
            raise TargetError(f"MongoDB at {self._driver.address}: {error}") from None
        self._success["serverStatus"] = 1.0
        member = self._tried("replSetGetStatus", lambda: self._member("replSetGetStatus", deadline))
        who = self._identity(status, member or {}, deadline)
        found = replies.status(status, self._build, who)
        if member:
            found += replies.replica_set(member, who)
            if member.get("myState") in (1, 2):  # an arbiter has no oplog
                found += self._tried("oplog", lambda: self._oplog(deadline)) or ()
        if self._databases:
            stats = self._tried("dbStats", lambda: self._database_stats(deadline))
            found += replies.database_stats(stats or {}, who)
        if self._collections:
            stats = self._tried("collStats", lambda: self._collection_stats(deadline))
            found += replies.collection_stats(stats or {}, who)
        return [*found, family(MONGODB_COMMAND_SUCCESS, [((name,), ok) for name, ok in self._success.items()])]

    def abort(self) -> None:
        self._driver.abort()

    def close(self) -> None:
        self._driver.close()

    def _tried(self, name: str, ask: Callable[[], Any]) -> Any:
        """What a command gives, None when the server refuses it; the log says why, once."""
        try:
            found = ask()
        except Refused as error:
            if name not in self._failed:
                _log.warning("target %s: %s is left out: %s", self._target.name, name, error)
                self._failed.add(name)
            self._success[name] = 0.0
            return None
        self._failed.discard(name)
        self._success[name] = 1.0
        return found

    def _member(self, command: str, deadline: float) -> Document:
        """A command of replica sets; empty on a server that is in none."""
        try:
            return self._driver.run("admin", {command: 1}, deadline)
        except Refused as error:
            if error.code in _NO_MEMBER:
                return {}
            raise

    def _identity(self, status: Document, member: Document, deadline: float) -> replies.Identity:
        """The base labels; what does not change is asked for once a session."""
        if not self._build:
            self._build = self._tried("buildInfo", lambda: self._driver.run("admin", {"buildInfo": 1}, deadline)) or {}
            config = self._tried("replSetGetConfig", lambda: self._member("replSetGetConfig", deadline)) or {}
            options = self._tried("getCmdLineOpts", lambda: self._driver.run("admin", {"getCmdLineOpts": 1}, deadline))
            version: Document = {}
            if status.get("process") == "mongos":
                version = self._tried("clusterId", lambda: self._first("config", "version", {}, deadline)) or {}
            self._options = {"config": config, "options": options or {}, "version": version}
        known = self._options
        return replies.identity(status, member, known["config"], known["options"], known["version"])

    def _first(self, database: str, collection: str, sort: Document, deadline: float) -> Document:
        command = {"find": collection, "sort": sort, "limit": 1, "singleBatch": True}
        return _batch(self._driver.run(database, command, deadline))

    def _oplog(self, deadline: float) -> list[Family]:
        oldest = self._first("local", "oplog.rs", {"$natural": 1}, deadline)
        return replies.oplog(oldest, self._first("local", "oplog.rs", {"$natural": -1}, deadline))

    def _database_stats(self, deadline: float) -> dict[str, Document]:
        listed = self._driver.run("admin", {"listDatabases": 1, "nameOnly": True}, deadline)
        names = sorted(str(one["name"]) for one in listed.get("databases", ()))[: self._databases]
        return {name: self._driver.run(name, {"dbStats": 1, "scale": 1}, deadline) for name in names}

    def _collection_stats(self, deadline: float) -> dict[str, Document]:
        found = {}
        for namespace in self._collections:
            database, _, collection = namespace.partition(".")
            command = {"aggregate": collection, "pipeline": _COLLECTION, "cursor": {}}
            found[namespace] = _batch(self._driver.run(database, command, deadline))
        return found


def _batch(reply: Document) -> Document:
    """The first document of a cursor, empty when there is none."""
    batch = reply.get("cursor", {}).get("firstBatch", ())
    return batch[0] if batch else {}


def _count(target: Target) -> int:
    value = target.options.get("databases", 20)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingsError(f"target {target.name}: option databases is {value!r}: write a whole number, 0 for none")
    return value


def _namespaces(target: Target) -> tuple[str, ...]:
    value = target.options.get("collections", [])
    if not isinstance(value, list) or not all(isinstance(one, str) and "." in one for one in value):
        raise SettingsError(
            f"target {target.name}: option collections is {value!r}: write a list such as [shop.orders]"
        )
    return tuple(value)


COLLECTOR = Collector(
    system="mongodb",
    open=MongodbSession,
    up=MONGODB_UP,
    schemes=("mongodb",),
    default_url="mongodb://127.0.0.1:27017",
    options=(
        ("databases", "dbStats of at most so many databases, by name; 0 for none (default: 20)"),
        ("collections", "a list of DATABASE.COLLECTION whose sizes and latencies to read (default: none)"),
    ),
)
