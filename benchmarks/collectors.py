"""Scrapes of `watchkeeper collect` beside the official exporters, in one run, interleaved.

python -m benchmarks.collectors [--scrapes N]     latency over HTTP, samples and resident memory after N scrapes each
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from examples.servers import postgresql, redis
from tests.servers import exporters, free_port, wait_until

__all__ = ["main"]


@dataclass
class Scraped:
    """Something with `/metrics`: what it is, where, its process, and what was measured of it."""

    name: str
    url: str
    pid: int
    seconds: list[float] = field(default_factory=list)
    samples: int = 0

    def scrape(self) -> None:
        """One scrape over a new connection, as Prometheus' first one is."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        started = time.perf_counter()
        connection.request("GET", parts.path)
        body = connection.getresponse().read()
        self.seconds.append(time.perf_counter() - started)
        connection.close()
        self.samples = sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))

    @property
    def resident(self) -> float:
        """Resident memory in MB (10^6 bytes)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6


@contextlib.contextmanager
def collecting(name: str, targets: Sequence[str]) -> Iterator[Scraped]:
    """`watchkeeper collect` over targets, as a process of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        settings = Path(directory) / "watchkeeper.yaml"
        settings.write_text("targets:\n" + "".join(f"  - {target}\n" for target in targets))
        program = Path(sys.executable).with_name("watchkeeper")
        command = [str(program), "collect", "--config", str(settings), "--listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            found = Scraped(name, f"http://127.0.0.1:{port}/metrics", process.pid)
            try:
                wait_until(lambda: _answers(found), seconds=30)
                yield found
            finally:
                process.terminate()


def _answers(one: Scraped) -> bool:
    try:
        one.scrape()
    except OSError:
        return False
    one.seconds.clear()
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collectors", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=1000)
    count = parser.parse_args(arguments).scrapes
    with contextlib.ExitStack() as stack:
        cache, database = stack.enter_context(redis.run()), stack.enter_context(postgresql.run())
        cache_target = f"{{name: cache, system: redis, url: '{cache.url}'}}"
        database_target = f"{{name: records, system: postgresql, url: '{database.create_monitor_role()}'}}"
        host_target = "{name: this-host, system: host}"
        pairs = [
            (collecting("watchkeeper, Redis", [cache_target]), ("redis_exporter", exporters.run_redis(cache))),
            (
                collecting("watchkeeper, PostgreSQL", [database_target]),
                ("postgres_exporter", exporters.run_postgres(database)),
            ),
            (collecting("watchkeeper, host", [host_target]), ("node_exporter", exporters.run_node())),
        ]
        scraped = []
        for ours, (name, theirs) in pairs:
            scraped.append(stack.enter_context(ours))
            exporter = stack.enter_context(theirs)
            scraped.append(Scraped(name, exporter.url, exporter.process.pid))
        everything = [host_target, database_target, cache_target]
        scraped.append(stack.enter_context(collecting("watchkeeper, all three", everything)))
        for _ in range(count):
            for one in scraped:
                one.scrape()
        print("| process | samples | p50 | p99 | resident |\n|---|---|---|---|---|")
        for one in scraped:
            p50, p99 = statistics.median(one.seconds), statistics.quantiles(one.seconds, n=100)[98]
            print(f"| {one.name} | {one.samples} | {p50 * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {one.resident:.1f} MB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
