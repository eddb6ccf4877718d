"""MongoDB: serverStatus, replSetGetStatus, the oplog's ends, dbStats and, for named collections, $collStats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from collectors import mongodb_replies as replies
from collectors.description import Collector
from collectors.families import Family, family
from collectors.mongodb_driver import Driver, PymongoDriver, Refused
from collectors.options import texts, whole, wrong
from watchkeeper.clock import Clock, monotonic
from watchkeeper.errors import TargetError
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
# What says who a server is lasts as long as the connection; what was refused, or was not there yet, may come.
_AGAIN_SECONDS = 300.0
_COLLECTION: list[Document] = [{"$collStats": {"storageStats": {}, "latencyStats": {}, "queryExecStats": {}}}]


class MongodbSession:
    """One connection for commands, beside the one that the driver watches the server with."""

    def __init__(self, target: Target, driver: Driver | None = None, ticks: Clock = monotonic) -> None:
        self._target = target
        self._options = _options(target)
        self._driver = driver or PymongoDriver(target)
        self._ticks = ticks
        self._known: dict[str, Document] = {}
        self._again: dict[str, float] = {}
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
        build = self._lasting("buildInfo", lambda: self._driver.run("admin", {"buildInfo": 1}, deadline))
        who = self._identity(status, member or {}, deadline)
        found = replies.status(status, build, who)
        if member:
            found += replies.replica_set(member, who)
            if member.get("myState") in (1, 2):  # an arbiter has no oplog
                found += self._tried("oplog", lambda: self._oplog(deadline)) or ()
        if self._options.databases:
            stats = self._tried("dbStats", lambda: self._database_stats(deadline))
            found += replies.database_stats(stats or {}, who)
        if self._options.collections:
            stats = self._tried("collStats", lambda: self._collection_stats(deadline))
            found += replies.collection_stats(stats or {}, who)
        return [*found, family(MONGODB_COMMAND_SUCCESS, [((name,), ok) for name, ok in self._success.items()])]

    def abort(self) -> None:
        self._driver.abort()

    def close(self) -> None:
        self._driver.close()

    def _tried(self, name: str, ask: Callable[[], Any], of: str = "") -> Any:
        """What a command gives, None when the server refuses it; the log says why, once.

        `of` is the database or collection of one that is asked for several: each of them costs itself alone.
        """
        what = f"{name} of {of}" if of else name
        try:
            found = ask()
        except Refused as error:
            if what not in self._failed:
                _log.warning("target %s: %s is left out: %s", self._target.name, what, error)
                self._failed.add(what)
            self._success[name] = 0.0
            return None
        self._failed.discard(what)
        self._success.setdefault(name, 1.0)
        return found

    def _lasting(self, name: str, ask: Callable[[], Document]) -> Document:
        """What a command gives whose answer is kept; empty while it is refused, or has nothing to say."""
        if not self._known.get(name) and self._ticks() >= self._again.get(name, 0.0):
            reply = self._tried(name, ask)
            self._again[name] = self._ticks() + _AGAIN_SECONDS
            if reply is None:
                self._known.pop(name, None)
            else:
                self._known[name] = reply
        self._success[name] = float(name in self._known)
        return self._known.get(name, {})

    def _member(self, command: str, deadline: float) -> Document:
        """A command of replica sets; empty on a server that is in none."""
        try:
            return self._driver.run("admin", {command: 1}, deadline)
        except Refused as error:
            if error.code in _NO_MEMBER:
                return {}
            raise

    def _identity(self, status: Document, member: Document, deadline: float) -> replies.Identity:
        """The base labels."""
        config = self._lasting("replSetGetConfig", lambda: self._member("replSetGetConfig", deadline))
        lines = self._lasting("getCmdLineOpts", lambda: self._driver.run("admin", {"getCmdLineOpts": 1}, deadline))
        version: Document = {}
        if status.get("process") == "mongos":
            version = self._lasting("clusterId", lambda: self._first("config", "version", {}, deadline))
        return replies.identity(status, member, config, lines, version)

    def _first(self, database: str, collection: str, sort: Document, deadline: float) -> Document:
        command = {"find": collection, "sort": sort, "limit": 1, "singleBatch": True}
        return _batch(self._driver.run(database, command, deadline))

    def _oplog(self, deadline: float) -> list[Family]:
        oldest = self._first("local", "oplog.rs", {"$natural": 1}, deadline)
        return replies.oplog(oldest, self._first("local", "oplog.rs", {"$natural": -1}, deadline))

    def _database_stats(self, deadline: float) -> dict[str, Document]:
        listed = self._driver.run("admin", {"listDatabases": 1, "nameOnly": True}, deadline)
        names = sorted(str(one["name"]) for one in listed.get("databases", ()))[: self._options.databases]
        command = {"dbStats": 1, "scale": 1}
        asked = {
            name: self._tried("dbStats", partial(self._driver.run, name, command, deadline), name) for name in names
        }
        return {name: reply for name, reply in asked.items() if reply is not None}

    def _collection_stats(self, deadline: float) -> dict[str, Document]:
        found = {}
        for namespace in self._options.collections:
            database, _, collection = namespace.partition(".")
            command = {"aggregate": collection, "pipeline": _COLLECTION, "cursor": {}}
            reply = self._tried("collStats", partial(self._driver.run, database, command, deadline), namespace)
            if reply is not None:
                found[namespace] = _batch(reply)
        return found


def _batch(reply: Document) -> Document:
    """The first document of a cursor, empty when there is none."""
    batch = reply.get("cursor", {}).get("firstBatch", ())
    return batch[0] if batch else {}


@dataclass(frozen=True, slots=True)
class Options:
    """Of how many databases to read the sizes, and of which collections."""

    databases: int
    collections: tuple[str, ...]


def _options(target: Target) -> Options:
    collections = texts(target, "collections", example="shop.orders")
    if not all("." in one for one in collections):
        raise wrong(target, "collections", "write a list of DATABASE.COLLECTION, such as [shop.orders]")
    return Options(whole(target, "databases", 20, least=0), collections)


COLLECTOR = Collector(
    system="mongodb",
    open=MongodbSession,
    check=_options,
    login="user",
    stands="beside",
    up=MONGODB_UP,
    schemes=("mongodb",),
    default_url="mongodb://127.0.0.1:27017",
    options=(
        ("databases", "dbStats of at most so many databases, by name; 0 for none (default: 20)"),
        ("collections", "a list of DATABASE.COLLECTION whose sizes and latencies to read (default: none)"),
    ),
)
