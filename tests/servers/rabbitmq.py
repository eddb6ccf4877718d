"""A RabbitMQ broker with the management API and the Prometheus plugin, on an Erlang port mapper of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from examples.servers.process import (
    ServerError,
    ServerProcess,
    find_program,
    free_port,
    unprivileged_user,
    wait_until,
    workdir,
)
from tests.servers import http

__all__ = ["PACKAGE", "RabbitMQServer", "available", "run"]

PACKAGE = "rabbitmq-server"

_PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")
# Debian's /usr/sbin/rabbitmq-server insists on the user rabbitmq; the script behind it does not.
_UNDER = ("/usr/lib/rabbitmq/bin",)
_START_SECONDS = 90.0


@dataclass(frozen=True)
class RabbitMQServer:
    """A running broker; the user is `guest` with the password `guest`."""

    port: int
    management_port: int
    prometheus_port: int
    node: str
    directory: Path
    process: ServerProcess
    environment: Mapping[str, str]

    @property
    def management_url(self) -> str:
        """The management API, without a trailing slash and without the user."""
        return f"http://127.0.0.1:{self.management_port}"

    @property
    def metrics_url(self) -> str:
        """The plugin's own endpoint."""
        return f"http://127.0.0.1:{self.prometheus_port}/metrics"

    def api(self, method: str, path: str, body: Any = None, *, user: str = "guest", password: str = "guest") -> Any:
        """One call of the management API (`api("PUT", "queues/%2F/work", {})`); the decoded answer or None."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        text = http.send(method, f"{self.management_url}/api/{path}", data, headers=headers)
        return json.loads(text) if text else None

    def control(self, *words: str) -> str:
        """Run rabbitmqctl and return what it says; it takes some seconds."""
        program = _program("rabbitmqctl")
        assert program is not None
        command = [str(program), "-q", "-n", self.node, *words]
        environment = {**os.environ, **self.environment, "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise ServerError(f"rabbitmqctl {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def declare(self, queue: str, **arguments: object) -> None:
        """Declare a durable queue of the default virtual host."""
        self.api("PUT", f"queues/%2F/{quote(queue, safe='')}", {"durable": True, "arguments": arguments})

    def publish(
        self, queue: str, payload: str = "x", *, times: int = 1, properties: Mapping[str, object] | None = None
    ) -> None:
        """Publish through the management API; a queue that is not there makes the message unroutable."""
        body = {
            "properties": dict(properties or {}),
            "routing_key": queue,
            "payload": payload,
            "payload_encoding": "string",
        }
        for _ in range(times):
            self.api("POST", "exchanges/%2F/amq.default/publish", body)

    def take(self, queue: str, count: int, ackmode: str = "ack_requeue_false") -> list[Any]:
        """Get messages and acknowledge, requeue or reject them (`reject_requeue_false` dead-letters them)."""
        body = {"count": count, "ackmode": ackmode, "encoding": "auto"}
        taken: list[Any] = self.api("POST", f"queues/%2F/{quote(queue, safe='')}/get", body)
        return taken


def available() -> str | None:
    """Why RabbitMQ cannot be started here, or None."""
    if _program("rabbitmq-server") is None or find_program("epmd") is None:
        return f"RabbitMQ is not installed (Debian package {PACKAGE})"
    return None


@contextlib.contextmanager
def run(*, settings: Mapping[str, str] | None = None, plugins: Sequence[str] = _PLUGINS) -> Iterator[RabbitMQServer]:
    """Start an empty broker; `settings` are lines of rabbitmq.conf. It takes about ten seconds."""
    program, mapper = _program("rabbitmq-server"), find_program("epmd")
    if program is None or mapper is None:
        raise ServerError(available())
    epmd, distribution, port, management, metrics = (free_port() for _ in range(5))
    user = unprivileged_user()
    with workdir("rabbitmq", owner=user) as directory:
        node = f"watchkeeper-{port}@localhost"
        lines = {
            "listeners.tcp.1": f"127.0.0.1:{port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(management),
            "prometheus.tcp.ip": "127.0.0.1",
            "prometheus.tcp.port": str(metrics),
            # What the management API knows is this old; the endpoint of the plugin is always fresh.
            "collect_statistics_interval": "500",
            **{f"management.sample_retention_policies.{kind}.minute": "1" for kind in ("global", "basic", "detailed")},
            **(settings or {}),
        }
        _write(directory / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in lines.items()), user)
        _write(directory / "enabled_plugins", f"[{','.join(plugins)}].\n", user)
        environment = {
            "HOME": str(directory),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_LOGS": "-",
            # The script then becomes the server instead of standing before it.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        }
        names = ServerProcess(
            "epmd",
            [mapper, "-port", str(epmd), "-address", "127.0.0.1"],
            log=directory / "epmd.log",
            ready=lambda: _listens(epmd),
            env={"ERL_EPMD_ADDRESS": "127.0.0.1"},
            user=user,
        )
        names.start()
        process = ServerProcess(
            "RabbitMQ",
            [program],
            log=directory / "rabbitmq.log",
            ready=lambda: (
                _listens(port) and _listens(management) and http.answers(f"http://127.0.0.1:{metrics}/metrics")
            ),
            env=environment,
            user=user,
        )
        try:
            process.start(seconds=_START_SECONDS)
            server = RabbitMQServer(port, management, metrics, node, directory, process, environment)
            wait_until(lambda: _counted(server), what="the broker's statistics")
            yield server
        finally:
            # Nothing of it is kept, and an orderly end takes six seconds.
            process.kill()
            names.stop()


def _program(name: str) -> Path | None:
    for directory in _UNDER:
        path = Path(directory) / name
        if os.access(path, os.X_OK):
            return path
    return find_program(name)


def _write(path: Path, text: str, user: str | None) -> None:
    path.write_text(text)
    if user is not None:
        shutil.chown(path, user)


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return True


def _counted(server: RabbitMQServer) -> bool:
    nodes = server.api("GET", "nodes")
    return bool(nodes) and "mem_used" in nodes[0]
