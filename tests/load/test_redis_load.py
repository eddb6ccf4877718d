"""Redis under load: what the collector costs it, and that nothing is left behind.

Run with `-s` to see the numbers.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import statistics
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.redis import COLLECTOR
from collectors.runtime import Sidecar
from examples.servers.redis import RedisServer
from tests.collectors.helpers import target
from tests.conftest import need
from tests.servers import wait_until
from watchkeeper.clock import monotonic
from watchkeeper.settings import Secret

pytestmark = pytest.mark.long

_SCRAPES = 1000
# What a read sends; redis-benchmark sends none of them.
_OURS = ("info", "config|get", "slowlog|len", "slowlog|get", "latency|latest", "client|setname")


@contextlib.contextmanager
def _benchmark(server: RedisServer) -> Iterator[None]:
    """redis-benchmark's GET and SET over twenty connections, until the block ends."""
    program = shutil.which("redis-benchmark")
    need(None if program else "redis-benchmark is not installed (Debian package redis-tools)")
    command = [str(program), "-p", str(server.port), "-t", "set,get", "-c", "20", "-r", "100000", "-n", "1000000000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _calls(server, "set") > 1000)
            yield
        finally:
            process.terminate()


def _stats(server: RedisServer) -> dict[str, tuple[int, int]]:
    """Calls and microseconds of every command."""
    found = {}
    for line in server.command("INFO", "commandstats").splitlines():
        if line.startswith("cmdstat_"):
            name, _, fields = line.removeprefix("cmdstat_").partition(":")
            of = dict(field.split("=") for field in fields.split(","))
            found[name] = int(of["calls"]), int(of["usec"])
    return found


def _calls(server: RedisServer, command: str) -> int:
    return _stats(server).get(command, (0, 0))[0]


def _cpu_seconds(server: RedisServer) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_share_of_the_servers_processor_time(redis_factory: Callable[..., RedisServer]) -> None:
    server = redis_factory()
    with _benchmark(server):
        sidecar = Sidecar([target("r", "redis", server.url)])
        sidecar.scrape()
        before, cpu, began = _stats(server), _cpu_seconds(server), monotonic()
        seconds = []
        for _ in range(_SCRAPES):
            reading = sidecar.read("r")
            assert reading.up, reading.error
            seconds.append(reading.seconds)
        passed, cpu, after = monotonic() - began, _cpu_seconds(server) - cpu, _stats(server)
        assert server.command("CLIENT", "LIST").count("name=watchkeeper") == 1
        sidecar.close()
    spent = sum(after.get(name, (0, 0))[1] - before.get(name, (0, 0))[1] for name in _OURS)
    others = sum(calls - before.get(name, (0, 0))[0] for name, (calls, _) in after.items() if name not in _OURS)
    each = spent / _SCRAPES
    p50, p99 = statistics.median(seconds) * 1e3, statistics.quantiles(seconds, n=100)[98] * 1e3
    print(
        f"\n{others / passed:,.0f} commands/s beside {_SCRAPES / passed:.0f} reads/s; one read takes {each:.0f} us "
        f"of Redis, {each / 15e6:.5%} of a core at one in 15 s; all took {spent / 1e6 / cpu:.1%} of its {cpu:.2f} s; "
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    )
    # Four times what docs/systems/redis.md says, 130 us: Redis's clock runs on while another process has the core.
    assert each < 520
    wait_until(lambda: "name=watchkeeper" not in server.command("CLIENT", "LIST"))


def test_ten_thousand_reads_leave_nothing_behind(redis_factory: Callable[..., RedisServer]) -> None:
    server = redis_factory()
    session = COLLECTOR.open(target("r", "redis", server.url))
    sizes = []
    files = []
    tracemalloc.start()
    for turn in range(10_000):
        if turn % 50 == 0:
            server.command("SET", f"key{turn}", "1", "EX", "1")
        session.read(monotonic() + 5)
        if turn in {2000, 9999}:
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
            files.append(len(list(Path("/proc/self/fd").iterdir())))
    tracemalloc.stop()
    session.close()
    print(f"\ntraced memory after 2,001 and 10,000 reads: {sizes[0] / 1024:.0f} and {sizes[1] / 1024:.0f} KiB")
    assert sizes[1] - sizes[0] < 32 * 1024  # 4 bytes a read
    assert files[0] == files[1]
    assert _calls(server, "info") >= 10_000
    wait_until(lambda: "name=watchkeeper" not in server.command("CLIENT", "LIST"))


def test_a_rotated_password_is_picked_up_under_load(redis_factory: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = redis_factory()
    secret = tmp_path / "password"
    secret.write_text("old\n")
    rights = "resetkeys -@all +info +config|get +slowlog|len +slowlog|get +latency|latest +client|setname"
    server.command("ACL", "SETUSER", "watchkeeper", "on", ">old", *rights.split())
    with _benchmark(server):
        url = f"redis://watchkeeper@127.0.0.1:{server.port}"
        sidecar = Sidecar([target("r", "redis", url, password=Secret(file=str(secret)))])
        assert sidecar.read("r").up
        server.command("ACL", "SETUSER", "watchkeeper", "resetpass", ">new")
        server.command("CLIENT", "KILL", "USER", "watchkeeper")
        secret.write_text("new\n")
        wait_until(lambda: sidecar.read("r").up, seconds=20)
        assert server.command("CLIENT", "LIST").count("name=watchkeeper") == 1
        sidecar.close()
