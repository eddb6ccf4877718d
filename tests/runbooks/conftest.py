"""What all tests of runbooks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runbooks.support import OPENED


@pytest.fixture(autouse=True)
def _no_journal_stays_open() -> Iterator[None]:
    """Close what a test has opened: Python 3.13 warns of a database that is left to the garbage collector."""
    yield
    while OPENED:
        OPENED.pop().close()
