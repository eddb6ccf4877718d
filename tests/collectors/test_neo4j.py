"""Neo4j exposes its own metrics: what is declared is compared with recorded pages, read the way a target is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collectors.families import Family
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, parsed, silent_port, target
from tests.servers.stub import RECORDED, Reply, recorded, stub
from watchkeeper.systems.neo4j import SIGNALS, SYSTEM

PAGES = ("neo4j-4.4", "neo4j-5.11")


def _page(name: str) -> dict[str, Family]:
    return parsed((RECORDED / "neo4j" / f"{name}.prom").read_text())


def _labels(family: Family) -> set[tuple[str, ...]]:
    return {tuple(label for label, value in pairs if value and label != "quantile") for _, pairs, _ in family.points}


def test_every_declared_signal_is_on_a_recorded_page_and_every_one_there_is_declared() -> None:
    found = {name for page in PAGES for name in _page(page)}
    assert found == {signal.name for signal in SIGNALS}


@pytest.mark.parametrize("page", PAGES)
def test_kinds_and_labels_are_those_of_the_server(page: str) -> None:
    declared = {signal.name: signal for signal in SIGNALS}
    for name, family in _page(page).items():
        assert family.kind == declared[name].kind, name
        assert _labels(family) == {declared[name].labels}, name


def test_each_signal_says_which_version_has_it() -> None:
    requires = {
        page: {s.name for s in SIGNALS if version in (s.requires or "")}
        for page, version in zip(PAGES, ("4.x", "5"), strict=True)
    }
    for page in PAGES:
        assert _page(page).keys() == requires[page]


@pytest.mark.parametrize("page", PAGES)
def test_a_target_is_read_with_the_names_of_the_server(page: str) -> None:
    with stub({"/metrics": recorded(f"neo4j/{page}.prom")}) as server:
        sidecar = Sidecar([target("n", "neo4j", f"{server.url}/metrics", labels={"instance": "graph-1"})])
        families: Mapping[str, Family] = by_name(sidecar.read("n").families)
        text = sidecar.scrape().decode()
        sidecar.close()
    assert families.keys() == _page(page).keys()
    heap = "neo4j_dbms_vm_heap_used" if page == "neo4j-5.11" else "neo4j_vm_heap_used"
    assert f'{heap}{{instance="graph-1"}} ' in text
    assert 'watchkeeper_target_up{target="n",target_system="neo4j"} 1.0' in text


def test_a_server_that_is_gone_hangs_or_wants_a_login_is_down() -> None:
    with stub({"/metrics": Reply.of({}, 401)}) as server, silent_port() as port:
        for url, said in (
            ("http://127.0.0.1:1/metrics", "connection refused"),
            (f"{server.url}/metrics", "401"),
            (f"{server.url}/nothing", "404"),
            (f"http://127.0.0.1:{port}/metrics", "no answer"),
        ):
            sidecar = Sidecar([target("n", "neo4j", url, timeout=0.5)])
            reading = sidecar.read("n")
            sidecar.close()
            assert not reading.up and said in (reading.error or ""), url


def test_the_system_says_that_no_live_server_was_seen() -> None:
    assert SYSTEM.collected == "theirs" and "recorded" in SYSTEM.tested_against
