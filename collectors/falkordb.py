"""FalkorDB: GRAPH.LIST, GRAPH.INFO, GRAPH.CONFIG and GRAPH.SLOWLOG; GRAPH.MEMORY when it is asked for.

What the server says as a Redis belongs to a target of the system redis with the same url. Texts of queries come with
the answers and are thrown away: they hold data.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collectors import options
from collectors.description import Collector, ConnectionEndedError
from collectors.families import Family, family, single
from collectors.kept import KeptConnection
from collectors.redis_info import number
from collectors.resp import TLS_OPTIONS, Address, RedisConnection, RedisError, batch, explained, has_ended
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.signals import Signal
from watchkeeper.systems import falkordb as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_log = logging.getLogger("watchkeeper.collectors")

_DEFAULT_URL = "falkordb://127.0.0.1:6379"
_PAGE = "docs/systems/falkordb.md"
_GRAPHS = 50
# A thousand waiting queries come with their texts: it is then that somebody wants to know.
_LIMIT_BYTES = 16 * 1024 * 1024
_MIB = 1024.0 * 1024.0

_BATCH = batch([("GRAPH.LIST",), ("GRAPH.INFO",), ("GRAPH.CONFIG", "GET", "*"), ("INFO", "modules")])

# Signals of GRAPH.CONFIG, and what one of the signal's unit is in the setting's.
_CONFIG: Mapping[str, tuple[Signal, float]] = {
    "THREAD_COUNT": (s.FALKORDB_QUERY_THREADS, 1.0),
    "MAX_QUEUED_QUERIES": (s.FALKORDB_QUERIES_WAITING_LIMIT, 1.0),
    "TIMEOUT_DEFAULT": (s.FALKORDB_QUERY_TIMEOUT_SECONDS, 1e3),
    "TIMEOUT_MAX": (s.FALKORDB_QUERY_TIMEOUT_LIMIT_SECONDS, 1e3),
    "QUERY_MEM_CAPACITY": (s.FALKORDB_QUERY_MEMORY_LIMIT_BYTES, 1.0),
}

# What GRAPH.MEMORY calls the parts of a graph; a list is by label or by type.
_PARTS: Mapping[str, str] = {
    "label_matrices_sz_mb": "label_matrices",
    "relation_matrices_sz_mb": "relation_matrices",
    "amortized_node_block_sz_mb": "node_blocks",
    "amortized_node_attributes_by_label_sz_mb": "node_attributes",
    "amortized_unlabeled_nodes_attributes_sz_mb": "unlabeled_node_attributes",
    "amortized_edge_block_sz_mb": "edge_blocks",
    "amortized_edge_attributes_by_type_sz_mb": "edge_attributes",
    "indices_sz_mb": "indices",
}


def _map(reply: Any) -> dict[str, Any]:
    """A reply that lists names and values in turn."""
    return dict(zip(reply[::2], reply[1::2], strict=False)) if isinstance(reply, list) else {}


def _queries(info: Any) -> list[Family]:
    """The families of GRAPH.INFO; durations are in milliseconds."""
    sections = _map(info)
    found = []
    for title, count, longest, field in (
        (
            "# Running queries",
            s.FALKORDB_QUERIES_RUNNING,
            s.FALKORDB_LONGEST_RUNNING_QUERY_SECONDS,
            "Execution duration",
        ),
        ("# Waiting queries", s.FALKORDB_QUERIES_WAITING, s.FALKORDB_LONGEST_WAITING_QUERY_SECONDS, "Wait duration"),
    ):
        queries = sections.get(title)
        if isinstance(queries, list):
            found.append(single(count, float(len(queries))))
            durations = [number(str(_map(query).get(field))) for query in queries]
            found.append(single(longest, max([one for one in durations if one is not None], default=0.0) / 1e3))
    return found


def _config(reply: Any) -> list[Family]:
    found = []
    for pair in reply if isinstance(reply, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and pair[0] in _CONFIG and isinstance(pair[1], int):
            signal, divisor = _CONFIG[pair[0]]
            found.append(single(signal, pair[1] / divisor))
    return found


def _version(modules: Any) -> list[Family]:
    """The module's version: 41603 is 4.16.3."""
    for line in str(modules).splitlines():
        fields = dict([part.split("=", 1) for part in line.removeprefix("module:").split(",") if "=" in part])
        text = fields.get("ver", "")
        if line.startswith("module:name=graph,") and text.isdecimal():
            version = f"{int(text) // 10000}.{int(text) // 100 % 100}.{int(text) % 100}"
            return [family(s.FALKORDB_BUILD_INFO, [((version,), 1.0)])]
    return []


