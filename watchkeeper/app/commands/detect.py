"""`watchkeeper detect`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.disk import replacing
from watchkeeper.errors import SettingsError

__all__ = ["command"]


@click.command()
@click.argument("detectors", nargs=-1)
@click.option("--once", "mode", flag_value="once", help="Learn from history, judge now, print what deviates.")
@click.option("--follow", "mode", flag_value="follow", help="Judge until stopped; deliver what deviates.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Score a file.")
@click.option("--time-column", metavar="NAME", help="Its column of times.  [default: timestamp]")
@click.option("--value-column", metavar="NAME", help="Its column of values.  [default: value]")
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Where scores go (default: standard output).",
)
@click.option("--at", metavar="TIME", help="With --once: judge up to this time instead of now.")
@click.option("--json", "as_json", is_flag=True, help="With --once: everything that is known, as JSON.")
@click.option("--listen", metavar="HOST:PORT", help="With --follow: where /metrics is served.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(
    detectors: tuple[str, ...],
    mode: str | None,
    file: Path | None,
    time_column: str | None,
    value_column: str | None,
    scores: Path | None,
    at: str | None,
    as_json: bool,
    listen: str | None,
    config: str | None,
) -> int:
    """Find what deviates: over the store of the settings, once or until stopped, or in a CSV file.

    DETECTORS are keys of detectors; without them those of what is watched here. A file gets one score in [0, 1] for
    each row, in its order, that depends on the rows up to it alone: `timestamp,value,score,lower,upper`. The onset of
    what is surprising scores up to 1, what goes on less.

    \b
    Exit codes: 0 nothing deviates, or the file is scored; 1 something deviates; 2 wrong input; 3 no store.
    \b
    Examples:
      watchkeeper detect --once
      watchkeeper detect --follow --listen 127.0.0.1:9466
      watchkeeper detect --csv requests.csv --scores scores.csv
    """
    of: dict[str, dict[str, object]] = {
        "--csv": {"--time-column": time_column, "--value-column": value_column, "--scores": scores},
        "--once": {"--at": at, "--json": as_json or None},
        "--follow": {"--listen": listen},
    }
    chosen = [name for name, on in (("--csv", file), ("--once", mode == "once"), ("--follow", mode == "follow")) if on]
    if len(chosen) != 1:
        raise click.UsageError("say one of --once, --follow and --csv FILE")
    for name, options in of.items():
        for option, value in options.items():
            if value is not None and name != chosen[0]:
                raise click.UsageError(f"{option} goes with {name}")
    if file is not None:
        if detectors:
            raise click.UsageError(f"{detectors[0]!r}: a file is judged without detectors of the catalogue")
        return _score(file, time_column or "timestamp", value_column or "value", scores)
    from watchkeeper.app import detecting

    if mode == "once":
        return detecting.once(config, at=at, as_json=as_json, detectors=detectors)
    return detecting.follow(config, listen=listen, detectors=detectors)


def _score(file: Path, time_column: str, value_column: str, out: Path | None) -> int:
    scoring: Any = package("detectors.scoring")
    rows = scoring.read_rows(file, time_column, value_column)
    if out is None:
        scorer = scoring.write_scores(rows, sys.stdout)
    else:
        try:
            with replacing(out) as raw:
                text = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
                scorer = scoring.write_scores(rows, text)
                text.detach()
        except OSError as error:
            raise SettingsError(
                f"{out}: cannot be written: {error.strerror}: name another file with --scores"
            ) from None
    for count, what in (
        (scorer.late, "not later than the one before: scored 0"),
        (scorer.gaps, "without a number: gaps"),
    ):
        if count:
            click.echo(f"watchkeeper: {file}: {count} row{'s' * (count != 1)} {what}", err=True)
    return 0
