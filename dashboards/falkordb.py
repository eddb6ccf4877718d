"""The dashboard of FalkorDB."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"
_GRAPH = "{{instance}} {{graph}}"

DASHBOARD = Dashboard(
    key="falkordb",
    title="FalkorDB",
    system="falkordb",
    description="Is it up, does anybody wait, what runs too long, how large are the graphs.",
    links=("redis", "overview"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("falkordb.up",),
                    kind="stat",
                    description="Whether the server and its module answer the collector.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="threads-used-ratio",
                    title="Threads in use",
                    queries=("falkordb.threads_used_ratio",),
                    kind="gauge",
                    description="At 100% further queries wait.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="queue-used-ratio",
                    title="Queue of waiting queries",
                    queries=("falkordb.queue_used_ratio",),
                    kind="gauge",
                    description="At 100% further queries are refused. The default limit is practically none.",
                    legend=_EACH,
                    threshold_of="FalkorDBQueueNearlyFull",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="graphs",
                    title="Graphs",
                    queries=("falkordb.graphs",),
                    kind="stat",
                    description="Graphs of the server.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Queries",
            panels=(
                Panel(
                    key="query-rate",
                    title="Queries",
                    queries=("falkordb.query_rate",),
                    description="Queries per second, as a target of the system redis for the same server counts them.",
                    legend=_EACH,
                ),
                Panel(
                    key="query-duration",
                    title="Duration of a query",
                    queries=("falkordb.query_duration",),
                    description="Mean time of a query, as a target of the system redis for the same server has it.",
                    legend=_EACH,
                ),
                Panel(
                    key="longest-running",
                    title="Longest running query",
                    queries=("falkordb.longest_running",),
                    description="A query that never ends holds a thread, and a writer holds up its graph.",
                    legend=_EACH,
                    threshold_of="FalkorDBQueryRunsLong",
                ),
            ),
        ),
        Row(
            title="Saturation",
            panels=(
                Panel(
                    key="queries-running",
                    title="Running queries",
                    queries=("falkordb.queries_running",),
                    description="As many as there are threads is the most.",
                    legend=_EACH,
                ),
                Panel(
                    key="waiting-per-thread",
                    title="Waiting queries for each thread",
                    queries=("falkordb.waiting_per_thread",),
                    description="Above 1, a new query waits for more than one other to end.",
                    legend=_EACH,
                    threshold_of="FalkorDBQueriesWait",
                ),
                Panel(
                    key="longest-waiting",
                    title="Longest waiting query",
                    queries=("falkordb.longest_waiting",),
                    description="How long the oldest waiting query has been waiting.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Graphs",
            panels=(
                Panel(
                    key="slowest-query",
                    title="Slowest query of a graph",
                    queries=("falkordb.slowest_query",),
                    description="The slowest query in the slow log of a graph.",
                    legend=_GRAPH,
                ),
                Panel(
                    key="slow-queries",
                    title="Slow log of a graph",
                    queries=("falkordb.slow_queries",),
                    description="Entries in the slow log of a graph, which keeps ten.",
                    legend=_GRAPH,
                ),
                Panel(
                    key="graph-memory",
                    title="Memory of a graph",
                    queries=("falkordb.graph_memory",),
                    description="Only with the option memory, in whole MiB.",
                    legend=_GRAPH,
                ),
                Panel(
                    key="graph-memory-part",
                    title="Memory by part",
                    queries=("falkordb.graph_memory_part",),
                    description="Matrices, nodes, edges and indices of all graphs. Only with the option memory.",
                    legend="{{instance}} {{part}}",
                    stacked=True,
                ),
            ),
            collapsed=True,
        ),
    ),
)
