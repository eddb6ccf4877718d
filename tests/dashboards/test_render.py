"""Dashboards as JSON."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from dashboards.build import files, panel_paths, thresholds_of
from dashboards.panels import LIVE_TYPES
from dashboards.render import SCHEMA_VERSION
from dashboards.units import grafana_unit
from watchkeeper import queries as q
from watchkeeper.catalogue import Catalogue
from watchkeeper.declarations import Dashboard, Panel, PanelKind, Row
from watchkeeper.loading import load_definitions
from watchkeeper.signals import Counter, Gauge, Histogram
from watchkeeper.units import BYTES, HOURS, ONE, PERCENT, RATIO, SECONDS, TOKENS, UNIX_TIME, USD, Unit, money

CALLS = Counter("calls_total", "Calls.", labels=("code",))
AGE = Gauge("job_age_seconds", "Age.", SECONDS)
DONE = Gauge("job_done_timestamp_seconds", "When it was done.", UNIX_TIME)
DURATION = Histogram("call_duration_seconds", "Duration.", SECONDS, buckets=(0.1, 1.0))


@cache
def catalogue() -> Catalogue:
    return Catalogue.of(load_definitions(("watchkeeper.systems", "dashboards", "alerts")).definitions)


@cache
def shipped() -> dict[str, dict[str, Any]]:
    return {name: json.loads(data) for name, data in _built().items()}


def _built() -> dict[str, bytes]:
    c = catalogue()
    return files(c.dashboards.values(), c.query, thresholds_of(c.alerts.values(), c.query))


def panels_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels, those of collapsed rows included, without the rows."""
    found: list[dict[str, Any]] = []
    for panel in document["panels"]:
        found += panel["panels"] if panel["type"] == "row" else [panel]
    return found


EVERY = sorted(f"dashboards/{key}.json" for key in catalogue().dashboards)


def page(*panels: Panel, variables: tuple[str, ...] = ("job", "instance"), collapsed: bool = False) -> dict[str, Any]:
    """A dashboard of these panels, rendered."""
    dashboard = Dashboard(
        key="example_page",
        title="Example",
        system="example",
        description="An example.",
        rows=(Row(title="Row", panels=panels, collapsed=collapsed),),
        variables=variables,
    )
    document: dict[str, Any] = json.loads(files([dashboard], _query)["dashboards/example_page.json"])
    return document


def _query(reference: q.Query | str) -> q.Query:
    assert isinstance(reference, q.Query)
    return reference


def panel(query: q.Query, key: str = "calls", kind: PanelKind = "timeseries", width: int = 8) -> Panel:
    return Panel(key=key, title="Calls", queries=(query,), kind=kind, description="Calls.", width=width)


def test_the_same_definitions_give_the_same_bytes() -> None:
    c = catalogue()
    turned = files(
        reversed(tuple(c.dashboards.values())), c.query, thresholds_of(reversed(tuple(c.alerts.values())), c.query)
    )
    assert turned == _built()


@pytest.mark.parametrize("name", EVERY)
def test_a_page_is_what_grafana_12_reads(name: str) -> None:
    document = shipped()[name]
    assert document["schemaVersion"] == SCHEMA_VERSION
    assert document["uid"] and len(document["uid"]) <= 40
    assert document["timezone"] == "browser"
    assert document["refresh"] == "30s"
    assert not {"rows", "style", "sharedCrosshair", "gnetId", "hideControls", "__inputs"} & document.keys()


@pytest.mark.parametrize("name", EVERY)
def test_panels_are_alive_and_have_identifiers_and_places_of_their_own(name: str) -> None:
    document = shipped()[name]
    panels = panels_of(document)
    numbers = [panel["id"] for panel in (*document["panels"], *panels)]
    assert {panel["type"] for panel in panels} <= LIVE_TYPES
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(isinstance(number, int) for number in numbers)
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells


@pytest.mark.parametrize("name", EVERY)
def test_every_target_has_a_letter_an_expression_and_the_chosen_source(name: str) -> None:
    for panel in panels_of(shipped()[name]):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == ["A", "B", "C", "D"][: len(letters)]
        for target in panel["targets"]:
            assert target["expr"]
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("name", EVERY)
def test_every_panel_says_what_it_shows_in_a_unit(name: str) -> None:
    for panel in panels_of(shipped()[name]):
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("name", EVERY)
def test_a_link_leads_to_a_dashboard_that_is_built(name: str) -> None:
    known = {document["uid"] for document in shipped().values()}
    for link in shipped()[name]["links"]:
        if link["type"] == "link":
            assert link["url"].removeprefix("/d/") in known


