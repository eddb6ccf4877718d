"""A trace as a waterfall in the terminal, and a list of traces.

Every line fits the width. Without colours it says the same: a mark stands before what failed, and the critical path is
drawn with another sign than the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchkeeper.durations import spoken
from watchkeeper.instrumentation.conventions import HTTP_METHOD
from watchkeeper.traces import Row, TraceSummary, Waterfall
from watchkeeper.traces.facts import facts, failure, remarks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["print_list", "print_waterfall"]

_COLOURS = ("blue", "magenta", "cyan", "green", "yellow", "bright_blue")
_NARROW = 64
_TOOK, _SELF = 9, 9
_LEAST_BAR = 10
_DEEPEST = 12
_PLACES = 3


def print_waterfall(console: Console, found: Waterfall, *, limit: int) -> None:
    """Print a trace; at most `limit` spans."""
    from rich.text import Text

    entry = found.rows[0].span
    failed = found.errors
    head = Text(f"{entry.name}", "bold").append(f"  {entry.service}", "dim")
    _line(console, head)
    told = Text(spoken(found.seconds), "bold").append(f", {len(failed)} failed" if failed else "", "bold red")
    spans = "1 span" if len(found.rows) == 1 else f"{len(found.rows)} spans"
    _line(console, told.append(f", {spans} of {', '.join(found.services)}", "not bold"))
    _line(console, Text(f"{found.trace_id}, began {_time(found.start, '%Y-%m-%d %H:%M:%S')} UTC", "dim"))
    whole = found.seconds or 1e-9
    for place in found.places[:_PLACES]:
        if place.seconds / whole >= 0.05:
            what = f"{place.name} ({place.service})" if place.name else "no span ran: waiting, or spans are missing"
            share = f"{100 * place.seconds / whole:3.0f} %  {spoken(place.seconds):>8}  "
            _line(console, Text(share, "bold").append(what, "not bold"))
    _line(console, Text(""))
    shape = _Shape(console, found, limit)
    _line(console, shape.header(spoken(found.seconds)))
    for row in found.rows[:limit]:
        _line(console, shape.row(row))
        for text, style in _below(row):
            _line(console, Text(" " * min(4 + 2 * row.depth, 2 * _DEEPEST) + text, style))
    left = len(found.rows) - limit
    if left > 0:
        _line(console, Text(f"… {left} more spans: --spans {len(found.rows)} shows all", "dim"))


def _below(row: Row) -> Iterator[tuple[str, str]]:
    """What there is to say of a span besides its line."""
    if row.span.failed:
        yield failure(row.span), "red"
    known = facts(row.span)
    # That a request was answered 200 needs no line of its own.
    if known and HTTP_METHOD not in row.span.attributes:
        yield " · ".join(known), "dim"
    for remark in remarks(row):
        yield remark, "yellow"


class _Shape:
    """Where the columns stand, for a width and a trace."""

    def __init__(self, console: Console, found: Waterfall, limit: int) -> None:
        self._found = found
        self._width = console.width
        utf = (console.encoding or "").lower().startswith("utf")
        self._signs = ("█", "░", "✗") if utf else ("#", "-", "!")
        self._more = "…" if utf else "~"
        self._self = _SELF if console.width >= _NARROW else 0
        room = self._width - _TOOK - self._self - 1
        longest = max(len(self._label(row)) for row in found.rows[:limit])
        self._name = max(12, min(longest + 1, room - max(_LEAST_BAR, int(0.4 * room))))
        self._bar = max(1, room - self._name)

    def header(self, whole: str) -> Text:
        """The words above the columns."""
        from rich.text import Text

        own = f"{'self':>{self._self}}" if self._self else ""
        scale = f"0{whole:>{max(1, self._bar - 1)}}"
        return Text(f"{'span':<{self._name}}{'took':>{_TOOK}}{own} {scale}", "dim")

    def row(self, row: Row) -> Text:
        """The line of a span."""
        from rich.text import Text

        label = self._label(row)
        if len(label) > self._name - 1:
            label = label[: self._name - 2] + self._more
        colour = _COLOURS[self._found.services.index(row.span.service) % len(_COLOURS)]
        text = Text(f"{label:<{self._name}}", "bold red" if row.span.failed else "")
        text.append(f"{spoken(row.seconds):>{_TOOK}}", "bold" if row.critical else "")
        if self._self:
            text.append(f"{spoken(row.own) if row.children else '':>{self._self}}", "dim")
        text.append(" ")
        for sign, style in self._cells(row):
            text.append(sign, f"{colour} {style}" if not row.span.failed else f"red {style}")
        return text

    def _label(self, row: Row) -> str:
        mark = f"{self._signs[2]} " if row.span.failed else ""
        depth = "  " * min(row.depth, _DEEPEST)
        return f"{depth}{mark}{_plain(row.span.name)}  {_plain(row.span.service)}"

    def _cells(self, row: Row) -> Iterator[tuple[str, str]]:
        scale = self._bar / (self._found.seconds or 1e-9)
        first = min(int(row.start * scale), self._bar - 1)
        last = max(first + 1, min(self._bar, math.ceil((row.start + row.seconds) * scale - 1e-9)))
        held = [0.0] * self._bar
        for start, end in row.critical:
            for cell in range(min(int(start * scale), last - 1), min(last, math.ceil(end * scale))):
                held[cell] += min(end * scale, cell + 1) - max(start * scale, cell)
        yield " " * first, ""
        for cell in range(first, last):
            # A cell is the path's when it holds most of it; a span that is shorter than a cell has only this one.
            yield (
                (self._signs[0], "")
                if held[cell] >= min(0.5, 0.5 * row.seconds * scale) > 0
                else (
                    self._signs[1],
                    "dim",
                )
            )


def print_list(console: Console, found: Sequence[TraceSummary]) -> None:
    """Print traces, a line each: id, begin, duration, spans, errors, entry."""
    from rich.text import Text

    for one in found:
        text = Text(one.trace_id if console.width >= 110 else one.trace_id[:16])
        text.append(f"  {_time(one.start, '%H:%M:%S')}  {spoken(one.seconds):>9}  {one.spans:>4} spans  ", "")
        text.append(f"{one.errors:>3} failed  " if one.errors else " " * 12, "bold red")
        text.append(f"{_plain(one.name)}  ", "bold").append(_plain(one.service), "dim")
        _line(console, text)


def _time(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _plain(text: str) -> str:
    """Without what a terminal would obey: names come from strangers."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _line(console: Console, text: Text) -> None:
    text.plain = "".join(sign if sign.isprintable() else "�" for sign in text.plain)
    console.print(text, overflow="ellipsis", no_wrap=True, crop=True)
