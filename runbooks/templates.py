"""`{{ labels.NAME }}`: where values from outside may stand, and how each place makes them harmless.

Nothing here joins a value to a command line: the kinds of steps call `fill` with the escape of the place, or
put the value into an argument list, the environment or a bind parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runbooks.errors import RenderError
from watchkeeper.errors import DocumentError

__all__ = [
    "PLACEHOLDER",
    "Source",
    "check_templates",
    "escape_json",
    "escape_promql",
    "escape_regex",
    "fill",
    "names_in",
]

PLACEHOLDER = re.compile(r"\{\{\s*labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")
_ANY = re.compile(r"\{\{.*?(?:\}\}|$)", re.MULTILINE)

# RE2's special characters; everything else stands for itself.
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$-]")


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of a document: its text and the line, counted from 1, that its first line stands on."""

    path: str
    line: int
    text: str

    def error(self, message: str, offset: int = 0) -> DocumentError:
        """An error at a line of the piece, `offset` lines below its first."""
        return DocumentError(f"{self.path}:{self.line + offset}: {message}")

    def error_at(self, message: str, position: int) -> DocumentError:
        """An error at a character position of the text."""
        return self.error(message, self.text.count("\n", 0, position))

    def lines(self) -> list[tuple[int, str]]:
        """The lines that are not empty, with their offsets."""
        return [(offset, line) for offset, line in enumerate(self.text.splitlines()) if line.strip()]


def names_in(text: str) -> tuple[str, ...]:
    """The inputs that a text uses, in order of appearance, each once."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


def check_templates(source: Source) -> tuple[str, ...]:
    """The inputs of a piece; raises DocumentError for braces that are not `{{ labels.NAME }}`."""
    for match in _ANY.finditer(source.text):
        if not PLACEHOLDER.fullmatch(match[0]):
            raise source.error_at(f"found {match[0]}: allowed is {{{{ labels.NAME }}}} alone", match.start())
    return names_in(source.text)


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """The text with every placeholder replaced by its escaped value; raises RenderError where a value is missing."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise RenderError(f"the incident has no usable label {name}")
        return escape(values[name])

    return PLACEHOLDER.sub(value, text)


def escape_promql(value: str) -> str:
    """A value inside a double-quoted string of PromQL (Go's escapes)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def escape_regex(value: str) -> str:
    """A value as a literal inside a regular expression inside a double-quoted string of PromQL."""
    return escape_promql(_SPECIAL.sub(lambda match: "\\" + match[0], value))


def escape_json(value: str) -> str:
    """A value inside a string of JSON."""
    import json

    return json.dumps(value)[1:-1]
