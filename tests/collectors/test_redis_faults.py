"""Servers that misbehave: the target is down with a reason in one line, nothing hangs, nothing grows."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.lanes import Reading
from collectors.redis import _CONFIG, RedisSession
from collectors.redis_info import InfoParser
from collectors.resp import RedisConnection
from collectors.runtime import Sidecar
from examples.servers.redis import RedisServer
from tests.collectors.helpers import parsed, silent_port, target
from tests.collectors.test_resp import talking
from tests.servers import free_port, wait_until
from watchkeeper.settings import Secret

Talk = Callable[[socket.socket], None]

_SERVER = b"# Server\r\nredis_mode:standalone\r\n"
_GREETING = b"+OK\r\n$%d\r\n%b\r\n" % (len(_SERVER), _SERVER)


def _after_greeting(answer: bytes, then: Talk | None = None) -> Talk:
    """Answers the greeting of a new connection as Redis does, and the first read with `answer`."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(_GREETING)
        connection.recv(65536)
        connection.sendall(answer)
        if then is not None:
            then(connection)

    return talk


def _read(port: int, seconds: float = 2.0) -> Reading:
    sidecar = Sidecar([target("r", "redis", f"redis://127.0.0.1:{port}", timeout=seconds)])
    try:
        return sidecar.read("r")
    finally:
        sidecar.close()


def test_a_server_that_hangs_is_given_up_at_the_deadline() -> None:
    with silent_port() as port:
        started = time.perf_counter()
        reading = _read(port, 0.3)
    assert not reading.up and "no answer" in (reading.error or "")
    assert time.perf_counter() - started < 5


def test_a_server_that_hangs_after_its_greeting_is_given_up_too() -> None:
    stop = threading.Event()
    with talking(_after_greeting(b"$100\r\n# Serv", lambda _: (stop.wait(10), None)[1])) as port:
        reading = _read(port, 0.3)
        stop.set()
    assert not reading.up and "no answer" in (reading.error or "")


@pytest.mark.parametrize(
    "answer, said",
    [
        (b"", "the server closed the connection"),
        (b"$1000\r\n# Server\r\nredis_ver", "the server closed the connection"),
        (b"\x00\x01garbage\r\n", "it does not speak Redis"),
        (b"$banana\r\n", "it does not speak Redis"),
        (b"-LOADING Redis is loading the dataset in memory\r\n" * 8, "LOADING Redis is loading"),
        (
            b"-NOPERM User probe has no permissions to run the 'info' command\r\n" * 8,
            "allow the user +info; all that it needs is in docs/systems/redis.md",
        ),
        (b"$104857600\r\n", "a reply of 104857600 bytes is too large"),
    ],
)
def test_a_broken_answer_is_said_in_one_line(answer: bytes, said: str) -> None:
    with talking(_after_greeting(answer)) as port:
        reading = _read(port)
    assert not reading.up
    assert reading.error is not None and said in reading.error and f"Redis at 127.0.0.1:{port}" in reading.error
    assert "\n" not in reading.error


def test_an_answer_of_a_hundred_megabytes_costs_a_few() -> None:
    def flood(connection: socket.socket) -> None:
        for _ in range(100 * 1024 * 1024 // 65544):
            connection.sendall(b"$65536\r\n" + b"x" * 65536 + b"\r\n")

    with talking(_after_greeting(b"*2000\r\n", flood)) as port:
        tracemalloc.start()
        try:
            reading = _read(port, 10)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert not reading.up and "larger than 4 MiB" in (reading.error or "")
    assert peak < 16 * 1024 * 1024


def test_fields_that_are_no_numbers_and_lines_that_are_none_are_left_out() -> None:
    info = (
        "# Server\r\nredis_version:1.0\r\nuptime_in_seconds:soon\r\nno colon here\r\n\r\n# Memory\r\nused_memory:7\r\n"
        "\r\n# Commandstats\r\ncmdstat_get:calls=x\r\ncmdstat_set:calls=2,usec=4\r\nrubbish\r\n"
        "\r\n# Latencystats\r\nlatency_percentiles_usec_set:p50=1.0,p99=x\r\nrubbish\r\n"
        "\r\n# Errorstats\r\nerrorstat_ERR:none\r\n\r\n# Keyspace\r\ndb0:keys=\r\nrubbish\r\n"
    )
    answer = b"$%d\r\n%b\r\n" % (len(info), info.encode()) + b"*0\r\n" * 7
    with talking(_after_greeting(answer)) as port:
        reading = _read(port)
    assert reading.up, reading.error
    values = {(name, pairs): value for family in reading.families for name, pairs, value in family.points}
    assert values["redis_memory_used_bytes", ()] == 7
    assert values["redis_commands_total", (("cmd", "set"),)] == 2
    assert values["redis_latency_percentiles_usec", (("cmd", "set"), ("quantile", "50"))] == 1
    assert ("redis_uptime_in_seconds", ()) not in values
    assert ("redis_commands_total", (("cmd", "get"),)) not in values


_HEADS = ["# Server", "# Commandstats", "# Latencystats", "# Errorstats", "# Modules", "# Keyspace", "# Replication"]
_KEYS = ["used_memory", "cmdstat_get", "latency_percentiles_usec_get", "errorstat_ERR", "module", "db0", "slave0"]
_KEYS += ["connected_slaves", "role", "uptime_in_seconds", "server_time_usec", "master_link_status"]
_VALUES = ["", "1", "inf", "nan", "-1", "slave", "calls=1,usec=2", "p50=1,p99=x", "count=1", "name=a,ver=1", "keys=1,x"]
_VALUES += ["calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=x", "ip=1,port=2,state=3,offset=nan,lag="]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(_HEADS),
            st.builds("{}:{}".format, st.sampled_from(_KEYS), st.one_of(st.sampled_from(_VALUES), st.text(max_size=9))),
            st.text(max_size=12),
        ),
        max_size=12,
    ),
    st.one_of(st.none(), st.integers(0, 10**9)),
)
def test_whatever_info_says_is_read_or_left_out(lines: list[str], databases: int | None) -> None:
    parser, text = InfoParser(), "\r\n".join(lines)
    first = parser.parse(text, databases)
    assert parser.parse(text, databases) == first or "nan" in text.lower()
    for family in first:
        for name, pairs, value in family.points:
            assert name.startswith(family.name) and isinstance(value, float)
            assert all(isinstance(part, str) for pair in pairs for part in pair)


