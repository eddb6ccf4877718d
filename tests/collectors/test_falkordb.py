from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from collectors.falkordb import COLLECTOR
from collectors.families import Family
from collectors.redis import COLLECTOR as REDIS
from collectors.runtime import Sidecar
from examples.servers.redis import RedisServer
from tests.collectors.helpers import by_name, check_declared, names_of, read_once, silent_port, target, value_of
from tests.collectors.test_resp import talking
from tests.conftest import need
from tests.servers import falkordb, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError

# Some seconds of work for one thread; each test that starts it ends it with the server.
_LONG = "UNWIND range(1, 200000000) AS i RETURN count(i)"

_RIGHTS = "+client|setname +info +graph.list +graph.info +graph.config|get +graph.slowlog +graph.memory|usage ~*"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    need(falkordb.available())
    with falkordb.run() as running:
        running.command("GRAPH.QUERY", "places", "UNWIND range(1, 20000) AS i CREATE (:P {i: i, t: toString(i)})")
        running.command("GRAPH.QUERY", "people", "CREATE (:P {n: 1})-[:KNOWS]->(:P {n: 2})")
        yield running


@pytest.fixture
def one_thread() -> Iterator[RedisServer]:
    """A server that runs one query at a time."""
    need(falkordb.available())
    with falkordb.run(arguments="THREAD_COUNT 1") as running:
        running.command("GRAPH.QUERY", "g", "CREATE (:P)")
        yield running


pytestmark = pytest.mark.server


def _read(where: RedisServer | str, **options: object) -> Sequence[Family]:
    url = where if isinstance(where, str) else where.url
    return read_once(COLLECTOR, target("f", "falkordb", url, options=options))


