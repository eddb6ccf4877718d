"""Fixtures of the detectors' tests."""

from __future__ import annotations

import pytest

from tests.detectors.series import Sink


@pytest.fixture
def sink() -> Sink:
    """Keeps what is delivered."""
    return Sink()
