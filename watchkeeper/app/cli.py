"""The command line: a table of commands, each imported when it is asked for, so that `--help` stays fast.

Exit codes: 0 done; 1 the answer is no (findings, a failed drill); 2 wrong usage, settings, definitions or documents;
3 something else cannot be reached, read or listened on; 130 interrupted.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from watchkeeper.errors import WatchkeeperError

__all__ = ["ABOUT", "COMMANDS", "EXIT_CODES", "main"]

COMMANDS = {
    "backtest": "Replay history through fresh detectors: what would have been told.",
    "build": "Write dashboards, alert rules, their tests and Alertmanager's configuration.",
    "check": "Prove that the catalogue is closed: every reference resolves.",
    "collect": "Read targets and expose their signals on /metrics.",
    "compare": "Two cohorts signal by signal: better, worse, same, or not enough data.",
    "config": "Check, show or write the settings.",
    "cost": "Add up FOCUS bills by service, account or tag.",
    "detect": "Find what deviates: in the store, once or until stopped, or in a CSV file.",
    "demo": "The whole loop on this machine, with faults to inject.",
    "explain": "What a detector expected of a series, what was seen, how rare it is, what to do.",
    "feedback": "Say of a deviation whether it was one: true, false or planned.",
    "forecast": "When a disk, a quota or a budget will be full.",
    "init": "Write a first watchkeeper.yaml here.",
    "rootcause": "Rank what may be the cause of an alarm, from the signals of all components.",
    "runbook": "List, show and lint runbooks in the terminal.",
    "serve": "Webhooks, run engine and console, beside Prometheus and Alertmanager.",
    "trace": "One trace as a waterfall, or a list of them.",
    "tune": "How much evidence an alert budget takes, by the history of what is watched.",
    "up": "Collection, store, rules, detection, runs and console in one process.",
}
"""Every command and its one-line help; its code is in `watchkeeper.app.commands.NAME`."""


ABOUT = "Watchkeeper: collect, draw, alert, detect and guide the person on call, from one typed catalogue of signals."
EXIT_CODES = "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, settings or definitions, 3 out of reach."


def main(arguments: list[str] | None = None) -> None:
    """The entry point of `watchkeeper` and `wk`: every failure on purpose is one line and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words in ([], ["-h"], ["--help"]):
        # What is asked first is answered at once: importing click takes longer than all the rest.
        from watchkeeper.app.helptext import help_text

        sys.stdout.write(help_text(COMMANDS, ABOUT, EXIT_CODES) + "\n")
        # Without a command, click calls it wrong usage.
        sys.exit(0 if words else 2)
    try:
        result = _run(words)
    except WatchkeeperError as error:
        sys.stderr.write(f"watchkeeper: {error}\n")
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        hint = _extra(error, words[0])
        if hint is None:
            raise
        sys.stderr.write(f"watchkeeper: {hint}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `watchkeeper … | head`: the reader has enough.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(result if isinstance(result, int) else 0)


def _run(words: list[str]) -> Any:
    if words[0] == "collect":
        # The sidecar does without click where it is started plainly, as its manifests do: it is smaller, and sooner up.
        from watchkeeper.app.commands.collect_plain import plain

        options = plain(words[1:])
        if options is not None:
            # Imports make much and throw nothing away; it is on again when all is there.
            gc.disable()
            from watchkeeper.app.commands.collect_run import run

            return run(**options)
    import click

    from watchkeeper.app.group import cli

    try:
        return cli.main(words, prog_name="watchkeeper", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code


# Which extra brings a module that a command needs, for the message when it is missing.
_EXTRAS = {
    "grafanalib": "build",
    "promql_parser": "build",
    "numpy": "detect",
    "pandas": "detect",
    "scipy": "detect",
    "sklearn": "detect",
    "joblib": "detect",
    "holidays": "detect",
    "starlette": "console",
    "uvicorn": "console",
    "jinja2": "console",
    "sqlalchemy": "console",
    "markdown_it": "console",
    "mdit_py_plugins": "console",
    "rich": "console",
    "duckdb": "cost",
    "elastic_transport": "elasticsearch",
    "elasticsearch": "elasticsearch",
    "psycopg": "postgresql",
    "redis": "redis",
    "opentelemetry": "otel",
}


# All that a command needs: who installs what one module is missing for would be asked for the next one.
_NEEDS = {
    "backtest": ("console", "detect"),
    "tune": ("console", "detect"),
    "build": ("build", "console"),
    "check": ("build", "console"),
    "demo": ("all",),
    "detect": ("console", "detect"),
    "explain": ("console", "detect"),
    "rootcause": ("console", "detect"),
    "serve": ("console", "detect"),
    "up": ("console", "detect"),
}


def _extra(error: ModuleNotFoundError, command: str) -> str | None:
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    needs = _NEEDS.get(command, ())
    extras = ",".join(needs if "all" in needs else sorted({*needs, extra}))
    return f"`{command}` needs {error.name}, which is not installed: pip install 'watchkeeper[{extras}]'"