@contextlib.contextmanager
def _busy(server: RedisServer, count: int) -> Iterator[None]:
    """`count` long queries on connections of their own; they go on until the server ends."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((server.host, server.port), timeout=5))
            connection.sendall(b"*3\r\n$11\r\nGRAPH.QUERY\r\n$1\r\ng\r\n$%d\r\n%b\r\n" % (len(_LONG), _LONG.encode()))
        yield


def test_everything_declared_is_emitted_and_nothing_else(server: RedisServer) -> None:
    families = _read(server, memory=True)
    check_declared(families, COLLECTOR.signals)
    assert names_of(families) == {signal.name for signal in COLLECTOR.signals}


def test_values_follow_the_server(server: RedisServer) -> None:
    families = _read(server)
    assert value_of(families, "falkordb_up") == 1
    assert value_of(families, "falkordb_graphs") == 2
    assert value_of(families, "falkordb_queries_running") == 0
    assert value_of(families, "falkordb_longest_running_query_seconds") == 0
    assert value_of(families, "falkordb_slowlog_queries", graph="places") >= 1
    assert 0 < value_of(families, "falkordb_slowlog_longest_seconds", graph="places") < 60
    assert value_of(families, "falkordb_query_threads") >= 1
    assert "falkordb_graph_memory_bytes" not in by_name(families)
    version = dict(by_name(families)["falkordb_build_info"].points[0][1])["version"]
    assert version.count(".") == 2


def test_running_and_waiting_queries_are_counted_with_their_age(one_thread: RedisServer) -> None:
    session = COLLECTOR.open(target("f", "falkordb", one_thread.url))
    with _busy(one_thread, 3):
        wait_until(lambda: value_of(session.read(monotonic() + 5), "falkordb_queries_waiting") == 2, seconds=10)
        families = session.read(monotonic() + 5)
    session.close()
    assert value_of(families, "falkordb_queries_running") == 1
    assert value_of(families, "falkordb_longest_running_query_seconds") > 0
    assert value_of(families, "falkordb_longest_waiting_query_seconds") > 0


def test_memory_is_not_asked_of_a_server_without_a_free_thread(one_thread: RedisServer) -> None:
    session = COLLECTOR.open(target("f", "falkordb", one_thread.url, options={"memory": True}))
    assert by_name(session.read(monotonic() + 5))["falkordb_graph_memory_bytes"].points
    with _busy(one_thread, 1):
        wait_until(lambda: value_of(session.read(monotonic() + 5), "falkordb_queries_running") == 1, seconds=10)
        before = _memory_calls(one_thread)
        families = session.read(monotonic() + 5)
        assert _memory_calls(one_thread) == before
    session.close()
    assert "falkordb_graph_memory_bytes" not in by_name(families)
    assert value_of(families, "falkordb_up") == 1


def _memory_calls(server: RedisServer) -> int:
    line = next(one for one in server.command("INFO", "commandstats").splitlines() if "graph.MEMORY" in one)
    return int(line.partition("calls=")[2].partition(",")[0])


def test_memory_that_comes_late_is_left_out() -> None:
    replies = [
        b"+OK\r\n$0\r\n\r\n",
        b"*1\r\n$1\r\ng\r\n*4\r\n$17\r\n# Running queries\r\n*0\r\n$17\r\n# Waiting queries\r\n*0\r\n"
        b"*1\r\n*2\r\n$12\r\nTHREAD_COUNT\r\n:1\r\n$0\r\n\r\n",
        b"*0\r\n",
    ]
    stop = threading.Event()

    def talk(connection: socket.socket) -> None:
        for reply in replies:
            connection.recv(65536)
            connection.sendall(reply)
        stop.wait(10)

    with talking(talk) as port:
        session = COLLECTOR.open(target("f", "falkordb", f"redis://127.0.0.1:{port}", options={"memory": True}))
        families = session.read(monotonic() + 1)
        session.close()
        stop.set()
    assert value_of(families, "falkordb_up") == 1
    assert "falkordb_graph_memory_bytes" not in by_name(families)


def test_no_text_of_a_query_is_exposed(server: RedisServer) -> None:
    assert "toString" in server.command("GRAPH.SLOWLOG", "places")
    labels = [value for family in _read(server) for _, pairs, _ in family.points for _, value in pairs]
    assert not [value for value in labels if "UNWIND" in value or "CREATE" in value]


def test_of_many_graphs_the_first_by_name_are_asked(server: RedisServer) -> None:
    families = _read(server, graph_limit=1)
    assert value_of(families, "falkordb_graphs") == 2
    assert [dict(pairs)["graph"] for _, pairs, _ in by_name(families)["falkordb_slowlog_queries"].points] == ["people"]


def test_a_redis_target_has_the_rest(server: RedisServer) -> None:
    session = REDIS.open(target("r", "redis", server.url))
    families = session.read(monotonic() + 5)
    session.close()
    assert value_of(families, "redis_commands_total", cmd="graph.QUERY") >= 2
    assert dict(by_name(families)["redis_module_info"].points[0][1]).keys() >= {"name", "ver"}


def test_the_documented_rights_are_enough(server: RedisServer) -> None:
    server.command("ACL", "SETUSER", "watchkeeper", "on", ">pw", "resetkeys", "-@all", *_RIGHTS.split())
    families = _read(f"redis://watchkeeper:pw@127.0.0.1:{server.port}", memory=True)
    assert names_of(families) == {signal.name for signal in COLLECTOR.signals}
    assert server.command("ACL", "DRYRUN", "watchkeeper", "GRAPH.QUERY", "places", "RETURN 1").startswith("$")
    assert server.command("ACL", "DRYRUN", "watchkeeper", "GRAPH.CONFIG", "SET", "TIMEOUT", "1").startswith("$")


def test_what_the_user_may_not_ask_is_left_out(server: RedisServer) -> None:
    server.command("ACL", "SETUSER", "half", "on", ">pw", "resetkeys", "-@all", "+graph.list")
    names = names_of(_read(f"redis://half:pw@127.0.0.1:{server.port}", memory=True))
    assert names == {"falkordb_up", "falkordb_graphs"}


def test_a_redis_without_the_module_is_said(redis_server: RedisServer) -> None:
    with pytest.raises(TargetError, match="it has no FalkorDB module: load it, or use the system redis"):
        _read(redis_server)


def test_a_wrong_password_is_said_without_it(server: RedisServer) -> None:
    with pytest.raises(TargetError, match="refused the user or the password") as caught:
        _read(f"redis://nobody:s3cret@127.0.0.1:{server.port}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer, said",
    [
        (b"", "closed the connection"),
        (b"garbage\r\n", "it does not speak Redis"),
        (b"$104857600\r\n", "a reply of 104857600 bytes is too large"),
        (b"-NOPERM User has no permissions to run the 'graph.LIST' command\r\n" * 4, r"allow the user \+graph\.list"),
    ],
)
def test_a_broken_answer_is_said(answer: bytes, said: str) -> None:
    def talk(connection: socket.socket) -> None:
        for reply in (b"+OK\r\n$0\r\n\r\n", answer):
            connection.recv(65536)
            connection.sendall(reply)

    with talking(talk) as port, pytest.raises(TargetError, match=said):
        _read(f"redis://127.0.0.1:{port}")


def test_a_server_that_hangs_is_given_up_at_the_deadline() -> None:
    with silent_port() as port:
        sidecar = Sidecar([target("f", "falkordb", f"redis://127.0.0.1:{port}", timeout=0.3)])
        reading = sidecar.read("f")
        sidecar.close()
    assert not reading.up and "no answer" in (reading.error or "")
    assert [family.name for family in reading.families] == ["falkordb_up"]


@pytest.mark.parametrize("name, value", [("memory", "yes"), ("graph_limit", "all"), ("graph_limit", -1)])
def test_a_wrong_option_is_said_before_anything_is_read(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"target f: option {name} is"):
        COLLECTOR.open(target("f", "falkordb", "redis://127.0.0.1:1", options={name: value}))
