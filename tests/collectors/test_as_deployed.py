"""The sidecar as its manifest starts it: an unprivileged user, a read-only root, no capability, a memory limit."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.deploy import manifest, plan_for
from examples.servers import postgresql
from examples.servers.process import free_port, wait_until
from tests.conftest import need
from tests.servers import http, isolated, prometheus

PASSWORD = "monitor-only"


@pytest.fixture
def deployed() -> Iterator[dict[str, Any]]:
    """A PostgreSQL, and the sidecar beside it, started from the text of the manifest."""
    need(isolated.available())
    need(postgresql.available())
    with postgresql.run() as server:
        server.create_monitor_role(password=PASSWORD)
        plan = plan_for("postgresql", url=f"postgresql://127.0.0.1:{server.port}/postgres", port=free_port())
        documents = list(yaml.safe_load_all(manifest(plan)))
        settings = documents[0]["data"]
        pod = documents[1]["spec"]["template"]["spec"]
        container = pod["initContainers"][0]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        files = {mounts["watchkeeper-config"]: settings, mounts["watchkeeper-secret"]: {"password": PASSWORD}}
        url = f"http://127.0.0.1:{plan.port}"
        path = container["startupProbe"]["httpGet"]["path"]
        with isolated.run(container, files, ready=lambda: http.answers(url + path)) as process:
            yield {"plan": plan, "server": server, "process": process, "url": url}


@pytest.mark.long
def test_it_runs_without_privileges_and_ends_after_its_application(deployed: dict[str, Any]) -> None:
    need(prometheus.available())
    plan, process, url = deployed["plan"], deployed["process"], deployed["url"]
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    assert status["Uid"].split() == [str(plan.uid)] * 4
    assert status["Groups"].split() == []
    assert {status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"
    # It is in a memory cgroup of its own, with room left.
    assert "/watchkeeper-" in Path(f"/proc/{process.pid}/cgroup").read_text()
    assert int(status["VmRSS"].split()[0]) * 1024 < plan.memory_limit * 2**20
    for place in ("", "tmp", "etc/watchkeeper", "usr"):
        with pytest.raises(OSError, match=r"Read-only|denied") as refused:
            Path(f"/proc/{process.pid}/root/{place}/written").write_text("")
        assert refused.value.errno in {errno.EROFS, errno.EACCES}

    # A real Prometheus scrapes it through the configuration that is generated with the manifest.
    scraping = manifest(replace(plan, form="prometheus"))
    with prometheus.run(scraping.replace("15s", "1s").replace("10s", "1s")) as server:
        found = server.wait_for("pg_up == 1")
        assert found[0]["metric"]["instance"] == plan.name
        assert server.wait_for('watchkeeper_target_up{target_system="postgresql"} == 1')

    # A native sidecar is stopped after the application: until then it says that the application is gone.
    deployed["server"].process.stop()
    wait_until(lambda: "\npg_up 0.0\n" in http.get_text(f"{url}/metrics"), seconds=20, what="pg_up to be 0")
    assert http.get_text(f"{url}/healthz") == "ok\n"
    assert process.end(signal.SIGTERM) == 0
