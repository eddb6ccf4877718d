"""Showing documents and answers: safe HTML for the console, plain text for the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from runbooks.documents import Document, Prose, Step
from runbooks.parser import markdown
from runbooks.records import Result
from runbooks.templates import PLACEHOLDER

__all__ = ["RenderedProse", "RenderedSection", "RenderedStep", "html_prose", "html_sections", "result_text"]


@dataclass(frozen=True, slots=True)
class RenderedProse:
    """Prose as HTML; everything that came from outside is escaped."""

    html: str


@dataclass(frozen=True, slots=True)
class RenderedStep:
    """A step: join it with the journal's record by `step.id`."""

    step: Step


@dataclass(frozen=True, slots=True)
class RenderedSection:
    """A section with an anchor that is unique in its document."""

    title: str
    anchor: str
    blocks: tuple[RenderedProse | RenderedStep, ...]


def html_sections(document: Document, labels: Mapping[str, str]) -> list[RenderedSection]:
    """The sections of a document with `{{ labels.NAME }}` in prose replaced.

    A label without a value is shown by its name.
    """
    found: list[RenderedSection] = []
    used: set[str] = set()
    for section in document.sections:
        base = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        anchor, number = base, 2
        while anchor in used:
            anchor, number = f"{base}-{number}", number + 1
        used.add(anchor)
        blocks = tuple(
            RenderedProse(html_prose(block.text, labels)) if isinstance(block, Prose) else RenderedStep(block)
            for block in section.blocks
        )
        found.append(RenderedSection(section.title, anchor, blocks))
    return found


def html_prose(text: str, labels: Mapping[str, str]) -> str:
    """Markdown as HTML.

    Values are put into texts after parsing, so that Markdown in them is inert, and escaped like any text.
    """
    parser = markdown()
    tokens = parser.parse(text)
    _fill(tokens, labels)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _fill(tokens: Sequence[Token], labels: Mapping[str, str]) -> None:
    for token in tokens:
        if token.children:
            _fill(token.children, labels)
        elif token.type in {"text", "code_inline", "code_block", "fence"}:
            token.content = PLACEHOLDER.sub(lambda match: labels.get(match[1], match[1]), token.content)


def result_text(result: Result, width: int = 100) -> str:
    """A result as plain text: its table in columns, or its text, or the newest value of each series."""
    if result.rows and result.columns:
        cells = [result.columns, *(tuple(_cell(value) for value in row) for row in result.rows)]
        sizes = [min(40, max(len(row[index]) for row in cells)) for index in range(len(result.columns))]
        lines = [
            "  ".join(text[:size].ljust(size) for text, size in zip(row, sizes, strict=True)).rstrip() for row in cells
        ]
        body = "\n".join(line[:width] for line in lines)
    elif result.series:
        lines = []
        for series in result.series:
            name = ", ".join(f"{label}={series.labels[label]}" for label in sorted(series.labels)) or "value"
            last = next((value for _, value in reversed(series.points) if value is not None), None)
            lines.append(f"{_cell(last)}  {name}"[:width])
        body = "\n".join(lines)
    else:
        body = result.text or result.summary
    return body + ("\n… cut" if result.truncated else "")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
