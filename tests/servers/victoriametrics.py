"""A single-node VictoriaMetrics."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.servers.process import ServerError, ServerProcess, find_program, free_port, workdir
from tests.servers import http

__all__ = ["PACKAGE", "VictoriaMetricsServer", "available", "run"]

PACKAGE = "victoria-metrics"


@dataclass(frozen=True)
class VictoriaMetricsServer:
    """A running server; `url` is its base address without a trailing slash."""

    url: str
    directory: Path
    process: ServerProcess

    def metrics(self) -> str:
        """What it says of itself, in the text format."""
        return http.get_text(f"{self.url}/metrics")


def available() -> str | None:
    """Why VictoriaMetrics cannot be started here, or None."""
    return None if find_program("victoria-metrics") else f"VictoriaMetrics is not installed (Debian package {PACKAGE})"


@contextlib.contextmanager
def run(*, scrape: str = "", flags: Sequence[str] = ()) -> Iterator[VictoriaMetricsServer]:
    """Start an empty server; `scrape` is the text of a scrape configuration of its own."""
    program = find_program("victoria-metrics")
    if program is None:
        raise ServerError(available())
    port = free_port()
    with workdir("victoriametrics") as directory:
        switches = list(flags)
        if scrape:
            (directory / "scrape.yml").write_text(scrape)
            switches.append(f"-promscrape.config={directory / 'scrape.yml'}")
        url = f"http://127.0.0.1:{port}"
        process = ServerProcess(
            "VictoriaMetrics",
            [
                program,
                f"-storageDataPath={directory / 'data'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=1",
                # Or it takes a share of the whole machine for its caches.
                "-memory.allowedBytes=64MB",
                *switches,
            ],
            log=directory / "victoriametrics.log",
            ready=lambda: http.answers(f"{url}/health"),
        )
        process.start()
        try:
            yield VictoriaMetricsServer(url, directory, process)
        finally:
            process.stop()
