"""The documentation works: the tutorial loads and is clean, what is generated is up to date, links lead somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchkeeper.app.reference import pages
from watchkeeper.checks import check
from watchkeeper.declarations import RunbookStep
from watchkeeper.loading import load_definitions
from watchkeeper.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@dataclass(frozen=True)
class Head:
    key: str = "jobserver/jobs-fail"
    title: str = "Jobs fail"
    path: str = "jobs-fail.md"
    heads: tuple[RunbookStep, ...] = ()


def test_the_tutorial_loads_and_is_clean(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        (tmp_path / f"step{number}.py").write_text(block)
    loaded = load_definitions((), directory=tmp_path, runbooks=(Head(),))
    assert [*loaded.findings, *check(loaded.definitions, Settings())] == []
    assert len(loaded.definitions.alerts) == len(loaded.definitions.detectors) == 1


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_generated_reference_is_up_to_date(name: str) -> None:
    page = ROOT / "docs" / "reference" / name
    assert page.exists(), "run `make generate`"
    assert page.read_text(encoding="utf-8") == pages()[name], "run `make generate`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [
        link
        for link in links
        if not link.startswith(("http://", "https://", "mailto:")) and not (page.parent / link).exists()
    ]
    assert missing == []


def test_what_a_signal_requires_is_a_sentence_of_its_own() -> None:
    glued = [line for text in pages().values() for line in text.splitlines() if re.search(r"\.Requires ", line)]
    assert glued == []
    assert " Requires Redis 7.4 or later." in pages()["systems/redis.md"]
