"""`watchkeeper build`."""

from __future__ import annotations

from pathlib import Path

import click

from watchkeeper.app.load import Everything, load_everything, load_settings, package
from watchkeeper.checks import check
from watchkeeper.errors import DefinitionError

__all__ = ["command"]


@click.command()
@click.option("--out", "-o", metavar="DIR", required=True, help="Directory to write to; made when it is not there.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(out: str, config: str | None) -> None:
    """Write dashboards, alert rules, their tests and Alertmanager's configuration.

    DIR/dashboards/*.json, DIR/rules/*.yaml, DIR/rules/tests/*.yaml, DIR/alertmanager/alertmanager.yaml. The same
    definitions and settings give the same bytes. Nothing is written when `watchkeeper check` finds an error.

    \b
    Example:
      watchkeeper build --out generated && promtool check rules generated/rules/*.yaml
    """
    everything = load_everything(load_settings(config))
    errors = [
        finding
        for finding in (*everything.findings, *check(everything.definitions, everything.settings))
        if finding.severity == "error"
    ]
    if errors:
        raise DefinitionError(f"{errors[0]} ({len(errors)} in all: see `watchkeeper check`)")
    files = _files(everything)
    root = Path(out)
    try:
        for name, content in sorted(files.items()):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise DefinitionError(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(f"wrote {len(files)} files below {out}")


def _files(everything: Everything) -> dict[str, bytes]:
    c, settings = everything.catalogue, everything.settings
    dashboards, alerts = package("dashboards.build"), package("alerts.build")
    links = alerts.Links(
        console_url=settings.console_url,
        grafana_url=settings.grafana_url,
        panels=dashboards.panel_paths(c.dashboards.values()),
    )
    base = settings.console_url.rstrip("/") or f"http://{settings.listen}"
    routing = alerts.Routing(webhook_url=f"{base}/webhooks/alertmanager", dead_man_url=settings.dead_man_url)
    thresholds = dashboards.thresholds_of(c.alerts.values(), c.query)
    return {
        **dashboards.files(c.dashboards.values(), c.query, thresholds),
        **alerts.files(c.alerts.values(), c.slos.values(), c.query, links=links, routing=routing),
    }
