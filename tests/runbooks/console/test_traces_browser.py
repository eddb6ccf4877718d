"""The pages of traces in Chromium: readable, walkable by keyboard, and whole without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.runbooks.console.browsing import check_contrasts, check_structure, check_width, focused
from tests.runbooks.console.support import Running
from tests.runbooks.console.traced import TRACE, lately, traced

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEEP = "d" * 32


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with traced(tmp_path_factory.mktemp("traces")) as (found, store):
        long = "a-very-long-name-without-any-place-to-break-it-" * 4
        store.add([lately(long, n / 10, 2, id=n, parent=n - 1, trace_id=DEEP, service=long) for n in range(1, 30)])
        yield found


@pytest.fixture(scope="module")
def pages(console: Running) -> tuple[str, ...]:
    incident = console.open(labels={"tool": "search"})
    paths = ("/traces", f"/traces/{TRACE}", f"/traces/{DEEP}", "/traces/graph", f"/incidents/{incident}")
    return tuple(console.server.url + path for path in paths)


def test_a_trace_with_the_keyboard_alone(console: Running, page: Page, complaints: list[str]) -> None:
    from playwright.sync_api import expect

    page.goto(f"{console.server.url}/traces?errors=1")
    page.keyboard.press("j")
    assert focused(page).startswith("POST /tasks")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("POST /tasks")
    expect(page.get_by_role("heading", name="What failed first")).to_be_visible()
    for _ in range(3):
        page.keyboard.press("j")
    assert "chat gpt-4.1" in focused(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("gen_ai.usage.input_tokens")).to_be_visible()
    assert page.evaluate("() => window.evil") is None
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1)).to_have_text("Traces")


def test_it_works_without_javascript(console: Running, browser: Browser) -> None:
    from playwright.sync_api import expect

    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{console.server.url}/traces")
    page.get_by_label("Trace id, or its beginning").fill(TRACE[:12])
    page.get_by_role("button", name="Open").click()
    page.get_by_role("link", name="POST /tools/search").click()
    assert page.url.endswith("#span-0000000000000005")
    page.locator("#span-0000000000000005 summary").click()
    expect(page.locator("#span-0000000000000005")).to_contain_text("status 503")
    context.close()


def test_a_bar_stands_where_its_span_ran(console: Running, page: Page) -> None:
    page.goto(f"{console.server.url}/traces/{TRACE}")
    whole = page.locator("#span-0000000000000001 svg.bar").bounding_box()
    part = page.locator("#span-0000000000000004 svg.bar rect").first.bounding_box()
    assert whole is not None
    assert part is not None
    assert (part["x"] - whole["x"]) / whole["width"] == pytest.approx(1.3 / 4, abs=0.01)
    assert part["width"] / whole["width"] == pytest.approx(2.5 / 4, abs=0.01)


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_sticks_out_of_a_narrow_screen(pages: tuple[str, ...], page: Page, width: int) -> None:
    check_width(page, pages, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(pages: tuple[str, ...], page: Page, scheme: str) -> None:
    check_contrasts(page, pages, scheme)


def test_every_page_can_be_walked_with_a_screen_reader(pages: tuple[str, ...], page: Page) -> None:
    check_structure(page, pages)


def test_the_browser_has_nothing_to_complain_about(pages: tuple[str, ...], page: Page, complaints: list[str]) -> None:
    for url in pages:
        page.goto(url)
        page.wait_for_load_state("load")
