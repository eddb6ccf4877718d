"""`watchkeeper rootcause`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.app.reading import moment
from watchkeeper.clock import now

__all__ = ["command"]


@click.command()
@click.option(
    "--metrics", metavar="FILE", required=True, type=click.Path(dir_okay=False), help="A wide table around the alarm."
)
@click.option("--at", metavar="TIME", required=True, help="When it was noticed: ISO 8601, seconds, or 10m (ago).")
@click.option(
    "--normal",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="A wide table of normal operation (default: the rows before the alarm).",
)
@click.option(
    "--graph",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Who calls whom: caller,callee a line, or a matrix whose rows call its columns.",
)
@click.option("--target", metavar="COLUMN", help="The column, or the component, that alarmed.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Components in the table.")
@click.option("--json", "as_json", is_flag=True, help="All candidates as JSON: component, signal, score, why.")
def command(
    metrics: str, at: str, normal: str | None, graph: str | None, target: str | None, top: int, as_json: bool
) -> int:
    """Rank what may be the cause of an alarm, from the signals of all components.

    The tables are CSV files: the time first, then one column a signal, named component_signal or by a header of
    several rows (component, signal). Empty cells are gaps.

    \b
    Exit codes: 0 ranked; 1 there is nothing to rank at that time, or no such target; 2 wrong input.
    \b
    Examples:
      watchkeeper rootcause --metrics incident.csv --at 2026-01-31T12:00:00Z
      watchkeeper rootcause --metrics incident.csv --at 1769860800 --graph calls.csv --target shop_latency --json
    """
    rootcause = package("detectors.rootcause")
    edges = rootcause.read_edges(Path(graph)) if graph else ()
    nodes = {name for edge in edges for name in edge}
    table = rootcause.read_table(Path(metrics), nodes)
    usual = rootcause.read_table(Path(normal), {*nodes, *table.components}) if normal else None
    candidates = rootcause.rank(table, moment(at, "--at", now()), normal=usual, edges=edges, target=target)
    if as_json:
        click.echo(json.dumps([asdict(candidate) for candidate in candidates], indent=2))
    else:
        _print(candidates, top)
    return 0


def _print(candidates: Any, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("score", justify="right")
    table.add_column("component, signal, why", overflow="fold")
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.component not in seen and len(seen) < top:
            seen.add(candidate.component)
            name = f"{candidate.component}  {candidate.signal}"
            table.add_row(str(len(seen)), f"{candidate.score:.2f}", name)
            table.add_row("", "", candidate.why)
    Console(highlight=False, markup=False, emoji=False).print(table)
