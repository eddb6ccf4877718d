"""Elasticsearch: the families of its replies, as pure functions of what the server said.

What a reply does not have is left out: an absent field of an older server is unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collectors.families import Family, family
from collectors.replies import at
from watchkeeper.signals import Signal
from watchkeeper.systems import elasticsearch_cluster as c
from watchkeeper.systems import elasticsearch_pools as p
from watchkeeper.systems.elasticsearch_indices import ELASTICSEARCH_INDICES_ALIASES, INDEX
from watchkeeper.systems.elasticsearch_nodes import NODE
from watchkeeper.units import SECONDS, UNIX_TIME

__all__ = [
    "aliases",
    "cluster_health",
    "cluster_info",
    "data_streams",
    "health_report",
    "ilm",
    "indices",
    "nodes",
    "shards",
    "slm",
    "snapshots",
]

Reply = Mapping[str, Any]
Table = Sequence[tuple[str, Signal]]
Row = tuple[tuple[str, ...], Reply]

_COLORS = ("green", "red", "yellow")
_MODES = ("RUNNING", "STOPPED", "STOPPING")
_BASE_ROLES = ("data", "ingest", "master")
# Snapshots that can be restored, whole or in part.
_USABLE = ("SUCCESS", "PARTIAL")


def number(reply: Any, path: str) -> float | None:
    """The number at a dotted path; a list counts its items, True is 1; None when there is none."""
    found = at(reply, path)
    if isinstance(found, bool | int | float):
        return float(found)
    return float(len(found)) if isinstance(found, list) else None


def _scale(signal: Signal, path: str) -> float:
    """Elasticsearch says milliseconds where the names say seconds."""
    return 1000.0 if signal.unit in (SECONDS, UNIX_TIME) and path.endswith("_millis") else 1.0


def _table(table: Table, rows: Sequence[Row]) -> list[Family]:
    """One family for each row of a table, with a sample for each (labels, reply) that has the field."""
    found = []
    for path, signal in table:
        # Division, not multiplication by 0.001: 72491 ms are 72.491 s, as the exporter has it.
        scale = _scale(signal, path)
        samples = [(labels, value / scale) for labels, reply in rows if (value := number(reply, path)) is not None]
        if signal.unit is UNIX_TIME:
            samples = [(labels, float(int(value))) for labels, value in samples]
        found.append(family(signal, samples))
    return found


def _states(labels: tuple[str, ...], states: Sequence[str], now: Any) -> list[tuple[tuple[str, ...], float]]:
    return [((*labels, state), float(state == now)) for state in states]


def cluster_info(reply: Reply) -> list[Family]:
    """The families of `GET /`."""
    version = reply.get("version", {})
    values = {**version, **reply, "cluster": reply.get("cluster_name", ""), "version": version.get("number", "")}
    labels = tuple(str(values.get(name, "")) for name in c.ELASTICSEARCH_VERSION.labels)
    return [family(c.ELASTICSEARCH_VERSION, [(labels, 1.0)])]


def cluster_health(reply: Reply) -> list[Family]:
    """The families of `_cluster/health`."""
    labels = (str(reply.get("cluster_name", "")),)
    status = family(c.ELASTICSEARCH_CLUSTER_HEALTH_STATUS, _states(labels, _COLORS, reply.get("status")))
    return [status, *_table(c.CLUSTER, [(labels, reply)])]


def nodes(reply: Reply) -> list[Family]:
    """The families of `_nodes/stats`."""
    cluster = str(reply.get("cluster_name", ""))
    rows = [(_node_labels(cluster, node), node) for node in reply.get("nodes", {}).values()]
    found = [*_table(NODE, rows), *_jvm(rows), *_caches(rows), *_pressure(cluster, reply)]
    for table, path in (
        (p.BREAKERS, "breakers"),
        (p.THREAD_POOLS, "thread_pool"),
        (p.MEMORY_POOLS, "jvm.mem.pools"),
        (p.COLLECTORS, "jvm.gc.collectors"),
    ):
        found += _table(table, [((*labels, key), row) for labels, node in rows for key, row in _named(node, path)])
    for table, path, columns in ((p.DATA_PATHS, "fs.data", ("mount", "path")), (p.DEVICES, "fs.io_stats.devices", ())):
        listed = []
        for labels, node in rows:
            for entry in _listed(node, path):
                own = [str(entry.get(column, "")) for column in columns or ("device_name",)]
                listed.append(((*labels, *own), entry))
        found += _table(table, listed)
    found.append(family(p.ELASTICSEARCH_NODES_ROLES, _roles(cluster, reply)))
    return found


def _node_labels(cluster: str, node: Reply) -> tuple[str, ...]:
    """In the order of NODE_LABELS; before 5.0 roles are attributes."""
    roles = node.get("roles")
    if roles is None:
        attributes = node.get("attributes", {})
        roles = [role for role in ("master", "data") if attributes.get(role, "true") != "false"]
    told = [str(bool(one)).lower() for one in (node.get("http"), "data" in roles, "ingest" in roles, "master" in roles)]
    return (cluster, *told, str(node.get("host", "")), str(node.get("name", "")))


def _named(node: Reply, path: str) -> Iterable[tuple[str, Reply]]:
    found = at(node, path)
    return found.items() if isinstance(found, Mapping) else ()


def _listed(node: Reply, path: str) -> Iterable[Reply]:
    found = at(node, path)
    return found if isinstance(found, list) else ()


def _roles(cluster: str, reply: Reply) -> Iterable[tuple[tuple[str, ...], float]]:
    for identity, node in reply.get("nodes", {}).items():
        where = (cluster, str(node.get("host", "")), str(node.get("name", "")), identity)
        roles = node.get("roles") or ()
        for role in sorted({*_BASE_ROLES, *roles}):
            yield (*where, role), float(role in roles)
        yield (*where, "client"), float(bool(node.get("http")))


def _jvm(rows: Sequence[Row]) -> list[Family]:
    def areas(signal: Signal, *columns: tuple[str, str]) -> Family:
        samples = [
            ((*labels, area), value)
            for labels, node in rows
            for area, path in columns
            if (value := number(node, f"jvm.{path}")) is not None
        ]
        return family(signal, samples)

    # The exporter gives uptime the label of a buffer pool, and has done so for so long that dashboards rely on it.
    uptime = [
        ((*labels, "mapped"), value / 1000)
        for labels, node in rows
        if (value := number(node, "jvm.uptime_in_millis")) is not None
    ]
    return [
        areas(
            p.ELASTICSEARCH_JVM_MEMORY_USED_BYTES,
            ("heap", "mem.heap_used_in_bytes"),
            ("non-heap", "mem.non_heap_used_in_bytes"),
        ),
        areas(
            p.ELASTICSEARCH_JVM_MEMORY_COMMITTED_BYTES,
            ("heap", "mem.heap_committed_in_bytes"),
            ("non-heap", "mem.non_heap_committed_in_bytes"),
        ),
        areas(p.ELASTICSEARCH_JVM_MEMORY_MAX_BYTES, ("heap", "mem.heap_max_in_bytes")),
        areas(
            p.ELASTICSEARCH_JVM_BUFFER_POOL_USED_BYTES,
            ("direct", "buffer_pools.direct.used_in_bytes"),
            ("mapped", "buffer_pools.mapped.used_in_bytes"),
        ),
        family(p.ELASTICSEARCH_JVM_UPTIME_SECONDS, uptime),
    ]


def _caches(rows: Sequence[Row]) -> list[Family]:
    found = []
    for signal, cache, path in (
        (p.ELASTICSEARCH_INDICES_QUERY_CACHE_COUNT, "hit", "indices.query_cache.hit_count"),
        (p.ELASTICSEARCH_INDICES_QUERY_MISS_COUNT, "miss", "indices.query_cache.miss_count"),
        (p.ELASTICSEARCH_INDICES_REQUEST_CACHE_COUNT, "hit", "indices.request_cache.hit_count"),
        (p.ELASTICSEARCH_INDICES_REQUEST_MISS_COUNT, "miss", "indices.request_cache.miss_count"),
    ):
        samples = [((*labels, cache), value) for labels, node in rows if (value := number(node, path)) is not None]
        found.append(family(signal, samples))
    return found


def _pressure(cluster: str, reply: Reply) -> list[Family]:
    found = []
    for path, signal in (
        ("current.all_in_bytes", p.ELASTICSEARCH_INDEXING_PRESSURE_CURRENT_ALL_IN_BYTES),
        ("limit_in_bytes", p.ELASTICSEARCH_INDEXING_PRESSURE_LIMIT_IN_BYTES),
    ):
        samples = []
        for node in reply.get("nodes", {}).values():
            for key, row in _named(node, "indexing_pressure"):
                if (value := number(row, path)) is not None:
                    samples.append(((cluster, str(node.get("host", "")), key, str(node.get("name", ""))), value))
        found.append(family(signal, samples))
    return found


def indices(reply: Reply, cluster: str, limit: int) -> list[Family]:
    """The families of `_stats`, for the `limit` largest indices."""
    found = reply.get("indices", {})
    largest = sorted(found, key=lambda name: number(found[name], "total.store.size_in_bytes") or 0.0, reverse=True)
    return _table(INDEX, [((cluster, name), found[name]) for name in sorted(largest[:limit])])


def aliases(reply: Reply, cluster: str, kept: Iterable[str]) -> list[Family]:
    """The family of `_alias`, for the indices that are kept."""
    names = set(kept)
    samples = [
        ((alias, cluster, index), 1.0)
        for index, found in reply.items()
        if index in names
        for alias in found.get("aliases", {})
    ]
    return [family(ELASTICSEARCH_INDICES_ALIASES, samples)]


def slm(stats: Reply, status: Reply) -> list[Family]:
    """The families of `_slm/stats` and `_slm/status`."""
    policies = [((str(row.get("policy", "")),), row) for row in stats.get("policy_stats", ())]
    mode = _states((), _MODES, status.get("operation_mode"))
    return [
        family(c.ELASTICSEARCH_SLM_STATS_OPERATION_MODE, mode),
        *_table(c.SLM, [((), stats)]),
        *_table(c.SLM_POLICY, policies),
    ]


def ilm(explained: Reply, status: Reply, limit: int) -> list[Family]:
    """The families of `_all/_ilm/explain` and `_ilm/status`, for at most `limit` indices, by name."""
    rows = sorted(explained.get("indices", {}).items())[:limit]
    samples = [
        (
            (str(row.get("action", "")), name, str(row.get("phase", "")), str(row.get("step", ""))),
            float(bool(row.get("managed"))),
        )
        for name, row in rows
    ]
    mode = family(c.ELASTICSEARCH_ILM_STATUS, _states((), _MODES, status.get("operation_mode")))
    return [mode, family(c.ELASTICSEARCH_ILM_INDEX_STATUS, samples)]


def data_streams(reply: Reply, limit: int) -> list[Family]:
    """The families of `_data_stream/*/_stats`, for the `limit` largest streams."""
    rows = sorted(reply.get("data_streams", ()), key=lambda row: -(number(row, "store_size_bytes") or 0.0))
    return _table(c.DATA_STREAM, [((str(row.get("data_stream", "")),), row) for row in rows[:limit]])


def shards(reply: Iterable[Reply], cluster: str) -> list[Family]:
    """The family of `_cat/shards`: how many shards a node has; those without a node are in the cluster's health."""
    counts: dict[str, int] = {}
    for row in reply:
        if row.get("node"):
            counts[str(row["node"])] = counts.get(str(row["node"]), 0) + 1
    samples = [((cluster, name), float(count)) for name, count in sorted(counts.items())]
    return [family(c.ELASTICSEARCH_NODE_SHARDS_TOTAL, samples)]


