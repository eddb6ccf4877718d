"""Every other system that can be had: its real server, its recorded replies, or a process that is instrumented."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from examples.servers.process import ServerProcess
from tests.alerts.installation import Installation
from tests.collectors.helpers import target
from tests.collectors.mongodb_wire import SERVER, wire
from tests.collectors.probing import RECORDS
from tests.collectors.test_container import LIMITED
from tests.collectors.test_elasticsearch import EVERYTHING, cluster
from tests.collectors.test_pinecone import pinecone
from tests.conftest import need
from tests.servers import alertmanager, dns, falkordb, free_port, http, nginx, rabbitmq, tls, victoriametrics
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stub import recorded, stub
from watchkeeper.settings import Secret, Target

__all__ = ["start_services"]

_APPLICATION = Path(__file__).parent / "application.py"
_UP = "from watchkeeper.app.cli import main; main()"


def start_services(here: Installation) -> dict[str, Any]:
    """Start them all, and give the sections of prometheus.yml that they make possible."""
    for one in (nginx, falkordb, rabbitmq, tls, victoriametrics, alertmanager):
        need(one.available())
    here.probe(*_on_this_machine(here), *_probes(here), *_servers(here), *_recorded(here))
    up = _watchkeeper_up(here)
    here.scrape("watchkeeper-up", up, system="watchkeeper")
    here.scrape("shop", _application(here, up), system="traces")
    here.systems |= {"resilience", "web_vitals"}

    broker = here.enter(rabbitmq.run())
    _use(broker)
    address = f"127.0.0.1:{broker.prometheus_port}"
    here.scrape("rabbitmq", address)
    here.scrape("rabbitmq-queues", address, system="rabbitmq", metrics_path="/metrics/per-object")

    scraped = {"scrape_configs": [{"job_name": "up", "static_configs": [{"targets": [up]}]}]}
    store = here.enter(victoriametrics.run(scrape=yaml.safe_dump({"global": {"scrape_interval": "1s"}, **scraped})))
    here.scrape("victoriametrics", store.url.removeprefix("http://"))
    calls = here.enter(alertmanager.run())
    return {
        "remote_write": [{"url": f"{store.url}/api/v1/write", "queue_config": {"batch_send_deadline": "1s"}}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [calls.url.removeprefix("http://")]}]}]},
    }


def _on_this_machine(here: Installation) -> Iterator[Target]:
    tree = here.directory / "cgroup"
    tree.mkdir()
    # A container with limits, as it sees itself.
    for name, text in {"cgroup.controllers": "cpu io memory pids\n", **LIMITED}.items():
        (tree / name).write_text(text)
    yield target("pod", "container", options={"root": str(tree)})
    logs = here.directory / "logs"
    logs.mkdir()
    (logs / "cart.log").write_bytes(b"INFO started\nERROR no such table\nINFO \xff\n")
    yield target("files", "logs", f"file://{logs}/*.log", options={"from": "beginning", "learn": "0s"})


def _probes(here: Installation) -> Iterator[Target]:
    directory = here.directory / "authority"
    directory.mkdir()
    authority = tls.Authority(directory)
    certificate = authority.issue("DNS:localhost", "IP:127.0.0.1", days=60)
    site = here.enter(tls.serve({"/": tls.Page(headers={"Location": "/"})}, certificate))
    names = here.enter(dns.serve(records=RECORDS))
    yield target("site", "probes", site.url(), options={"ip_protocol": "ip4", "ca_file": str(authority.file)})
    resolver = f"dns://127.0.0.1:{names.port}/example.test?type=A"
    yield target("resolver", "probes", resolver, options={"ip_protocol": "ip4"})


def _servers(here: Installation) -> Iterator[Target]:
    web = here.enter(nginx.run())
    here.use(lambda: http.get_text(web.url))
    yield target("web", "nginx", web.status_url)
    graph = here.enter(falkordb.run())
    graph.command("GRAPH.QUERY", "places", "UNWIND range(1, 20000) AS i CREATE (:P {i: i, t: toString(i)})")
    here.use(lambda: graph.command("GRAPH.QUERY", "places", "MATCH (p:P {i: 7}) RETURN p.t"))
    yield target("graph", "falkordb", graph.url, options={"memory": True})
    yield target("graph-redis", "redis", graph.url)


def _recorded(here: Installation) -> Iterator[Target]:
    """Services that cannot run here, played from what was recorded of them."""
    search = here.enter(stub(cluster()))
    yield target("search", "elasticsearch", search.url, options={"collect": EVERYTHING})
    documents = here.enter(wire(answers=SERVER))
    yield target("documents", "mongodb", documents.url, options={"collections": ["local.oplog.rs"]})
    for version in ("4.4", "5.11"):
        page = here.enter(stub({"/metrics": recorded(f"neo4j/neo4j-{version}.prom")}))
        yield target(f"graph-{version}", "neo4j", f"{page.url}/metrics")
    api, _, _ = here.enter(pinecone())
    key = here.directory / "pinecone-key"
    key.write_text("pcsk_hush")
    options = {"project_id": "p-1", "namespaces": 10}
    yield target("vectors", "pinecone", api.url, password=Secret(file=str(key)), options=options)


def _watchkeeper_up(here: Installation) -> str:
    """Everything in one process, beside the sidecars; gives its HOST:PORT."""
    address = f"127.0.0.1:{free_port()}"
    directory = here.directory / "up"
    directory.mkdir()
    settings = {"scrape_interval": "1s", "evaluation_interval": "2s", "targets": [{"name": "same", "system": "host"}]}
    (directory / "watchkeeper.yaml").write_text(yaml.safe_dump(settings))
    _start(here, directory, "watchkeeper up", "-c", _UP, "up", "--listen", address, page=f"http://{address}/healthz")
    return address


def _application(here: Installation, traces: str) -> str:
    """A process that uses the instrumentation, and sends its traces to an address; gives HOST:PORT of its metrics."""
    port = free_port()
    directory = here.directory / "shop"
    directory.mkdir()
    log = here.directory / "logs" / "shop.log"
    page = f"http://127.0.0.1:{port}/metrics"
    _start(here, directory, "the application", _APPLICATION, str(port), f"http://{traces}", log, page=page)
    return f"127.0.0.1:{port}"


def _start(here: Installation, directory: Path, name: str, *arguments: str | Path, page: str) -> None:
    process = ServerProcess(name, [sys.executable, *arguments], log=directory / "log", ready=lambda: http.answers(page))
    here.stack.callback(process.stop)
    process.start(seconds=60)


def _use(broker: RabbitMQServer) -> None:
    broker.declare("work")
    broker.publish("work", times=3)
    broker.take("work", 1)
