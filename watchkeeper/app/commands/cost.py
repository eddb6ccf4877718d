"""`watchkeeper cost`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import load_settings, package
from watchkeeper.errors import SettingsError

__all__ = ["command"]

_KEYS = ("service", "provider", "sub_account", "day")


@click.command()
@click.argument("files", nargs=-1, type=click.Path())
@click.option(
    "--by", type=click.Choice(_KEYS), default="service", show_default=True, help="What the sums are split by."
)
@click.option("--config", "-c", metavar="FILE", help="Settings whose `bills` are read when no FILES are given.")
@click.option("--json", "as_json", is_flag=True, help="Exact amounts as JSON texts.")
def command(files: tuple[str, ...], by: str, config: str | None, as_json: bool) -> int:
    """Add up FOCUS bills (1.0 to 1.4; CSV or Parquet files, or directories of them).

    Amounts are exact decimals; currencies are never added; what has no tags or no price is shown as such, never as
    zero. Exit code 1 when a file had to be left out.

    \b
    Example:
      watchkeeper cost bills/ --by provider
    """
    paths = [Path(path) for path in files or load_settings(config).bills]
    if not paths:
        raise SettingsError("no bills: name FOCUS files, or write `bills` in the settings")
    missing = [f"{path}: no such file or directory" for path in paths if not path.exists()]
    bills = package("detectors.focus").read_bills([path for path in paths if path.exists()])
    problems = [*missing, *map(str, bills.problems)]
    rows = _rows(bills.charges, by)
    if as_json:
        click.echo(json.dumps({"rows": rows, "problems": problems}, indent=2))
    else:
        _print(rows, by)
        for problem in problems:
            click.echo(f"left out: {problem}", err=True)
    return 1 if problems else 0


def _rows(charges: Iterable[Any], by: str) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str], dict[str, Any]] = defaultdict(
        lambda: {"effective": Decimal(0), "billed": Decimal(0), "untagged": Decimal(0), "charges": 0, "unpriced": 0}
    )
    for charge in charges:
        name = _day(charge.day) if by == "day" else getattr(charge, by)
        row = sums[name, charge.currency]
        for what in ("effective", "billed", "untagged"):
            row[what] += getattr(charge, what) or Decimal(0)
        row["charges"] += charge.charges
        row["unpriced"] += charge.unpriced
    order = sorted(sums, key=lambda key: key[0] if by == "day" else (key[1], -sums[key]["effective"], key[0]))
    return [
        {by: name, "currency": currency, **{k: _exact(v) for k, v in row.items()}}
        for (name, currency) in order
        for row in (sums[name, currency],)
    ]


def _exact(value: Decimal | int) -> str | int:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _print(rows: list[dict[str, Any]], by: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(by)
    for name in ("effective", "billed", "untagged"):
        table.add_column(name, justify="right")
    table.add_column("")
    table.add_column("unpriced charges", justify="right")
    for row in rows:
        amounts = (f"{Decimal(row[name]):,.2f}" for name in ("effective", "billed", "untagged"))
        table.add_row(row[by] or "(none)", *amounts, row["currency"], str(row["unpriced"]) if row["unpriced"] else "")
    Console().print(table)
