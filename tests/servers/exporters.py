"""The ecosystem's own exporters, run beside a server to compare our series with theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.servers.postgresql import PostgreSQLServer
from examples.servers.process import ServerError, ServerProcess, find_program, free_port, workdir
from examples.servers.redis import RedisServer
from tests.servers import http

__all__ = [
    "PACKAGES",
    "Exporter",
    "available",
    "run_blackbox",
    "run_nginx",
    "run_node",
    "run_postgres",
    "run_redis",
]

PACKAGES: Mapping[str, str] = {
    "postgres": "prometheus-postgres-exporter",
    "redis": "prometheus-redis-exporter",
    "node": "prometheus-node-exporter",
    "nginx": "prometheus-nginx-exporter",
    "blackbox": "prometheus-blackbox-exporter",
}


@dataclass(frozen=True)
class Exporter:
    """A running exporter; `url` is the address of its metrics."""

    url: str
    process: ServerProcess

    def metrics(self) -> str:
        """One scrape, in the text format."""
        return http.get_text(self.url)


def available(kind: str) -> str | None:
    """Why the exporter `kind` (a key of PACKAGES) cannot be started here, or None."""
    return None if _find(kind) else f"the {kind} exporter is not installed (Debian package {PACKAGES[kind]})"


@contextlib.contextmanager
def run_postgres(server: PostgreSQLServer, *, flags: Sequence[str] = ()) -> Iterator[Exporter]:
    """Start postgres_exporter for a server."""
    environment = {"DATA_SOURCE_NAME": f"{server.dsn}?sslmode=disable"}
    with _run("postgres", "--web.listen-address=", flags, environment) as exporter:
        yield exporter


@contextlib.contextmanager
def run_redis(server: RedisServer, *, flags: Sequence[str] = ()) -> Iterator[Exporter]:
    """Start redis_exporter for a server."""
    environment = {
        "REDIS_ADDR": f"redis://{server.host}:{server.port}",
        "REDIS_PASSWORD": server.password or "",
    }
    with _run("redis", "-web.listen-address=", flags, environment) as exporter:
        yield exporter


@contextlib.contextmanager
def run_node(*, flags: Sequence[str] = ()) -> Iterator[Exporter]:
    """Start node_exporter for this machine."""
    with _run("node", "--web.listen-address=", flags, {}) as exporter:
        yield exporter


@contextlib.contextmanager
def run_nginx(stub_status_url: str, *, flags: Sequence[str] = ()) -> Iterator[Exporter]:
    """Start nginx-prometheus-exporter for a server's stub_status page."""
    uri = f"-nginx.scrape-uri={stub_status_url}"
    with _run("nginx", "-web.listen-address=", (uri, *flags), {}) as exporter:
        yield exporter


@contextlib.contextmanager
def run_blackbox(modules: Path, *, flags: Sequence[str] = ()) -> Iterator[Exporter]:
    """Start blackbox_exporter with the modules of a configuration file; it probes at `/probe?module=M&target=T`."""
    with _run("blackbox", "--web.listen-address=", (f"--config.file={modules}", *flags), {}) as exporter:
        yield exporter


@contextlib.contextmanager
def _run(kind: str, listen: str, flags: Sequence[str], environment: Mapping[str, str]) -> Iterator[Exporter]:
    program = _find(kind)
    if program is None:
        raise ServerError(available(kind))
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}/metrics"
    with workdir(f"{kind}-exporter") as directory:
        process = ServerProcess(
            f"{kind}_exporter",
            [program, listen + address, *flags],
            log=directory / "exporter.log",
            ready=lambda: http.answers(url),
            env=environment,
        )
        process.start()
        try:
            yield Exporter(url, process)
        finally:
            process.stop()


def _find(kind: str) -> str | None:
    found = find_program(PACKAGES[kind], f"{kind}_exporter")
    return None if found is None else str(found)
