"""`watchkeeper demo`."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import signal
import tempfile
from pathlib import Path

import click

from watchkeeper.app.demo import PACE, RUNBOOKS, open_demo
from watchkeeper.app.drill import HARMLESS, Report, run_drill
from watchkeeper.app.foreground import configure_logging, stop_event
from watchkeeper.errors import SettingsError

__all__ = ["command"]

_FAULTS = (*RUNBOOKS, *HARMLESS)


@click.command()
@click.option("--inject", type=click.Choice(_FAULTS), help="Inject this fault after a random while.")
@click.option("--headless", is_flag=True, help="Without a person: inject, check, write the report, end.")
@click.option("--report", metavar="FILE", help="Where the headless run writes its report (JSON).")
@click.option("--seed", type=int, help="Makes start and magnitude of the fault repeatable (default: random).")
@click.option("--pace", type=click.FloatRange(1, 60), default=PACE, show_default=True, help="Divides all durations.")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:8787", show_default=True, help="Address of the console."
)
@click.option("--keep", metavar="DIR", help="Keep samples, journal and logs in this directory.")
@click.option("--verbose", is_flag=True, help="Log what the parts do.")
def command(
    inject: str | None,
    headless: bool,
    report: str | None,
    seed: int | None,
    pace: float,
    listen: str,
    keep: str | None,
    verbose: bool,
) -> int:
    """See the whole loop on this machine: a small agent platform, its signals, a fault, an incident, a runbook run.

    The platform stays healthy until you inject a fault, on the console's demo page or with --inject. With --headless
    the exit code is 0 only if the fault led to an incident with the right runbook, all its read steps were answered,
    and it resolved after the fault ended; 1 with the reason otherwise.

    \b
    Examples:
      watchkeeper demo
      watchkeeper demo --headless --inject tool-latency --report report.json
    """
    if headless and inject is None:
        raise click.UsageError(f"--headless needs --inject, one of {', '.join(_FAULTS)}")
    if report is not None and not headless:
        raise click.UsageError("--report goes with --headless")
    configure_logging(level=logging.INFO if verbose else logging.ERROR)
    seed = secrets.randbelow(2**31) if seed is None else seed
    # What was started must be stopped however the demo ends.
    signal.signal(signal.SIGTERM, _interrupt)
    directory = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="watchkeeper-demo-"))
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # PostgreSQL runs as another user when we are root, and must get through.
            directory.chmod(0o755)
        except OSError as error:
            raise SettingsError(f"--keep {directory}: cannot be made: {error.strerror}") from None
        with open_demo(directory.resolve(), listen=listen, seed=seed, pace=pace, say=_say) as demo:
            if headless and inject:
                return _headless(run_drill(demo, inject, seed, _say), report)
            _say(f"console on {demo.loop.url} (demo page: {demo.loop.url}/demo); Ctrl-C ends it")
            stop = stop_event()
            if inject and inject != "none" and not stop.wait(20):
                _say(f"injecting {inject}")
                demo.faults.inject(inject)
            stop.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _headless(found: Report, file: str | None) -> int:
    text = json.dumps(found.as_dict(), indent=2) + "\n"
    if file is not None:
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None
    else:
        click.echo(text, nl=False)
    if found.reason:
        click.echo(f"watchkeeper: {found.fault}: {found.reason}", err=True)
        return 1
    return 0


def _say(line: str) -> None:
    click.echo(line, err=True)
