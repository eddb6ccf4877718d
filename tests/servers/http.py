"""A few HTTP helpers for talking to servers on loopback, past any proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

__all__ = ["answers", "get_json", "get_text", "post", "post_form", "send"]

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_text(url: str, *, seconds: float = 10.0) -> str:
    """The body at `url` as text; `OSError` with the server's text for a status of 400 and above."""
    return _send(urllib.request.Request(url), seconds)


def get_json(url: str, params: dict[str, str] | None = None, *, seconds: float = 30.0) -> Any:
    """The decoded JSON at `url`."""
    query = "?" + urllib.parse.urlencode(params) if params else ""
    return json.loads(get_text(url + query, seconds=seconds))


def post(url: str, body: bytes = b"", *, headers: dict[str, str] | None = None, seconds: float = 30.0) -> str:
    """POST `body` and return the body of the answer; errors as in `get_text`."""
    return send("POST", url, body, headers=headers, seconds=seconds)


def send(
    method: str, url: str, body: bytes | None = None, *, headers: dict[str, str] | None = None, seconds: float = 30.0
) -> str:
    """Any method; the body of the answer, errors as in `get_text`."""
    return _send(urllib.request.Request(url, data=body, headers=headers or {}, method=method), seconds)


def post_form(url: str, params: dict[str, str], *, seconds: float = 30.0) -> Any:
    """POST form fields and return the decoded JSON of the answer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return json.loads(post(url, urllib.parse.urlencode(params).encode(), headers=headers, seconds=seconds))


def answers(url: str) -> bool:
    """Whether `url` answers 2xx now; `OSError` when nobody listens."""
    get_text(url, seconds=2.0)
    return True


def _send(request: urllib.request.Request, seconds: float) -> str:
    """The body of the answer; a status of 400 and above is an `OSError` with the server's own words."""
    try:
        with _opener.open(request, timeout=seconds) as response:
            return str(response.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", errors="replace").strip()
        error.close()
        raise OSError(f"{request.get_method()} {request.full_url}: {error.code} {text}") from None
