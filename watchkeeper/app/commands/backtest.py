"""`watchkeeper backtest`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.app.reading import duration, moment
from watchkeeper.clock import now

__all__ = ["command"]


@click.command()
@click.argument("detectors", nargs=-1, metavar="[DETECTOR]...")
@click.option("--from", "start", metavar="TIME", required=True, help="Where the time that is judged begins.")
@click.option("--to", "end", metavar="TIME", default="now", show_default=True, help="Where it ends.")
@click.option(
    "--learn",
    metavar="DURATION",
    default="14d",
    show_default=True,
    help="How much history before it is learned from (0s: a cold start).",
)
@click.option("--json", "as_json", is_flag=True, help="Every deviation with all that is known of it, as JSON.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(detectors: tuple[str, ...], start: str, end: str, learn: str, as_json: bool, config: str | None) -> None:
    """Replay history through fresh detectors: what would have been told, and how much of it a week.

    Without names, the detectors of all that is watched here. Nothing looks ahead: each value is judged by those before
    it, as at work, with the calendars of the settings, and feedback from when it was given on. Nothing is delivered and
    nothing kept. What moves together is counted one by one here, and delivered as one at work. Much history of a
    Prometheus is replayed by the workers that `detect` of the settings names, with the same answer.

    \b
    Examples:
      watchkeeper backtest --from 28d
      watchkeeper backtest redis.memory --from 2026-01-01 --to 2026-02-01 --json
    """
    from watchkeeper.app.detecting import asked, knowledge_of, stores_of

    time = now()
    first, last = moment(start, "--from", time), moment(end, "--to", time)
    if last <= first:
        raise click.UsageError("--to is not after --from")
    before = duration(learn, "--learn")
    found = asked(config, detectors)
    backtest = package("detectors.backtest")
    knowledge = knowledge_of(found.settings)
    settings = found.settings
    with stores_of(found, (first - before, first, last)) as stores:
        opening = package("detectors.shards").opening_of(settings.store)
        results = backtest.replay_all(
            tuple(found.catalogue.detectors.values()),
            lambda key: found.catalogue.queries[key].query,
            stores,
            first,
            last,
            learn=before,
            pace=settings.pace,
            knowledge=knowledge,
            limit=settings.detect.limit or package("detectors.budget").DEFAULT_LIMIT,
            crew=None if opening is None else package("detectors.crews").crew_of(settings.detect),
            opening=opening,
        )
    if as_json:
        plain = package("detectors.explanation").plain_deviation
        rows = [
            {
                "detector": one.detector.key,
                "series": one.series,
                "judged": one.ticks,
                "weeks": one.weekly(),
                "deviations": [plain(deviation, last) for deviation in one.deviations],
            }
            for one in results
        ]
        click.echo(json.dumps({"from": first, "to": last, "detectors": rows}, indent=2))
    else:
        _print(results, (last - first) / backtest.WEEK)


def _print(results: Sequence[Any], weeks: float) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    texts = package("detectors.texts")
    table = Table(box=None, pad_edge=False)
    for name in ("detector", "series", "deviations", "a week", "week by week"):
        table.add_column(name, justify="right" if name in {"series", "deviations", "a week"} else "left")
    seen = [one for one in results if one.ticks and one.series]
    for one in seen:
        count = len(one.deviations)
        table.add_row(
            one.detector.key, str(one.series), str(count), f"{count / weeks:.1f}", " ".join(map(str, one.weekly()))
        )
    if seen:
        console.print(table)
    for one in seen:
        for deviation in one.deviations:
            name = texts.series_name(deviation.labels)
            until = "still open" if deviation.ended is None else f"to {texts.clock_time(deviation.ended, math.inf)}"
            console.print(
                f"{texts.clock_time(deviation.since, math.inf)} {until}  {one.detector.key}"
                f"{f' of {name}' if name else ''}: {deviation.impact}"
            )
    blind = [one.detector.key for one in results if not (one.ticks and one.series)]
    if blind:
        console.print(f"no values, so nothing is said of: {', '.join(blind)}")
