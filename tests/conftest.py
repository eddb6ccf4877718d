"""Fixtures of real servers: using one marks the test `server` (or `browser`), and skips it without one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

import pytest
from hypothesis import settings

from tests.servers import alertmanager, chromium, exporters, postgresql, prometheus, redis

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["Factory", "need"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Shared machines are slow at times, so an example has no deadline. In CI the examples are the same each time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_SERVER_FIXTURES = {
    "alertmanager_server",
    "node_exporter",
    "postgres_exporter",
    "postgresql_factory",
    "postgresql_server",
    "prometheus_server",
    "redis_exporter",
    "redis_factory",
    "redis_server",
}
_BROWSER_FIXTURES = {"browser", "page"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a real server or a browser, so that none can forget it."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & _SERVER_FIXTURES:
            item.add_marker(pytest.mark.server)
        if names & _BROWSER_FIXTURES:
            item.add_marker(pytest.mark.browser)


def need(reason: str | None) -> None:
    """Skip for `reason`; fail instead when WATCHKEEPER_REQUIRE_SERVERS is set, as CI does where it can."""
    if reason is None:
        return
    if os.environ.get("WATCHKEEPER_REQUIRE_SERVERS"):
        pytest.fail(f"{reason}, and WATCHKEEPER_REQUIRE_SERVERS is set", pytrace=False)
    pytest.skip(reason)


class Factory(Generic[_P, _T]):
    """Starts any number of servers with the arguments of `run`; all are stopped when the test ends."""

    def __init__(self, run: Callable[_P, AbstractContextManager[_T]], stack: ExitStack) -> None:
        self._run = run
        self._stack = stack

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._stack.enter_context(self._run(*args, **kwargs))


@contextlib.contextmanager
def _factory(reason: str | None, run: Callable[_P, AbstractContextManager[_T]]) -> Iterator[Factory[_P, _T]]:
    need(reason)
    with ExitStack() as stack:
        yield Factory(run, stack)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.PostgreSQLServer]:
    """One PostgreSQL for the whole run: make a database of your own in it, and leave it running."""
    need(postgresql.available())
    with postgresql.run() as server:
        yield server


@pytest.fixture
def postgresql_factory() -> Iterator[Callable[..., postgresql.PostgreSQLServer]]:
    """Starts PostgreSQL servers that a test may stop, kill or configure."""
    with _factory(postgresql.available(), postgresql.run) as factory:
        yield factory


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[redis.RedisServer]:
    need(redis.available())
    with redis.run() as server:
        yield server


@pytest.fixture
def redis_server(_shared_redis: redis.RedisServer) -> redis.RedisServer:
    """One Redis for the whole run, emptied before each test; leave it running."""
    _shared_redis.command("FLUSHALL")
    return _shared_redis


@pytest.fixture
def redis_factory() -> Iterator[Callable[..., redis.RedisServer]]:
    """Starts Redis servers that a test may stop, kill or configure (the arguments of `redis.run`)."""
    with _factory(redis.available(), redis.run) as factory:
        yield factory


@pytest.fixture
def prometheus_server() -> Iterator[Callable[..., prometheus.PrometheusServer]]:
    """Starts Prometheus servers, with the arguments of `tests.servers.prometheus.run`."""
    with _factory(prometheus.available(), prometheus.run) as factory:
        yield factory


@pytest.fixture
def alertmanager_server() -> Iterator[Callable[..., alertmanager.AlertmanagerServer]]:
    """Starts Alertmanagers, with the arguments of `tests.servers.alertmanager.run`."""
    with _factory(alertmanager.available(), alertmanager.run) as factory:
        yield factory


@pytest.fixture
def postgres_exporter(postgresql_server: postgresql.PostgreSQLServer) -> Iterator[exporters.Exporter]:
    """postgres_exporter beside the shared PostgreSQL."""
    need(exporters.available("postgres"))
    with exporters.run_postgres(postgresql_server) as exporter:
        yield exporter


@pytest.fixture
def redis_exporter(redis_server: redis.RedisServer) -> Iterator[exporters.Exporter]:
    """redis_exporter beside the shared Redis."""
    need(exporters.available("redis"))
    with exporters.run_redis(redis_server) as exporter:
        yield exporter


@pytest.fixture
def node_exporter() -> Iterator[exporters.Exporter]:
    """node_exporter for this machine."""
    need(exporters.available("node"))
    with exporters.run_node() as exporter:
        yield exporter


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for each module: while it is open, `asyncio.run` fails in the tests' thread."""
    need(chromium.available())
    with chromium.launch() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page in a browser context of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()
