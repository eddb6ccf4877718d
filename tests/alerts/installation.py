"""A whole installation for the tests of expressions: servers, sidecars, a push, the example platform."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from collectors.push import Pusher
from collectors.runtime import Sidecar
from collectors.server import serve
from examples.agent_platform import launch
from examples.servers import postgresql, redis
from examples.servers.postgresql import PostgreSQLServer
from examples.servers.redis import RedisServer
from tests.collectors.helpers import target
from tests.collectors.host_tree import build_tree
from tests.servers import free_port, wait_until
from tests.servers.prometheus import PrometheusServer
from watchkeeper.settings import PushSettings, RemoteWrite, Seconds, Target

__all__ = ["Installation", "start_base", "start_push"]

_T = TypeVar("_T")

_POSTGRESQL = {
    "shared_preload_libraries": "pg_stat_statements",
    "archive_mode": "on",
    "archive_command": "true",
}
_TABLES = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE orders (id int PRIMARY KEY, word text);
INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 2000) AS n;
ANALYZE orders;
SELECT pg_switch_wal();
"""


@dataclass
class Installation:
    """What runs until the stack ends; `jobs` are the scrape configurations, `systems` those that can be seen."""

    stack: ExitStack
    directory: Path
    jobs: list[dict[str, Any]] = field(default_factory=list)
    systems: set[str] = field(default_factory=set)

    def enter(self, context: AbstractContextManager[_T]) -> _T:
        """Start something that the end of the test stops."""
        return self.stack.enter_context(context)

    def use(self, what: Callable[[], object]) -> None:
        """Do something twice a second from now on, so that a server has work of which there are rates."""
        done = threading.Event()

        def work() -> None:
            while not done.wait(0.5):
                with suppress(OSError):  # what it fails to do is missed by those who look for its rates
                    what()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.stack.callback(thread.join, 10)
        self.stack.callback(done.set)

    def scrape(self, job: str, *addresses: str, system: str = "", **fields: Any) -> None:
        """Have HOST:PORT scraped under the name of a job, by default that of its system."""
        self.jobs.append({"job_name": job, "static_configs": [{"targets": list(addresses)}], **fields})
        self.systems.add(system or job)

    def sidecar(self, *targets: Target) -> str:
        """Start a sidecar; gives HOST:PORT of its listener."""
        sidecar = Sidecar(targets)
        self.stack.callback(sidecar.close)
        server = serve(sidecar, "127.0.0.1", 0)
        self.stack.callback(server.shutdown)
        self.systems |= {one.system for one in targets}
        return f"127.0.0.1:{server.port}"

    def probe(self, *targets: Target) -> None:
        """Start one sidecar for targets that Prometheus asks for one by one, each an instance of its system."""
        named = [replace(one, labels={"instance": one.name, **one.labels}) for one in targets]
        address = self.sidecar(*named)
        for one in named:
            labels = {"instance": one.name, "job": one.system}
            self.jobs.append(
                {
                    "job_name": f"probe-{one.name}",
                    "metrics_path": "/probe",
                    "params": {"target": [one.name]},
                    "honor_labels": True,
                    "static_configs": [{"targets": [address], "labels": labels}],
                }
            )

    def twice(self) -> None:
        """Have everything scraped as a second instance too, so that nothing is matched because it is alone."""
        for job in list(self.jobs):
            static = job["static_configs"][0]
            if len(static["targets"]) == 1:
                twin = {**static, "labels": {**static.get("labels", {}), "instance": f"{job['job_name']}-2"}}
                name = {"job_name": f"{job['job_name']}-2", "honor_labels": False, "static_configs": [twin]}
                twin["labels"].setdefault("job", job["job_name"])
                self.jobs.append({**job, **name})


def start_base(here: Installation) -> None:
    """The host, PostgreSQL with a standby, Redis with a replica, a Sentinel, and the example platform."""
    primary = here.enter(postgresql.run(_POSTGRESQL))
    primary.execute(_TABLES)
    monitor = primary.create_monitor_role()
    primary.execute("GRANT SELECT ON orders TO watchkeeper")
    standby = here.enter(postgresql.run_standby(primary, settings=_POSTGRESQL))
    cache = here.enter(redis.run(settings={"maxmemory": "64mb"}))
    replica = here.enter(redis.run(replica_of=cache))
    sentinel = here.enter(redis.run_sentinel(cache))
    here.use(lambda: cache.command("GET", "nothing"))
    # Sensors and memory with error correction, which the machine of the test may not have.
    tree = here.directory / "machine"
    build_tree(tree)

    options = {"tables": True, "bloat": True, "statements": True}
    here.scrape(
        "watchkeeper",
        here.sidecar(
            target("here", "host"),
            target("db", "postgresql", monitor, options=options),
            target("cache", "redis", cache.url),
        ),
    )
    here.probe(
        target("elsewhere", "host", options={"root": str(tree)}),
        target("db-standby", "postgresql", standby.dsn_for(user="watchkeeper", password="monitor-only")),
        target("cache-replica", "redis", replica.url),
        target("cache-sentinel", "redis", sentinel.url),
    )
    platform = here.enter(launch(here.directory / "platform", pace=20.0, seed=7))
    addresses = [one.url.removeprefix("http://").removesuffix("/metrics") for one in platform.targets]
    here.scrape("agent_platform", *addresses)

    _wait_for_replicas(primary, cache)


def _wait_for_replicas(primary: PostgreSQLServer, cache: RedisServer) -> None:
    streaming = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL"
    wait_until(lambda: primary.execute(streaming) == "1", what="the standby")
    wait_until(lambda: "state=online" in cache.command("INFO", "replication"), what="the replica")


def start_push(here: Installation, prometheus: PrometheusServer) -> None:
    """A sidecar that nobody scrapes: it sends what it reads of a Redis Cluster's node, and what it says of itself."""
    # The port of the bus would be the server's plus 10,000, which may be taken.
    node = here.enter(redis.run(settings={"cluster-enabled": "yes", "cluster-port": str(free_port())}))
    node.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    wait_until(lambda: "cluster_state:ok" in node.command("CLUSTER", "INFO"), what="the cluster")
    sidecar = Sidecar([target("cluster-node", "redis", node.url)])
    here.stack.callback(sidecar.close)
    settings = PushSettings(
        interval=Seconds(1),
        remote_write=RemoteWrite(url=f"{prometheus.url}/api/v1/write"),
        textfile=str(here.directory / "watchkeeper.prom"),
    )
    pusher = Pusher(sidecar, settings, here.directory)
    pusher.start()
    here.stack.callback(pusher.stop)
