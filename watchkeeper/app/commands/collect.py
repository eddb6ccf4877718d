"""`watchkeeper collect`: the sidecar. It must stay small: nothing is imported here that its targets do not need."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from watchkeeper.app.foreground import configure_logging, stop_event
from watchkeeper.app.load import load_settings, package
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Listener, Settings, Target

__all__ = ["command"]


@click.command()
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml).")
@click.option("--listen", metavar="HOST:PORT", help="Where to expose /metrics (default: `listen` of the settings).")
@click.option("--once", is_flag=True, help="Read each target once, print what would be exposed, and end.")
@click.option("--target", "names", metavar="NAME", multiple=True, help="Only this target; may be given several times.")
def command(config: str | None, listen: str | None, once: bool, names: tuple[str, ...]) -> int:
    """Read targets afresh at each scrape and expose their signals: /metrics, /probe?target=NAME, /healthz, /readyz.

    With --once the exit code is 3 when a target could not be read.

    \b
    Examples:
      watchkeeper collect --config watchkeeper.yaml --once
      watchkeeper collect --config watchkeeper.yaml --listen 127.0.0.1:9187
    """
    settings = load_settings(config, required=True)
    targets = _chosen(settings, names)
    runtime = package("collectors.runtime")
    runtime.check_labels(targets)
    sidecar = runtime.Sidecar(targets)
    try:
        if once:
            return _once(sidecar)
        address = Listener.parse(listen) if listen else settings.listener
        return _serve(sidecar, address, len(targets))
    finally:
        sidecar.close()


def _chosen(settings: Settings, names: tuple[str, ...]) -> tuple[Target, ...]:
    known = {target.name: target for target in settings.targets}
    for name in names:
        if name not in known:
            raise SettingsError(f"no target is named {name!r}: the settings have {', '.join(known) or 'none'}")
    if not known:
        raise SettingsError("the settings have no targets: see `watchkeeper config example --for sidecar`")
    return tuple(known[name] for name in names) or settings.targets


def _once(sidecar: Any) -> int:
    # What a log line would say of a target stands once, at the end.
    logging.getLogger("watchkeeper").addHandler(logging.NullHandler())
    sys.stdout.buffer.write(sidecar.scrape())
    sys.stdout.flush()
    errors = sidecar.errors()
    for name, error in errors.items():
        click.echo(f"watchkeeper: target {name}: {error}", err=True)
    return 3 if errors else 0


def _serve(sidecar: Any, address: Listener, count: int) -> int:
    configure_logging()
    stop = stop_event()
    server = package("collectors.server").serve(sidecar, address.host, address.port)
    click.echo(f"exposing {count} targets on http://{address.host}:{server.port}/metrics", err=True)
    try:
        stop.wait()
    finally:
        server.shutdown()
    return 0
