"""`POST /v1/traces`: OTLP/HTTP in protobuf or JSON, into the trace store.

Answered as the OTLP specification asks: a refusal carries a google.rpc.Status in the encoding of the request, spans
that were refused among others are told as a partial success, and what can be sent again later is 503 with Retry-After.
"""

from __future__ import annotations

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from runbooks.console.bodies import read_body
from runbooks.console.intake import Intake
from runbooks.console.ports import TraceSource
from runbooks.console.state import console_of
from watchkeeper.errors import StoreError
from watchkeeper.traces import NotOtlp, TooLarge, decoding, otlp_json, protobuf

__all__ = ["receive"]

_RETRY_AFTER = "5"
# Codes of google.rpc.Code.
_INVALID, _TOO_MUCH, _UNAVAILABLE, _UNIMPLEMENTED = 3, 8, 14, 12


async def receive(request: Request) -> Response:
    """Take spans; 200 only after they are synced to disk."""
    console = console_of(request)
    store, intake = console.traces, console.intake
    if store is None:
        return PlainTextResponse("traces are not kept here: set traces.enabled in the settings\n", 404)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (decoding.PROTOBUF, decoding.JSON):
        return PlainTextResponse(f"content-type is {kind[:60]!r}: send {decoding.PROTOBUF} or {decoding.JSON}\n", 415)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        return _refused(kind, 415, _UNIMPLEMENTED, f"content-encoding is {encoding[:40]!r}: send gzip, or none")
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 12 else decoding.BODY_BYTES
    try:
        with intake.reserve(min(size, decoding.BODY_BYTES)):
            body = await read_body(request, decoding.BODY_BYTES)
            return await _store(store, intake, body, kind, encoding, console.clock())
    except HTTPException as error:
        return _refused(kind, error.status_code, _TOO_MUCH if error.status_code == 413 else _INVALID, error.detail)
    except TooLarge as error:
        return _refused(kind, 413, _TOO_MUCH, str(error))
    except NotOtlp as error:
        return _refused(kind, 400, _INVALID, f"this is no OTLP request for traces: {error}")
    except StoreError as error:  # TracesOverloaded among them; never 429, which not every sender tries again
        return _refused(kind, 503, _UNAVAILABLE, str(error))


async def _store(store: TraceSource, intake: Intake, body: bytes, kind: str, encoding: str, at: float) -> Response:
    def decode() -> decoding.Decoded:
        return decoding.decode(decoding.unpacked(body, encoding), kind, at=at, retention=store.retention)

    found = await anyio.to_thread.run_sync(decode, limiter=intake.decoding)
    too_long = await anyio.to_thread.run_sync(store.add, found.spans, limiter=intake.writing)
    store.refuse(found.refused)
    reasons = [found.reasons] if found.refused else []
    if too_long:
        reasons.append(f"{too_long}: their trace has too many spans already")
    encode = otlp_json.partial_success if kind == decoding.JSON else protobuf.partial_success
    return Response(encode(found.refused + too_long, "; ".join(reasons)), 200, media_type=kind)


def _refused(kind: str, status: int, code: int, text: str) -> Response:
    encode = otlp_json.status if kind == decoding.JSON else protobuf.status
    headers = {"retry-after": _RETRY_AFTER} if status == 503 else None
    return Response(encode(code, " ".join(text.split())), status, media_type=kind, headers=headers)
