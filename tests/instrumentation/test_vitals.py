"""Web vitals: what a real browser measures arrives as metrics, and what anybody else sends does no harm."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from examples.servers.process import free_port, wait_until
from tests.instrumentation.conftest import Difference
from watchkeeper.instrumentation import REGISTRY
from watchkeeper.instrumentation.vitals import WebVitals, web_vitals

if TYPE_CHECKING:
    from playwright.sync_api import Page

LCP = "web_vitals_largest_contentful_paint_seconds"
PAGE = """<!doctype html><title>Shop</title><script src="/watchkeeper/vitals.js" defer></script>
<h1>Orders</h1><button onclick="const end = performance.now() + 60; while (performance.now() < end);">work</button>
<script>setTimeout(() => document.querySelector('h1').insertAdjacentHTML('beforebegin',
  '<div style="height:300px">late</div>'), 700)</script>"""


def _event(name: object, value: object, path: str = "/orders/7") -> dict[str, Any]:
    kind = "doubleValue" if isinstance(value, int | float) else "stringValue"
    attributes = [
        {"key": "browser.web_vital.name", "value": {"stringValue": name}},
        {"key": "browser.web_vital.value", "value": {kind: value}},
        {"key": "url.path", "value": {"stringValue": path}},
    ]
    return {"eventName": "browser.web_vital", "attributes": attributes}


def _request(*events: dict[str, Any]) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": events}]}]}).encode()


@pytest.fixture
def vitals() -> WebVitals:
    return web_vitals(["/", "/orders/{id}"])


def test_values_become_seconds_of_the_page_that_was_declared(vitals: WebVitals, difference: Difference) -> None:
    assert vitals.receive(_request(_event("lcp", 1800), _event("CLS", 0.2))) == ""
    assert difference(f"{LCP}_sum", page="/orders/{id}") == pytest.approx(1.8)
    assert difference("web_vitals_cumulative_layout_shift_sum", page="/orders/{id}") == pytest.approx(0.2)


def test_pages_that_are_not_declared_make_no_series(vitals: WebVitals, difference: Difference) -> None:
    vitals.receive(_request(*(_event("lcp", 1000, f"/made/up/{number}") for number in range(20))))
    assert difference(f"{LCP}_count", page="other") == 20


def test_other_events_are_left_alone(vitals: WebVitals) -> None:
    assert vitals.receive(_request({"eventName": "session.start", "attributes": []})) == ""


@pytest.mark.parametrize(
    "body, reason",
    [
        (b"", "not_otlp"),
        (b"[]", "not_otlp"),
        (b'{"resourceLogs": 7}', "not_otlp"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{}]}]}]}]}', "not_otlp"),
        (b"[" * 60_000, "not_otlp"),
        (_request(_event("lcp", "fast")), "not_a_vital"),
        (_request(_event("made_up", 1)), "not_a_vital"),
        (_request(_event("lcp", -1)), "impossible_value"),
        (_request(_event("lcp", 1e300)), "impossible_value"),
        (_request(_event("lcp", 10**4000)), "impossible_value"),
        (b'{"resourceLogs": null}', "not_otlp"),
        (_request(_event("lcp", 7)).replace(b"7", b"NaN"), "impossible_value"),
        (_request(_event("lcp", 7)).replace(b'"doubleValue": 7', b'"intValue": "' + b"9" * 5000 + b'"'), "not_otlp"),
        (_request(*[_event("lcp", 1)] * 51), "too_many"),
        (None, "too_large"),
    ],
)
def test_what_is_no_vital_is_refused_with_a_reason(vitals: WebVitals, body: bytes | None, reason: str) -> None:
    assert vitals.receive(body) == reason


def test_over_http_a_refusal_is_400_and_counted(difference: Difference) -> None:
    client = TestClient(Starlette(routes=[Mount("/watchkeeper", web_vitals())]))
    assert client.post("/watchkeeper/v1/logs", content=_request(_event("inp", 80))).status_code == 200
    assert client.post("/watchkeeper/v1/logs", content=b"x" * 70_000).status_code == 400
    assert client.get("/watchkeeper/v1/logs").status_code == 404
    assert difference("web_vitals_refused_total", reason="too_large") == 1
    assert difference("web_vitals_interaction_to_next_paint_seconds_count", page="other") == 1


def test_a_page_of_another_origin_may_send_when_it_is_allowed() -> None:
    app = web_vitals(origins=["https://shop.example/"])
    client = TestClient(Starlette(routes=[Mount("/watchkeeper", app)]))
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/watchkeeper/v1/logs", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    sent = client.post("/watchkeeper/v1/logs", content=_request(_event("inp", 80)), headers=asked)
    assert sent.headers["access-control-allow-origin"] == "https://shop.example"
    for origin in ("https://evil.example", "null", ""):
        refused = client.options("/watchkeeper/v1/logs", headers={**asked, "Origin": origin})
        assert refused.status_code == 404
        assert "access-control-allow-origin" not in refused.headers


def test_a_parameter_may_span_several_parts_of_a_path(difference: Difference) -> None:
    app = web_vitals(["/files/{rest:path}", "/orders/{id:int}"])
    app.receive(_request(_event("lcp", 1000, "/files/a/b"), _event("lcp", 1000, "/orders/7")))
    assert difference(f"{LCP}_count", page="/files/{rest:path}") == 1
    assert difference(f"{LCP}_count", page="/orders/{id:int}") == 1


def test_the_script_has_no_body_for_head_and_a_websocket_is_closed() -> None:
    client = TestClient(Starlette(routes=[Mount("/watchkeeper", web_vitals())]))
    assert client.head("/watchkeeper/vitals.js").content == b""
    assert b"sendBeacon" in client.get("/watchkeeper/vitals.js").content
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/watchkeeper/v1/logs"):
        pass


@contextmanager
def _shop() -> Iterator[str]:
    app = Starlette(
        routes=[
            Route("/orders/{id}", lambda request: HTMLResponse(PAGE)),
            Mount("/watchkeeper", web_vitals(["/orders/{id}"])),
        ]
    )
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the shop to answer")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def test_a_real_browser_measures_all_four(page: Page, difference: Difference) -> None:
    with _shop() as url:
        page.goto(f"{url}/orders/7")
        page.wait_for_selector("text=late")
        page.click("button")
        page.wait_for_timeout(300)  # the frame after the interaction must be painted before the page is left
        page.goto("about:blank")
        counted = {"page": "/orders/{id}"}
        wait_until(lambda: REGISTRY.get_sample_value(f"{LCP}_count", counted), seconds=20, what="the beacon")
    assert difference(f"{LCP}_count", **counted) == 1
    assert 0 < difference(f"{LCP}_sum", **counted) < 60
    assert difference("web_vitals_cumulative_layout_shift_sum", **counted) > 0
    assert difference("web_vitals_time_to_first_byte_seconds_count", **counted) == 1
    # The click kept the page from painting for 60 ms.
    assert 0.05 <= difference("web_vitals_interaction_to_next_paint_seconds_sum", **counted) < 60