def snapshots(replies: Mapping[str, Reply]) -> list[Family]:
    """The families of the replies to `_snapshot/REPOSITORY/_all`, by repository."""
    counts, oldest, latest, last = [], [], [], []
    for repository, reply in replies.items():
        rows = sorted(reply.get("snapshots", ()), key=lambda row: row.get("start_time_in_millis", 0))
        counts.append(((repository,), float(len(rows))))
        if not rows:
            continue
        labels = (repository, str(rows[-1].get("state", "")), str(rows[-1].get("version", "")))
        last.append((labels, rows[-1]))
        if (began := number(rows[0], "start_time_in_millis")) is not None:
            oldest.append(((repository,), began // 1000))
        usable = [row for row in rows if row.get("state") in _USABLE]
        if usable and (began := number(usable[-1], "start_time_in_millis")) is not None:
            latest.append(((repository,), began // 1000))
    return [
        family(c.ELASTICSEARCH_SNAPSHOT_STATS_NUMBER_OF_SNAPSHOTS, counts),
        family(c.ELASTICSEARCH_SNAPSHOT_STATS_OLDEST_SNAPSHOT_TIMESTAMP, oldest),
        family(c.ELASTICSEARCH_SNAPSHOT_STATS_LATEST_SNAPSHOT_TIMESTAMP_SECONDS, latest),
        *_table(c.SNAPSHOT, last),
    ]


def health_report(reply: Reply) -> list[Family]:
    """The families of `_health_report`."""
    labels = (str(reply.get("cluster_name", "")),)
    indicators = reply.get("indicators", {})
    found = [family(c.ELASTICSEARCH_HEALTH_REPORT_STATUS, _states(labels, _COLORS, reply.get("status")))]
    for key, signal in c.INDICATORS:
        if key in indicators:
            found.append(family(signal, _states(labels, _COLORS, indicators[key].get("status"))))
    return [*found, *_table(c.REPORT, [(labels, indicators)])]