def test_a_refused_connection_is_said() -> None:
    assert "connection refused" in (_read(free_port()).error or "")


def test_a_name_that_does_not_resolve_is_said() -> None:
    sidecar = Sidecar([target("r", "redis", "redis://no-such-host.invalid:6379", timeout=5)])
    reading = sidecar.read("r")
    sidecar.close()
    said = "Redis at no-such-host.invalid:6379: its name no-such-host.invalid cannot be resolved"
    assert not reading.up and reading.error == said


def test_a_sick_server_says_up_0_and_nothing_else() -> None:
    with talking(_after_greeting(b"$5\r\nab")) as port:
        sidecar = Sidecar([target("r", "redis", f"redis://127.0.0.1:{port}", timeout=1)])
        families = parsed(sidecar.scrape())
        sidecar.close()
    assert [name for name in families if name.startswith("redis_")] == ["redis_up"]
    assert families["redis_up"].points[0][2] == 0


@pytest.mark.server
def test_a_connection_that_the_server_ends_is_opened_anew(redis_server: RedisServer) -> None:
    sidecar = Sidecar([target("r", "redis", redis_server.url)])
    for _ in range(3):
        assert sidecar.read("r").up  # the first in a thread of its own, the others in this one
        redis_server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert sidecar.read("r").up and sidecar.lane("r").failures == 0
    assert redis_server.command("CLIENT", "LIST").count("name=watchkeeper") == 1
    sidecar.close()
    wait_until(lambda: "name=watchkeeper" not in redis_server.command("CLIENT", "LIST"))


@pytest.mark.server
def test_a_connection_is_opened_anew_in_the_lanes_thread_alone(redis_server: RedisServer) -> None:
    sidecar = Sidecar([target("r", "redis", redis_server.url)])
    assert sidecar.read("r").up
    threads: list[str] = []
    session = sidecar.lane("r")._session
    assert isinstance(session, RedisSession)
    connect = session._connect

    def noting(deadline: float) -> RedisConnection:
        threads.append(threading.current_thread().name)
        return connect(deadline)

    session._connect = noting  # type: ignore[method-assign]
    redis_server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert sidecar.read("r").up
    sidecar.close()
    assert threads == ["lane-r"]


def test_a_connection_that_ends_as_well_is_not_opened_a_third_time() -> None:
    whole = b"$%d\r\n%b\r\n" % (len(_SERVER), _SERVER) + b":0\r\n" + b"*0\r\n" * (2 + len(_CONFIG))
    answers = [whole, b"", b""]
    with talking(lambda connection: _after_greeting(answers.pop(0))(connection)) as port:
        sidecar = Sidecar([target("r", "redis", f"redis://127.0.0.1:{port}", timeout=5)])
        assert sidecar.read("r").up
        reading = sidecar.read("r")
        sidecar.close()
    assert not reading.up and "the server closed the connection" in (reading.error or "")
    assert len(answers) == 1


@pytest.mark.server
def test_a_password_is_in_no_error(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret-value")
    url = f"redis://nobody@127.0.0.1:{redis_server.port}"
    sidecar = Sidecar([target("r", "redis", url, password=Secret(env="REDIS_PASSWORD"))])
    error = sidecar.read("r").error
    sidecar.close()
    assert error is not None and "refused the user or the password" in error and "s3cret" not in error


def test_a_server_that_speaks_no_tls_is_told_so() -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"-ERR unknown command\r\n")

    with talking(plain) as port:
        sidecar = Sidecar([target("r", "redis", f"rediss://127.0.0.1:{port}", timeout=5)])
        reading = sidecar.read("r")
        sidecar.close()
    assert reading.error == f"Redis at 127.0.0.1:{port}: it does not speak TLS"
