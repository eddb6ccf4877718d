"""Who may ask: hosts, origins, and the headers of every answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.console.security import host_allowed, same_origin, token_matches
from tests.runbooks.console.support import Running, alert, running


@pytest.mark.parametrize(
    "host", ["localhost:8787", "127.0.0.1", "[::1]:8787", "10.1.2.3:8787", "[2001:db8::1]", "LOCALHOST"]
)
def test_names_of_this_machine_and_addresses_are_ours(host: str) -> None:
    assert host_allowed(host, {"localhost"})


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8787", "127.0.0.1.evil.example", "[::1", "a@localhost.b"]
)
def test_other_names_are_not(host: str) -> None:
    assert not host_allowed(host, {"localhost"})


def test_a_name_that_was_bound_to_this_machine_is_refused(shared: Running) -> None:
    answer = shared.client.get("/", host="evil.example:8787")
    assert answer.status == 421
    assert "console_url" in answer.text


def test_the_names_of_the_settings_are_ours(tmp_path: Path) -> None:
    with running(tmp_path, hosts=["ops-1"], console_url="https://console.example.org/") as console:
        assert console.client.get("/", host="ops-1:8787").status == 200
        assert console.client.get("/", host="console.example.org").status == 200
        assert console.client.get("/", host="example.org").status == 421


def test_machines_may_use_whatever_name_they_know(shared: Running) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert shared.client.get(path, host="watchkeeper:8787").status == 200


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}])
def test_a_page_of_somebody_else_cannot_send_webhooks(shared: Running, headers: dict[str, str]) -> None:
    answer = shared.client.ask("POST", "/webhooks/alertmanager", b"{}", **headers)
    assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_form_of_another_page_does_nothing(console: Running, headers: dict[str, str]) -> None:
    incident = console.open()
    answer = console.client.post(f"/incidents/{incident}/acknowledge", {"by": "Ada"}, **headers)
    assert answer.status == 403
    assert console.engine.journal.incident(incident).status == "open"


@pytest.mark.parametrize(
    "headers,expected",
    [
        ({"sec-fetch-site": "same-origin", "host": "a"}, True),
        ({"origin": "http://a:1", "host": "a:1"}, True),
        ({"origin": "http://a:2", "host": "a:1"}, False),
        ({"host": "a"}, True),
    ],
)
def test_same_origin(headers: dict[str, str], expected: bool) -> None:
    assert same_origin(headers) is expected


def test_a_missing_cookie_matches_no_token() -> None:
    assert not token_matches(None, "")
    assert not token_matches("", "")


@pytest.mark.parametrize("path", ["/", "/library", "/static/console.js", "/healthz", "/nothing", "/api/incidents"])
def test_every_answer_carries_the_headers(shared: Running, path: str) -> None:
    headers = shared.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"


def test_pages_need_nothing_from_elsewhere_and_have_no_inline_code(console: Running) -> None:
    incident = console.open()
    for path in ("/", f"/incidents/{incident}", "/library", "/library/agent_platform/tool-slow", "/targets", "/demo"):
        text = console.client.get(path).text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text
        assert 'src="http' not in text and 'href="http' not in text


def test_cookies_are_for_our_own_pages_alone(console: Running) -> None:
    cookie = console.client.get("/").headers["set-cookie"].lower()
    assert "samesite=strict" in cookie and "httponly" in cookie


def test_a_reflected_path_is_escaped(console: Running) -> None:
    console.client.webhook(alert())
    answer = console.client.get("/library/%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status == 404
    assert "<script>alert" not in answer.text


def test_a_form_that_is_too_large_is_refused(console: Running) -> None:
    incident = console.open()
    answer = console.client.post(f"/incidents/{incident}/note", {"by": "Ada", "text": "x" * 100_000})
    assert answer.status == 413
