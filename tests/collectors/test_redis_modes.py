"""Sentinel, Cluster, later versions, and what options ask for, against real servers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import pytest

from collectors.families import Family
from collectors.redis import COLLECTOR
from examples.servers import redis
from examples.servers.redis import RedisServer
from tests.collectors.helpers import by_name, names_of, read_once, target, value_of
from tests.conftest import need
from tests.servers import falkordb, free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError

pytestmark = pytest.mark.server

Start = Callable[..., RedisServer]


def _read(server: RedisServer | str, **options: object) -> Sequence[Family]:
    url = server if isinstance(server, str) else server.url
    return read_once(COLLECTOR, target("r", "redis", url, options=options))


@pytest.fixture
def master(redis_factory: Start) -> RedisServer:
    return redis_factory()


def test_a_sentinel_says_how_its_master_is(redis_factory: Start, master: RedisServer) -> None:
    redis_factory(replica_of=master)
    with redis.run_sentinel(master) as sentinel:
        wait_until(lambda: "slaves=1" in sentinel.command("INFO", "sentinel"), seconds=20)
        families = _read(sentinel)
        errors = sentinel.command("INFO", "stats")
    address = f"127.0.0.1:{master.port}"
    assert value_of(families, "redis_sentinel_masters") == 1
    assert value_of(families, "redis_sentinel_master_status", master_name="main", master_address=address) == 1
    assert value_of(families, "redis_sentinel_master_ckquorum_status", master_name="main") == 1
    assert value_of(families, "redis_sentinel_master_ok_slaves", master_address=address) == 1
    assert value_of(families, "redis_sentinel_master_ok_sentinels", master_address=address) == 1
    assert value_of(families, "redis_sentinel_master_setting_down_after_milliseconds", master_name="main") == 1000
    # It knows no CONFIG, SLOWLOG or LATENCY: it is not asked, so that its error counters stay those of its users.
    assert "total_error_replies:0" in errors
    assert "redis_db_keys" not in names_of(families)


def test_a_sentinel_without_its_quorum_says_so(master: RedisServer) -> None:
    with redis.run_sentinel(master, quorum=2) as sentinel:
        families = _read(sentinel)
    assert value_of(families, "redis_sentinel_master_ckquorum_status", master_name="main") == 0


def test_a_sentinel_sees_a_master_go(master: RedisServer) -> None:
    with redis.run_sentinel(master) as sentinel:
        session = COLLECTOR.open(target("s", "redis", sentinel.url))
        assert value_of(session.read(monotonic() + 5), "redis_sentinel_master_status", master_name="main") == 1
        master.process.kill()
        wait_until(
            lambda: value_of(session.read(monotonic() + 5), "redis_sentinel_master_status", master_name="main") == 0,
            seconds=20,
        )
        session.close()


def _cluster_settings() -> dict[str, str]:
    # The port of its bus would be the server's plus 10,000, which may be taken.
    return {"cluster-enabled": "yes", "cluster-port": str(free_port())}


def _cluster(start: Start) -> tuple[RedisServer, RedisServer]:
    """Two nodes that know each other; the first has all slots."""
    bus = str(free_port())
    first = start(settings=_cluster_settings())
    second = start(settings={"cluster-enabled": "yes", "cluster-port": bus})
    first.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    first.command("CLUSTER", "MEET", second.host, str(second.port), bus)
    wait_until(lambda: "cluster_known_nodes:2" in second.command("CLUSTER", "INFO"), seconds=20)
    wait_until(lambda: "cluster_state:ok" in second.command("CLUSTER", "INFO"), seconds=20)
    return first, second


def test_the_nodes_of_a_cluster_say_how_it_is(redis_factory: Start) -> None:
    for node in _cluster(redis_factory):
        families = _read(node)
        assert value_of(families, "redis_cluster_enabled") == 1
        assert value_of(families, "redis_cluster_state") == 1
        assert value_of(families, "redis_cluster_slots_ok") == 16384
        assert value_of(families, "redis_cluster_known_nodes") == 2
        assert value_of(families, "redis_cluster_messages_sent_total") > 0
        assert [labels for _, labels, _ in by_name(families)["redis_db_keys"].points] == [(("db", "db0"),)]


def test_a_cluster_with_slots_that_nobody_serves_is_not_ok(redis_factory: Start) -> None:
    node = redis_factory(settings=_cluster_settings())
    node.command("CLUSTER", "ADDSLOTSRANGE", "0", "99")
    families = _read(node)
    assert value_of(families, "redis_cluster_state") == 0
    assert value_of(families, "redis_cluster_slots_assigned") == 100


def _fill(server: RedisServer) -> None:
    for command in (
        "SET number 3.5",
        "SET text hello",
        "LPUSH list a b",
        "HSET hash a b",
        "SADD set a b c",
        "ZADD zset 1 a",
        "PFADD hyperloglog a b",
        "XADD stream 5-0 a b",
        "XADD stream 7-0 a b",
        "XGROUP CREATE stream workers 0",
        "XREADGROUP GROUP workers one COUNT 1 STREAMS stream >",
    ):
        assert not server.command(*command.split()).startswith("-")


def test_keys_that_are_named_are_measured(redis_server: RedisServer) -> None:
    _fill(redis_server)
    families = _read(redis_server, check_single_keys="number,text,list,hash,set,zset,stream,missing,db3=other")
    sizes = {dict(pairs)["key"]: value for _, pairs, value in by_name(families)["redis_key_size"].points}
    expected = {"number": 3, "text": 5, "list": 2, "hash": 1, "set": 3, "zset": 1, "stream": 2}
    assert sizes == {**expected, "missing": 0, "other": 0}
    assert by_name(families)["redis_key_value"].points == [("redis_key_value", (("db", "db0"), ("key", "number")), 3.5)]


def test_a_pattern_stands_for_a_bounded_number_of_keys(redis_server: RedisServer) -> None:
    redis_server.command("MSET", *[word for index in range(3000) for word in (f"job:{index}", "1")])
    families = by_name(_read(redis_server, check_keys="job:*", key_limit=7))
    assert len(families["redis_key_size"].points) == 7


def test_keys_are_counted_whole_or_not_at_all(redis_server: RedisServer) -> None:
    redis_server.command("MSET", *[word for index in range(3000) for word in (f"job:{index}", "1")])
    redis_server.command("SET", "other", "1")
    assert value_of(_read(redis_server, count_keys="db0=job:*"), "redis_keys_count", db="db0", key="job:*") == 3000
    assert "redis_keys_count" not in names_of(_read(redis_server, count_keys="db0=job:*", scan_limit=1))


def test_streams_are_read_with_their_groups_and_consumers(redis_server: RedisServer) -> None:
    _fill(redis_server)
    families = _read(redis_server, check_streams="str*", check_single_streams="missing,text")
    assert value_of(families, "redis_stream_length", stream="stream") == 2
    assert value_of(families, "redis_stream_last_generated_id", stream="stream") == 7
    assert value_of(families, "redis_stream_group_messages_pending", group="workers") == 1
    assert value_of(families, "redis_stream_group_lag", group="workers") == 1
    assert 0 <= value_of(families, "redis_stream_group_consumer_idle_seconds", consumer="one") < 60
    assert len(by_name(families)["redis_stream_length"].points) == 1


def test_settings_are_shown_without_secrets(redis_factory: Start) -> None:
    server = redis_factory(password="hush", settings={"masterauth": "hush"})
    families = _read(server, config_metrics=True)
    assert value_of(families, "redis_config_value", key="maxclients") == 10000
    assert value_of(families, "redis_config_key_value", key="maxmemory-policy", value="noeviction") == 1
    assert not [pairs for family in families for _, pairs, _ in family.points if "hush" in str(pairs)]


def test_the_histogram_of_a_command_agrees_with_its_calls(redis_server: RedisServer) -> None:
    for _ in range(5):
        redis_server.command("SET", "a", "b")
    families = _read(redis_server, latency_histogram=True)
    points = by_name(families)["redis_commands_latencies_usec"].points
    of_set = {name.rpartition("_")[2]: value for name, pairs, value in points if ("cmd", "set") in pairs}
    assert of_set["count"] >= 5 and of_set["sum"] > 0
    assert value_of(families, "redis_commands_total", cmd="set") == of_set["count"]


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("check_keys", ["a"], "write a text"),
        ("check_keys", "db0=", "is no dbN=KEY"),
        ("count_keys", "dbx=a", "is no dbN=KEY"),
        ("key_limit", 0, "a whole number above 0"),
        ("scan_limit", "many", "a whole number above 0"),
        ("config_metrics", "yes", "write true or false"),
    ],
)
def test_a_wrong_option_is_said_before_anything_is_read(name: str, value: object, said: str) -> None:
    with pytest.raises(SettingsError, match=f"target r: option {name}.*{said}"):
        COLLECTOR.open(target("r", "redis", "redis://127.0.0.1:1", options={name: value}))


def test_a_search_that_an_acl_refuses_costs_its_keys_alone(
    redis_factory: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = redis_factory()
    _fill(server)
    url = _as_user(server, f"{_BASE} +select +type +strlen +get %R~*")
    options = {"check_keys": "l*", "check_streams": "s*", "count_keys": "l*", "check_single_keys": "number"}
    session = COLLECTOR.open(target("r", "redis", url, options=options))
    with caplog.at_level(logging.WARNING, "watchkeeper.collectors"):
        families = session.read(monotonic() + 5)
        session.read(monotonic() + 5)
    session.close()
    assert value_of(families, "redis_up") == 1
    assert [dict(pairs)["key"] for _, pairs, _ in by_name(families)["redis_key_size"].points] == ["number"]
    assert not names_of(families) & {"redis_keys_count", "redis_stream_length"}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("target r: SCAN is refused, what needs it is left out: NOPERM") and "+scan" in line


def test_a_search_that_is_refused_again_is_said_again(redis_factory: Start, caplog: pytest.LogCaptureFixture) -> None:
    server = redis_factory()
    url = _as_user(server, f"{_BASE} +select %R~*")
    session = COLLECTOR.open(target("r", "redis", url, options={"count_keys": "l*"}))
    with caplog.at_level(logging.WARNING, "watchkeeper.collectors"):
        for right in ("-scan", "+scan", "-scan"):
            server.command("ACL", "SETUSER", "watchkeeper", right)
            counted = "redis_keys_count" in names_of(session.read(monotonic() + 5))
            assert counted is (right == "+scan")
    session.close()
    assert len(caplog.records) == 2


def test_a_database_that_is_not_there_says_nothing_of_another(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.command("RPUSH", "jobs", "a", "b")
    redis_server.command("XADD", "stream", "5-0", "a", "b")
    with caplog.at_level(logging.WARNING, "watchkeeper.collectors"):
        families = _read(
            redis_server,
            check_single_keys="db99=jobs,jobs,db99=missing",
            check_keys="db99=jo*",
            check_single_streams="db99=stream",
            count_keys="db99=*",
        )
    jobs = ("redis_key_size", (("db", "db0"), ("key", "jobs")), 2.0)
    assert by_name(families)["redis_key_size"].points == [jobs]
    assert not names_of(families) & {"redis_keys_count", "redis_stream_length"}
    (line,) = [record.getMessage() for record in caplog.records]
    assert "SELECT 99 is refused" in line and "out of range" in line


def test_a_node_of_a_cluster_has_no_second_database(redis_factory: Start) -> None:
    node = redis_factory(settings=_cluster_settings())
    node.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    wait_until(lambda: "cluster_state:ok" in node.command("CLUSTER", "INFO"), seconds=20)
    node.command("RPUSH", "jobs", "a", "b")
    families = _read(node, check_single_keys="jobs,db1=jobs")
    assert len(by_name(families)["redis_key_size"].points) == 1


_BASE = "+info +config|get +slowlog|len +slowlog|get +latency|latest +client|setname"


def _as_user(server: RedisServer, rights: str) -> str:
    """The url of a user who may do that and no more."""
    allowed = ("on", ">pw", "resetkeys", "resetchannels", "-@all", *rights.split())
    assert server.command("ACL", "SETUSER", "watchkeeper", *allowed).startswith("+OK")
    return f"redis://watchkeeper:pw@127.0.0.1:{server.port}"


def test_the_documented_rights_are_enough_for_a_sentinel(redis_factory: Start, master: RedisServer) -> None:
    redis_factory(replica_of=master)
    rights = "+info +client|setname +sentinel|masters +sentinel|ckquorum +sentinel|sentinels +sentinel|slaves"
    with redis.run_sentinel(master) as sentinel:
        wait_until(lambda: "slaves=1" in sentinel.command("INFO", "sentinel"), seconds=20)
        assert names_of(_read(_as_user(sentinel, rights))) == names_of(_read(sentinel))


def test_the_documented_rights_are_enough_for_a_cluster(redis_factory: Start) -> None:
    node = redis_factory(settings=_cluster_settings())
    assert names_of(_read(_as_user(node, f"{_BASE} +cluster|info"))) == names_of(_read(node))


def test_the_documented_rights_are_enough_for_what_options_ask(redis_factory: Start) -> None:
    server = redis_factory()
    _fill(server)
    keys = "+scan +select +type +strlen +get +llen +scard +zcard +hlen +xlen"
    url = _as_user(server, f"{_BASE} {keys} +xinfo|stream +xinfo|groups +xinfo|consumers +latency|histogram %R~*")
    options = {"check_keys": "*", "check_streams": "s*", "count_keys": "*", "latency_histogram": True}
    assert names_of(_read(url, **options)) == names_of(_read(server, **options))


def test_every_declared_signal_is_emitted_somewhere_and_nothing_else(redis_factory: Start) -> None:
    need(falkordb.available())  # its server is a later Redis
    seen: set[str] = set()
    master = redis_factory(settings={"appendonly": "yes", "enable-debug-command": "yes"})
    master.command("CONFIG", "SET", "latency-monitor-threshold", "1")
    master.command("DEBUG", "SLEEP", "0.02")
    master.command("NOSUCH")
    _fill(master)
    replica = redis_factory(replica_of=master)
    wait_until(lambda: "state=online" in master.command("INFO", "replication"))
    options = {"check_single_keys": "number", "check_single_streams": "stream", "count_keys": "n*"}
    seen |= names_of(_read(master, config_metrics=True, latency_histogram=True, **options))
    seen |= names_of(_read(replica))
    with redis.run_sentinel(master) as sentinel:
        wait_until(lambda: "slaves=1" in sentinel.command("INFO", "sentinel"), seconds=20)
        seen |= names_of(_read(sentinel))
    for node in _cluster(redis_factory):
        seen |= names_of(_read(node))
    with falkordb.run() as later:
        seen |= names_of(_read(later))
    assert seen == {signal.name for signal in COLLECTOR.signals}
