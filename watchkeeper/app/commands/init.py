"""`watchkeeper init`."""

from __future__ import annotations

from pathlib import Path

import click

from watchkeeper.app.commands.config import PURPOSES, example_text
from watchkeeper.app.load import DEFAULT_SETTINGS
from watchkeeper.errors import SettingsError

__all__ = ["command"]


@click.command()
@click.argument("file", default=DEFAULT_SETTINGS)
@click.option("--for", "purpose", type=click.Choice(PURPOSES), default="up", show_default=True)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def command(file: str, purpose: str, force: bool) -> None:
    """Write a first watchkeeper.yaml here: commented, and working as it stands.

    \b
    Example:
      watchkeeper init && watchkeeper up
    """
    path = Path(file)
    if path.exists() and not force:
        raise SettingsError(f"{file} exists already: choose another name, or replace it with --force")
    try:
        path.write_text(example_text(purpose), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None
    click.echo(f"wrote {file}: look at its targets, then type `watchkeeper {_NEXT[purpose]}`")


_NEXT = {"up": "up", "sidecar": "collect", "ci": "check"}
