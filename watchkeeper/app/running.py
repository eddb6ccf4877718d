"""Running a loop in the foreground until somebody stops it."""

from __future__ import annotations

import click

from watchkeeper.app.foreground import configure_logging, stop_event
from watchkeeper.app.load import load_everything
from watchkeeper.app.loop import Loop
from watchkeeper.settings import Settings

__all__ = ["run_until_stopped"]


def run_until_stopped(settings: Settings, *, listen: str | None, evaluate: bool) -> None:
    """Start a loop, say where its console is, and stop it on SIGINT or SIGTERM."""
    configure_logging()
    everything = load_everything(settings)
    for finding in everything.findings:
        click.echo(f"watchkeeper: {finding}", err=True)
    stop = stop_event()
    loop = Loop(everything, evaluate=evaluate, listen=listen)
    try:
        loop.start()
        click.echo(f"watching {len(settings.targets)} targets, console on {loop.url}")
        stop.wait()
    finally:
        loop.stop()
