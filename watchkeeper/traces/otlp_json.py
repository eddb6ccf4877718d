"""OTLP traces in JSON: ids as hex, 64-bit numbers as texts, enumerations as numbers (names are understood too)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import msgspec

from watchkeeper.traces.errors import NotOtlp
from watchkeeper.traces.limits import NESTING
from watchkeeper.traces.model import KINDS, Event, Link, Value
from watchkeeper.traces.raw import Group, RawSpan, value_of

__all__ = ["partial_success", "read", "status"]

_STATUS = ("unset", "ok", "error")
_STATUS_NAMES = {f"STATUS_CODE_{name.upper()}": number for number, name in enumerate(_STATUS)}
_KIND_NAMES = {f"SPAN_KIND_{name.upper()}": number for number, name in enumerate(KINDS)}


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotOtlp(f"{where} is not an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotOtlp(f"{where} is not an array")
    return value


def _number(value: Any, where: str) -> int:
    if value is None:
        return 0
    try:
        if isinstance(value, bool | list | dict):
            raise ValueError
        return int(value)
    except (ValueError, OverflowError):
        raise NotOtlp(f"{where} is not a whole number") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _id(value: Any) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError:
        return b""  # refused like any other id that is none


def _code(value: Any, names: dict[str, int], where: str) -> int:
    return names.get(value, 0) if isinstance(value, str) and not value.isdecimal() else _number(value, where)


def _any(value: Any, depth: int = 0) -> Any:
    if depth > NESTING:
        return "…"
    if not isinstance(value, dict):
        return None
    for kind, found in value.items():
        if kind == "stringValue":
            return _text(found)
        if kind == "intValue":
            return _number(found, "intValue")
        if kind == "doubleValue":
            try:
                return float(found)  # also "NaN" and "Infinity", which JSON has no numbers for
            except (TypeError, ValueError):
                return None
        if kind == "boolValue":
            return bool(found)
        if kind == "bytesValue":
            try:
                return base64.b64decode(_text(found), validate=True)
            except binascii.Error:
                return _text(found)
        if kind == "arrayValue":
            return [_any(item, depth + 1) for item in _list(_object(found, kind).get("values"), kind)]
        if kind == "kvlistValue":
            pairs = _list(_object(found, kind).get("values"), kind)
            return {
                _text(pair.get("key")): _any(pair.get("value"), depth + 1) for pair in pairs if isinstance(pair, dict)
            }
    return None


def _attributes(value: Any) -> dict[str, Value]:
    found = {}
    for item in _list(value, "attributes"):
        pair = _object(item, "an attribute")
        found[_text(pair.get("key"))] = value_of(_any(pair.get("value")))
    return found


def _span(value: Any) -> RawSpan:
    found = _object(value, "a span")
    status = _object(found.get("status") or {}, "status")
    kind = _code(found.get("kind"), _KIND_NAMES, "kind")
    code = _code(status.get("code"), _STATUS_NAMES, "status.code")
    return RawSpan(
        trace_id=_id(found.get("traceId")),
        span_id=_id(found.get("spanId")),
        parent_id=_id(found.get("parentSpanId")),
        name=_text(found.get("name")),
        kind=KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
        start=_number(found.get("startTimeUnixNano"), "startTimeUnixNano"),
        end=_number(found.get("endTimeUnixNano"), "endTimeUnixNano"),
        status=_STATUS[code] if 0 <= code < len(_STATUS) else "unset",
        message=_text(status.get("message")),
        attributes=_attributes(found.get("attributes")),
        events=[
            Event(
                _number(_object(event, "an event").get("timeUnixNano"), "timeUnixNano"),
                _text(event.get("name")),
                _attributes(event.get("attributes")),
            )
            for event in _list(found.get("events"), "events")
        ],
        links=[
            Link(_id(_object(link, "a link").get("traceId"))[:16].hex(), _id(link.get("spanId"))[:8].hex())
            for link in _list(found.get("links"), "links")
        ],
        left_out=max(
            0, sum(_number(found.get(f"dropped{what}Count"), what) for what in ("Attributes", "Events", "Links"))
        ),
    )


def read(body: bytes) -> Iterator[Group]:
    """The spans of an ExportTraceServiceRequest, by resource and scope. Raises NotOtlp."""
    try:
        request = _object(msgspec.json.decode(body), "the body")
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise NotOtlp(f"the body is not JSON: {error}") from None
    for item in _list(request.get("resourceSpans"), "resourceSpans"):
        found = _object(item, "an element of resourceSpans")
        resource = _attributes(_object(found.get("resource") or {}, "resource").get("attributes"))
        for inner in _list(found.get("scopeSpans"), "scopeSpans"):
            scope = _object(inner, "an element of scopeSpans")
            name = _text(_object(scope.get("scope") or {}, "scope").get("name"))
            yield Group(resource, name, map(_span, _list(scope.get("spans"), "spans")))


def partial_success(rejected: int, message: str) -> bytes:
    """An ExportTraceServiceResponse: `{}` when nothing was refused."""
    if not rejected:
        return b"{}"
    return msgspec.json.encode({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}})


def status(code: int, message: str) -> bytes:
    """A google.rpc.Status."""
    return msgspec.json.encode({"code": code, "message": message})
