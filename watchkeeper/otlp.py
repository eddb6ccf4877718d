"""OTLP over HTTP: what the export of spans and the push of metrics share. It loads no OpenTelemetry itself."""

from __future__ import annotations

import gzip
from typing import Any

from watchkeeper.outbox import Outcome, Send
from watchkeeper.posting import Answer, Poster

__all__ = ["otlp_sender", "signal_url"]

_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}


def signal_url(endpoint: str, signal: str) -> str:
    """The address of a signal (`traces`, `metrics`) at an OTLP/HTTP base, which may name it already."""
    base = endpoint.rstrip("/")
    return base if base.endswith(f"/v1/{signal}") else f"{base}/v1/{signal}"


def otlp_sender(poster: Poster, response: Any, rejected: str) -> Send:
    """Sends bodies through a poster and reads the partial success of the answers.

    `response` is the message class of the answer, `rejected` the field of its partial success that counts.
    """

    def send(body: bytes) -> Outcome:
        answer = poster.post(gzip.compress(body, 6, mtime=0), _HEADERS)
        if answer.fate != "taken" or not answer.body:
            return Outcome(answer)
        return _partial(answer, response, rejected)

    return send


def _partial(answer: Answer, response: Any, rejected: str) -> Outcome:
    try:
        partial = response.FromString(answer.body).partial_success
    except Exception:  # noqa: BLE001  protobuf's own error type depends on its back end; a 2xx is a success anyway
        return Outcome(answer)
    return Outcome(answer, int(getattr(partial, rejected)), partial.error_message)
