"""`watchkeeper explain`."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.app.reading import labels_of, moment
from watchkeeper.clock import now
from watchkeeper.errors import DefinitionError

__all__ = ["command"]

_SHOWN = 10
_BEFORE = 3 * 3_600.0


@click.command()
@click.argument("detector")
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--at", metavar="TIME", default="now", show_default=True, help="Explain the values up to this time.")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw what was seen over what was expected into this SVG file.",
)
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(
    detector: str, labels: tuple[str, ...], at: str, as_json: bool, picture: Path | None, config: str | None
) -> int:
    """Say of a series what was expected, what was seen, since when, how rare that is, and what to do next.

    DETECTOR is its key; the labels tell which of its series, where there are several. Of one that deviates it ranks
    likely causes too. It can be asked of any past time: it learns from history anew, from where `up`, `serve` or
    `detect --follow` had come some hours before, if they ran then. Exit code 1 when the series deviates.

    \b
    Examples:
      watchkeeper explain redis.memory
      watchkeeper explain redis.memory instance=cache:6379 --at 2026-01-31T12:00:00Z --picture band.svg
    """
    from watchkeeper.app.causes import causes_of
    from watchkeeper.app.detecting import asked, learned, links_of, recently, stores_of

    time = now()
    when = moment(at, "--at", time)
    wanted = {name: value for text in labels for name, value in labels_of(text, "LABEL=VALUE").items()}
    found = asked(config, (detector,))
    explanation = package("detectors.explanation")
    with stores_of(found, recently(found.settings, when)) as stores:
        engine = learned(found, stores, when)
        own = _chosen(explanation, engine, detector, wanted)
        one = explanation.explain(engine, detector, own, when)
        causes = causes_of(found, stores, one)
        if picture is not None:
            from watchkeeper.app.picture import write_picture

            watch = engine.watches[detector]
            # Bills have a value a day, the others one a minute: what is usual must be seen on both.
            start = min(one.since or when, when - 60 * watch.step) - max(_BEFORE, 60 * watch.step)
            write_picture(picture, one, engine.band(detector, own, start, when))
    links = links_of(found, one.detector)
    if as_json:
        likely = None if causes is None else causes.plain()
        click.echo(json.dumps({**one.plain(), "likely_causes": likely, **links}, indent=2))
    else:
        _print(one, links, picture, causes)
    return 1 if one.state == "deviates" else 0


def _chosen(explanation: Any, engine: Any, key: str, wanted: dict[str, str]) -> Any:
    """The series that is meant: the only one with these labels, or the only one that deviates."""
    if key not in engine.watches:
        raise DefinitionError(f"{key} watches what the settings have no store for: it is off")
    fits = explanation.matching(engine, key, wanted)
    if not fits:
        some = ", ".join(f"{name}={value}" for name, value in sorted(wanted.items())) or "any labels"
        known = [_words(own) for own in explanation.matching(engine, key, {})]
        there = f"it watches {_some(known)}" if known else "none of its series has had values"
        raise DefinitionError(f"{key} watches no series with {some}: {there}")
    deviating = [one.labels for one in engine.deviations()]
    if len(fits) > 1 and sum(own in deviating for own in fits) != 1:
        raise click.UsageError(f"{key} watches {len(fits)} such series: add labels of one: {_some(map(_words, fits))}")
    return fits[0]


def _words(labels: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "one without labels"


def _some(names: Any) -> str:
    listed = list(names)
    return "; ".join(listed[:_SHOWN]) + ("; …" if len(listed) > _SHOWN else "")


def _print(one: Any, links: dict[str, str], picture: Path | None, causes: Any) -> None:
    rows = one.facts()
    todo = [f"watchkeeper runbook show {one.detector.runbook}"]
    todo += [
        f"{name}: {links[key]}"
        for name, key in (("runbook", "runbook_url"), ("panel", "dashboard_url"))
        if key in links
    ]
    if "dashboard_url" not in links:
        todo.append(f"panel {one.detector.panel}")
    if picture is not None:
        todo.append(f"picture: {picture}")
    width = max(40, min(100, shutil.get_terminal_size().columns))
    click.echo("\n".join(textwrap.wrap(one.headline, width)))
    click.echo()
    for name, text in rows:
        indent = " " * 14
        click.echo(textwrap.fill(text, width, initial_indent=f"  {name:<12}", subsequent_indent=indent))
    if causes is not None:
        _print_causes(causes, width)
    for number, text in enumerate(todo):
        click.echo(f"  {'next' if number == 0 else '':<12}{text}")


def _print_causes(causes: Any, width: int) -> None:
    """The candidates with their reasons, then what was changed, then what is not known."""

    def told(name: str, text: str, indent: int = 14) -> None:
        click.echo(textwrap.fill(text, width, initial_indent=f"  {name:<12}", subsequent_indent=" " * indent))

    click.echo("\nLikely causes")
    for number, cause in enumerate(causes.candidates, start=1):
        here = " (where it shows)" if cause.own else ""
        click.echo(textwrap.fill(f"{number}. {cause.component}{here}: {cause.title}", width, initial_indent="  "))
        indent = " " * 5
        click.echo(textwrap.fill(cause.why, width, initial_indent=indent, subsequent_indent=indent))
    for number, change in enumerate(causes.changes):
        told("" if number else "changed", causes.told(change))
    if causes.note:
        told("note", causes.note)
    click.echo()
