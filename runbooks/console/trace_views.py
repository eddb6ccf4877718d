"""What the pages of traces show: plain values for the templates, and the bars as SVG text.

The content policy allows no styles in the page, so that a bar's place is an attribute of a shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from runbooks.console.numbers import duration
from watchkeeper.traces import Event, Row, TraceSummary, Waterfall
from watchkeeper.traces.facts import facts, failure, remarks

__all__ = [
    "Axis",
    "FailureView",
    "PlaceView",
    "RowView",
    "SummaryView",
    "axis",
    "failure_views",
    "link_traces",
    "place_views",
    "row_view",
    "summaries",
]

# Further in, only the number of the level tells: there has to be room for the name.
_DEEPEST = 12
_COLOURS = 6
_TICKS = 4
_WIDTH = 1000
# A span that is too short to see is still there.
_LEAST = 3.0
_WHOLE, _LANES = (0, 10), {"failed": (0, 3.5), "critical": (6.5, 3.5)}

# Where a log line or an answer says that it is a trace: 32 hex digits alone may be anything.
_TRACE = re.compile(
    r"(trace_?id[\"']?\s*[=:]\s*[\"']?|\btrace[\"']?[=:]\s*[\"']?|\b00-)([0-9a-f]{32})\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """A span as a line that opens."""

    id: str
    name: str
    service: str
    colour: int
    depth: int
    level: int
    took: str
    start: str
    own: str
    bar: Markup
    critical: str
    facts: tuple[str, ...]
    failure: str
    remarks: tuple[str, ...]
    kind: str
    attributes: tuple[tuple[str, str], ...]
    resource: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A place where the time went: what, how long, its share in words and as a bar."""

    service: str
    name: str
    took: str
    share: str
    bar: Markup


@dataclass(frozen=True, slots=True)
class FailureView:
    """What failed, and why; `id` is the first span of those that failed alike, `first` the page that it is on."""

    id: str
    first: int
    service: str
    name: str
    why: str
    when: str
    times: int


@dataclass(frozen=True, slots=True)
class SummaryView:
    """A trace of a list, with a bar against the longest one."""

    trace: TraceSummary
    bar: Markup


@dataclass(frozen=True, slots=True)
class Axis:
    """The times above the bars: their texts in order."""

    labels: tuple[str, ...]


def _bar(parts: Sequence[tuple[str, float, float]], *, lanes: bool = False) -> Markup:
    """Shapes (class, from, to) as shares of the width; hidden from readers of the text, which says the same.

    With `lanes` what is failed or critical takes the upper and the lower third of what lies below it.
    """
    shapes = []
    for name, start, end in parts:
        left = min(max(start, 0.0), 1.0) * _WIDTH
        width = max(min(max(end, 0.0), 1.0) * _WIDTH - left, _LEAST)
        top, height = _LANES.get(name, _WHOLE) if lanes else _WHOLE
        x = min(left, _WIDTH - width)
        shapes.append(f'<rect class="{name}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{height}"/>')
    head = f'<svg class="bar" viewBox="0 0 {_WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(f"{head}{''.join(shapes)}</svg>")  # noqa: S704  numbers and class names of ours


def axis(seconds: float) -> Axis:
    """Five times from the start to the end of a trace."""
    return Axis(tuple(duration(seconds * number / _TICKS) for number in range(_TICKS + 1)))


def row_view(row: Row, whole: Waterfall) -> RowView:
    """A span of a waterfall."""
    span, length = row.span, whole.seconds or 1e-9
    colour = whole.services.index(span.service) % _COLOURS
    parts = [(f"c{colour}", row.start / length, (row.start + row.seconds) / length)]
    parts += [("critical", start / length, end / length) for start, end in row.critical]
    if span.failed:
        parts.append(("failed", row.start / length, (row.start + row.seconds) / length))
    held = math.fsum(end - start for start, end in row.critical)
    return RowView(
        id=span.span_id,
        name=span.name,
        service=span.service,
        colour=colour,
        depth=min(row.depth, _DEEPEST),
        level=row.depth + 1,
        took=duration(row.seconds),
        start=duration(row.start),
        own=duration(row.own) if row.children else "",
        bar=_bar(parts, lanes=True),
        critical=duration(held) if held > 0 else "",
        facts=facts(span),
        failure=failure(span) if span.failed else "",
        remarks=remarks(row),
        kind=span.kind,
        attributes=_pairs(span.attributes),
        resource=_pairs(span.resource),
        events=tuple(_event(event, span.start) for event in span.events),
        links=tuple(link.trace_id for link in span.links),
    )


def _event(event: Event, start: int) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return duration((event.at - start) / 1e9), event.name, _pairs(event.attributes)


def _pairs(values: object) -> tuple[tuple[str, str], ...]:
    pairs = dict(values)  # type: ignore[call-overload]
    return tuple((name, _text(value)) for name, value in sorted(pairs.items()))


def _text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def place_views(found: Waterfall, limit: int = 5) -> list[PlaceView]:
    """Where the time of the critical path went, most first."""
    whole = found.seconds or 1e-9
    return [
        PlaceView(
            place.service,
            place.name,
            duration(place.seconds),
            f"{100 * place.seconds / whole:.0f} %",
            _bar([("critical", 0.0, place.seconds / whole)]),
        )
        for place in found.places[:limit]
        if place.seconds / whole >= 0.005
    ]


def failure_views(found: Waterfall, page_rows: int) -> list[FailureView]:
    """Where failures began, those that are alike as one."""
    numbers = {row.span.span_id: number for number, row in enumerate(found.rows)}
    alike: dict[tuple[str, str, str], list[Row]] = {}
    for row in found.origins:
        alike.setdefault((row.span.service, row.span.name, failure(row.span)), []).append(row)
    return [
        FailureView(
            id=rows[0].span.span_id,
            first=numbers[rows[0].span.span_id] // page_rows * page_rows,
            service=service,
            name=name,
            why=why,
            when=duration(rows[0].start),
            times=len(rows),
        )
        for (service, name, why), rows in alike.items()
    ]


def summaries(found: Sequence[TraceSummary]) -> list[SummaryView]:
    """Lines of a list."""
    longest = max((one.seconds for one in found), default=0.0) or 1e-9
    return [SummaryView(one, _bar([("failed" if one.errors else "c0", 0.0, one.seconds / longest)])) for one in found]


def link_traces(text: str) -> Markup:
    """A text with links where it names a trace (`trace_id=…`, a `traceparent`), everything else escaped."""
    made, place = [], 0
    for match in _TRACE.finditer(text):
        made += [escape(text[place : match.start(2)]), Markup('<a href="/traces/{0}">{0}</a>').format(match[2].lower())]
        place = match.end(2)
    return Markup("").join([*made, escape(text[place:])])
