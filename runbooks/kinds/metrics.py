"""`query` and `promql`: questions to the metrics store. They can change nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.errors import RenderError, StepError
from runbooks.kinds.base import MAX_ROWS, Kind, Parsed
from runbooks.records import Command, Result, Series
from runbooks.templates import PLACEHOLDER, Source, check_templates, escape_promql, escape_regex, fill, names_in
from watchkeeper.durations import format_duration, parse_duration
from watchkeeper.errors import DefinitionError, QueryError, WatchkeeperError
from watchkeeper.queries import PromQL, Query, narrowed, scaled
from watchkeeper.stores import Matrix, Vector

__all__ = ["PROMQL", "QUERY", "QueryBody", "promql_text"]

# A range answer has this many points at most: enough for a picture as wide as a hand.
_POINTS = 60
_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_WHERE = re.compile(r"where\s+([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(\S.*)")
_AUTO = 300.0


@dataclass(frozen=True, slots=True)
class QueryBody:
    """A query step: the key (or PromQL text), conditions on labels, a range in seconds, the store."""

    text: str
    where: tuple[tuple[str, str], ...] = ()
    range: float | None = None
    store: str = "metrics"


def _parse_query(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = check_templates(source)
    lines = source.lines()
    if not lines:
        raise source.error("an empty query step: write the key of a named query, for example redis.memory_used_ratio")
    offset, first = lines[0]
    key = first.strip()
    if not _KEY.fullmatch(key):
        raise source.error(f"found {key!r}: the first line is the key of a named query, SYSTEM.NAME", offset)
    where: dict[str, str] = {}
    seconds: float | None = None
    store = "bills" if key.startswith("bills.") else "metrics"
    for offset, line in lines[1:]:
        word, _, rest = line.strip().partition(" ")
        if match := _WHERE.fullmatch(line.strip()):
            if match[1] in where:
                raise source.error(f"where {match[1]} stands twice", offset)
            where[match[1]] = match[2]
        elif word == "range":
            seconds = _duration(source, rest, offset)
        elif word == "store" and rest.strip() in {"metrics", "bills"}:
            store = rest.strip()
        else:
            allowed = "where LABEL = VALUE, range DURATION, store metrics|bills"
            raise source.error(f"found {line.strip()!r}: allowed are {allowed}", offset)
    body = QueryBody(key, tuple(where.items()), seconds, store)
    # An input that a condition uses is optional: without a value the condition is left out.
    return Parsed(body=body, inputs=inputs, risks=("read",), title=key, queries=(key,))


def _duration(source: Source, text: str, offset: int) -> float:
    try:
        return parse_duration(text.strip())
    except DefinitionError as error:
        raise source.error(str(error), offset) from None


def _render_query(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: QueryBody = step.body
    where = {}
    for label, text in body.where:
        if all(name in values for name in names_in(text)):
            where[label] = fill(text, values, str)
    query = narrowed(_lookup(context, body.text), where)
    context.store_named(body.store)
    payload = {"key": body.text, "where": where, "range": body.range, "store": body.store}
    return Command("query", query.promql(format_duration(_AUTO)), payload)


def _lookup(context: Context, key: str) -> Query:
    try:
        return context.lookup(key)
    except KeyError:
        raise RenderError(f"there is no named query {key}: `watchkeeper check` lists such references") from None


def _parse_promql(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = check_templates(source)
    text = source.text
    seconds = None
    skipped = 0
    first, _, rest = text.partition("\n")
    if first.strip().startswith("range "):
        seconds = _duration(source, first.strip()[6:], 0)
        text, skipped = rest, 1
    if not text.strip():
        raise source.error("an empty promql step: write an expression")
    inner = Source(source.path, source.line + skipped, text)
    _places(inner)
    sample = PLACEHOLDER.sub("x", text)
    try:
        metrics = PromQL(" ".join(sample.split())).metrics
    except QueryError as error:
        if "pip install" in str(error):  # the parser is an extra: without it the text is checked when it is asked
            metrics = ()
        else:
            raise inner.error(str(error)) from None
    body = QueryBody(text.strip(), range=seconds)
    title = " ".join(text.split())[:80]
    return Parsed(body=body, inputs=inputs, risks=("read",), title=title, metrics=metrics)


def _places(source: Source) -> list[tuple[re.Match[str], bool]]:
    """Each placeholder and whether it stands in a regular expression.

    Raises DocumentError where it is not inside double quotes.
    """
    found = []
    for match in PLACEHOLDER.finditer(source.text):
        quote, start = _open_quote(source.text, match.start())
        if quote != '"':
            raise source.error_at(f'{match[0]} stands outside double quotes: write label="{match[0]}"', match.start())
        operator = source.text[:start].rstrip()[-2:]
        found.append((match, operator in {"=~", "!~"}))
    return found


def _open_quote(text: str, end: int) -> tuple[str, int]:
    """The quote that is open at a position of a PromQL text, and where it began."""
    quote, start, index = "", 0, 0
    while index < end:
        char = text[index]
        if quote:
            if char == "\\" and quote != "`":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "\"'`":
            quote, start = char, index
        elif char == "#":
            newline = text.find("\n", index)
            if newline < 0 or newline >= end:
                return "", 0
            index = newline
        index += 1
    return quote, start


def promql_text(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in, escaped for where each stands."""
    parts, position = [], 0
    for match, in_regex in _places(Source("", 1, text)):
        parts.append(text[position : match.start()])
        parts.append(fill(match[0], values, escape_regex if in_regex else escape_promql))
        position = match.end()
    return "".join((*parts, text[position:]))


