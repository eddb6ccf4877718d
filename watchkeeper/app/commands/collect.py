"""`watchkeeper collect`: the sidecar, and what belongs to it."""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

# Each with the module and the name of its command, and its one-line help.
_COMMANDS = {
    "lint": ("collect_manifest", "lint_command", "Find what is wrong with a manifest that deploys a sidecar."),
    "manifest": ("collect_manifest", "manifest_command", "Print how to deploy a sidecar for a system."),
    "test": ("collect_test", "command", "Read a target once; show its signals and what they will cost."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"watchkeeper.app.commands.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, _, help_) in _COMMANDS.items()])


@click.group(cls=_Lazy, invoke_without_command=True)
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml).")
@click.option("--listen", metavar="HOST:PORT", help="Where to expose /metrics (default: `listen` of the settings).")
@click.option("--once", is_flag=True, help="Read each target once, print what would be exposed, and end.")
@click.option("--target", "names", metavar="NAME", multiple=True, help="Only this target; may be given several times.")
@click.pass_context
def command(context: click.Context, config: str | None, listen: str | None, once: bool, names: tuple[str, ...]) -> int:
    """Read targets afresh at each scrape and expose their signals: /metrics, /probe?target=NAME, /healthz, /readyz.

    The settings are read again at SIGHUP, and when their file changes. With --once the exit code is 3 when a target
    could not be read.

    \b
    Examples:
      watchkeeper collect --config watchkeeper.yaml --once
      watchkeeper collect --config watchkeeper.yaml --listen 127.0.0.1:9464
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return 0
    from watchkeeper.app.commands.collect_run import run

    return run(config, listen, once, names)
