"""Likely causes as `explain` prints them, and as a page gets them without waiting."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from detectors.causes import Cause, Causes, Onset
from detectors.rootcause.ranking import Change
from tests.app.detect_stores import asked, write_store
from tests.app.test_detect_explain import explain
from tests.app.three_services import Shop, write_shop
from tests.servers import free_port, wait_until
from watchkeeper.app.causes import Desk, Surroundings, onset_of
from watchkeeper.app.load import load_everything, load_settings
from watchkeeper.app.loop import Loop
from watchkeeper.catalogue import Catalogue
from watchkeeper.errors import StoreError
from watchkeeper.loading import load_definitions
from watchkeeper.settings import Settings, parse
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

AT = 1_000 * 86_400.0


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of(load_definitions().definitions)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return write_shop(tmp_path_factory.mktemp("shop"))


def deviation(**changes: Any) -> Any:
    labels = {"service_name": "shop", "span_name": "GET /shop", "detector": "traces.duration", "severity": "warning"}
    values = {"kind": "deviation", "name": "traces.duration", "labels": labels, "starts_at": AT, "fingerprint": "f1"}
    return SimpleNamespace(**{**values, **changes})


# -- explain --


def test_explain_ranks_the_cause_upstream_first_with_what_was_changed(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert explain(shop, "traces.duration", "service_name=shop", "--at", shop.at) == 1  # type: ignore[arg-type]
    printed = " ".join(capsys.readouterr().out.split())
    causes = printed[printed.index("Likely causes") :]
    assert causes.startswith("Likely causes 1. payments: Duration of a service's calls, POST /charge rose to 4")
    assert "restart 8 min before it" in causes
    assert "3. shop (where it shows): Duration" in causes
    assert "changed payments:9000 of payments: restart (" in causes
    assert "redis: redis version 7.2.3 → 7.2.4 (" in causes
    assert "next watchkeeper runbook show traces/slow" in causes


def test_explain_tells_the_same_as_json(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("traces.duration", "service_name=shop", "--at", shop.at, "--config", shop.config)
    code, found = asked(capsys, "explain", *words)
    likely = found["likely_causes"]
    assert code == 1
    assert likely["of"] == "shop"
    assert [one["component"] for one in likely["candidates"]] == ["payments", "cart", "shop"]
    assert {"at": shop.deployed, "component": "payments:9000", "text": "restart"} in likely["changes"]
    assert likely["looked_at"]["calls"] == 2


def test_without_traces_the_settings_say_who_calls_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = "calls: {shop: [cart], cart: [payments]}\n"
    shop = write_shop(tmp_path, settings=calls, graph=False)
    words = ("traces.duration", "service_name=shop", "--at", shop.at, "--config", shop.config)
    _, found = asked(capsys, "explain", *words)
    assert found["likely_causes"]["candidates"][0]["component"] == "payments"
    assert found["likely_causes"]["note"] == ""


def test_where_there_is_not_enough_to_say_explain_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = write_store(tmp_path)
    code, found = asked(capsys, "explain", "redis.memory", "--at", world.at, "--config", world.config)
    assert code == 1
    assert "is far from its normal: look at a:6379 itself" in found["likely_causes"]["note"]
    assert "Who calls whom is not known" in found["likely_causes"]["note"]


def test_what_is_well_has_no_causes(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = asked(capsys, "explain", "redis.memory", "--at", shop.at, "--config", shop.config)
    assert code == 0
    assert found["likely_causes"] is None


# -- for pages --


class Slow:
    """Finds what it is told to, when it is let."""

    def __init__(self, *found: Causes | Exception) -> None:
        self.asked: list[Onset] = []
        self.go = threading.Event()
        self._found = list(found)

    def find(self, onset: Onset) -> Causes:
        self.asked.append(onset)
        assert self.go.wait(10)
        found = self._found.pop(0) if len(self._found) > 1 else self._found[0]
        if isinstance(found, Exception):
            raise found
        return found


def causes(**changes: Any) -> Causes:
    one = Cause(component="payments", signal="traces.duration", title="Duration", score=0.6, why="rose to 4 s")
    restart = Change(AT - 480, "payments:9000", "restart", meant=False, of="payments")
    values: dict[str, Any] = {"candidates": (one,), "changes": (restart,), "settled": True}
    return Causes(component="shop", since=AT, **{**values, **changes})


@pytest.fixture
def desk(catalogue: Catalogue) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(finder: Slow, **options: Any) -> Desk:
        found = Desk(finder, catalogue, Settings(**options.pop("settings", {})), clock=lambda: AT + 900, **options)
        made.append(found)
        found.start()
        return found

    yield make
    for one in made:
        one.stop()


def test_a_page_does_not_wait_and_each_question_is_asked_once(desk: Callable[..., Desk]) -> None:
    finder = Slow(causes())
    found = desk(finder)
    assert found(deviation()).pending
    assert found(deviation()).pending
    finder.go.set()
    wait_until(lambda: not found(deviation()).pending, seconds=10)
    shown = found(deviation())
    assert [one.component for one in shown.causes] == ["payments"]
    assert shown.changes[0].startswith("payments:9000 of payments: restart (")
    assert len(finder.asked) == 1
    assert finder.asked[0].labels == {"service_name": "shop", "span_name": "GET /shop"}


def test_what_is_not_settled_is_asked_anew_and_shown_meanwhile(desk: Callable[..., Desk]) -> None:
    finder = Slow(causes(settled=False, note="early"), causes(note="late"))
    finder.go.set()
    found = desk(finder, settings={"pace": 1e9})
    found._again = 0.0
    wait_until(lambda: found(deviation()).note == "early", seconds=10)
    wait_until(lambda: found(deviation()).note == "late", seconds=10)
    assert len(finder.asked) == 2


def test_a_store_that_fails_is_told_and_the_desk_goes_on(desk: Callable[..., Desk]) -> None:
    finder = Slow(StoreError("connection refused"), ValueError("a defect"), causes())
    finder.go.set()
    found = desk(finder)
    wait_until(lambda: "connection refused" in found(deviation()).note, seconds=10)
    other = deviation(fingerprint="f2")
    wait_until(lambda: "see the log" in found(other).note, seconds=10)
    third = deviation(fingerprint="f3")
    wait_until(lambda: bool(found(third).causes), seconds=10)


def test_what_waits_is_bounded(desk: Callable[..., Desk]) -> None:
    finder = Slow(causes())
    found = desk(finder)
    for number in range(100):
        assert found(deviation(fingerprint=str(number))).pending
    assert len(found._under_way) <= 21
    finder.go.set()


def test_an_alert_began_before_it_fired(catalogue: Catalogue) -> None:
    labels = {"job": "redis", "instance": "a:6379", "alertname": "RedisMemoryHigh", "severity": "warning"}
    alert = deviation(kind="alert", name="RedisMemoryHigh", labels=labels)
    onset = onset_of(catalogue, Settings(), alert, AT + 60)
    assert onset.system == "redis"
    assert onset.since < AT
    assert (onset.labels["instance"], onset.detector) == ("a:6379", "")


def test_an_alert_of_somebody_else_is_asked_for_by_its_service(catalogue: Catalogue) -> None:
    alert = deviation(kind="alert", name="TheirAlert", labels={"service": "shop", "team": "a", "severity": "page"})
    onset = onset_of(catalogue, Settings(), alert, AT + 60)
    assert (onset.labels, onset.since) == ({"service": "shop"}, AT)


def test_bills_have_no_causes_among_metrics(catalogue: Catalogue) -> None:
    assert onset_of(catalogue, Settings(), deviation(name="bills.daily_cost"), AT) is None


def test_calls_are_those_of_service_graphs_and_of_the_settings(catalogue: Catalogue) -> None:
    labels = {"client": "shop", "server": "cart"}
    settings = parse("calls: {cart: [payments]}\n")
    with EmbeddedStore(None, clock=lambda: AT) as store:
        store.write([Sample("traces_service_graph_request_total", labels, 1.0, AT - 60)])
        around = Surroundings(catalogue, settings, store, clock=lambda: AT)
        assert around.calls_lately() == [("shop", "cart"), ("cart", "payments")]


# -- all of it --


@pytest.mark.long
def test_up_shows_them_on_the_page_of_a_deviation(tmp_path: Path) -> None:
    shop = write_shop(tmp_path)
    settings = load_settings(shop.config)
    loop = Loop(load_everything(settings), listen=f"127.0.0.1:{free_port()}")
    try:
        loop.start()
        incident = _wait_for_incident(loop.url)
        wait_until(lambda: "Changed shortly before" in _get(f"{loop.url}/incidents/{incident}"), seconds=30)
        page = _get(f"{loop.url}/incidents/{incident}")
    finally:
        loop.stop()
    listed = page[page.index('id="causes"') :]
    # Whether it is told of one service or of all at once, and of which then: the cause comes first.
    assert listed.index("<b>payments</b>") < min(listed.index(f"<b>{one}</b>") for one in ("cart", "shop"))
    assert "payments:9000 of payments: restart" in listed


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _wait_for_incident(url: str) -> str:
    def found() -> str:
        listed = json.loads(_get(f"{url}/api/incidents"))
        rows = listed["incidents"] if isinstance(listed, dict) else listed
        return next((str(one["id"]) for one in rows if "longer than usual" in one["title"]), "")

    return str(wait_until(found, seconds=60))
