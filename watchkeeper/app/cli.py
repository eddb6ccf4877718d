"""The command line: a table of commands, each imported when it is asked for, so that `--help` stays fast.

Exit codes: 0 done; 1 the answer is no (findings, a failed drill); 2 wrong usage, settings, definitions or documents;
3 something else cannot be reached, read or listened on; 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from watchkeeper.errors import WatchkeeperError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "build": "Write dashboards, alert rules, their tests and Alertmanager's configuration.",
    "check": "Prove that the catalogue is closed: every reference resolves.",
    "collect": "Read targets and expose their signals on /metrics.",
    "config": "Check, show or write the settings.",
    "cost": "Add up FOCUS bills by service, account or tag.",
    "demo": "The whole loop on this machine, with faults to inject.",
    "init": "Write a first watchkeeper.yaml here.",
    "runbook": "List, show and lint runbooks in the terminal.",
    "serve": "Webhooks, run engine and console, beside Prometheus and Alertmanager.",
    "up": "Collection, store, rules, detection, runs and console in one process.",
}
"""Every command and its one-line help; its code is in `watchkeeper.app.commands.NAME`."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"watchkeeper.app.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from watchkeeper.findings import suggestion

            raise click.UsageError(f"no command is called {args[0]!r}.{suggestion(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong usage, settings or definitions, 3 out of reach.",
)
@click.version_option(package_name="watchkeeper", prog_name="watchkeeper")
def cli() -> None:
    """Watchkeeper: collect, draw, alert, detect and guide the person on call, from one typed catalogue of signals."""


def main(arguments: list[str] | None = None) -> None:
    """The entry point of `watchkeeper` and `wk`: every failure on purpose is one line and an exit code."""
    try:
        result: Any = cli.main(arguments, prog_name="watchkeeper", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except WatchkeeperError as error:
        click.echo(f"watchkeeper: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        hint = _extra(error)
        if hint is None:
            raise
        click.echo(f"watchkeeper: {hint}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # `watchkeeper … | head`: the reader has enough.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(result if isinstance(result, int) else 0)


# Which extra brings a module that a command needs, for the message when it is missing.
_EXTRAS = {
    "grafanalib": "build",
    "promql_parser": "build",
    "numpy": "detect",
    "pandas": "detect",
    "sklearn": "detect",
    "joblib": "detect",
    "starlette": "console",
    "uvicorn": "console",
    "jinja2": "console",
    "sqlalchemy": "console",
    "markdown_it": "console",
    "mdit_py_plugins": "console",
    "rich": "console",
    "duckdb": "cost",
    "psycopg": "postgresql",
    "redis": "redis",
    "opentelemetry": "otel",
}


def _extra(error: ModuleNotFoundError) -> str | None:
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return f"this command needs {error.name}, which is not installed: pip install 'watchkeeper[{extra}]'"
