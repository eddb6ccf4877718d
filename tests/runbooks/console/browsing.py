"""What the tests in a browser share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["check_contrasts", "check_structure", "check_width", "focused"]


def focused(page: Page) -> str:
    """What has the focus, in words."""
    return str(page.evaluate("() => (document.activeElement.innerText || document.activeElement.id || '').trim()"))


def check_width(page: Page, urls: Iterable[str], width: int) -> None:
    """Nothing sticks out of a screen of this width."""
    page.set_viewport_size({"width": width, "height": 844})
    for url in urls:
        page.goto(url)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, url


def check_contrasts(page: Page, urls: Iterable[str], scheme: str) -> None:
    """All text can be read, `light` or `dark`: 4.5 is the contrast that WCAG 2.1 asks of normal text (1.4.3)."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for url in urls:
        page.goto(url)
        assert page.evaluate(_CONTRASTS) == [], url


def check_structure(page: Page, urls: Iterable[str]) -> None:
    """What a screen reader walks by: one heading of the page, ids that are unique, a label for each field."""
    for url in urls:
        page.goto(url)
        assert page.locator("h1").count() == 1, url
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert sorted(ids) == sorted(set(ids)), url
        fields = page.locator("input:not([type=hidden]), select, textarea")
        assert all(fields.nth(index).evaluate("(one) => one.labels.length") for index in range(fields.count())), url


# Texts whose contrast with what is behind them is below 4.5, with that contrast.
_CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.checkVisibility()) continue;
    if (parent.closest("svg, .skip, :disabled")) continue;
    const [a, b] = [light(parse(getComputedStyle(parent).color)), light(behind(parent))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${walker.currentNode.data.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return found;
}"""
