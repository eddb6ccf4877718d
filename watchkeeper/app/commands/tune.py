"""`watchkeeper tune`."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.app.reading import duration, moment
from watchkeeper.clock import now
from watchkeeper.deliveries import Nobody
from watchkeeper.durations import parse_duration

__all__ = ["command"]

_BUDGETS = (0.5, 1.0, 2.0, 5.0, 10.0)


@click.command()
@click.argument("detectors", nargs=-1, metavar="[DETECTOR]...")
@click.option(
    "--budget",
    "wanted",
    type=click.FloatRange(0.0, min_open=True),
    metavar="NUMBER",
    help="Alerts a week that may be spent on healthy series (default: detect.alert_budget of the settings).",
)
@click.option("--learn", metavar="DURATION", default="42d", show_default=True, help="How much history is looked at.")
@click.option("--at", metavar="TIME", default="now", show_default=True, help="Where the history ends.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(
    detectors: tuple[str, ...], wanted: float | None, learn: str, at: str, as_json: bool, config: str | None
) -> None:
    """What an alert budget takes: how much evidence, by the history of what is watched here.

    Replays history through fresh detectors, none of them looking ahead, and counts how much evidence healthy series
    reach. At work the limit follows the budget by itself, from the same count; what is printed here can be pinned as
    `limit` instead. Series are counted once they have lived through three of their longest seasons (with a week: 21
    days). Nothing is delivered and nothing kept.

    \b
    Examples:
      watchkeeper tune
      watchkeeper tune redis.memory --budget 1 --learn 56d
    """
    from watchkeeper.app.detecting import asked, detection_engine, stores_of

    time = now()
    end = moment(at, "--at", time)
    before = duration(learn, "--learn")
    found = asked(config, detectors)
    settings = found.settings
    budget = package("detectors.budget").Budget((wanted or settings.detect.alert_budget) * settings.pace)
    steps = [parse_duration(one.step) / settings.pace for one in found.catalogue.detectors.values()]
    ticks = math.ceil(before / min(steps, default=60.0))
    with stores_of(found, (end - before, end, end)) as stores:
        engine = detection_engine(
            found.catalogue, settings, stores, Nobody(), clock=lambda: end, budget=budget, history_ticks=ticks
        )
        engine.warm_up(end)
    rows = [
        {"budget": one, "limit": budget.limit_for(one * settings.pace)}
        for one in sorted({*_BUDGETS, budget.per_week / settings.pace})
    ]
    known = {
        "series": budget.series,
        "series_weeks": budget.lived,
        "limit": budget.limit if budget.lived else None,
        "budget": budget.per_week / settings.pace,
    }
    if as_json:
        click.echo(json.dumps({**known, "at": end, "limits": rows if budget.lived else []}, indent=2))
        return
    watched = sum(len(watch.labels) for watch in engine.watches.values())
    if not budget.lived:
        click.echo(
            f"not enough history for a count: of {watched} series none has lived through three of its longest seasons "
            f"by then (looked at: {learn}). Until one has, deviations take {budget.limit:.2f} standard deviations, and "
            f"new series together tell about {known['budget']:g} a week."
        )
        return
    _print(rows, known, watched)


def _print(rows: list[dict[str, float]], known: dict[str, Any], watched: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("alerts a week", justify="right")
    table.add_column("takes", justify="right")
    for row in rows:
        mark = "  <- asked for" if math.isclose(row["budget"], known["budget"]) else ""
        table.add_row(f"{row['budget']:g}", f"{row['limit']:.2f} standard deviations{mark}")
    console.print(table)
    console.print(
        f"By {known['series_weeks']:.0f} weeks of {known['series']} of {watched} series, each counted from its third "
        f"season on. At work the limit follows by itself; to pin it: detect: {{limit: {known['limit']:.2f}}}"
    )
