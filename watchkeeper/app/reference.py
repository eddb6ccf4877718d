"""The generated part of the documentation: `python -m watchkeeper.app.reference DIR` writes it, CI compares it.

Commands from the command line itself, checks from their table, signals and queries from the catalogue.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from watchkeeper.app.cli import COMMANDS
from watchkeeper.app.group import cli
from watchkeeper.app.load import load_everything
from watchkeeper.catalogue import Catalogue
from watchkeeper.checks import RULES
from watchkeeper.declarations import System
from watchkeeper.settings import Settings

__all__ = ["pages"]

# Click keeps the help option of a command as it was first asked for.
_HELP = cli.context_settings["help_option_names"]


def pages() -> dict[str, str]:
    """File names and their texts."""
    catalogue = load_everything(Settings()).catalogue
    found = {
        "commands.md": _commands(),
        "checks.md": _checks(),
        "systems.md": _systems(catalogue),
    }
    for system in catalogue.systems.values():
        found[f"systems/{system.key}.md"] = _system(catalogue, system)
    return found


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "Generated from the command line itself; `watchkeeper COMMAND --help` says the same.",
        "",
    ]
    context = click.Context(cli, info_name="watchkeeper", terminal_width=100, help_option_names=_HELP)
    lines += ["```text", cli.get_help(context), "```", ""]
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        if command is not None:
            lines += _command(command, f"watchkeeper {name}")
    return "\n".join(lines)


def _command(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, terminal_width=100, help_option_names=_HELP)
    yield from (f"## {path}", "", "```text", command.get_help(context), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _command(child, f"{path} {name}")


def _checks() -> str:
    lines = ["# What `watchkeeper check` proves", "", "| rule | proves that |", "|---|---|"]
    lines += [f"| {name} | {proves} |" for name, (_, proves) in RULES.items()]
    return "\n".join([*lines, ""])


def _systems(catalogue: Catalogue) -> str:
    lines = [
        "# Systems",
        "",
        "| system | read by | names follow | signals | tested against |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| [{s.title}](systems/{s.key}.md) | {s.collected} | {s.exporter or 'our own'} | {len(s.signals)} "
        f"| {s.tested_against} |"
        for s in catalogue.systems.values()
    ]
    return "\n".join([*lines, ""])


def _system(catalogue: Catalogue, system: System) -> str:
    lines = [f"# {system.title}", "", system.summary, ""]
    lines += ["## Signals", "", "| signal | kind | unit | labels | bad | what it is |", "|---|---|---|---|---|---|"]
    for signal in system.signals:
        text = f"{signal.help} Requires {signal.requires}." if signal.requires else signal.help
        lines.append(
            f"| `{signal.name}` | {signal.kind} | {signal.unit} | {', '.join(signal.labels)} | {signal.polarity.value} "
            f"| {_cell(text)} |"
        )
    queries = [query for query in catalogue.queries.values() if query.key.partition(".")[0] == system.key]
    if queries:
        lines += ["", "## Named queries", "", "| key | what it is | unit | PromQL |", "|---|---|---|---|"]
        lines += [f"| `{q.key}` | {_cell(q.title)} | {q.query.unit} | `{_cell(q.query.promql())}` |" for q in queries]
    alerts = [alert for alert in catalogue.alerts.values() if alert.system == system.key]
    if alerts:
        lines += [
            "",
            "## Alerts",
            "",
            "| alert | severity | held for | runbook | why this threshold |",
            "|---|---|---|---|---|",
        ]
        lines += [f"| {a.name} | {a.severity} | {a.hold} | `{a.runbook}` | {_cell(a.source)} |" for a in alerts]
    detectors = [detector for detector in catalogue.detectors.values() if detector.system == system.key]
    if detectors:
        lines += ["", "## Detectors", "", "| detector | watches | runbook | why these limits |", "|---|---|---|---|"]
        lines += [f"| `{d.key}` | {_cell(d.title)} | `{d.runbook}` | {_cell(d.source)} |" for d in detectors]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(directory: str) -> None:
    """Write the pages."""
    for name, text in pages().items():
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
