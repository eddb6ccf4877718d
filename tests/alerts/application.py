"""A process that does a little work under `watchkeeper.instrumentation`, again and again.

python application.py PORT OTLP_ENDPOINT LOG
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

import tenacity
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from watchkeeper.instrumentation import configure_tracing, expose, http_client, http_server
from watchkeeper.instrumentation.resilience import bulkhead, count_timeouts, fallback, watch_breaker, watch_tenacity
from watchkeeper.instrumentation.sampling import Sampling
from watchkeeper.instrumentation.vitals import web_vitals

__all__ = ["main"]

_VITALS = {"lcp": 900, "inp": 80, "cls": 0.02, "ttfb": 120}
# Seconds
_PAUSE = 0.2


def main(port: int, endpoint: str, log: Path) -> None:
    """Expose metrics on a port, send traces to an endpoint and write to a log, until the process is ended."""
    expose(port)
    configure_tracing("shop", endpoint, sampling=Sampling(ratio=0.5))
    browser = TestClient(Starlette(routes=[Mount("/watchkeeper", web_vitals(["/orders/{id}"]))]))
    # Once, so that their series are there: a healthy service has none of them all the time.
    _fail()
    browser.post("/watchkeeper/v1/logs", content=b"no vitals")
    watch_breaker("stock").moved("closed")
    places = bulkhead("stock", limit=4)
    tracer = trace.get_tracer("shop")
    while True:
        with http_server("GET", "/orders/{id}") as request, places, tracer.start_as_current_span("look up"):
            with http_client("GET", "stock") as call:
                call.status = 200
            request.status = 200
        browser.post("/watchkeeper/v1/logs", content=_report())
        with log.open("a") as file:
            file.write("INFO order 7 was looked up\n")
        time.sleep(_PAUSE)


def _fail() -> None:
    """One failure of each kind that resilience patterns know."""

    @tenacity.retry(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_fixed(0.01), reraise=True)
    def order() -> None:
        raise ConnectionError("refused")

    @fallback("stock", lambda: 0)
    def stock() -> int:
        raise ConnectionError("refused")

    with contextlib.suppress(ConnectionError):
        watch_tenacity("order", order)()
    stock()
    with contextlib.suppress(TimeoutError), count_timeouts("stock"):
        raise TimeoutError


def _report() -> bytes:
    events = [
        {
            "eventName": "browser.web_vital",
            "attributes": [
                {"key": "browser.web_vital.name", "value": {"stringValue": name}},
                {"key": "browser.web_vital.value", "value": {"doubleValue": value}},
                {"key": "url.path", "value": {"stringValue": "/orders/7"}},
            ],
        }
        for name, value in _VITALS.items()
    ]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": events}]}]}).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
