"""What a span did, in a few words: the model and its tokens, the request and its status, the statement."""

from __future__ import annotations

from watchkeeper.durations import spoken
from watchkeeper.instrumentation import conventions as names
from watchkeeper.money import money
from watchkeeper.traces.model import Span, Value
from watchkeeper.traces.tree import Row

__all__ = ["facts", "failure", "remarks"]

_STATEMENT = 120


def facts(span: Span) -> tuple[str, ...]:
    """Short texts, most telling first; empty where its attributes say nothing that we know."""
    found = _gen_ai(span.attributes, span.name) if names.OPERATION_NAME in span.attributes else ()
    return found or _database(span.attributes) or _messaging(span.attributes) or _http(span.attributes)


def failure(span: Span) -> str:
    """Why it failed, in one line: its status message, its exception or its error type."""
    for event in reversed(span.events):
        if event.name == "exception":
            kind = str(event.attributes.get("exception.type", ""))
            text = " ".join(str(event.attributes.get("exception.message", "")).split())
            return f"{kind}: {text}" if kind and text else kind or text
    kind, text = str(span.attributes.get(names.ERROR_TYPE, "")), " ".join(span.message.split())
    if text and kind and kind not in text:
        return f"{kind}: {text}"
    found = text or kind or "error"
    return f"status {found}" if found.isdecimal() and len(found) == 3 else found


def remarks(row: Row) -> tuple[str, ...]:
    """What is odd about a span in its trace, in sentences."""
    found = []
    if row.orphan:
        found.append("Its parent is not here: it was not sent, was lost, or comes late.")
    if row.circle:
        found.append("It is among its own ancestors, which cannot be: the circle is opened here.")
    if row.shifted:
        moved = f"{spoken(abs(row.shifted))} {'later' if row.shifted > 0 else 'earlier'}"
        found.append(f"It is shown {moved} than it says: its clock disagrees with its caller's.")
    if row.span.cut:
        what = "1 of its values was" if row.span.cut == 1 else f"{row.span.cut} of its values were"
        found.append(f"{what} cut or left out, for size or number.")
    return tuple(found)


def _gen_ai(attributes: dict[str, Value], name: str) -> tuple[str, ...]:
    model = attributes.get(names.RESPONSE_MODEL) or attributes.get(names.REQUEST_MODEL)
    if not model:
        return ()  # an agent, a tool or a workflow: the span's name says which
    found = [] if str(model) in name else [str(model)]
    tokens = [
        f"{_count(attributes[key])} {word}"
        for key, word in (
            (names.INPUT_TOKENS, "in"),
            (names.OUTPUT_TOKENS, "out"),
            (names.CACHE_READ_TOKENS, "from cache"),
            (names.REASONING_TOKENS, "reasoning"),
        )
        if attributes.get(key)
    ]
    found.append(", ".join(tokens) + " tokens" if tokens else "tokens unknown")
    found.append(_cost(attributes))
    first = attributes.get(names.TIME_TO_FIRST_CHUNK)
    if isinstance(first, int | float) and not isinstance(first, bool):
        found.append(f"first part after {spoken(first)}")
    return tuple(found)


def _cost(attributes: dict[str, Value]) -> str:
    try:
        cost = float(attributes[names.COST_AMOUNT])  # a decimal number as text, when it comes from us
    except (KeyError, ValueError):
        return "cost unknown"
    return money(cost, str(attributes.get(names.COST_CURRENCY, "")))


def _count(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _first(attributes: dict[str, Value], *keys: str) -> str:
    return next((str(value) for key in keys if (value := attributes.get(key)) not in (None, "")), "")


def _database(attributes: dict[str, Value]) -> tuple[str, ...]:
    system = _first(attributes, "db.system.name", "db.system")
    if not system:
        return ()
    text = " ".join(_first(attributes, "db.query.text", "db.statement", "db.operation.name", "db.operation").split())
    return tuple(word for word in (system, text if len(text) <= _STATEMENT else f"{text[:_STATEMENT]}…") if word)


def _messaging(attributes: dict[str, Value]) -> tuple[str, ...]:
    system = _first(attributes, "messaging.system")
    if not system:
        return ()
    destination = _first(attributes, "messaging.destination.name", "messaging.destination")
    return tuple(word for word in (system, destination) if word)


def _http(attributes: dict[str, Value]) -> tuple[str, ...]:
    status = _first(attributes, names.HTTP_STATUS, "http.status_code")
    where = _first(attributes, names.SERVER_ADDRESS, "url.full", "http.url", "url.path", "http.target")
    return tuple(word for word in (f"status {status}" if status else "", where[:_STATEMENT]) if word)