def _render_promql(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: QueryBody = step.body
    text = promql_text(body.text, values)
    context.store_named("metrics")
    return Command("promql", text, {"text": text, "range": body.range, "store": "metrics"})


def _execute(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    payload = command.payload
    if command.kind == "promql":
        # The text was parsed with the document; naming its metrics spares the parser, an extra, here.
        query: Query = PromQL(payload["text"], metrics=step.metrics or ("unknown",))
    else:
        query = narrowed(_lookup(context, payload["key"]), payload["where"])
    store = context.store_named(payload["store"])
    # Bills come by the day, whatever the pace is.
    pace, shortest = (1.0, 86_400.0) if payload["store"] == "bills" else (context.pace, 0.0)
    query = scaled(query, pace)
    auto = _AUTO / pace
    at = context.clock()
    unit = _unit(query)
    try:
        if payload["range"] is None:
            return _table(store.instant(query, at, auto=auto), unit), None
        width = payload["range"] / pace
        spacing = max(width / _POINTS, shortest)
        return _picture(store.range(query, at - width, at, spacing, auto=auto), unit), None
    except WatchkeeperError as error:
        raise StepError(str(error)) from None


def _unit(query: Query) -> str:
    text = "" if isinstance(query, PromQL) else str(query.unit)
    return "" if text == "count" else text


def _table(vector: Vector, unit: str) -> Result:
    names = sorted({name for labels in vector.series for name in labels})
    pairs = sorted(zip(vector.series, vector.values, strict=True), key=lambda pair: _order(pair[1]))
    rows = tuple(
        (*(labels.get(name, "") for name in names), None if math.isnan(value) else value)
        for labels, value in pairs[:MAX_ROWS]
    )
    return Result(
        summary=_summary([(labels, value) for labels, value in pairs], unit),
        columns=(*names, "value"),
        rows=rows,
        unit=unit,
        truncated=len(pairs) > MAX_ROWS,
    )


def _picture(matrix: Matrix, unit: str) -> Result:
    series, last = [], []
    for index, labels in enumerate(matrix.series):
        points = tuple(
            (float(time), float(value) if there and not math.isnan(value) else None)
            for time, value, there in zip(matrix.times, matrix.values[index], matrix.present[index], strict=True)
        )
        known = [value for _, value in points if value is not None]
        if known:
            series.append(Series(dict(labels), points))
            last.append((labels, known[-1]))
    order = sorted(range(len(series)), key=lambda i: _order(last[i][1]))
    return Result(
        summary=_summary([last[i] for i in order], unit),
        series=tuple(series[i] for i in order[:MAX_ROWS]),
        unit=unit,
        truncated=len(series) > MAX_ROWS,
    )


def _order(value: float) -> float:
    return math.inf if math.isnan(value) else -value


def _summary(pairs: Sequence[tuple[Mapping[str, str], float]], unit: str) -> str:
    if not pairs:
        return "no data"
    labels, value = pairs[0]
    text = "no value" if math.isnan(value) else f"{value:.4g}" + (f" {unit}" if unit else "")
    who = ", ".join(f"{name}={labels[name]}" for name in sorted(labels) if name != "__name__")
    if len(pairs) == 1:
        return f"{text} ({who})" if who else text
    return f"{len(pairs)} series, highest {text}" + (f" ({who})" if who else "")


def _always(step: Step, command: Command, context: Context) -> bool:
    return True


_SUBJECTS = ("value", "rows")
QUERY = Kind(
    name="query", parse=_parse_query, render=_render_query, execute=_execute, automatic=_always, subjects=_SUBJECTS
)
PROMQL = Kind(
    name="promql", parse=_parse_promql, render=_render_promql, execute=_execute, automatic=_always, subjects=_SUBJECTS
)
