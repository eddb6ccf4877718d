"""Charts as SVG text: the band of an incident, and the lines of a range answer.

Pure functions; colours are the style sheet's. A missing value is a gap, never a zero. Every chart has a title and
a description for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from runbooks.console.numbers import clock_time, formatter, human
from runbooks.console.ports import Band

__all__ = ["Dot", "Line", "band_chart", "drawable", "lines_chart", "nice_ticks", "spark", "time_ticks"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 24
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_DAY = 86_400

# A gap longer than this many usual steps is shown as one.
_GAP = 2.5
# A threshold further away than this many times the rest of the picture would flatten it, and is only told in words.
_FAR = 6.0
# So would a single observation beside a mean or a percentile: it stands at the edge, and its name says how much it is.
_DOT_FAR = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: what it is, and points (time, value); None or NaN is a gap."""

    label: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Dot:
    """An observation that leads somewhere: `label` says it in words, `name` is its own among those of a chart."""

    name: str
    time: float
    value: float
    address: str
    label: str


@dataclass(frozen=True, slots=True)
class _Plot:
    start: float
    end: float
    low: float
    high: float
    width: int
    height: int

    def x(self, time: float) -> float:
        share = (time - self.start) / (self.end - self.start)
        return _LEFT + min(1.0, max(0.0, share)) * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _TOP + (1.0 - min(1.05, max(-0.05, share))) * (self.height - _TOP - _BOTTOM)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{self.x(time):.1f},{self.y(value):.1f}" for time, value in points)


def band_chart(
    band: Band,
    *,
    span: tuple[float, float] | None = None,
    dots: Sequence[Dot] = (),
    width: int = 760,
    height: int = 250,
    prefix: str = "chart",
) -> str:
    """The observed line over its expected band, with the threshold, and the incident's span shaded.

    `dots` are links at their time and value; one beyond the axis stands at its edge. `prefix` makes the ids of title
    and description unique in a page. A band without a single value gives an empty text.
    """
    observed = list(zip(band.times, band.observed, strict=True))
    known = _known(band)
    if not known:
        return ""
    low, high = min(known), max(known)
    threshold = band.threshold
    if threshold is not None and abs(threshold) <= _FAR * max(abs(low), abs(high), 1e-12):
        low, high = min(low, threshold), max(high, threshold)
    else:
        threshold = None
    high = max([high, *(dot.value for dot in dots if dot.value <= _DOT_FAR * high)])
    plot = _plot(band.times[0], band.times[-1], low, high, width, height, band.unit)
    step = _usual_step(band.times)
    parts = [*_frame(plot, band.unit, prefix, band.title, _describe(band), links=bool(dots))]
    if span is not None and span[1] > plot.start and span[0] < plot.end:
        left, right = plot.x(span[0]), plot.x(span[1])
        parts.append(_rect("span", left, max(1.0, right - left), plot))
    for piece in _areas(band, step):
        upper = [(time, high) for time, _, high in piece]
        lower = [(time, low) for time, low, _ in reversed(piece)]
        parts.append(f'<path class="band" d="{plot.path([*upper, *lower])}Z"/>')
    if len(band.expected):
        for points in _segments(list(zip(band.times, band.expected, strict=True)), step):
            parts.append(f'<path class="expected" d="{plot.path(points)}"/>')
    if threshold is not None:
        height_of = plot.y(threshold)
        parts.append(f'<path class="threshold" d="M{_LEFT},{height_of:.1f}H{width - _RIGHT}"/>')
    parts.extend(_line(plot, observed, step, "observed"))
    for points in _outside(band, step):
        parts.append(f'<path class="outside" d="{plot.path(points)}"/>')
    last = next(((t, v) for t, v in reversed(observed) if math.isfinite(v)), None)
    if last is not None:
        parts.append(f'<circle class="last" cx="{plot.x(last[0]):.1f}" cy="{plot.y(last[1]):.1f}" r="3.5"/>')
    if dots:
        parts.append("</g>")
        parts += [_dot(plot, dot, prefix) for dot in dots]
    return "".join([*parts, "</svg>"])


def drawable(band: Band) -> bool:
    """Whether there is a value to draw."""
    return bool(_known(band))


def _known(band: Band) -> list[float]:
    return [value for value in (*band.observed, *band.lower, *band.upper, *band.expected) if math.isfinite(value)]