def test_every_system_has_a_dashboard_and_a_row_of_the_overview() -> None:
    drawn = {dashboard.system for dashboard in catalogue().dashboards.values()}
    assert set(catalogue().systems) <= drawn
    overview = {panel.key.rpartition("/")[2] for panel in catalogue().dashboards["overview"].panels()}
    for system in catalogue().systems:
        assert any(key.startswith(system.replace("_", "-")) for key in overview), system


def test_rates_take_the_readers_range() -> None:
    (made,) = panels_of(page(panel(q.rate(CALLS))))
    assert made["targets"][0]["expr"] == 'rate(calls_total{job=~"$job", instance=~"$instance"}[$__rate_interval])'


def test_a_variable_is_narrowed_by_those_before_it() -> None:
    source, job, instance = page(panel(q.rate(CALLS)))["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert job["definition"] == "label_values(calls_total, job)"
    assert instance["definition"] == 'label_values(calls_total{job=~"$job"}, instance)'
    assert job["includeAll"] and job["multi"] and job["allValue"] == ".*"


def test_a_page_without_variables_leaves_its_queries_as_they_are() -> None:
    document = page(panel(q.value(AGE)), variables=())
    assert panels_of(document)[0]["targets"][0]["expr"] == "job_age_seconds"
    assert [variable["name"] for variable in document["templating"]["list"]] == ["datasource"]


def test_a_histogram_is_narrowed_as_well() -> None:
    (made,) = panels_of(page(panel(q.quantile(0.95, DURATION, by=())), variables=("instance",)))
    assert 'call_duration_seconds_bucket{instance=~"$instance"}' in made["targets"][0]["expr"]


def test_a_point_in_time_is_given_in_milliseconds() -> None:
    (made,) = panels_of(page(panel(q.value(DONE)), variables=()))
    assert made["targets"][0]["expr"] == "1000 * (job_done_timestamp_seconds)"
    assert made["fieldConfig"]["defaults"]["unit"] == "dateTimeAsIso"


def test_an_identifier_stays_when_a_panel_is_put_before_it() -> None:
    alone = panels_of(page(panel(q.rate(CALLS), "calls")))
    moved = panels_of(page(panel(q.value(AGE), "age"), panel(q.rate(CALLS), "calls")))
    assert alone[0]["id"] == moved[1]["id"]


def test_the_panels_of_a_collapsed_row_stand_inside_it() -> None:
    (row,) = page(panel(q.rate(CALLS)), collapsed=True)["panels"]
    assert row["type"] == "row" and row["collapsed"] and len(row["panels"]) == 1


def test_the_bound_of_the_alert_is_drawn() -> None:
    memory = next(p for p in panels_of(shipped()["dashboards/redis.json"]) if p["title"] == "Memory of maxmemory")
    assert memory["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"color": "green", "value": None},
        {"color": "red", "value": 0.9},
    ]


def test_a_lower_bound_is_red_below() -> None:
    inodes = next(p for p in panels_of(shipped()["dashboards/host.json"]) if p["title"] == "Inodes free")
    assert inodes["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"color": "red", "value": None},
        {"color": "green", "value": 0.03},
    ]


def test_a_panel_has_an_address_of_its_own() -> None:
    path = panel_paths(catalogue().dashboards.values())["redis/up"]
    number = int(path.partition("viewPanel=")[2])
    assert path.startswith("/d/watchkeeper-redis/redis?viewPanel=")
    assert number in {panel["id"] for panel in panels_of(shipped()["dashboards/redis.json"])}


@pytest.mark.parametrize(
    "unit, name",
    [
        (ONE, "short"),
        (RATIO, "percentunit"),
        (PERCENT, "percent"),
        (SECONDS, "s"),
        (BYTES, "bytes"),
        (BYTES / SECONDS, "binBps"),
        (ONE / SECONDS, "ops"),
        (TOKENS, "suffix: tokens"),
        (USD, "currencyUSD"),
        (money("CHF"), "suffix: CHF"),
        (USD / HOURS, "suffix: USD/h"),
        (BYTES * SECONDS, "short"),
    ],
)
def test_a_unit_of_ours_is_one_of_grafanas(unit: Unit, name: str) -> None:
    assert grafana_unit(unit) == name
