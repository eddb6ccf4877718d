"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runbooks.console.support import Running, running


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