def _dot(plot: _Plot, dot: Dot, prefix: str) -> str:
    x, y = f"{plot.x(dot.time):.1f}", f"{min(max(plot.y(dot.value), _TOP), plot.height - _BOTTOM):.1f}"
    text = escape(dot.label)
    return (
        f'<a class="exemplar" id="{escape(prefix)}-{escape(dot.name)}" href="{escape(dot.address)}" '
        f'aria-label="{text}"><title>{text}</title>'
        f'<circle class="hit" cx="{x}" cy="{y}" r="12"/><circle class="point" cx="{x}" cy="{y}" r="4"/></a>'
    )


def lines_chart(
    lines: Sequence[Line], unit: str, *, title: str, width: int = 620, height: int = 150, prefix: str = "lines"
) -> str:
    """Several lines over time; line N has the class `lN`. An empty text when there is no value at all."""
    clean = [[(time, math.nan if value is None else value) for time, value in line.points] for line in lines]
    known = [value for points in clean for _, value in points if math.isfinite(value)]
    times = sorted({time for points in clean for time, _ in points})
    if not known or not times:
        return ""
    plot = _plot(times[0], times[-1], min(known), max(known), width, height, unit)
    words = "; ".join(f"{line.label}: {human(_last(points), unit)}" for line, points in zip(lines, clean, strict=True))
    parts = [*_frame(plot, unit, prefix, title, f"Last values: {words}.")]
    for number, points in enumerate(clean):
        step = _usual_step([time for time, _ in points])
        parts.extend(_line(plot, points, step, f"line l{number}"))
    return "".join([*parts, "</svg>"])


def spark(points: Sequence[tuple[float, float]], *, title: str, width: int = 150, height: int = 32) -> str:
    """One small line without axes; an empty text when there is no value."""
    known = [value for _, value in points if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(0.0, *known), max(known)
    start, end = points[0][0], points[-1][0]

    def place(time: float, value: float) -> str:
        x = (time - start) / ((end - start) or 1.0) * (width - 4) + 2
        y = height - 3 - (value - low) / ((high - low) or 1.0) * (height - 6)
        return f"{x:.1f},{y:.1f}"

    step = _usual_step([time for time, _ in points])
    paths = "".join(
        f'<path class="observed" d="M{"L".join(place(time, value) for time, value in piece)}"/>'
        for piece in _segments(points, step)
    )
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}">{paths}</svg>'
    )


