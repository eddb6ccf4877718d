"""The system's Chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from examples.servers.process import ServerError, find_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["PACKAGE", "available", "chromium_executable", "launch"]

PACKAGE = "chromium"

# Without these Chromium looks up and calls its maker's hosts at every start.
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_executable() -> str | None:
    """The program to run: the one that CHROMIUM names, or the first of the usual names on the search path."""
    named = os.environ.get("CHROMIUM")
    found = find_program(*([named] if named else ["chromium", "chromium-browser", "google-chrome"]))
    return None if found is None else str(found)


def available() -> str | None:
    """Why Chromium cannot be started here, or None."""
    if chromium_executable() is None:
        return f"Chromium is not installed (Debian package {PACKAGE}; CHROMIUM names another program)"
    return None


@contextlib.contextmanager
def launch() -> Iterator[Browser]:
    """Start a headless browser with an empty profile.

    Playwright's synchronous driver keeps an event loop running in this thread: `asyncio.run` fails in it
    meanwhile.
    """
    from playwright.sync_api import sync_playwright

    executable = chromium_executable()
    if executable is None:
        raise ServerError(available())
    # Chromium's sandbox refuses to run as root.
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(_FLAGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=flags)
        try:
            yield browser
        finally:
            browser.close()
