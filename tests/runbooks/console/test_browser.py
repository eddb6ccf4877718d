"""The console in Chromium: an incident from the first alert to its end, by keyboard alone; and without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runbooks.console.browsing import check_contrasts, check_structure, check_width, focused
from tests.runbooks.console.support import Running, alert

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EVIL = "\"><script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"


@pytest.fixture(scope="module")
def waiting(shared: Running) -> tuple[str, ...]:
    """The addresses of all pages of a console with an incident that waits for a person."""
    incident = shared.open(labels={"pod": "a-very-long-name-without-any-place-to-break-it-" * 4})
    shared.until_step(incident, "shift", "waiting_approval")
    paths = ("/", f"/incidents/{incident}", "/library", "/library/agent_platform/tool-slow", "/targets", "/demo")
    return tuple(shared.server.url + path for path in paths)


def test_an_incident_with_the_keyboard_alone(
    console: Running, page: Page, complaints: list[str], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    keys = page.keyboard
    page.goto(console.server.url)
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")

    # An alert arrives: the open page shows it by itself.
    assert console.client.webhook(alert()).status == 200
    expect(page.get_by_role("heading", name="1 open incident")).to_be_visible()
    page.screenshot(path=tmp_path / "list.png")
    keys.press("j")
    assert focused(page) == "Tool search answers slowly"
    keys.press("Enter")

    # The first screen: what, how bad, what was found, what next.
    expect(page.get_by_role("heading", level=1)).to_have_text("Tool search answers slowly")
    expect(page.locator(".band-chart .wide svg path.band")).to_be_visible()
    expect(page.locator("#how-bad")).to_contain_text("Now 1.9 s, expected 300 ms to 550 ms")
    expect(page.locator("#step-latency")).to_contain_text("Answered")
    expect(page.locator("#step-latency svg.chart")).to_be_visible()
    expect(page.locator("#step-all-tools table")).to_contain_text("120 ms")
    expect(page.locator("#next")).to_contain_text("echo routed search to the replica")

    # Who is it? Then the approval.
    keys.press("n")
    assert focused(page) == "next-shift-by"
    keys.type("Ada")
    keys.press("Enter")
    expect(page.locator(".who summary")).to_have_text("You are Ada")
    assert console.engine.journal.incidents()[0].status == "open"
    page.screenshot(path=tmp_path / "incident.png", full_page=True)
    keys.press("n")
    assert focused(page) == "Approve and run"
    keys.press("Enter")
    expect(page.locator("#step-shift .state")).to_have_text("Done")
    expect(page.locator("#step-shift")).to_contain_text("routed search to the replica")
    expect(page.locator("#step-after .state")).to_have_text("Answered")

    # A step that is done by hand.
    expect(page.locator("#next-title")).to_have_text("Next: Tell the users")
    keys.press("n")
    keys.type("told them")
    keys.press("Tab")
    assert focused(page) == "I have done it"
    keys.press("Enter")
    expect(page.locator("#next-title")).to_have_text("The runbook is through")

    # The alert ends: the open page says so.
    assert console.client.webhook(alert(status="resolved")).status == 200
    expect(page.locator("#top .chip").first).to_have_text("Resolved")
    expect(page.locator("#next-title")).to_have_text("Nothing to do")
    page.screenshot(path=tmp_path / "resolved.png", full_page=True)
    keys.press("u")
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    assert complaints == []


def test_all_of_it_works_without_javascript(console: Running, browser: Browser) -> None:
    from playwright.sync_api import expect

    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(console.server.url)
        page.get_by_role("link", name="Tool search answers slowly").click()
        expect(page.locator("svg path.band").first).to_be_visible()
        page.locator("#next").get_by_label("Your name").fill("Ada")
        page.locator("#next").get_by_role("button", name="Approve and run").click()
        console.until_step(incident, "shift", "succeeded")
        page.reload()
        expect(page.locator("#step-shift")).to_contain_text("routed search to the replica")
        page.get_by_role("button", name="I have it").click()
        expect(page.locator("#top .chip").first).to_have_text("Acknowledged")
        page.get_by_role("button", name="Mark as resolved").click()
        expect(page.locator("#top .chip").first).to_have_text("Resolved")
    finally:
        context.close()


def test_an_update_leaves_typed_text_focus_and_open_details_alone(
    console: Running, page: Page, complaints: list[str]
) -> None:
    from playwright.sync_api import expect

    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    page.goto(console.server.url)
    page.context.add_cookies([{"name": "watchkeeper_name", "value": "Ada", "url": console.server.url}])
    page.goto(f"{console.server.url}/incidents/{incident}")
    expect(page.locator("#live")).to_have_text("Live")
    page.locator("#step-all-tools summary").click()
    page.locator("#note-text").fill("half a sen")
    console.engine.note(incident, "from elsewhere", "Grace")
    expect(page.locator(".timeline")).to_contain_text("from elsewhere")
    assert focused(page) == "note-text"
    assert page.locator("#note-text").input_value() == "half a sen"
    expect(page.locator("#step-all-tools details pre")).to_be_visible()
    page.keyboard.type("tence")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("half a sentence")


def test_hostile_labels_run_nothing(console: Running, page: Page, complaints: list[str]) -> None:
    from playwright.sync_api import expect

    incident = console.open(tool=EVIL, annotations={"summary": EVIL, "description": EVIL, "impact": EVIL})
    console.engine.note(incident, EVIL, EVIL)
    for path in ("/", f"/incidents/{incident}"):
        page.goto(console.server.url + path)
        expect(page.locator("#main")).to_contain_text("<script>window.evil = 1</script>")
    expect(page.locator("#live")).to_have_text("Live")
    assert page.evaluate("() => window.evil") is None


def test_a_refused_action_leaves_a_live_page_with_its_own_address(
    console: Running, page: Page, complaints: list[str]
) -> None:
    from playwright.sync_api import expect

    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    page.goto(f"{console.server.url}/incidents/{incident}")
    page.evaluate("() => { document.querySelector('#next input[name=hash]').value = '0'.repeat(64); }")
    page.locator("#next").get_by_label("Your name").fill("Ada")
    with page.expect_response(lambda response: response.status == 409):
        page.locator("#next").get_by_role("button", name="Approve and run").click()
    expect(page.get_by_role("alert")).to_contain_text("look at it again")
    assert page.url == f"{console.server.url}/incidents/{incident}"
    console.engine.note(incident, "still live", "Grace")
    expect(page.locator(".timeline")).to_contain_text("still live")
    complaints.clear()  # the browser notes the status 409


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_of_a_narrow_screen(waiting: tuple[str, ...], page: Page, width: int) -> None:
    check_width(page, waiting, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(waiting: tuple[str, ...], page: Page, scheme: str) -> None:
    check_contrasts(page, waiting, scheme)


def test_every_page_can_be_walked_with_a_screen_reader(waiting: tuple[str, ...], page: Page) -> None:
    check_structure(page, waiting)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
