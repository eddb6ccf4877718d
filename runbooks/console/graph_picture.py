"""The picture of who calls whom, as SVG text: services in columns, callers to the left of what they call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from markupsafe import Markup

from runbooks.console.numbers import duration, plain
from watchkeeper.traces import Edge

__all__ = ["MOST_NODES", "graph_picture"]

MOST_NODES = 40
"""More than these nobody can read; the table below the picture has them all."""

_BOX, _HIGH, _GAP_X, _GAP_Y, _EDGE, _TOP = 142, 34, 104, 24, 8, 8
_NAME = 18

_Point = tuple[float, float]


def graph_picture(edges: Sequence[Edge]) -> Markup:
    """The picture, empty where there is no edge; the busiest edges where there are too many ends."""
    shown: list[Edge] = []
    names: set[str] = set()
    for edge in sorted(edges, key=lambda edge: (-edge.calls, edge.client, edge.server)):
        if len(names | {edge.client, edge.server}) <= MOST_NODES:
            names |= {edge.client, edge.server}
            shown.append(edge)
    if not shown:
        return Markup("")
    columns, ways = _columns(sorted(names), shown)
    tallest = max(len(column) for column in columns)
    width = len(columns) * (_BOX + _GAP_X) - _GAP_X + 2 * _EDGE
    height = tallest * (_HIGH + _GAP_Y) + 2 * _EDGE + _TOP
    places: dict[str, _Point] = {}
    for number, column in enumerate(columns):
        top = _EDGE + _TOP + (tallest - len(column)) * (_HIGH + _GAP_Y) / 2
        for row, name in enumerate(column):
            places[name] = (_EDGE + number * (_BOX + _GAP_X), top + row * (_HIGH + _GAP_Y))
    kinds = {edge.server: edge.kind for edge in shown if edge.kind in ("database", "external")}
    busiest = max(edge.calls for edge in shown)
    drawn = [
        _edge(edge, [places[name] for name in ways.get((edge.client, edge.server), ())], places, busiest)
        for edge in shown
    ]
    boxes = [_node(name, places[name], kinds.get(name, "")) for name in sorted(names)]
    told = f"{len(names)} services and other ends, {len(shown)} edges; the table below says the same in words"
    return Markup(  # noqa: S704  every text in it is escaped where it is put in
        f'<svg class="graph" viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}" role="img"'
        f' aria-label="{escape(told)}"><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9"'
        ' markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0L8,4L0,8z"/></marker></defs>'
        f"{''.join(drawn)}{''.join(boxes)}</svg>"
    )


def _columns(names: Sequence[str], edges: Sequence[Edge]) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """Each name in the column after the last of its callers (a call that closes a circle does not count), and for
    calls across columns the empty places between, which have names of their own.
    """
    called: dict[str, list[str]] = {name: [] for name in names}
    callers: dict[str, list[str]] = {name: [] for name in names}
    for client, server in sorted({(edge.client, edge.server) for edge in edges if edge.client != edge.server}):
        called[client].append(server)
        callers[server].append(client)
    level = dict.fromkeys(names, 0)
    for name, others in _forward(sorted(names, key=lambda name: (bool(callers[name]), name)), called):
        for other in others:
            level[other] = max(level[other], level[name] + 1)
    columns: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in names:
        columns[level[name]].append(name)
    ways: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for caller in callers[name]:
            before = caller
            for column in range(level[caller] + 1, level[name]):
                place = f"\n{caller}\n{name}\n{column}"  # no service is named so
                columns[column].append(place)
                callers[place] = [before]
                ways.setdefault((caller, name), []).append(place)
                before = place
            if before != caller:
                callers[name] = [before if one == caller else one for one in callers[name]]
    for left, right in pairwise(columns):
        # Beside its callers, so that few edges cross.
        order = {name: float(place) for place, name in enumerate(left)}
        keys = {name: (_middle([order[one] for one in callers[name] if one in order]), name) for name in right}
        right.sort(key=keys.__getitem__)
    return columns, ways


def _middle(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else math.inf


def _forward(starts: Sequence[str], called: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str]]]:
    """Names with what they call, callers first, without the calls that lead back to where one came from."""
    finished: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    path: set[str] = set()
    for start in starts:
        stack = [(start, iter(called[start]), list[str]())] if start not in seen else []
        seen.add(start)
        path.add(start)
        while stack:
            name, rest, kept = stack[-1]
            other = next(rest, None)
            if other is None:
                stack.pop()
                path.discard(name)
                finished.append((name, kept))
            elif other not in path:
                kept.append(other)
                if other not in seen:
                    seen.add(other)
                    path.add(other)
                    stack.append((other, iter(called[other]), []))
    return finished[::-1]


def _node(name: str, place: _Point, kind: str) -> str:
    x, y = place
    text = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    what = f" ({kind}, sends no spans)" if kind else ""
    return (
        f'<g class="node {kind}"><title>{escape(name)}{what}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_BOX}" height="{_HIGH}" rx="{16 if kind else 5}"/>'
        f'<text x="{x + _BOX / 2:.0f}" y="{y + _HIGH / 2 + 5:.0f}">{escape(text)}</text></g>'
    )


def _edge(edge: Edge, between: Sequence[_Point], places: Mapping[str, _Point], busiest: int) -> str:
    (x1, y1), (x2, y2) = places[edge.client], places[edge.server]
    thick = 1.2 + 2.6 * math.log1p(edge.calls) / math.log1p(busiest)
    failed = f", {plain(100 * edge.failed_ratio)} % failed" if edge.failed else ""
    told = f"{edge.client} to {edge.server}: {edge.calls} calls{failed}, 95 % within {duration(edge.p95)}"
    if edge.client == edge.server:
        right = x1 + _BOX
        path = _curve((right - 40, y1), (right - 40, y1 - 22), (right - 8, y1 - 22), (right - 8, y1 - 1))
        at = (right - 60, y1 - 6)
    elif x2 > x1:
        points = [(x1 + _BOX, y1 + _HIGH / 2)]
        for x, y in between:
            points += [(x, y + _HIGH / 2), (x + _BOX, y + _HIGH / 2)]
        points.append((x2 - 1, y2 + _HIGH / 2))
        path = "".join(
            _curve(a, ((a[0] + b[0]) / 2, a[1]), ((a[0] + b[0]) / 2, b[1]), b) if number % 2 == 0 else _line(a, b)
            for number, (a, b) in enumerate(pairwise(points))
        )
        # In the empty place, or near its end, where the edges of one caller have parted.
        at = (
            (between[0][0] + _BOX / 2, between[0][1] + _HIGH / 2 - 6)
            if between
            else (x2 - _GAP_X / 2 + 4, points[-1][1] - 6)
        )
    else:  # back, or within a column: below the boxes
        start, end = (x1 + _BOX / 2, y1 + _HIGH), (x2 + _BOX / 2, y2 + _HIGH + 1)
        low = max(start[1], end[1]) + _GAP_Y
        path = _curve(start, (start[0], low), (end[0], low), end)
        at = ((start[0] + end[0]) / 2, low - 8)
    text = f"{plain(edge.calls)} in {duration(edge.p95)}"
    return (
        f'<g class="edge{" bad" if edge.failed else ""}"><title>{escape(told)}</title>'
        f'<path d="{path}" stroke-width="{thick:.1f}" marker-end="url(#arrow)"/>'
        f'<text x="{at[0]:.0f}" y="{at[1]:.0f}">{escape(text)}</text></g>'
    )


def _curve(*points: _Point) -> str:
    start, *rest = (f"{x:.0f},{y:.0f}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"


def _line(start: _Point, end: _Point) -> str:
    return f"M{start[0]:.0f},{start[1]:.0f}L{end[0]:.0f},{end[1]:.0f}"