def _slow(graphs: Sequence[str], replies: Sequence[Any]) -> list[Family]:
    """The families of GRAPH.SLOWLOG: entries of (received, command, query, milliseconds, …)."""
    counts, longest, newest = [], [], []
    for graph, reply in zip(graphs, replies, strict=True):
        if not isinstance(reply, list):
            continue  # the graph is gone by now, or the user may not see it
        counts.append(((graph,), float(len(reply))))
        if reply:
            longest.append(((graph,), max(float(entry[3]) for entry in reply) / 1e3))
            newest.append(((graph,), max(float(entry[0]) for entry in reply)))
    return [
        family(s.FALKORDB_SLOWLOG_QUERIES, counts),
        family(s.FALKORDB_SLOWLOG_LONGEST_SECONDS, longest),
        family(s.FALKORDB_SLOWLOG_LAST_TIMESTAMP_SECONDS, newest),
    ]


def _memory(graphs: Sequence[str], replies: Sequence[Any]) -> list[Family]:
    totals, parts = [], []
    for graph, reply in zip(graphs, replies, strict=True):
        sizes = _map(reply)
        if isinstance(total := sizes.get("total_graph_sz_mb"), int):
            totals.append(((graph,), total * _MIB))
        for key, part in _PARTS.items():
            size = sizes.get(key)
            if isinstance(size, list):
                size = sum(one for one in size[1::2] if isinstance(one, int))
            if isinstance(size, int):
                parts.append(((graph, part), size * _MIB))
    return [family(s.FALKORDB_GRAPH_MEMORY_BYTES, totals), family(s.FALKORDB_GRAPH_MEMORY_PART_BYTES, parts)]


def _options(target: Target) -> tuple[Address, bool, int]:
    """The address, `memory` and `graph_limit`."""
    limit = options.whole(target, "graph_limit", _GRAPHS, least=0)
    return Address.of(target, _DEFAULT_URL), options.flag(target, "memory"), limit


class FalkorDBSession(KeptConnection[RedisConnection]):
    """One connection, opened at the first read. Raises SettingsError when an option is wrong."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._address, self._memory, self._limit = _options(target)

    def read(self, deadline: float) -> Sequence[Family]:
        kept = self._connection
        try:
            connection = kept or self._connect(deadline)
            names, info, config, modules = connection.send(_BATCH, deadline)
            if isinstance(names, RedisError):
                raise names
            graphs = sorted(str(name) for name in names)
            asked = graphs[: self._limit]
            slow = connection.pipeline([("GRAPH.SLOWLOG", graph) for graph in asked], deadline)
        except (OSError, RedisError) as error:
            failed = f"FalkorDB at {self._address}: {_explained(error, self._address.host)}"
            if kept is not None and has_ended(kept, error):
                raise ConnectionEndedError(failed) from None
            raise TargetError(failed) from None
        found = [single(s.FALKORDB_UP, 1.0), single(s.FALKORDB_GRAPHS, float(len(graphs)))]
        queries, settings = _queries(info), _config(config)
        found += [*queries, *settings, *_version(modules), *_slow(asked, slow)]
        if self._memory and _has_free_thread([*queries, *settings]):
            found += self._memory_of(connection, asked, deadline)
        return found

    def _connect(self, deadline: float) -> RedisConnection:
        self._connection, _ = RedisConnection.login(self._target, self._address, deadline, _LIMIT_BYTES)
        return self._connection

    def _memory_of(self, connection: RedisConnection, graphs: Sequence[str], deadline: float) -> list[Family]:
        """GRAPH.MEMORY waits for a thread, behind queries that come in between: what is late is left out."""
        at = monotonic()
        commands = [("GRAPH.MEMORY", "USAGE", graph) for graph in graphs]
        try:
            return _memory(graphs, connection.pipeline(commands, at + (deadline - at) / 2))
        except OSError as error:
            _log.info("target %s: GRAPH.MEMORY is left out: %s", self._target.name, error)
            connection.close()
            self._connection = None
            return []


def _has_free_thread(families: Sequence[Family]) -> bool:
    values = {one.name: one.points[0][2] for one in families}
    running, waiting = values.get(s.FALKORDB_QUERIES_RUNNING.name), values.get(s.FALKORDB_QUERIES_WAITING.name)
    return running is not None and waiting == 0 and running < values.get(s.FALKORDB_QUERY_THREADS.name, 1.0)


def _explained(error: Exception, host: str) -> str:
    if "unknown command" in str(error):
        return "it has no FalkorDB module: load it, or use the system redis"
    return explained(error, host, _PAGE)


COLLECTOR = Collector(
    system="falkordb",
    open=FalkorDBSession,
    login="user",
    stands="beside",
    check=_options,
    up=s.FALKORDB_UP,
    schemes=("redis", "rediss", "unix", "falkordb", "falkordbs"),
    default_url=_DEFAULT_URL,
    options=(
        *TLS_OPTIONS,
        ("memory", "true: GRAPH.MEMORY USAGE of each graph; it takes a thread of the server, and only a free one"),
        ("graph_limit", f"most graphs whose slow log and memory are read, the first by name ({_GRAPHS})"),
    ),
)
