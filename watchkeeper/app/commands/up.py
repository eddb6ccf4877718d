"""`watchkeeper up`."""

from __future__ import annotations

import click

from watchkeeper.app.load import load_settings
from watchkeeper.app.running import run_until_stopped

__all__ = ["command"]


@click.command()
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml).")
@click.option("--listen", metavar="HOST:PORT", help="Address of the console (default: `listen` of the settings).")
def command(config: str | None, listen: str | None) -> None:
    """Run collection, store, rules, detection, run engine and console in one process.

    \b
    Example:
      watchkeeper init && watchkeeper up
    """
    run_until_stopped(load_settings(config, required=True), listen=listen, evaluate=True)
