"""OTLP traces in protobuf, read and answered without protobuf's library: `up` needs nothing besides the base install.

Field numbers are those of opentelemetry-proto 1.x (trace/v1/trace.proto, common/v1/common.proto, resource/v1 and the
collector's trace_service.proto). Unknown fields are skipped, as protobuf asks for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from watchkeeper.traces.errors import NotOtlp
from watchkeeper.traces.limits import NESTING
from watchkeeper.traces.model import KINDS, Event, Link, Value
from watchkeeper.traces.raw import Group, RawSpan, value_of

__all__ = ["partial_success", "read", "status"]

_DOUBLE = struct.Struct("<d")
_STATUS = ("unset", "ok", "error")

Field = tuple[int, int, Any]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[place]
        place += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
        if shift > 63:
            raise NotOtlp("a number has more than 64 bits")


def _fields(data: bytes) -> Iterator[Field]:
    """(number, wire type, value) of a message: an int for numbers of any width, bytes for the rest. Raises NotOtlp."""
    place, end = 0, len(data)
    try:
        while place < end:
            tag = data[place]
            place += 1
            if tag >= 0x80:
                tag, place = _varint(data, place - 1)
            wire = tag & 7
            if wire == 2:
                size = data[place]
                place += 1
                if size >= 0x80:
                    size, place = _varint(data, place - 1)
                stop = place + size
                if stop > end:
                    raise NotOtlp("a field is longer than its message")
                yield tag >> 3, 2, data[place:stop]
                place = stop
            elif wire == 0:
                number = data[place]
                place += 1
                if number >= 0x80:
                    number, place = _varint(data, place - 1)
                yield tag >> 3, 0, number
            elif wire in (1, 5):
                stop = place + (8 if wire == 1 else 4)
                if stop > end:
                    raise NotOtlp("a field is longer than its message")
                yield tag >> 3, wire, int.from_bytes(data[place:stop], "little")
                place = stop
            else:
                raise NotOtlp(f"wire type {wire} is not one of protobuf 3")
    except IndexError:
        raise NotOtlp("a message ends in the middle of a field") from None


def _text(value: Any) -> str:
    if type(value) is not bytes:
        raise NotOtlp("a text is sent as a number")
    return value.decode("utf-8", errors="replace")


def _message(value: Any) -> bytes:
    if type(value) is not bytes:
        raise NotOtlp("a message is sent as a number")
    return value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise NotOtlp("a number is sent as a text")
    return value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _any(data: bytes, depth: int = 0) -> Any:
    if depth > NESTING:
        return "…"
    found: Any = None
    for number, _, value in _fields(data):
        if number == 1:
            found = _text(value)
        elif number == 2:
            found = bool(_number(value))
        elif number == 3:
            found = _signed(_number(value))
        elif number == 4:
            found = _DOUBLE.unpack(_number(value).to_bytes(8, "little"))[0]
        elif number == 5:
            found = [_any(_message(item), depth + 1) for inner, _, item in _fields(_message(value)) if inner == 1]
        elif number == 6:
            found = dict(_pair(_message(item), depth + 1) for inner, _, item in _fields(_message(value)) if inner == 1)
        elif number == 7:
            found = _message(value)
    return found


def _pair(data: bytes, depth: int = 0) -> tuple[str, Any]:
    key, value = "", None
    for number, _, item in _fields(data):
        if number == 1:
            key = _text(item)
        elif number == 2:
            value = _any(_message(item), depth)
    return key, value


def _attribute(data: Any) -> tuple[str, Value]:
    key, value = _pair(_message(data))
    return key, value if type(value) in (str, int) else value_of(value)


def _event(data: bytes) -> Event:
    at, name, attributes = 0, "", {}
    for number, _, value in _fields(data):
        if number == 1:
            at = _number(value)
        elif number == 2:
            name = _text(value)
        elif number == 3:
            key, found = _attribute(value)
            attributes[key] = found
    return Event(at, name, attributes)


def _link(data: bytes) -> Link:
    trace = span = b""
    for number, _, value in _fields(data):
        if number == 1:
            trace = _message(value)
        elif number == 2:
            span = _message(value)
    return Link(trace[:16].hex(), span[:8].hex())


def _status_of(data: bytes) -> tuple[str, str]:
    message, code = "", 0
    for number, _, value in _fields(data):
        if number == 2:
            message = _text(value)
        elif number == 3:
            code = _number(value)
    return _STATUS[code] if code < len(_STATUS) else "unset", message


def _span(data: bytes) -> RawSpan:
    span = RawSpan()
    for number, _, value in _fields(data):
        if number == 9:
            key, found = _attribute(value)
            span.attributes[key] = found
        elif number == 1:
            span.trace_id = _message(value)
        elif number == 2:
            span.span_id = _message(value)
        elif number == 4:
            span.parent_id = _message(value)
        elif number == 5:
            span.name = _text(value)
        elif number == 6:
            kind = _number(value)
            span.kind = KINDS[kind] if kind < len(KINDS) else KINDS[0]
        elif number == 7:
            span.start = _number(value)
        elif number == 8:
            span.end = _number(value)
        elif number == 11:
            span.events.append(_event(_message(value)))
        elif number == 13:
            span.links.append(_link(_message(value)))
        elif number == 15:
            span.status, span.message = _status_of(_message(value))
        elif number in (10, 12, 14):
            span.left_out += min(_number(value), 1 << 32)
    return span


def _attributes(data: bytes) -> dict[str, Value]:
    return dict(_attribute(value) for number, _, value in _fields(data) if number == 1)


def _scope_name(data: bytes) -> str:
    return next((_text(value) for number, _, value in _fields(data) if number == 1), "")


def read(body: bytes) -> Iterator[Group]:
    """The spans of an ExportTraceServiceRequest, by resource and scope. Raises NotOtlp."""
    for number, _, value in _fields(body):
        if number == 1:
            yield from _resource_spans(_message(value))
        elif number == 0:
            raise NotOtlp("a field has the number 0, which protobuf does not have")


def _resource_spans(data: bytes) -> Iterator[Group]:
    resource: dict[str, Value] = {}
    scopes = []
    for number, _, value in _fields(data):
        if number == 1:
            resource = _attributes(_message(value))
        elif number == 2:
            scopes.append(_message(value))
    # The resource is known before its spans are read, wherever in the message it stands.
    for scope in scopes:
        name, spans = "", []
        for number, _, value in _fields(scope):
            if number == 1:
                name = _scope_name(_message(value))
            elif number == 2:
                spans.append(_message(value))
        yield Group(resource, name, (_span(span) for span in spans))


def _encoded(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def partial_success(rejected: int, message: str) -> bytes:
    """An ExportTraceServiceResponse: empty when nothing was refused."""
    if not rejected:
        return b""
    text = message.encode()
    inner = b"\x08" + _encoded(rejected) + b"\x12" + _encoded(len(text)) + text
    return b"\x0a" + _encoded(len(inner)) + inner


def status(code: int, message: str) -> bytes:
    """A google.rpc.Status, which OTLP/HTTP asks for in the body of every refusal."""
    text = message.encode()
    return b"\x08" + _encoded(code) + b"\x12" + _encoded(len(text)) + text
