"""Real Redis and PostgreSQL servers for the demo and the tests, where they are installed.

`available()` of a module says why it cannot be started here, or None; `run(...)` is a context manager that starts
it on a free loopback port with a data directory of its own, waits until it answers, and stops it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.servers import postgresql, redis
from watchkeeper.settings import Secret, Target

__all__ = ["DataServices", "data_services", "postgresql", "redis"]


@dataclass(frozen=True, slots=True)
class DataServices:
    """What was started: URLs for the platform (None where not installed), targets, and a line on each service."""

    redis_url: str | None
    postgresql_dsn: str | None
    targets: tuple[Target, ...]
    notes: tuple[str, ...]


@contextlib.contextmanager
def data_services(directory: Path) -> Iterator[DataServices]:
    """Start what is installed; secrets of its monitoring roles go to files in `directory`."""
    redis_url = dsn = None
    targets: list[Target] = []
    notes = []
    with contextlib.ExitStack() as stack:
        if (missing := redis.available()) is None:
            cache = stack.enter_context(redis.run())
            redis_url = cache.url
            targets.append(Target(name="cache", system="redis", url=cache.url))
            notes.append("started Redis, which holds the queue of tasks")
        else:
            notes.append(f"{missing}: the platform keeps its queue in a process of its own")
        if (missing := postgresql.available()) is None:
            database = stack.enter_context(postgresql.run())
            dsn = database.create_database("platform")
            database.create_monitor_role()
            secret = directory / "postgresql-monitor-password"
            secret.write_text("monitor-only\n", encoding="utf-8")
            secret.chmod(0o600)
            url = f"postgresql://{database.host}:{database.port}/platform"
            targets.append(
                Target(
                    name="records", system="postgresql", url=url, user="watchkeeper", password=Secret(file=str(secret))
                )
            )
            notes.append("started PostgreSQL, which holds the records of tasks")
        else:
            notes.append(f"{missing}: the platform keeps its records in memory")
        yield DataServices(redis_url, dsn, tuple(targets), tuple(notes))
