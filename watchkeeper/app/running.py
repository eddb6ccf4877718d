"""Running a loop in the foreground until somebody stops it."""

from __future__ import annotations

import click

from watchkeeper.app.foreground import configure_logging, stop_event
from watchkeeper.app.load import load_everything
from watchkeeper.app.loop import Loop
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Settings

__all__ = ["run_until_stopped"]


def run_until_stopped(settings: Settings, *, listen: str | None, evaluate: bool) -> None:
    """Start a loop, say where its console is, and stop it on SIGINT or SIGTERM.

    Raises SettingsError when the settings ask for what only the sidecar does.
    """
    if settings.access is not None:
        raise SettingsError(
            "access: it guards the listener of `watchkeeper collect` alone: leave it out here, and put a proxy that "
            "authenticates before the console"
        )
    configure_logging(settings.log)
    everything = load_everything(settings)
    for finding in everything.findings:
        click.echo(f"watchkeeper: {finding}", err=True)
    stop = stop_event()
    loop = Loop(everything, evaluate=evaluate, listen=listen)
    try:
        loop.start()
        click.echo(f"{_what(settings, evaluate)}, console on {loop.url}")
        stop.wait()
    finally:
        loop.stop()


def _what(settings: Settings, evaluate: bool) -> str:
    count = len(settings.targets)
    if not evaluate and not count:
        return "taking Alertmanager's webhooks"  # Prometheus reads the targets
    return f"watching {count} target{'' if count == 1 else 's'}"
