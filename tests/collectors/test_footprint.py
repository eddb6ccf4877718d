"""What a sidecar costs: measured in a process of its own, as `watchkeeper collect` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from functools import partial

import pytest

from examples.servers.postgresql import PostgreSQLServer
from examples.servers.redis import RedisServer

# Numerical and web libraries, and the drivers of other systems, have no place in a sidecar.
FORBIDDEN = {
    "duckdb",
    "fastapi",
    "grafanalib",
    "jinja2",
    "joblib",
    "numpy",
    "opentelemetry",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "starlette",
    "uvicorn",
}

_PROGRAM = """
    import json, sys, urllib.request
    import click
    from collectors.runtime import Sidecar
    from collectors.server import serve
    from watchkeeper.settings import Target
    import watchkeeper.yaml

    targets = [Target(**fields) for fields in json.loads(sys.argv[1])]
    sidecar = Sidecar(targets)
    server = serve(sidecar, port=0)
    url = f"http://127.0.0.1:{server.port}/metrics"
    for _ in range(int(sys.argv[2])):
        with urllib.request.urlopen(url) as answer:
            text = answer.read().decode()
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(json.dumps({"resident": int(status["VmHWM"].split()[0]), "modules": sorted(sys.modules), "text": text}))
    server.shutdown()
    sidecar.close()
"""


def _measure(targets: list[dict[str, str]], scrapes: int) -> dict[str, object]:
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), json.dumps(targets), str(scrapes)]
    # What compiles its own modules is larger: an installed sidecar finds them compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = partial(subprocess.run, command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    run()
    done = run()
    answer: dict[str, object] = json.loads(done.stdout)
    assert 'watchkeeper_target_up{target="redis",target_system="redis"} 1.0' in str(answer["text"])
    return answer


def _modules(answer: dict[str, object]) -> set[str]:
    return {name.partition(".")[0] for name in answer["modules"]}  # type: ignore[attr-defined]


def _redis(server: RedisServer) -> dict[str, str]:
    return {"name": "redis", "system": "redis", "url": server.url}


@pytest.mark.long
def test_redis_alone_stays_small(redis_server: RedisServer) -> None:
    answer = _measure([_redis(redis_server)], 1_000)
    assert answer["resident"] * 1024 <= 38e6  # type: ignore[operator]
    assert not _modules(answer) & (FORBIDDEN | {"psycopg", "redis", "urllib3", "prometheus_client"})


@pytest.mark.long
def test_three_systems_stay_small(redis_server: RedisServer, postgresql_server: PostgreSQLServer) -> None:
    database = {"name": "db", "system": "postgresql", "url": postgresql_server.dsn}
    answer = _measure([_redis(redis_server), database, {"name": "host", "system": "host"}], 1_000)
    assert answer["resident"] * 1024 <= 38e6  # type: ignore[operator]


def test_three_systems_import_nothing_that_they_do_not_need(
    redis_server: RedisServer, postgresql_server: PostgreSQLServer
) -> None:
    database = {"name": "db", "system": "postgresql", "url": postgresql_server.dsn}
    answer = _measure([_redis(redis_server), database, {"name": "host", "system": "host"}], 3)
    assert not _modules(answer) & (FORBIDDEN | {"psycopg", "redis", "urllib3"})
    assert answer["resident"] * 1024 <= 38e6  # type: ignore[operator]
