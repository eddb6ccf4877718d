"""Bodies of requests, read with a limit and a deadline."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

__all__ = ["FORM_BYTES", "WEBHOOK_BYTES", "read_body", "read_form"]

# A thousand alerts with long labels are below 2 MiB.
WEBHOOK_BYTES = 8 * 1024 * 1024
FORM_BYTES = 64 * 1024
_SECONDS = 20.0


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises HTTPException 413 when it is larger than `limit` bytes, 408 when it does not come."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    parts = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                parts += part
                if len(parts) > limit:
                    raise _too_large(limit)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, f"the body did not arrive within {_SECONDS:.0f} s") from None
    return bytes(parts)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of an HTML form; of a repeated one the last."""
    body = await read_body(request, FORM_BYTES)
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50, errors="strict"))
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limit // 1024} KiB")
