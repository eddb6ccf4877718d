"""`watchkeeper config`: check, show, example."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import click
import msgspec

from watchkeeper.app.load import load_settings
from watchkeeper.durations import format_duration
from watchkeeper.settings import Seconds, secrets_of
from watchkeeper.yaml import dump

__all__ = ["command", "example_text"]

PURPOSES = ("sidecar", "up", "ci")


@click.group()
def command() -> None:
    """Check, show or write the settings.

    \b
    Example:
      watchkeeper config example --for up > watchkeeper.yaml
      watchkeeper config check
    """


@command.command("check")
@click.argument("file", required=False)
def check_(file: str | None) -> None:
    """Read the settings (default: ./watchkeeper.yaml) and every secret that they name.

    Exit code 2 with path and line of the first mistake.
    """
    settings = load_settings(file, required=True)
    for secret in secrets_of(settings):
        secret.resolve()
    click.echo(f"{file or 'watchkeeper.yaml'}: {len(settings.targets)} targets, all well")


@command.command("show")
@click.argument("file", required=False)
def show(file: str | None) -> None:
    """Print the settings as they are understood, with all defaults."""
    settings = load_settings(file)
    click.echo(dump(_plain(msgspec.to_builtins(settings, enc_hook=float))), nl=False)


@command.command("example")
@click.option("--for", "purpose", type=click.Choice(PURPOSES), default="up", show_default=True)
def example(purpose: str) -> None:
    """Print commented settings that work as they stand, with Redis on its usual port."""
    click.echo(example_text(purpose), nl=False)


def example_text(purpose: str) -> str:
    """The example settings for `sidecar`, `up` or `ci`."""
    return files("watchkeeper.app").joinpath("examples", f"{purpose}.yaml").read_text(encoding="utf-8")


def _plain(value: Any, name: str = "") -> Any:
    """Durations as texts again, so that what is shown can be loaded; empty optional values left out."""
    if isinstance(value, dict):
        return {key: _plain(item, key) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (name in _DURATIONS or isinstance(value, Seconds)):
        return format_duration(value)
    return value


_DURATIONS = {"scrape_interval", "evaluation_interval", "interval", "timeout", "retention", "approval_expires"}
