"""Takes the pictures of the documentation from a running demo: `python docs/screenshots.py docs/images`.

It needs Debian's Chromium. The demo watches, a fault is injected, and the pictures are taken as the incident goes on.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import chromium  # noqa: E402
from watchkeeper.app.demo import open_demo  # noqa: E402
from watchkeeper.traces import Search  # noqa: E402

WIDTH, HEIGHT = 1280, 900


def shot(page: Any, url: str, file: Path, *, full: bool = False) -> None:
    """Open a page and save what a person sees of it."""
    page.goto(url)
    page.wait_for_load_state("load")
    page.screenshot(path=str(file), full_page=full)


def main(directory: Path) -> None:
    """Run the demo and take all pictures."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, chromium.launch() as browser:
        Path(data).chmod(0o755)
        with open_demo(Path(data), listen="127.0.0.1:0", seed=7) as demo:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            url = demo.loop.url
            time.sleep(20)
            shot(page, url, directory / "list.png")
            shot(page, f"{url}/demo", directory / "demo.png")
            shot(page, f"{url}/targets", directory / "targets.png")
            shot(page, f"{url}/library/agent_platform/tool-latency", directory / "runbook.png")
            demo.faults.inject("tool-latency")
            journal = demo.loop.engine.journal
            deadline = time.monotonic() + 90
            while not journal.incidents(limit=1) and time.monotonic() < deadline:
                time.sleep(0.5)
            time.sleep(15)
            incident = journal.incidents(limit=1)[0]
            shot(page, f"{url}/incidents/{incident.id}", directory / "incident.png")
            if demo.loop.traces is not None:
                slowest = demo.loop.traces.search(Search(order="slowest", limit=1))[0]
                shot(page, f"{url}/traces/{slowest.trace_id}", directory / "trace.png")
            shot(page, f"{url}/traces/graph", directory / "graph.png")
            page.emulate_media(color_scheme="dark")
            shot(page, f"{url}/incidents/{incident.id}", directory / "incident-dark.png")
            demo.faults.clear()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
