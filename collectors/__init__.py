"""Collectors: one module per system that reads its signals, and the runtime that exposes them.

    targets ── sessions ── lanes (deadline, single flight, breaker) ── Sidecar ──► /metrics, /probe, ScrapeLoop

`once(targets)` gives what a scrape would expose; `collectors.server.run` serves it until it is told to stop. A module
of a system, and with it a driver, is imported when a target asks for it and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["once"]


def once(targets: Sequence[Target], timeout: float | None = None) -> bytes:
    """One scrape of all targets as exposition text; `timeout` in seconds bounds it beside the targets' own.

    Raises SettingsError when a target is set up wrongly; a target that cannot be read is exposed as down.
    """
    from collectors.runtime import Sidecar, check_labels

    check_labels(targets)
    sidecar = Sidecar(targets)
    try:
        return sidecar.scrape(timeout=timeout)
    finally:
        sidecar.close()
