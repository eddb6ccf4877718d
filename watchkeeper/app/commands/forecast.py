"""`watchkeeper forecast`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import load_everything, load_settings, package
from watchkeeper.app.reading import duration, labels_of, moment, query_of, store_of
from watchkeeper.clock import now
from watchkeeper.durations import digits, spoken

__all__ = ["command"]

_NEAR = 5 * 86_400.0


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--column", metavar="NAME", multiple=True, help="Columns of the file (default: all); repeatable.")
@click.option("--query", "-q", "key", metavar="KEY", help="A named query in place of a file.")
@click.option("--where", metavar="LABELS", help="Its series with NAME=VALUE, several with commas.")
@click.option("--span", metavar="DURATION", default="7d", show_default=True, help="How much history is read.")
@click.option(
    "--step", metavar="DURATION", help="Distance of its values (default: a 500th of the span, 15 s at least)."
)
@click.option("--limit", type=float, help="What is full.")
@click.option("--limit-column", metavar="NAME", help="The column that holds the limit at each time.")
@click.option("--limit-query", metavar="KEY", help="The named query that holds the limit, matched by labels.")
@click.option(
    "--falling/--rising", default=None, help="The side from which the limit is reached (default: as it lies)."
)
@click.option("--add-up", metavar="TIME", help="Values are amounts: add them up from this time, as a budget does.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="How sure the interval is.",
)
@click.option("--within", metavar="DURATION", help="Exit with 1 when anything is expected to be full by then.")
@click.option("--json", "as_json", is_flag=True, help="Everything that was computed, as JSON.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(file: str | None, key: str | None, as_json: bool, config: str | None, **options: Any) -> int:
    """Foretell when a limit is reached: a disk, a quota, a budget, a pool of connections.

    A CSV FILE (first column time, one column a series) or a named query. The interval is calibrated on how far
    forecasts of the same series were off in its own past.

    \b
    Exit codes: 0 foretold; 1 something is full, or expected to be --within a time; 2 wrong input; 3 no store.
    \b
    Examples:
      watchkeeper forecast disks.csv --limit 500e9
      watchkeeper forecast -q redis.memory_used_bytes --limit 4e9 --within 7d
      watchkeeper forecast -q bills.daily_cost --span 90d --step 1d --add-up 2026-01-01 --limit 5000
    """
    if (file is None) == (key is None):
        raise click.UsageError("name a CSV file, or a query with --query")
    given = [name for name in ("limit", "limit_column", "limit_query") if options[name] is not None]
    if len(given) != 1:
        raise click.UsageError("say what is full, in one way: --limit, --limit-column or --limit-query")
    if (given == ["limit_column"] and file is None) or (given == ["limit_query"] and key is None):
        raise click.UsageError("--limit-column is for files, --limit-query for queries")
    at = now()
    deadline = duration(options["within"], "--within") if options["within"] else None
    forecast = package("detectors.forecast")
    found = {}
    for name, times, values, limit in _series(file, key, config, options, at):
        if options["add_up"]:
            values = forecast.add_up(times, values, moment(options["add_up"], "--add-up", at))
        found[name] = forecast.forecast(times, values, limit, level=options["level"], falling=options["falling"])
    order = {outlook: place for place, outlook in enumerate(forecast.OUTLOOKS)}
    rows = sorted(found.items(), key=lambda item: (order[item[1].outlook], item[1].at, item[0]))
    if as_json:
        click.echo(json.dumps([{"series": name, **_plain(asdict(one))} for name, one in rows], indent=2))
    else:
        _print(rows)
    late = [one for _, one in rows if one.outlook == "full" or (deadline is not None and one.at - one.now <= deadline)]
    return 1 if late else 0


def _series(
    file: str | None, key: str | None, config: str | None, options: dict[str, Any], at: float
) -> Iterator[tuple[str, Any, Any, Any]]:
    """Name, times, values and limit of each series."""
    tables = package("detectors.tables")
    if file is not None:
        table = tables.read_table(Path(file))
        own = options["limit_column"]
        for name in (*options["column"], *([own] if own else [])):
            if name not in table.columns:
                raise click.UsageError(f"{file}: no column is called {name!r}: it has {', '.join(table.columns)}")
        limit = options["limit"] if own is None else table.columns[own]
        for name in options["column"] or [name for name in table.columns if name != own]:
            yield name, table.times, table.columns[name], limit
        return
    settings = load_settings(config)
    everything = load_everything(settings)
    span = duration(options["span"], "--span")
    step = duration(options["step"], "--step") if options["step"] else max(15.0, float(round(span / 500)))
    labels = labels_of(options["where"], "--where") if options["where"] else {}

    def ask(wanted: str) -> Any:
        query = query_of(everything, wanted, labels)
        with store_of(settings, wanted) as store:
            return tables.table_of(wanted, store.range(query, at - span, at, step, auto=max(300.0, step)))

    table = ask(str(key))
    limits = None if options["limit_query"] is None else ask(options["limit_query"])
    for name, values in table.columns.items():
        yield name, table.times, values, options["limit"] if limits is None else _matching(name, limits)


def _matching(name: str, limits: Any) -> Any:
    """The limit with the labels of a series; the only one where there is one."""
    columns = {column.partition("{")[2]: values for column, values in limits.columns.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    found = columns.get(name.partition("{")[2])
    if found is None:
        raise click.UsageError(f"no limit has the labels of {name}: narrow both with --where, or write --limit")
    return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """NaN and infinity are no JSON: what is not known or never is null."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _print(rows: list[tuple[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("series", "outlook", "now", "limit", "a day", "full", "between"):
        number = name in {"now", "limit", "a day"}
        table.add_column(
            name, justify="right" if number else "left", overflow="fold", no_wrap=name not in {"series", "between"}
        )
    remarks = []
    for name, one in rows:
        value, limit, rate = ("" if math.isnan(v) else digits(v) for v in (one.value, one.limit, one.rate * 86_400))
        seen = one.outlook in {"fills", "may fill"}
        between = f"{_date(one.earliest, one)} … {_date(one.latest, one)}" if seen else ""
        table.add_row(name, one.outlook, value, limit, rate, _date(one.at, one) if seen else "", between)
        if remark := _remark(one):
            remarks.append(f"{name}: {remark}")
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(table)
    for remark in remarks:
        console.print(remark)


def _remark(one: Any) -> str:
    parts = [one.why] if one.why else []
    if one.cleaned:
        times = "once" if one.cleaned == 1 else f"{one.cleaned} times"
        never = f": without that full in {spoken(one.uncleaned - one.now)}" if math.isfinite(one.uncleaned) else ""
        parts.append(f"fell back {times}{never}")
    return "; ".join(parts)


def _date(at: float, one: Any) -> str:
    """A day, or a minute where it is near."""
    if not math.isfinite(at):
        return "later"
    form = "%Y-%m-%d" if at - one.now > _NEAR else "%Y-%m-%d %H:%M"
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return "later"
