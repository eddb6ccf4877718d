"""An Alertmanager without its cluster, and amtool."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.servers.process import ServerError, ServerProcess, find_program, free_port, workdir
from tests.servers import http

__all__ = ["PACKAGE", "AlertmanagerServer", "amtool", "available", "run", "webhook_config"]

PACKAGE = "prometheus-alertmanager"

EMPTY_CONFIG = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n"


@dataclass(frozen=True)
class AlertmanagerServer:
    """A running server; `url` is its base address without a trailing slash."""

    url: str
    directory: Path
    process: ServerProcess

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds now, as its API v2 gives them."""
        alerts: list[dict[str, Any]] = http.get_json(f"{self.url}/api/v2/alerts")
        return alerts

    def post_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Hand over alerts as Prometheus does (`labels`, `annotations`, `startsAt`, `endsAt`)."""
        body = json.dumps([dict(alert) for alert in alerts]).encode()
        http.post(f"{self.url}/api/v2/alerts", body, headers={"Content-Type": "application/json"})

    def reload(self, config: str) -> None:
        """Replace the configuration and have it read."""
        (self.directory / "alertmanager.yml").write_text(config)
        http.post(f"{self.url}/-/reload")


def available() -> str | None:
    """Why Alertmanager cannot be started here, or None."""
    return None if _find() and find_program("amtool") else f"Alertmanager is not installed (Debian package {PACKAGE})"


def webhook_config(url: str, *, group_wait: str = "0s", group_interval: str = "1s") -> str:
    """A configuration that sends every alert to one webhook without delay."""
    return (
        f"route:\n  receiver: webhook\n  group_by: ['...']\n  group_wait: {group_wait}\n"
        f"  group_interval: {group_interval}\n  repeat_interval: 1h\n"
        f"receivers:\n  - name: webhook\n    webhook_configs:\n      - url: {json.dumps(url)}\n"
        "        send_resolved: true\n"
    )


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run amtool (`amtool("check-config", path)`); the caller judges `returncode`, `stdout` and `stderr`."""
    program = find_program("amtool")
    if program is None:
        raise ServerError(f"amtool is not installed (Debian package {PACKAGE})")
    command = [str(program), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def run(config: str = EMPTY_CONFIG, *, flags: Sequence[str] = ()) -> Iterator[AlertmanagerServer]:
    """Start a server; `config` is the text of alertmanager.yml (`webhook_config` makes a usual one)."""
    program = _find()
    if program is None:
        raise ServerError(available())
    url = f"http://127.0.0.1:{free_port()}"
    with workdir("alertmanager") as directory:
        (directory / "alertmanager.yml").write_text(config)
        process = ServerProcess(
            "Alertmanager",
            [
                program,
                f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address={url.removeprefix('http://')}",
                "--cluster.listen-address=",
                *flags,
            ],
            log=directory / "alertmanager.log",
            ready=lambda: http.answers(f"{url}/-/ready"),
        )
        process.start()
        try:
            yield AlertmanagerServer(url, directory, process)
        finally:
            process.stop()


def _find() -> Path | None:
    return find_program("prometheus-alertmanager", "alertmanager")
