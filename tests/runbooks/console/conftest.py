"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runbooks.console.support import Running, running
from tests.runbooks.console.traced import traced
from watchkeeper.traces import TraceStore

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Running]:
    """A served console without incidents."""
    with running(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One console for all tests of a module that change nothing."""
    with running(tmp_path_factory.mktemp("console")) as found:
        yield found


@pytest.fixture(scope="module")
def tracing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, TraceStore]]:
    """One console with traces for all tests of a module, and the store behind it."""
    with traced(tmp_path_factory.mktemp("tracing")) as found:
        yield found


@pytest.fixture
def store(tracing: tuple[Running, TraceStore]) -> TraceStore:
    """The store of the console with traces."""
    return tracing[1]


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains about: errors of scripts, what the content policy blocked."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", lambda dialog: found.append(f"dialog: {dialog.message}"))
    yield found
    assert found == []
