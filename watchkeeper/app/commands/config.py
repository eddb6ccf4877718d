"""`watchkeeper config`: check, show, example."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import msgspec

from watchkeeper.app.load import DEFAULT_SETTINGS, load_everything, load_settings, package
from watchkeeper.durations import format_duration
from watchkeeper.findings import suggestion
from watchkeeper.settings import Seconds, Settings
from watchkeeper.settings.calendars import Moment
from watchkeeper.yaml import Place, dump, read_document

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
@click.option("--config", "-c", metavar="FILE", help="The same as the argument (default: ./watchkeeper.yaml).")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    default="sidecar",
    show_default=True,
    help="What reads them: `collect`, which demands most, `up`, or CI.",
)
def check_(file: str | None, config: str | None, purpose: str) -> int:
    """Read the settings, build all that `collect` would build of them, read every secret; connect to nothing.

    Exit code 2 with path and line of each mistake.

    \b
    Example:
      watchkeeper config check --config watchkeeper.yaml
    """
    if file is not None and config is not None:
        raise click.UsageError("FILE and --config are the same: give one of them")
    path = file or config or DEFAULT_SETTINGS
    settings = load_settings(path, purpose=purpose)
    found = [*package("collectors.deploy.check").mistakes(settings, files=True, together=purpose == "sidecar")]
    found += _overrides(settings)
    document = read_document(Path(path).read_text(encoding="utf-8"), path)
    for place, message in found:
        click.echo(f"watchkeeper: {path}:{document.line(place)}: {message}", err=True)
    count = len(settings.targets)
    if not found:
        click.echo(f"{path}: {count} target{'' if count == 1 else 's'}, all well")
    return 2 if found else 0


def _overrides(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Overrides of what does not exist; nothing where the definitions cannot be loaded, as in a sidecar."""
    if not (settings.alerts or settings.slos or settings.detectors):
        return
    try:
        everything = load_everything(settings)
    except ImportError:
        return
    if any(finding.severity == "error" for finding in everything.findings):
        return  # what is overridden may be in the part that is missing: `watchkeeper check` says what is wrong there
    definitions = everything.definitions
    for section, given, known in (
        ("alerts", settings.alerts, [one.name for one in definitions.alerts]),
        ("slos", settings.slos, [one.name for one in definitions.slos]),
        ("detectors", settings.detectors, [one.key for one in definitions.detectors]),
    ):
        for name in given:
            if name not in known:
                yield (section, name), f"{section}.{name} overrides what does not exist.{suggestion(name, known)}"


@command.command("show")
@click.argument("file", required=False)
def show(file: str | None) -> None:
    """Print the settings as they are understood, with all defaults."""
    settings = load_settings(file)
    click.echo(dump(_plain(msgspec.to_builtins(settings, enc_hook=_encoded))), nl=False)


@command.command("example")
@click.option("--for", "purpose", type=click.Choice(PURPOSES), default="up", show_default=True)
def example(purpose: str) -> None:
    """Print commented settings that work as they stand, with Redis on its usual port."""
    click.echo(example_text(purpose), nl=False)


def example_text(purpose: str) -> str:
    """The example settings for `sidecar`, `up` or `ci`."""
    return files("watchkeeper.app").joinpath("examples", f"{purpose}.yaml").read_text(encoding="utf-8")


def _encoded(value: Any) -> Any:
    """Times as ISO 8601, durations in seconds."""
    return datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, Moment) else float(value)


def _plain(value: Any, name: str = "") -> Any:
    """Durations as texts again, so that what is shown can be loaded; empty optional values left out."""
    if isinstance(value, dict):
        return {key: _plain(item, key) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (name in _DURATIONS or isinstance(value, Seconds)):
        return format_duration(value)
    return value


_DURATIONS = {
    "after_deploy",
    "approval_expires",
    "evaluation_interval",
    "every",
    "history",
    "interval",
    "lateness",
    "retention",
    "scrape_interval",
    "timeout",
}
