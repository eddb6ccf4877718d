"""The console: pages for the person on call, the webhook, events and health, over a run engine."""

from __future__ import annotations

from runbooks.console.app import create_app
from runbooks.console.ports import Band, BandSource, FaultSwitch, Health, TargetStatus, Watched, WatchedSource
from runbooks.console.server import ConsoleServer, serve

__all__ = [
    "Band",
    "BandSource",
    "ConsoleServer",
    "FaultSwitch",
    "Health",
    "TargetStatus",
    "Watched",
    "WatchedSource",
    "create_app",
    "serve",
]