def nice_ticks(low: float, high: float, unit: str = "", count: int = 4) -> list[float]:
    """Round values from at or below `low` to at or above `high`, about `count` steps of 1, 2, 2.5 or 5 times a power.

    >>> nice_ticks(0, 0.83)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    scale = _scale(max(abs(low), abs(high)), unit)
    low, high = low / scale, high / scale
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-200):
        high = low + (abs(low) if abs(low) > 1e-200 else 1.0)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") * scale for number in range(first, last + 1)]


def time_ticks(start: float, end: float, count: int = 6) -> list[tuple[float, str]]:
    """At most `count` + 1 round times with their labels in UTC: seconds, minutes or days, as the range needs."""
    step: float = next((s for s in _TIME_STEPS if (end - start) / s <= count), 0)
    if not step:
        step = math.ceil((end - start) / count / _DAY) * _DAY
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < _DAY else "%b %-d"
    first = math.ceil(start / step)
    found = []
    for number in range(first, math.floor(end / step) + 1):
        when = datetime.fromtimestamp(number * step, UTC)
        # Where the hours go on into another day, midnight says which.
        text = (
            when.strftime("%b %-d")
            if step < _DAY and when.hour == when.minute == when.second == 0
            else when.strftime(form)
        )
        found.append((number * step, text))
    return found


def _plot(start: float, end: float, low: float, high: float, width: int, height: int, unit: str) -> _Plot:
    # Zero belongs to the picture unless all that there is to see would be squeezed into a fifth of it.
    if low >= 0 and high - low > 0.2 * high:
        low = 0.0
    elif low >= 0 and high == low:
        low, high = (0.0, high or 1.0)
    ticks = nice_ticks(low, high, unit)
    return _Plot(start, end if end > start else start + 1, ticks[0], ticks[-1], width, height)


def _frame(plot: _Plot, unit: str, prefix: str, title: str, text: str, *, links: bool = False) -> Iterator[str]:
    name = escape(prefix)
    # An image has nothing in it that could be read or followed: with links it is a group, and the drawing is hidden.
    yield (
        f'<svg class="chart" viewBox="0 0 {plot.width} {plot.height}" role="{"group" if links else "img"}" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(text)}</desc>'
    )
    if links:
        yield '<g aria-hidden="true">'
    write = formatter(unit)
    for tick in nice_ticks(plot.low, plot.high, unit, 4 if plot.height > 180 else 2):
        if plot.low <= tick <= plot.high * (1 + 1e-9):
            y = plot.y(tick)
            yield f'<path class="grid" d="M{_LEFT},{y:.1f}H{plot.width - _RIGHT}"/>'
            yield f'<text class="tick y" x="{_LEFT - 6}" y="{y + 4:.1f}">{escape(write(tick))}</text>'
    for time, label in time_ticks(plot.start, plot.end, max(2, plot.width // 120)):
        x = plot.x(time)
        yield f'<path class="mark" d="M{x:.1f},{plot.height - _BOTTOM}v4"/>'
        yield f'<text class="tick x" x="{x:.1f}" y="{plot.height - 6}">{label}</text>'


def _rect(name: str, x: float, width: float, plot: _Plot) -> str:
    height = plot.height - _TOP - _BOTTOM
    return f'<rect class="{name}" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{height}"/>'


def _line(plot: _Plot, points: Sequence[tuple[float, float]], step: float, name: str) -> Iterator[str]:
    for piece in _segments(points, step):
        if len(piece) == 1:
            x, y = plot.x(piece[0][0]), plot.y(piece[0][1])
            yield f'<circle class="{name} dot" cx="{x:.1f}" cy="{y:.1f}" r="1.8"/>'
        else:
            yield f'<path class="{name}" d="{plot.path(piece)}"/>'


def _segments(points: Sequence[tuple[float, float]], step: float) -> Iterator[list[tuple[float, float]]]:
    """The pieces between gaps: a value that is missing, or a time much longer than the usual step."""
    piece: list[tuple[float, float]] = []
    for time, value in points:
        if not math.isfinite(value) or (piece and time - piece[-1][0] > _GAP * step):
            if piece:
                yield piece
            piece = []
        if math.isfinite(value):
            piece.append((time, value))
    if piece:
        yield piece


def _areas(band: Band, step: float) -> Iterator[list[tuple[float, float, float]]]:
    if not len(band.lower) or not len(band.upper):
        return
    piece: list[tuple[float, float, float]] = []
    for time, low, high in zip(band.times, band.lower, band.upper, strict=True):
        whole = math.isfinite(low) and math.isfinite(high)
        if piece and (not whole or time - piece[-1][0] > _GAP * step):
            yield piece
            piece = []
        if whole:
            piece.append((time, low, high))
    if piece:
        yield piece


def _outside(band: Band, step: float) -> Iterator[list[tuple[float, float]]]:
    """The runs of at least two observed points that are outside the band."""
    if not len(band.lower) or not len(band.upper):
        return
    points = [
        (time, value if value > high or value < low else math.nan)
        for time, value, low, high in zip(band.times, band.observed, band.lower, band.upper, strict=True)
    ]
    yield from (piece for piece in _segments(points, step) if len(piece) > 1)


def _usual_step(times: Sequence[float]) -> float:
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    return steps[len(steps) // 2] if steps else 1.0


def _scale(size: float, unit: str) -> float:
    """What one unit of the axis is, so that its numbers are round as a person reads them."""
    over = unit.partition(" per ")[0]
    if over == "bytes" and size >= 1024:
        return float(1024 ** min(5, int(math.log(size, 1024))))
    if over == "seconds" and size >= 120:
        return 60.0 if size < 7200 else 3600.0 if size < 172_800 else 86_400.0
    return 1.0


def _last(points: Sequence[tuple[float, float]]) -> float | None:
    return next((value for _, value in reversed(points) if math.isfinite(value)), None)


def _describe(band: Band) -> str:
    """The picture in a sentence or two."""
    pairs = list(zip(band.times, band.observed, strict=True))
    text = f"From {clock_time(band.times[0])} to {clock_time(band.times[-1])} UTC. Observed last: "
    text += human(_last(pairs), band.unit)
    if len(band.lower) and len(band.upper):
        low, high = (
            _last(list(zip(band.times, band.lower, strict=True))),
            _last(list(zip(band.times, band.upper, strict=True))),
        )
        text += f"; expected: {human(low, band.unit)} to {human(high, band.unit)}"
    if band.threshold is not None:
        text += f"; the alert's condition: {band.op} {human(band.threshold, band.unit)}"
    return text + "."
