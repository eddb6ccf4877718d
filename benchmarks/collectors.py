"""Scrapes of `watchkeeper collect` beside the official exporters, in one run, the processes taking turns.

python -m benchmarks.collectors [--scrapes N] [--only redis|postgresql|host]

Both sides are asked alike, with the headers that Prometheus 2.42 sends (so both pack their answers): over a kept
connection, as Prometheus does, and over a new one for each scrape.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from examples.servers import postgresql, redis
from tests.servers import exporters, free_port, wait_until

__all__ = ["main"]

_HEADERS = (
    "User-Agent: Prometheus/2.42.0\r\n"
    "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
    "Accept-Encoding: gzip\r\n"
    "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
)
_OWN = re.compile(rb"^(?:go_|process_|promhttp_|watchkeeper_|redis_exporter_|postgres_exporter_|node_scrape_)")
_PROOF = 20


@dataclass
class Scraped:
    """Something with `/metrics`: its process, and what was measured of it."""

    name: str
    url: str
    pid: int
    kept: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    series: frozenset[bytes] = frozenset()
    connection: socket.socket | None = None
    cpu_before: float = 0.0

    @property
    def cpu_each(self) -> float:
        """CPU time of a scrape, in milliseconds."""
        return (self.cpu - self.cpu_before) * 1e3 / (len(self.kept) + len(self.fresh))

    def scrape(self, *, keep: bool) -> None:
        """One scrape; what it took is noted."""
        parts = urlsplit(self.url)
        request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{_HEADERS}".encode()
        sock = self.connection if keep else None
        started = time.perf_counter()
        if sock is None:
            sock = socket.create_connection((parts.hostname, parts.port), timeout=30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request)
        head, body = _answer(sock)
        (self.kept if keep else self.fresh).append(time.perf_counter() - started)
        if b" 200 " not in head[:20]:
            raise OSError(f"{self.name} answered {head[:60]!r}")
        if keep:
            self.connection = sock
        else:
            sock.close()
        if not self.series:
            text = gzip.decompress(body) if b"content-encoding: gzip" in head.lower() else body
            lines = [line for line in text.splitlines() if line and not line.startswith(b"#")]
            self.series = frozenset(_series(line) for line in lines if not _OWN.match(line))

    @property
    def cpu(self) -> float:
        """CPU time of the process so far, in seconds."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self) -> float:
        """Resident memory in MB (10^6 bytes)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6


def _series(line: bytes) -> bytes:
    """A series without its value, and without labels that are empty."""
    head = line.rpartition(b"} ")[0] + b"}" if b"} " in line else line.partition(b" ")[0]
    name, _, labels = head.partition(b"{")
    found = re.findall(rb'(\w+)="((?:[^"\\]|\\.)*)"', labels)
    return name + b"{" + b",".join(sorted(key + b"=" + value for key, value in found if value)) + b"}"


def _answer(sock: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(sock)
    head, parts = data[:end], [data[end + 4 :]]
    if match := re.search(rb"(?i)content-length: (\d+)", head):
        missing = int(match[1]) - len(parts[0])
        while missing > 0:
            parts.append(_more(sock))
            missing -= len(parts[-1])
        return head, b"".join(parts)
    while not parts[-1].endswith(b"0\r\n\r\n"):
        parts.append(_more(sock))
    body, out = b"".join(parts), b""
    while body:
        size, _, body = body.partition(b"\r\n")
        out, body = out + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return head, out


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 18)
    if not data:
        raise OSError("the connection was closed")
    return data


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
        one.scrape(keep=False)
    except OSError:
        return False
    return True


def _prove(ours: Scraped, counter: Callable[[], float], what: str, by_asking: float = 0.0) -> None:
    """Fail unless a counter of the target rises with each scrape of ours; reading it adds `by_asking`."""
    rises = set()
    for _ in range(_PROOF):
        before = counter() + by_asking
        ours.scrape(keep=True)
        rises.add(counter() - before)
    if not min(rises) > 0:
        raise SystemExit(f"{ours.name} does not read afresh: {what} rose by {sorted(rises)} in {_PROOF} scrapes")


def _share(ours: Scraped, theirs: Scraped | None) -> str:
    if theirs is None:
        return ""
    return f"{len(ours.series & theirs.series) / len(theirs.series):.1%}"


def _times(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds) * 1e3, statistics.quantiles(seconds, n=100)[98] * 1e3


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours:.2f} ({ours / theirs:.2f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a Markdown table; fails when a scrape is found not to read its target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collectors", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=1000)
    parser.add_argument("--only", choices=("redis", "postgresql", "host"))
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        rows: list[tuple[Scraped, Scraped | None]] = []
        targets: list[str] = []
        if options.only in {None, "redis"}:
            cache = stack.enter_context(redis.run())
            targets.append(f"{{name: cache, system: redis, url: '{cache.url}'}}")
            ours = stack.enter_context(collecting("Redis", targets[-1:]))
            theirs = stack.enter_context(exporters.run_redis(cache))
            _prove(ours, lambda: _calls(cache), "its count of INFO", by_asking=1.0)
            rows.append((ours, Scraped("redis_exporter", theirs.url, theirs.process.pid)))
        if options.only in {None, "postgresql"}:
            database = stack.enter_context(postgresql.run())
            targets.append(f"{{name: records, system: postgresql, url: '{database.create_monitor_role()}'}}")
            ours = stack.enter_context(collecting("PostgreSQL", targets[-1:]))
            theirs = stack.enter_context(exporters.run_postgres(database))
            admin = stack.enter_context(_connected(database.dsn))
            _prove(ours, lambda: _asked_at(admin), "the time of its last statement")
            rows.append((ours, Scraped("postgres_exporter", theirs.url, theirs.process.pid)))
        if options.only in {None, "host"}:
            targets.append("{name: this-host, system: host}")
            ours = stack.enter_context(collecting("host", targets[-1:]))
            theirs = stack.enter_context(exporters.run_node())
            rows.append((ours, Scraped("node_exporter", theirs.url, theirs.process.pid)))
        if options.only is None:
            rows.append((stack.enter_context(collecting("all three", targets)), None))
        scraped = [one for row in rows for one in row if one is not None]
        for one in scraped:
            one.scrape(keep=True)
            one.kept.clear()
            one.fresh.clear()
            one.cpu_before = one.cpu
        for number in range(options.scrapes):
            # Turns in changing order: none always follows the same neighbour.
            for one in scraped if number % 2 else reversed(scraped):
                one.scrape(keep=True)
                one.scrape(keep=False)
        shown = [_row(ours, theirs) for ours, theirs in rows]
        for one in scraped:
            # What a server says grows with what it did: both are compared at the same moment.
            one.series = frozenset()
            one.scrape(keep=True)
        _print(rows, shown)
        for one in scraped:
            if one.connection is not None:
                one.connection.close()
    return 0


def _row(ours: Scraped, theirs: Scraped | None) -> tuple[list[str], list[str]]:
    """The times of the exporter, and ours with their ratios."""
    columns = [*_times(ours.kept), *_times(ours.fresh), ours.cpu_each]
    if theirs is None:
        return [], [f"{value:.2f}" for value in columns]
    others = [*_times(theirs.kept), *_times(theirs.fresh), theirs.cpu_each]
    return [f"{value:.2f}" for value in others], [
        _ratio(one, other) for one, other in zip(columns, others, strict=True)
    ]


def _print(rows: Sequence[tuple[Scraped, Scraped | None]], shown: Sequence[tuple[list[str], list[str]]]) -> None:
    print(
        "| target | process | series | of theirs | p50 ms | p99 ms | new: p50 ms | new: p99 ms | CPU ms | MB |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    for (ours, theirs), (others, columns) in zip(rows, shown, strict=True):
        if theirs is not None:
            resident = f"{theirs.resident:.1f}"
            print(f"| {ours.name} | {theirs.name} | {len(theirs.series)} | | {' | '.join(others)} | {resident} |")
        share, resident = _share(ours, theirs), f"{ours.resident:.1f}"
        print(f"| {ours.name} | watchkeeper | {len(ours.series)} | {share} | {' | '.join(columns)} | {resident} |")


def _calls(cache: redis.RedisServer) -> float:
    text = cache.command("INFO", "commandstats")
    found = re.search(r"cmdstat_info:calls=(\d+)", text)
    return float(found[1]) if found else 0.0


@contextlib.contextmanager
def _connected(dsn: str) -> Iterator[object]:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def _asked_at(connection: object) -> float:
    row = connection.execute(  # type: ignore[attr-defined]
        "SELECT max(extract(epoch FROM query_start)) FROM pg_stat_activity WHERE application_name = 'watchkeeper'"
    ).fetchone()
    return float(row[0])


if __name__ == "__main__":
    sys.exit(main())
