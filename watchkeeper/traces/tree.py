"""The waterfall of a trace: its spans as a tree, in time, with what they did themselves and the critical path.

Everything here bears what strangers send: parents that are missing, circles, clocks that disagree, a chain of ten
thousand spans (nothing recurses).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.traces.model import Span, Trace

__all__ = ["Place", "Row", "Waterfall", "waterfall"]

# Clocks of one machine agree better than this; a difference below it is no reason for a remark.
_SKEW_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A span in its place; times are seconds from the start of the trace.

    `own` is the time in which none of its children ran; `critical` are the parts of the critical path that it holds
    itself. `shifted` says by how many seconds it was moved because its clock disagrees with its parent's; `orphan` that
    its parent is not here; `circle` that it is among its own ancestors.
    """

    span: Span
    depth: int
    start: float
    seconds: float
    own: float
    critical: tuple[tuple[float, float], ...]
    children: int
    shifted: float = 0.0
    orphan: bool = False
    circle: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the time of the critical path went: a service, a name of spans, and how much; "" for no span at all."""

    service: str
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The rows in reading order; `start` is seconds since the epoch, `seconds` the length of the trace.

    `places` say where the time of the critical path went, most first; time in which no span ran (a message that waited,
    or spans that are missing) has neither service nor name.
    """

    trace_id: str
    start: float
    seconds: float
    rows: tuple[Row, ...]
    places: tuple[Place, ...]
    services: tuple[str, ...]

    @property
    def errors(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.span.failed)

    @property
    def origins(self) -> tuple[Row, ...]:
        """The rows that failed without a child that did: where it began, in the order of their start."""
        above = {row.span.parent_id for row in self.errors}
        return tuple(sorted((row for row in self.errors if row.span.span_id not in above), key=lambda row: row.start))


@dataclass(slots=True, eq=False)
class _Node:
    span: Span
    start: int
    end: int
    children: list[_Node] = field(default_factory=list)
    parent: _Node | None = None
    shifted: int = 0
    orphan: bool = False
    circle: bool = False
    # From the first start to the last end of itself and all below it.
    first: int = 0
    last: int = 0
    critical: list[tuple[int, int]] = field(default_factory=list)


def waterfall(trace: Trace) -> Waterfall:
    """The waterfall of a trace with at least one span."""
    roots = _tree(trace.spans)
    order = _walk(roots)
    for node, _ in order:  # parents first, so that a child's place is known against its parent's
        _align(node)
    for node, _ in reversed(order):
        node.first = min([node.start, *(child.first for child in node.children)])
        node.last = max([node.end, *(child.last for child in node.children)])
        node.children.sort(key=lambda child: (child.start, child.span.span_id))
    roots.sort(key=lambda node: (node.orphan, node.start, node.span.span_id))
    order = _walk(roots)
    start = min(node.start for node, _ in order)
    end = max(node.end for node, _ in order)
    gaps = _critical(roots, end)
    rows = tuple(_row(node, depth, start) for node, depth in order)
    return Waterfall(trace.trace_id, start / 1e9, (end - start) / 1e9, rows, _places(rows, gaps / 1e9), trace.services)


def _tree(spans: Sequence[Span]) -> list[_Node]:
    nodes: dict[str, _Node] = {}
    for span in spans:
        nodes.setdefault(span.span_id, _Node(span, span.start, span.end))
    roots = []
    for node in nodes.values():
        parent = nodes.get(node.span.parent_id) if node.span.parent_id else None
        if parent is None:
            node.orphan = bool(node.span.parent_id)
            roots.append(node)
        else:
            node.parent = parent
            parent.children.append(node)
    seen = {id(node) for node, _ in _walk(roots)}
    # What no root leads to is a circle: it is opened at its earliest span.
    for node in sorted(nodes.values(), key=lambda node: node.start):
        if id(node) not in seen:
            if node.parent is not None:
                node.parent.children.remove(node)
            node.parent, node.circle = None, True
            roots.append(node)
            seen |= {id(found) for found, _ in _walk([node])}
    return roots


