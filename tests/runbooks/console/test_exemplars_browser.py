"""The points of an incident's chart in Chromium: links for the keyboard, without JavaScript too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from runbooks.console.ports import Band
from runbooks.records import AlertRecord
from tests.runbooks.console.support import search_band
from tests.runbooks.console.traced import OTHER, TRACE, traced
from watchkeeper.clock import now
from watchkeeper.stores.exemplars import Exemplar

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

METRIC = "gen_ai_execute_tool_duration_seconds_bucket"


def band(alert: AlertRecord, at: float) -> Band | None:
    found = search_band(alert, at)
    if found is None:
        return None
    exemplars = [Exemplar(METRIC, {}, TRACE, 1.9, now() - 60), Exemplar(METRIC, {}, OTHER, 0.4, now() - 600)]
    return replace(found, exemplars=exemplars, plotted=True)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with traced(tmp_path_factory.mktemp("exemplars"), band=band) as (console, _):
        incident = console.open(labels={"tool": "search"})
        yield f"{console.server.url}/incidents/{incident}"


def test_a_point_is_a_link_for_the_keyboard(address: str, page: Page, complaints: list[str]) -> None:
    from playwright.sync_api import expect

    page.goto(address)
    figure = page.get_by_role("figure", name="95th percentile")
    links = figure.get_by_role("link")
    expect(links).to_have_count(2)  # the chart for the other width of screen is not there
    links.first.focus()
    page.keyboard.press("Tab")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/traces/{TRACE}")


def test_it_works_without_javascript(address: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("figure", name="95th percentile").get_by_role("link", name="400 ms at").click()
    page.wait_for_url(f"**/traces/{OTHER}")
    context.close()
