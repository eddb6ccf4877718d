"""The chart of an incident: the exemplars of the metrics that its query reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from runbooks.records import AlertRecord
from watchkeeper.app.charts import Charts
from watchkeeper.app.load import load_everything
from watchkeeper.catalogue import Catalogue
from watchkeeper.errors import StoreError
from watchkeeper.settings import Settings
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.stores.exemplars import Exemplar, ExemplarStore

AT = 1_795_000_000.0
TRACE, OTHER = "a" * 32, "b" * 32
SHOP = {"service_name": "shop", "span_name": "GET /"}
SLOW = {"span_kind": "SPAN_KIND_SERVER", "status_code": "STATUS_CODE_UNSET"}
SPANS, TOOLS = "traces_span_metrics_duration_seconds", "gen_ai_execute_tool_duration_seconds"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_everything(Settings()).catalogue


@pytest.fixture(scope="module")
def store() -> EmbeddedStore:
    """Half an hour in which each call of the shop takes between 5 and 10 s, and every second one of a tool fails."""
    found = EmbeddedStore(None, clock=lambda: AT)
    for number in range(61):
        at = AT - 1800 + 30 * number
        samples = [
            Sample(f"{SPANS}_bucket", {**SHOP, **SLOW, "le": le}, count * number, at)
            for le, count in (("5.0", 0), ("10.0", 10), ("+Inf", 10))
        ]
        for error in ("", "timeout"):
            labels = {"gen_ai_tool_name": "search", "gen_ai_agent_name": "x", "error_type": error}
            samples.append(Sample(f"{TOOLS}_count", labels, 10 * number, at))
        found.write(samples)
    return found


@pytest.fixture
def kept() -> ExemplarStore:
    found = ExemplarStore(clock=lambda: AT)
    tool = {"gen_ai_tool_name": "search", "gen_ai_agent_name": "x", "error_type": "timeout", "le": "1.0"}
    found.write(
        [
            Exemplar(f"{SPANS}_bucket", {**SHOP, **SLOW, "le": "10.0"}, TRACE, 7.0, AT - 60),
            Exemplar(f"{SPANS}_bucket", {**SHOP, **SLOW, "span_name": "GET /other", "le": "10.0"}, OTHER, 8.0, AT - 60),
            Exemplar(f"{SPANS}_bucket", {**SHOP, **SLOW, "le": "5.0"}, OTHER, 1.0, AT - 40_000),
            Exemplar(f"{TOOLS}_bucket", tool, TRACE, 0.6, AT - 60),
            Exemplar(f"{TOOLS}_bucket", {**tool, "gen_ai_tool_name": "sql"}, OTHER, 0.6, AT - 60),
        ]
    )
    return found


def band(catalogue: Catalogue, store: EmbeddedStore, exemplars: Any, name: str, labels: Mapping[str, str]) -> Any:
    alert = AlertRecord(
        incident_id="i",
        fingerprint="f",
        kind="alert",
        source="rules",
        name=name,
        status="firing",
        severity="warning",
        labels={**labels, "alertname": name, "severity": "warning"},
        annotations={},
        starts_at=AT - 300,
        ends_at=None,
        last_seen_at=AT,
        generator_url="",
    )
    return Charts(catalogue, store, None, Settings(), exemplars).band(alert, AT)


def test_a_percentile_has_the_observations_of_its_series(
    catalogue: Catalogue, store: EmbeddedStore, kept: ExemplarStore
) -> None:
    found = band(catalogue, store, kept, "ServiceSlow", SHOP)
    assert [(one.trace_id, one.value) for one in found.exemplars] == [(TRACE, 7.0)]
    assert found.plotted


def test_a_ratio_of_counts_has_those_of_the_buckets_without_a_place(
    catalogue: Catalogue, store: EmbeddedStore, kept: ExemplarStore
) -> None:
    found = band(catalogue, store, kept, "AgentToolErrors", {"gen_ai_tool_name": "search"})
    assert [one.trace_id for one in found.exemplars] == [TRACE]
    assert not found.plotted


def test_without_exemplars_the_chart_is_the_same(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = band(catalogue, store, None, "ServiceSlow", SHOP)
    assert not found.exemplars
    assert len(found.observed)


def test_a_store_that_cannot_be_asked_costs_the_chart_nothing(
    catalogue: Catalogue, store: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Away:
        def exemplars(self, metrics: Sequence[str], labels: Mapping[str, str], start: float, end: float) -> Any:
            raise StoreError("it is away")

    with caplog.at_level(logging.WARNING):
        assert len(band(catalogue, store, Away(), "ServiceSlow", SHOP).observed)
    assert "has no exemplars: it is away" in caplog.text
