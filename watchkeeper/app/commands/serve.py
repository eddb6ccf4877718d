"""`watchkeeper serve`."""

from __future__ import annotations

import click

from watchkeeper.app.load import load_settings
from watchkeeper.app.running import run_until_stopped

__all__ = ["command"]


@click.command()
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml).")
@click.option("--listen", metavar="HOST:PORT", help="Address of the console (default: `listen` of the settings).")
def command(config: str | None, listen: str | None) -> None:
    """Take Alertmanager's webhooks, run runbooks, detect deviations, serve the console.

    Prometheus collects and evaluates rules; the settings say where it is (store.prometheus.url). Let Alertmanager send
    to http://ADDRESS/webhooks/alertmanager, as `watchkeeper build` writes it.

    \b
    Example:
      watchkeeper serve --config watchkeeper.yaml --listen 127.0.0.1:8787
    """
    run_until_stopped(load_settings(config, required=True), listen=listen, evaluate=False)
