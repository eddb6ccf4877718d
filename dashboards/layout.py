"""Where panels stand: rows of 24 columns, filled from the left, with identifiers that stay when others move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from watchkeeper.declarations import Dashboard, Panel

__all__ = ["COLUMNS", "Place", "panel_ids", "places", "slug", "uid", "uid_of"]

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's rectangle: left edge, top edge, width, height."""

    x: int
    y: int
    w: int
    h: int


def places(panels: Iterable[Panel], top: int) -> tuple[list[Place], int]:
    """The places of a row's panels below `top`, and the first free line under them.

    A line is as high as its highest panel; its panels get that height, so that no hole is left.
    """
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(p.width for p in lines[-1]) + panel.width > COLUMNS:
            lines.append([])
        lines[-1].append(panel)
    found, y = [], top
    for line in lines:
        x, height = 0, max((panel.height for panel in line), default=0)
        for panel in line:
            found.append(Place(x, y, panel.width, height))
            x += panel.width
        y += height
    return found, y


def panel_ids(dashboard: Dashboard) -> dict[str, int]:
    """An identifier for each panel, from its key: a link to a panel outlives the panels around it."""
    taken: set[int] = set()
    ids = {}
    for panel in dashboard.panels():
        number = crc32(panel.key.encode()) % 9_000 + 1_000
        while number in taken:
            number += 1
        taken.add(number)
        ids[panel.key] = number
    return ids


def uid(dashboard: Dashboard) -> str:
    """Grafana's identifier of a dashboard (at most 40 characters)."""
    return uid_of(dashboard.key)


def uid_of(key: str) -> str:
    """Grafana's identifier of the dashboard with that key."""
    return f"watchkeeper-{key.replace('_', '-')}"[:40]


def slug(dashboard: Dashboard) -> str:
    """The dashboard's name in addresses."""
    return dashboard.key.replace("_", "-")
