"""The text of `watchkeeper --help`, without click: the same text (a test compares them), in a third of the time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

__all__ = ["help_text"]

_MOST = 110
_OPTIONS = {"--version": "Show the version and exit.", "-h, --help": "Show this message and exit."}


def help_text(commands: Mapping[str, str], about: str, epilog: str, columns: int | None = None) -> str:
    """The help for a terminal of so many columns (default: this one)."""
    width = max(min(columns or _columns(), _MOST) - 2, 50)
    lines = ["Usage: watchkeeper [OPTIONS] COMMAND [ARGS]...", "", *_wrapped(about, width, "  "), ""]
    for title, table in (("Options", _OPTIONS), ("Commands", dict(sorted(commands.items())))):
        lines.append(f"{title}:")
        first = max(map(len, table)) + 2
        for name, text in table.items():
            begin, *more = _wrapped(text, max(width - first - 2, 10), "")
            lines.append(f"  {name:<{first}}{begin}")
            lines += [" " * (first + 2) + line for line in more]
        lines.append("")
    return "\n".join([*lines, *_wrapped(epilog, width, "  ")])


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    line = indent
    for word in text.split():
        if line != indent and len(line) + 1 + len(word) > width:
            yield line
            line = indent
        line += word if line == indent else f" {word}"
    yield line


def _columns() -> int:
    """As shutil has it, which takes longer to import than all of this."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size((sys.__stdout__ or sys.stdout).fileno()).columns
        except (AttributeError, ValueError, OSError):
            columns = 80
    return columns or 80
