"""`watchkeeper runbook`: the library in the terminal."""

from __future__ import annotations

import json

import click

from watchkeeper.app.load import load_library, load_settings
from watchkeeper.errors import DocumentError
from watchkeeper.findings import suggestion

__all__ = ["command"]

_config = click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")


@click.group()
def command() -> None:
    """List, show and lint runbooks in the terminal.

    \b
    Example:
      watchkeeper runbook list
      watchkeeper runbook show redis/memory-high
    """


@command.command("list")
@_config
@click.option("--json", "as_json", is_flag=True, help="Key, title and steps as JSON.")
def list_(config: str | None, as_json: bool) -> None:
    """List all runbooks: key, title, and how many steps start on their own."""
    library = load_library(load_settings(config))
    if as_json:
        rows = [
            {"key": key, "title": document.title, "steps": [head.id for head in document.heads]}
            for key, document in sorted(library.items())
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, library), default=0)
    for key, document in sorted(library.items()):
        click.echo(f"{key:<{width}}  {document.title} ({len(document.heads)} steps)")


@command.command("show")
@click.argument("key")
@_config
def show(key: str, config: str | None) -> None:
    """Print a runbook as it is written."""
    library = load_library(load_settings(config))
    if key not in library:
        raise DocumentError(f"no runbook has the key {key!r}.{suggestion(key, library)}")
    from pathlib import Path

    click.echo(Path(library[key].path).read_text(encoding="utf-8"), nl=False)


@command.command("lint")
@click.argument("files", nargs=-1, type=click.Path())
@_config
def lint(files: tuple[str, ...], config: str | None) -> int:
    """Parse documents (without FILES, the whole library); exit code 1 when one breaks the grammar."""
    from pathlib import Path

    from watchkeeper.app.load import package

    problems: list[Exception] = []
    if files:
        for file in files:
            try:
                package("runbooks.parser").parse(Path(file).read_text(encoding="utf-8"), path=file, key=Path(file).stem)
            except DocumentError as error:
                problems.append(error)
            except (OSError, UnicodeDecodeError) as error:
                problems.append(DocumentError(f"{file}: cannot be read: {error}"))
    else:
        problems = list(load_library(load_settings(config)).problems)
    for problem in problems:
        click.echo(str(problem))
    return 1 if problems else 0
