"""`watchkeeper compare`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import load_everything, load_settings, package
from watchkeeper.app.reading import duration, labels_of, moment, polarity_of, query_of, store_of
from watchkeeper.clock import now
from watchkeeper.durations import digits
from watchkeeper.signals import Polarity

__all__ = ["command"]

_APART = 0.25
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
_SIZE = click.FloatRange(0)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False))
@click.option(
    "--query", "-q", "keys", metavar="KEY", multiple=True, help="A named query in place of files; repeatable."
)
@click.option("--first", metavar="LABELS", help="The first cohort of a query: NAME=VALUE, several with commas.")
@click.option("--second", metavar="LABELS", help="The second cohort.")
@click.option("--span", metavar="DURATION", default="1h", show_default=True, help="How much time is compared.")
@click.option("--until", metavar="TIME", default="now", show_default=True, help="Where it ends.")
@click.option("--change", metavar="TIME", help="Compare the span before this time with the span after it.")
@click.option("--first-time", metavar="FROM/TO", help="The time of the first cohort.")
@click.option("--second-time", metavar="FROM/TO", help="The time of the second cohort.")
@click.option(
    "--step", metavar="DURATION", help="Distance of the values (default: a 300th of the time, 15 s at least)."
)
@click.option("--high-is-bad", metavar="SIGNAL", multiple=True, help="A column of which more is worse; repeatable.")
@click.option("--low-is-bad", metavar="SIGNAL", multiple=True, help="A column of which less is worse; repeatable.")
@click.option("--quantile", type=_SHARE, default=0.5, show_default=True, help="What is compared (0.5: the median).")
@click.option("--relative", type=_SIZE, default=0.05, show_default=True, help="The smallest change that matters.")
@click.option("--absolute", type=_SIZE, default=0.0, help="The same in the unit of the signal; the larger counts.")
@click.option("--false-share", type=_SHARE, default=0.05, show_default=True, help="Share of false findings allowed.")
@click.option("--json", "as_json", is_flag=True, help="Everything that was computed, as JSON.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(files: tuple[str, ...], keys: tuple[str, ...], as_json: bool, config: str | None, **options: Any) -> int:
    """Compare two cohorts signal by signal: better, worse, same, or not enough data.

    Two CSV FILES (first column time, one column a signal), or named queries: two sets of labels, or two times.

    \b
    Exit codes: 0 nothing got worse; 1 a signal got worse; 2 wrong input; 3 no store.
    \b
    Examples:
      watchkeeper compare stable.csv canary.csv --high-is-bad latency_seconds
      watchkeeper compare -q redis.memory_used_ratio --change 2026-01-31T12:00:00Z --span 6h
      watchkeeper compare -q redis.memory_used_ratio --first instance=old:6379 --second instance=new:6379
    """
    compare = package("detectors.compare")
    demands = compare.Demands(
        quantile=options["quantile"],
        relative=options["relative"],
        absolute=options["absolute"],
        false_share=options["false_share"],
    )
    bad = dict.fromkeys(options["high_is_bad"], Polarity.HIGH_IS_BAD)
    bad |= dict.fromkeys(options["low_is_bad"], Polarity.LOW_IS_BAD)
    if keys and not files:
        first, second, found = _ask(keys, config, options)
        bad = found | bad
    elif len(files) == 2 and not keys:
        read = package("detectors.tables").read_table
        first, second = (read(Path(file)) for file in files)
        _known(bad, {*first.columns, *second.columns})
    else:
        raise click.UsageError("name two CSV files, or queries with --query")
    rows = compare.compare(first, second, demands=demands, polarity=bad)
    notes = []
    if compare.hours_apart(first, second) > _APART:
        notes.append("the two cover different hours of the day: a difference may be that of day and night")
    if as_json:
        click.echo(json.dumps({"signals": [_plain(asdict(row)) for row in rows], "notes": notes}, indent=2))
    else:
        _print(rows)
        for note in notes:
            click.echo(f"note: {note}", err=True)
    return 1 if any(row.verdict == "worse" for row in rows) else 0


def _known(named: dict[str, Polarity], columns: set[str]) -> None:
    from watchkeeper.findings import suggestion

    for name in named:
        if name not in columns:
            raise click.UsageError(f"no column is called {name!r}.{suggestion(name, columns)}")


def _ask(keys: tuple[str, ...], config: str | None, options: dict[str, Any]) -> tuple[Any, Any, dict[str, Polarity]]:
    """Both cohorts of all queries as tables, and the bad direction of each column."""
    tables = package("detectors.tables")
    times = _times(options)
    cohorts = [labels_of(options[name], f"--{name}") if options[name] else {} for name in ("first", "second")]
    if cohorts[0] == cohorts[1] and times[0] == times[1]:
        raise click.UsageError("the cohorts are the same: tell them apart with --first and --second, or with --change")
    settings = load_settings(config)
    everything = load_everything(settings)
    step = _step(options["step"], times)
    both: list[dict[str, Any]] = [{}, {}]
    grids: list[Any] = [None, None]
    bad: dict[str, Polarity] = {}
    for key in keys:
        direction = polarity_of(everything, key) if key in everything.catalogue.queries else Polarity.NEUTRAL
        with store_of(settings, key) as store:
            for i, (labels, (start, end)) in enumerate(zip(cohorts, times, strict=True)):
                query = query_of(everything, key, labels)
                answer = store.range(query, start, end, step, auto=max(300.0, step))
                table = tables.table_of(key, answer, frozenset({*cohorts[0], *cohorts[1]}))
                both[i] |= table.columns
                grids[i] = table.times
                bad |= dict.fromkeys(table.columns, direction)
    return tables.Table(grids[0], both[0]), tables.Table(grids[1], both[1]), bad


def _times(options: dict[str, Any]) -> list[tuple[float, float]]:
    at, span = now(), duration(options["span"], "--span")
    end = moment(options["until"], "--until", at)
    found = [(end - span, end)] * 2
    if options["change"]:
        change = moment(options["change"], "--change", at)
        found = [(change - span, change), (change, min(change + span, at))]
    for i, name in enumerate(("first_time", "second_time")):
        if options[name]:
            option = f"--{name.replace('_', '-')}"
            start, slash, until = options[name].partition("/")
            if not slash:
                raise click.UsageError(f"{option}: write FROM/TO, such as 2d/1d or 2026-01-31/2026-02-01")
            found[i] = moment(start, option, at), moment(until, option, at)
    for start, until in found:
        if until <= start:
            raise click.UsageError("a time to compare ends before it begins")
    return found


def _step(text: str | None, times: list[tuple[float, float]]) -> float:
    if text is not None:
        return duration(text, "--step")
    return max(15.0, float(round(max(end - start for start, end in times) / 300)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """NaN is no JSON: what has no meaning is null."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _print(rows: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("signal", "verdict", "first", "second", "change", "between", "of the"):
        number = name in {"first", "second", "change"}
        table.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=name != "signal")
    for row in rows:
        if math.isnan(row.first):
            table.add_row(row.signal, row.verdict)
            continue
        change = f"{row.difference / abs(row.first):+.1%}" if row.first else f"{row.difference:+.3g}"
        between = f"{row.low:+.3g} … {row.high:+.3g}"
        table.add_row(row.signal, row.verdict, digits(row.first), digits(row.second), change, between, row.statistic)
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(table)
    for row in rows:
        if row.verdict == "not enough data":
            console.print(f"{row.signal}: {row.why}")
