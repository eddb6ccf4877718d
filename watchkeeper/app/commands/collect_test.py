"""`watchkeeper collect test`: one read of a target, its signals, and what they will cost."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from watchkeeper.app.commands.collect_run import Remarks, reader_left
from watchkeeper.app.load import load_settings, package
from watchkeeper.durations import format_duration
from watchkeeper.errors import TargetError

__all__ = ["command"]

_DAY = 86_400.0
# Prometheus, Documentation, Storage, Operational aspects: "Prometheus stores an average of only 1-2 bytes per sample".
_BYTES = (1, 2)
# Labels may hold the text of a query: the table stays one.
_EXAMPLE_WIDTH = 60
_OF_FAILURES = re.compile(r"error|fail|drop|lost|reject|refus", re.IGNORECASE)


@click.command("test")
@click.argument("target")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml).")
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up after this (default: the target's timeout).")
@click.pass_context
def command(context: click.Context, target: str, config: str | None, timeout: float | None) -> None:
    """Read a target once; print its signals with kind, number of series and an example, and what they will cost.

    The forecast is for `scrape_interval` of the settings. Exit code 3 when the target cannot be read.

    \b
    Example:
      watchkeeper collect test cache --config watchkeeper.yaml
    """
    if timeout is not None and not timeout > 0:
        raise click.BadParameter(f"{timeout:g} is not longer than 0 seconds", param_hint="--timeout")
    settings = load_settings(config or context.obj, required=True, purpose="sidecar")
    sidecar = package("collectors.runtime").Sidecar(settings.targets)
    with Remarks() as remarks:
        try:
            lane = sidecar.lane(target)
            reading = sidecar.read(target, timeout)
        finally:
            sidecar.close()
    remarks.tell()
    if not reading.up:
        raise TargetError(f"target {target}: {reading.error}")
    try:
        for line in _lines(lane, reading, float(settings.scrape_interval)):
            click.echo(line)
    except BrokenPipeError:
        reader_left()  # click would call it a failure


def _lines(lane: Any, reading: Any, interval: float) -> Iterator[str]:
    families = [one for one in reading.families if one.points]
    series = sum(len(one.points) for one in families)
    target = lane.target
    took = f"{reading.seconds * 1e3:.1f} ms"
    yield f"{target.name} ({target.system}): {series} series of {len(families)} signals in {took}"
    yield ""
    yield from _table(families)
    yield ""
    if lane.dropped:
        yield f"{lane.dropped} series more were left out: max_series of the target is {target.max_series}"
    samples = series * _DAY / interval
    low, high = (f"{samples * size / 1e6:.1f}" for size in _BYTES)
    yield f"{samples:,.0f} samples a day, scraped every {format_duration(interval)}"
    yield f"{low} to {high} MB a day in Prometheus, which stores a sample in 1 to 2 bytes (its documentation, Storage)"
    if lane.collector.cost is not None:
        yield _money(lane.collector.cost(target, interval))


def _table(families: Sequence[Any]) -> Iterator[str]:
    rows = [("SIGNAL", "KIND", "SERIES", "EXAMPLE", "HELP")]
    for one in families:
        rows.append((one.name, one.kind, str(len(one.points)), _example(one), " ".join(one.help.split())))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, kind, count, example, help_ in rows:
        yield (
            f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {count:>{widths[2]}}  {example:<{widths[3]}}  {help_}"
        ).rstrip()


def _example(one: Any) -> str:
    """The value of a series, with its labels: the largest of those that count failures, the first of others."""
    point = one.points[0]
    if _OF_FAILURES.search(one.name):
        point = max(one.points, key=lambda point: -math.inf if math.isnan(point[2]) else point[2])
    _, pairs, value = point
    number = str(int(value)) if math.isfinite(value) and value == int(value) else f"{value:.6g}"
    if not pairs:
        return number
    labels = ", ".join(f'{name}="{text}"' for name, text in pairs)
    # A server's words must not steer the terminal.
    shown = "".join(letter if letter.isprintable() else "?" for letter in labels)
    return f"{number} {{{shown if len(shown) <= _EXAMPLE_WIDTH else shown[: _EXAMPLE_WIDTH - 1] + '…'}}}"


def _money(cost: Any) -> str:
    calls = f"{cost.calls_per_day:,.0f} calls a day"
    if cost.usd_per_month is None:
        return f"{calls}; what a call costs is not known ({cost.source})"
    return f"{calls}, {cost.usd_per_month:,.2f} US dollars in 30 days ({cost.source})"
