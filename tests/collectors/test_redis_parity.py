"""Our series beside those of redis_exporter, on the same server: their share, their kinds, and their values at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

import pytest

from collectors.families import Family, Point
from collectors.redis import COLLECTOR
from examples.servers import redis
from examples.servers.redis import RedisServer
from tests.collectors.helpers import parsed, target
from tests.conftest import need
from tests.servers import exporters, free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.systems.redis import SIGNALS

pytestmark = pytest.mark.server

Start = Callable[..., RedisServer]
Series = tuple[str, tuple[tuple[str, str], ...]]

# The exporter's own process, and its books about itself.
OWN = (
    "go_",
    "process_",
    "promhttp_",
    "redis_exporter_",
    "redis_target_scrape_request_errors_total",
)

# What theirs has and ours has not, with the reason (docs/parity/redis.md).
LEFT_OUT: Mapping[str, str] = {
    "redis_last_key_groups_scrape_duration_milliseconds": "how long the exporter took for key groups",
    "redis_connected_clients_details": "a series for each connection: unbounded",
    "redis_key_value_as_string": "a value as a label: unbounded, and it is data",
}
# What theirs makes up of a Sentinel, which has no databases: sixteen of them, all empty.
OF_NO_SENTINEL = frozenset({"redis_db_keys", "redis_db_keys_expiring"})

# By how much a value may lie outside of our read before and our read after theirs, with the reason. The first fits.
APART: tuple[tuple[str, float, str], ...] = (
    ("redis_mem_clients_normal", 65536, "the connection that asks has buffers: theirs opens one for each scrape"),
    ("redis_memory_used_rss_bytes", 2**20, "the allocator gives pages back when it likes"),
    ("redis_memory_used_*bytes", 65536, "as redis_mem_clients_normal"),
    ("redis_mem_fragmentation_bytes", 2**20, "as redis_memory_used_rss_bytes"),
    ("redis_mem_fragmentation_ratio", 2, "as redis_memory_used_rss_bytes, and little is used"),
    ("redis_allocator_*_bytes", 2**20, "as redis_memory_used_rss_bytes"),
    ("redis_allocator_*_ratio", 1, "as redis_memory_used_rss_bytes, and little is used"),
    ("redis_client_recent_max_*", 65536, "depends on what the last clients asked"),
    ("redis_connected_clients", 1, "the client that asks is counted"),
    ("redis_start_time_seconds", 2, "theirs subtracts whole seconds from the clock of its own machine"),
)
# Percentiles of the very commands that the scrapes send say nothing; those of all others do not move.
SENT = {
    "client",
    "config",
    "info",
    "latency",
    "ping",
    "select",
    "slowlog",
    "type",
    "scan",
    "exists",
    "cluster",
    "sentinel",
    # What the checks of keys and streams ask for.
    "get",
    "hlen",
    "llen",
    "memory",
    "pfcount",
    "scard",
    "strlen",
    "xinfo",
    "xlen",
    "zcard",
}


def _ours(server: RedisServer, **options: object) -> list[Family]:
    session = COLLECTOR.open(target("r", "redis", server.url, options=options))
    try:
        session.read(monotonic() + 5)
        return list(session.read(monotonic() + 5))
    finally:
        session.close()


def _series(points: Iterable[Point]) -> dict[Series, float]:
    return {(name, tuple(sorted(pair for pair in pairs if pair[1]))): value for name, pairs, value in points}


def _points(families: Iterable[Family]) -> dict[Series, float]:
    return _series(point for family in families for point in family.points)


def _compare(
    server: RedisServer, flags: Iterable[str] = (), made_up: frozenset[str] = frozenset(), **options: object
) -> float:
    """Check kinds, labels and values; the share of their series that we have is returned, without those `made_up`."""
    need(exporters.available("redis"))
    with exporters.run_redis(server, flags=tuple(flags)) as exporter:
        exporter.metrics()
        before = _points(_ours(server, **options))
        theirs = parsed(exporter.metrics())
        after_families = _ours(server, **options)
    after = _points(after_families)
    kinds = {family.name: family.kind for family in after_families if family.points}
    families = {name: family for name, family in theirs.items() if not name.startswith(OWN) and name not in made_up}
    for name in families.keys() & kinds.keys():
        assert kinds[name] == families[name].kind, name
    wanted = _points(families.values())
    shared = wanted.keys() & before.keys() & after.keys()
    missing = {series for series in wanted.keys() - shared if series[0] not in LEFT_OUT}
    assert not missing, sorted(missing)
    wrong = {
        series: (before[series], wanted[series], after[series])
        for series in shared
        if not _close(series, before[series], wanted[series], after[series])
    }
    assert not wrong
    return len(shared) / len(wanted)


def _close(series: Series, before: float, value: float, after: float) -> bool:
    """Whether a value lies between ours, or as near as it can be."""
    name, pairs = series
    if name == "redis_latency_percentiles_usec" and dict(pairs)["cmd"].partition("|")[0] in SENT:
        return True
    most = next((most for pattern, most, _ in APART if fnmatchcase(name, pattern)), 0.0)
    return min(before, after) - most <= value <= max(before, after) + most


def _use(server: RedisServer) -> None:
    for command in ("SET a b EX 100", "GET a", "LPUSH l 1", "HSET h a b", "GET l", "NOSUCH", "XADD s * a b"):
        server.command(*command.split())


def test_a_server_has_95_percent_of_their_series_with_equal_values(redis_server: RedisServer) -> None:
    _use(redis_server)
    assert _compare(redis_server) >= 0.95


def test_a_replica_and_its_master_have_them_too(redis_factory: Start) -> None:
    master = redis_factory(settings={"repl-ping-replica-period": "3600"})
    replica = redis_factory(replica_of=master)
    wait_until(lambda: "master_link_status:up" in replica.command("INFO", "replication"))
    assert _compare(replica) >= 0.95
    assert _compare(master) >= 0.95


def _cluster_settings() -> dict[str, str]:
    return {"cluster-enabled": "yes", "cluster-port": str(free_port())}


def test_a_cluster_node_has_them_too(redis_factory: Start) -> None:
    node = redis_factory(settings=_cluster_settings())
    node.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    wait_until(lambda: "cluster_state:ok" in node.command("CLUSTER", "INFO"), seconds=15)
    assert _compare(node) >= 0.95


def test_a_sentinel_has_them_too(redis_factory: Start) -> None:
    master = redis_factory()
    redis_factory(replica_of=master)
    with redis.run_sentinel(master) as sentinel:
        wait_until(lambda: "slaves=1" in sentinel.command("INFO", "sentinel"), seconds=20)
        assert _compare(sentinel, made_up=OF_NO_SENTINEL) >= 0.95


def test_keys_streams_and_settings_have_them_too(redis_factory: Start) -> None:
    server = redis_factory()
    _use(server)
    server.command("SET", "number", "3.5")
    server.command("XGROUP", "CREATE", "s", "g", "0")
    server.command("XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">")
    flags = ["-check-keys=n*,l*", "-check-single-keys=h,missing", "-check-streams=s*", "-count-keys=db0=*"]
    share = _compare(
        server,
        [*flags, "-include-config-metrics", "-include-system-metrics"],
        check_keys="n*,l*",
        check_single_keys="h,missing",
        check_streams="s*",
        count_keys="db0=*",
        config_metrics=True,
    )
    assert share >= 0.95


def test_every_name_of_theirs_that_we_declare_has_their_labels(redis_server: RedisServer) -> None:
    _use(redis_server)
    need(exporters.available("redis"))
    with exporters.run_redis(redis_server) as exporter:
        theirs = parsed(exporter.metrics())
    declared = {signal.name: signal for signal in SIGNALS}
    for name, family in theirs.items():
        if name in declared:
            labels = {label for _, pairs, _ in family.points for label, _ in pairs} - {"quantile"}
            assert labels <= set(declared[name].labels), name
