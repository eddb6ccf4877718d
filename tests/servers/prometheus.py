"""A Prometheus server, promtool, and ways to give it samples of any time."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.servers.process import ServerError, ServerProcess, find_program, free_port, wait_until, workdir
from tests.servers import http

__all__ = ["PACKAGE", "PrometheusServer", "available", "promtool", "run", "version"]

PACKAGE = "prometheus"

EMPTY_CONFIG = "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n"


@dataclass(frozen=True)
class PrometheusServer:
    """A running server; `url` is its base address without a trailing slash."""

    url: str
    directory: Path
    process: ServerProcess

    def api(self, path: str, **params: str) -> Any:
        """The `data` of `/api/v1/<path>`; `OSError` with its text when Prometheus refuses."""
        return http.get_json(f"{self.url}/api/v1/{path}", params)["data"]

    def instant(self, expression: str, time: float) -> Any:
        """The `data` of an instant query at `time` (seconds)."""
        return self._query("query", query=expression, time=repr(time))

    def range(self, expression: str, start: float, end: float, step: float) -> Any:
        """The `data` of a range query, all times in seconds."""
        return self._query("query_range", query=expression, start=repr(start), end=repr(end), step=repr(step))

    def reload(self, config: str) -> None:
        """Replace the configuration and have it read."""
        (self.directory / "prometheus.yml").write_text(config)
        http.post(f"{self.url}/-/reload")

    def wait_for(self, expression: str, *, seconds: float = 30.0) -> Any:
        """The result of `expression` at the server's own time, once it is not empty."""

        def result() -> Any:
            return self._query("query", query=expression)["result"]

        return wait_until(result, seconds=seconds, what=f"{expression} to have a result")

    def _query(self, endpoint: str, **params: str) -> Any:
        # POST: a generated expression can be longer than an address may be.
        return http.post_form(f"{self.url}/api/v1/{endpoint}", params)["data"]


def available() -> str | None:
    """Why Prometheus cannot be started here, or None."""
    if find_program("prometheus") is None or find_program("promtool") is None:
        return f"Prometheus is not installed (Debian package {PACKAGE})"
    return None


def version() -> tuple[int, int]:
    """Major and minor version of the installed server: range boundaries differ between 2 and 3."""
    text = subprocess.run([_program("prometheus"), "--version"], capture_output=True, text=True, timeout=30, check=True)
    words = (text.stdout + text.stderr).split()
    major, minor = words[words.index("version") + 1].split(".")[:2]
    return int(major), int(minor)


def promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool (`promtool("check", "rules", path)`); the caller judges the return code and the output."""
    command = [str(_program("promtool")), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


@contextlib.contextmanager
def run(
    config: str = EMPTY_CONFIG,
    *,
    files: Mapping[str, str] | None = None,
    backfill: Sequence[str] = (),
    remote_write_receiver: bool = False,
    admin_api: bool = False,
    flags: Sequence[str] = (),
) -> Iterator[PrometheusServer]:
    """Start a server.

    `config` is the text of prometheus.yml; `files` (rules, target lists) are written beside it, for it to
    name by relative path. Each text of `backfill` is in OpenMetrics form, with timestamps and `# EOF` at its
    end, and becomes blocks before the start; `tests.servers.remote_write` sends what has no such form.
    """
    port = free_port()
    with workdir("prometheus") as directory:
        data = directory / "data"
        data.mkdir()
        (directory / "prometheus.yml").write_text(config)
        for name, text in (files or {}).items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for number, text in enumerate(backfill):
            _create_blocks(text, directory / f"backfill-{number}.txt", data)
        switches = ["--web.enable-lifecycle"]
        switches += ["--web.enable-remote-write-receiver"] if remote_write_receiver else []
        switches += ["--web.enable-admin-api"] if admin_api else []
        url = f"http://127.0.0.1:{port}"
        process = ServerProcess(
            "Prometheus",
            [
                _program("prometheus"),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=50y",  # samples of a test may be of any time
                f"--web.listen-address=127.0.0.1:{port}",
                *switches,
                *flags,
            ],
            log=directory / "prometheus.log",
            ready=lambda: http.answers(f"{url}/-/ready"),
        )
        process.start()
        try:
            yield PrometheusServer(url, directory, process)
        finally:
            process.stop()


def _create_blocks(text: str, source: Path, data: Path) -> None:
    source.write_text(text)
    done = promtool("tsdb", "create-blocks-from", "openmetrics", "--quiet", source, data)
    if done.returncode != 0:
        raise ServerError(f"promtool tsdb create-blocks-from openmetrics: {done.stderr.strip()}")
    source.unlink()


def _program(name: str) -> Path:
    found = find_program(name)
    if found is None:
        raise ServerError(f"{name} is not installed (Debian package {PACKAGE})")
    return found
