"""`watchkeeper feedback`."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click
import msgspec

from watchkeeper.app.load import load_settings, package
from watchkeeper.app.reading import moment
from watchkeeper.clock import now
from watchkeeper.errors import StoreError

__all__ = ["command"]


@click.command()
@click.argument("fingerprint")
@click.argument("verdict", type=click.Choice(["true", "false", "planned"]))
@click.option("--why", default="", help="One line for whoever reads it later; the name of a planned event.")
@click.option("--by", metavar="NAME", help="Who says so (default: the user who runs the command).")
@click.option("--until", metavar="TIME", help="When it ended, or will end, where that is not known.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(fingerprint: str, verdict: Any, why: str, by: str | None, until: str | None, config: str | None) -> None:
    """Say of a deviation whether it was one: true, false, or planned.

    FINGERPRINT is that of its delivery (Alertmanager and the console show it), or the beginning of it. `true`
    keeps its time out of what is learned; `false` widens the band of the series, for a while; `planned` keeps its time
    out and names a planned event. The last word on a deviation counts.

    \b
    Examples:
      watchkeeper feedback 4e850ea5ef9519bd false --why "the nightly import"
      watchkeeper feedback 4e850ea5 planned --why "spring launch" --until 2026-03-21
    """
    feedback = package("detectors.feedback")
    directory = Path(load_settings(config).data)
    at = now()
    end = moment(until, "--until", at) if until else None
    place = directory / "deviations.jsonl"
    try:
        found = feedback.recall(place, fingerprint)
        if end is not None:
            if end <= found.since:
                raise click.UsageError("--until is before the deviation began")
            found = msgspec.structs.replace(found, until=end)
        opinion = feedback.about(found, verdict, at=at, by=by or _user(), why=why)
        feedback.append(directory / "feedback.jsonl", opinion)
    except OSError as error:
        raise StoreError(f"{error.filename or directory}: {error.strerror}") from None
    labels = ", ".join(f"{name}={value}" for name, value in sorted(found.labels.items()))
    click.echo(f"{found.detector}{f' of {labels}' if labels else ''}: {verdict}, as {opinion.by} says")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user need not have a name
        return "unknown"
