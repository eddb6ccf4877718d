"""Likely causes on the page of an incident: for somebody who was woken by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runbooks.console.ports import LikelyCause, LikelyCauses
from runbooks.records import AlertRecord
from tests.runbooks.console.browsing import check_contrasts, check_structure, check_width
from tests.runbooks.console.support import Running, running
from watchkeeper.clock import now

if TYPE_CHECKING:
    from playwright.sync_api import Page

SINCE = 1_769_850_000.0  # 2026-01-31T09:00:00Z
PAYMENTS = LikelyCause(
    component="payments",
    title="Duration of a service's calls, POST /charge",
    why="rose to 4 s since 09:00 UTC (usually 173 ms ± 8.2 ms), 464 times its normal distance; shop depends on it",
    score=0.6,
)
SEARCH = LikelyCause(
    component="search", title="p95 tool latency", why="part of it comes from payments", score=0.3, own=True
)
FOUND = LikelyCauses(
    since=SINCE,
    causes=(PAYMENTS, SEARCH),
    changes=("payments: version 1.4 → 1.5 (08:52 UTC, 8 min before)",),
    note="2 of 30 queries gave no answer in time: more may have moved.",
)


class Source:
    """Gives what a test has put there."""

    def __init__(self) -> None:
        self.found: LikelyCauses | None = FOUND
        self.asked: list[AlertRecord] = []

    def __call__(self, alert: AlertRecord) -> LikelyCauses | None:
        self.asked.append(alert)
        return self.found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Source, str]]:
    source = Source()
    with running(tmp_path_factory.mktemp("causes"), causes=source) as found:
        yield found, source, f"/incidents/{found.open(labels={'tool': 'search'})}"


def words(served: tuple[Running, Source, str], found: LikelyCauses | None) -> str:
    console, source, path = served
    source.found = found
    return console.client.get(path).words


def test_the_likeliest_comes_first_with_its_reason_and_what_was_changed(served: tuple[Running, Source, str]) -> None:
    text = words(served, FOUND)
    causes = text[text.index("Likely causes") :]
    assert causes.index("payments : Duration") < causes.index("464 times") < causes.index("search where it shows")
    assert "Changed shortly before payments: version 1.4 → 1.5 (08:52 UTC, 8 min before)" in causes
    assert "2 of 30 queries gave no answer in time" in causes
    assert "where to look first, not proof" in causes


def test_while_it_is_looked_for_the_page_says_so(served: tuple[Running, Source, str]) -> None:
    text = words(served, LikelyCauses(since=SINCE, pending=True))
    assert "Looking at what else left its normal at 09:00:00 UTC" in text
    assert "not proof" not in text


def test_where_there_is_not_enough_to_say_only_that_is_said(served: tuple[Running, Source, str]) -> None:
    text = words(served, LikelyCauses(since=SINCE, note="Only search is watched there."))
    assert "Likely causes Only search is watched there." in text
    assert "Changed shortly before" not in text


def test_where_nothing_can_be_asked_there_is_no_such_part(served: tuple[Running, Source, str]) -> None:
    assert "Likely causes" not in words(served, None)


def test_without_a_source_there_is_no_such_part(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        assert "Likely causes" not in console.client.get(f"/incidents/{console.open()}").words


def test_what_series_are_called_is_escaped(served: tuple[Running, Source, str]) -> None:
    console, source, path = served
    evil = LikelyCause(component="<script>alert(1)</script>", title="<b>", why="<i>", score=1.0)
    source.found = LikelyCauses(since=SINCE, causes=(evil,), changes=("<u>",), note="<em>")
    page = console.client.get(path).text
    assert "&lt;script&gt;alert(1)" in page
    assert not any(f"{tag}" in page for tag in ("<script>alert", "<u>", "<em>", "<i>"))


def test_the_part_can_be_read_on_any_screen(
    served: tuple[Running, Source, str], page: Page, complaints: list[str]
) -> None:
    console, source, path = served
    source.found = FOUND
    urls = [f"{console.server.url}{path}"]
    check_structure(page, urls)
    for width in (360, 1280):
        check_width(page, urls, width)
    for scheme in ("light", "dark"):
        check_contrasts(page, urls, scheme)


def test_what_was_looked_for_appears_by_itself(
    served: tuple[Running, Source, str], page: Page, complaints: list[str]
) -> None:
    from playwright.sync_api import expect

    console, source, path = served
    source.found = LikelyCauses(since=now(), pending=True)
    page.goto(f"{console.server.url}{path}")
    part = page.get_by_role("region", name="Likely causes")
    expect(part).to_contain_text("Looking at what else")
    source.found = FOUND
    expect(part).to_contain_text("payments", timeout=15_000)