def _walk(roots: Sequence[_Node]) -> list[tuple[_Node, int]]:
    """Depth first, in the order of the children."""
    found = []
    stack = [(node, 0) for node in reversed(roots)]
    while stack:
        node, depth = stack.pop()
        found.append((node, depth))
        stack += [(child, depth + 1) for child in reversed(node.children)]
    return found


def _machine(span: Span) -> tuple[str, object]:
    return span.service, span.resource.get("service.instance.id", span.resource.get("host.name", ""))


def _align(node: _Node) -> None:
    """Move a span of another machine, with all below it, where it cannot be right: nothing begins before its cause.

    What is called within its caller's time is put into the middle of it, which shares the unknown way there and back
    evenly, as Jaeger does; anything else begins with its cause.
    """
    parent = node.parent
    if parent is None:
        return
    node.shifted += parent.shifted  # the same clocks below, as far as is known
    node.start += node.shifted
    node.end += node.shifted
    if _machine(node.span) == _machine(parent.span):
        return
    length, room = node.end - node.start, parent.end - parent.start
    called = node.span.kind == "server" and parent.span.kind == "client"
    within = called and length <= room
    move = 0
    # A server may well end after its caller, who has the answer by then; it cannot begin after that.
    if node.start < parent.start or (called and node.start > parent.end):
        move = parent.start + ((room - length) // 2 if within else 0) - node.start
    node.shifted += move
    node.start += move
    node.end += move


def _critical(roots: Sequence[_Node], end: int) -> int:
    """Mark the critical path, from the last end backwards; nanoseconds of it in which no span ran.

    At each point it is in the child that ended last before it, and in the span itself where no child ran. What goes on
    after its parent has ended (a message that is handled later) is followed too.
    """
    nowhere = 0
    first = min(node.first for node in roots)
    # It runs for no time at all.
    virtual = _Node(roots[0].span, first, first, children=list(roots), first=first, last=end)
    stack = [(virtual, end)]
    while stack:
        node, until = stack.pop()
        at = min(until, node.last)
        for child in sorted(node.children, key=lambda child: (child.last, child.first), reverse=True):
            if at <= node.first:
                break
            if child.first >= at:
                continue
            stop = min(child.last, at)
            nowhere += _hold(node, stop, at)
            stack.append((child, stop))
            at = child.first
        if at > node.first:
            nowhere += _hold(node, node.first, at)
    return nowhere


def _hold(node: _Node, start: int, end: int) -> int:
    """Give a part of the path to a span, as far as it ran then; what is left nobody had."""
    first, last = max(node.start, start), min(node.end, end)
    if last <= first:
        return end - start
    node.critical.append((first, last))
    return end - start - (last - first)


def _own(node: _Node) -> int:
    """Nanoseconds in which none of its children ran."""
    covered, place = 0, node.start
    for child in node.children:  # in the order of their start
        start, end = max(child.start, place), min(child.end, node.end)
        if end > start:
            covered += end - start
            place = end
    return node.end - node.start - covered


def _row(node: _Node, depth: int, zero: int) -> Row:
    return Row(
        span=node.span,
        depth=depth,
        start=(node.start - zero) / 1e9,
        seconds=(node.end - node.start) / 1e9,
        own=_own(node) / 1e9,
        critical=tuple(sorted(((start - zero) / 1e9, (end - zero) / 1e9) for start, end in node.critical)),
        children=len(node.children),
        shifted=node.shifted / 1e9 if abs(node.shifted) > _SKEW_SECONDS * 1e9 else 0.0,
        orphan=node.orphan,
        circle=node.circle,
    )


def _places(rows: Sequence[Row], gaps: float) -> tuple[Place, ...]:
    seconds: Counter[tuple[str, str]] = Counter()
    for row in rows:
        held = sum(end - start for start, end in row.critical)
        if held > 0:
            seconds[row.span.service, row.span.name] += held  # type: ignore[assignment]
    found: Mapping[tuple[str, str], float] = {**seconds, **({("", ""): gaps} if gaps > 0 else {})}
    return tuple(
        Place(service, name, held)
        for (service, name), held in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    )
