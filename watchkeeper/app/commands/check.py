"""`watchkeeper check`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from watchkeeper.app.load import load_everything, load_settings
from watchkeeper.checks import check
from watchkeeper.findings import Finding

__all__ = ["command"]


@click.command()
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON: severity, code, message, file, line.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
def command(config: str | None, as_json: bool, strict: bool) -> int:
    """Prove that the catalogue is closed: every reference resolves, each alert and detector leads to a runbook.

    Exit code 1 when there are errors.

    \b
    Example:
      watchkeeper check --json | jq '.findings[] | select(.severity == "error")'
    """
    everything = load_everything(load_settings(config))
    findings = [*everything.findings, *check(everything.definitions, everything.settings)]
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        click.echo(json.dumps({"errors": errors, "findings": [_relative(f).as_dict() for f in findings]}, indent=2))
    else:
        for finding in findings:
            click.echo(str(_relative(finding)))
        c = everything.catalogue
        click.echo(
            f"{len(c.systems)} systems, {len(c.signals)} signals, {len(c.queries)} named queries, "
            f"{len(c.panels)} panels, {len(c.alerts)} alerts, {len(c.slos)} SLOs, {len(c.detectors)} detectors, "
            f"{len(c.runbooks)} runbooks: {errors} errors, {len(findings) - errors} warnings",
            err=bool(findings),
        )
    return 1 if errors or (strict and findings) else 0


def _relative(finding: Finding) -> Finding:
    """Paths below the current directory as the reader would type them."""
    path = os.path.relpath(finding.file) if Path(finding.file).is_absolute() else finding.file
    file = finding.file if path.startswith("..") else path
    return Finding(finding.severity, finding.code, finding.message, file, finding.line)
