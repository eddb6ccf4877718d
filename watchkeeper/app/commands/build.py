"""`watchkeeper build`."""

from __future__ import annotations

from pathlib import Path

import click

from watchkeeper.app.load import Everything, load_everything, load_settings, package
from watchkeeper.checks import check
from watchkeeper.errors import DefinitionError

__all__ = ["command"]

_MANIFEST = ".watchkeeper-files"


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
    try:
        _write(Path(out), files)
    except OSError as error:
        raise DefinitionError(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(f"wrote {len(files)} files below {out}")


def _write(root: Path, files: dict[str, bytes]) -> None:
    """Write the files, and remove those that the last build wrote and this one does not: rules that are gone must
    not fire.
    """
    manifest = root / _MANIFEST
    before = manifest.read_text(encoding="utf-8").splitlines() if manifest.exists() else []
    for name in before:
        path = root / name
        if name not in files and path.resolve().is_relative_to(root.resolve()):
            path.unlink(missing_ok=True)
    for name, content in sorted(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest.write_text("".join(f"{name}\n" for name in sorted(files)), encoding="utf-8")


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
