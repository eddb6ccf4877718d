"""The command line as click has it; each command's module is imported when it is asked for."""

from __future__ import annotations

import importlib

import click

from watchkeeper.app.cli import ABOUT, COMMANDS, EXIT_CODES

__all__ = ["cli"]


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
    epilog=EXIT_CODES,
    help=ABOUT,
)
@click.version_option(package_name="watchkeeper", prog_name="watchkeeper")
def cli() -> None:
    """The root of all commands."""
