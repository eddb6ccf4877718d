"""From a point of an incident's chart to the trace that it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from runbooks.console.ports import Band
from runbooks.records import AlertRecord
from tests.runbooks.console.support import Running, search_band
from tests.runbooks.console.traced import EVIL, OTHER, TRACE, lately, traced
from watchkeeper.clock import now
from watchkeeper.stores.exemplars import Exemplar
from watchkeeper.traces import TraceStore

METRIC = "gen_ai_execute_tool_duration_seconds_bucket"
GONE, BROKEN, EARLY = "e" * 32, "d" * 32, "c" * 32


class Bands:
    """The chart of the tests, with exemplars that a test sets."""

    exemplars: Sequence[Exemplar] = ()
    plotted = True

    def __call__(self, alert: AlertRecord, at: float) -> Band | None:
        band = search_band(alert, at)
        return None if band is None else replace(band, exemplars=self.exemplars, plotted=self.plotted)


def exemplar(trace_id: str, value: float, ago: float = 20.0, metric: str = METRIC) -> Exemplar:
    return Exemplar(metric, {"tool": "search"}, trace_id, value, now() - ago)


@pytest.fixture(scope="module")
def all_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, TraceStore, Bands]]:
    bands = Bands()
    with traced(tmp_path_factory.mktemp("exemplars"), band=bands) as (console, store):
        store.add([lately(EVIL, 0, 1, id=1, trace_id=BROKEN, error="it broke")])
        store.add([lately("GET /early", 0, 1, id=1, trace_id=EARLY)])
        yield console, store, bands


@pytest.fixture
def bands(all_: tuple[Running, TraceStore, Bands]) -> Bands:
    return all_[2]


def page(all_: tuple[Running, TraceStore, Bands], tool: str) -> tuple[str, str]:
    """The page of a new incident, and its list of traces. A tool of its own each: charts are remembered."""
    console = all_[0]
    incident = console.open(labels={"tool": tool})
    answer = console.client.get(f"/incidents/{incident}")
    assert answer.status == 200
    return answer.text, answer.text.partition('id="traces"')[2].partition("</section>")[0]


def dots(text: str, chart: str = "chart-0") -> list[str]:
    return re.findall(rf'<a class="exemplar" id="{chart}-([0-9a-f]{{32}})" href="/traces/\1" aria-label="[^"]+">', text)


def test_an_observation_is_a_dot_and_a_line_that_lead_to_its_trace(
    all_: tuple[Running, TraceStore, Bands], bands: Bands
) -> None:
    bands.exemplars, bands.plotted = [exemplar(OTHER, 0.4), exemplar(TRACE, 1.9)], True
    text, traces = page(all_, "first")
    assert dots(text) == dots(text, "chart-0-narrow") == [TRACE, OTHER]
    observed = traces.partition('aria-label="Behind the numbers">')[2].partition("</ul>")[0]
    assert observed.index(f"/traces/{TRACE}") < observed.index(f"/traces/{OTHER}"), "the slowest first"
    assert "1.9 s" in observed
    assert "of a trace of 4 s; gen_ai_execute_tool_duration_seconds<" in observed
    assert all_[0].client.get(f"/traces/{TRACE}").status == 200


def test_no_trace_is_told_twice(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    bands.exemplars, bands.plotted = [exemplar(TRACE, 1.9), exemplar(TRACE, 1.5), exemplar(TRACE, 1.2)], True
    text, traces = page(all_, "search")
    assert "execute_tool search" not in traces
    assert traces.count(f"/traces/{TRACE}") == 1
    assert dots(text) == [TRACE]


def test_a_trace_that_is_not_kept_is_no_link(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    bands.exemplars, bands.plotted = [exemplar(GONE, 1.9)], True
    text, traces = page(all_, "gone")
    assert GONE not in text
    assert "Behind the numbers" not in traces


def test_what_was_long_before_is_left_out(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    console = all_[0]
    incident = console.open(labels={"tool": "early"})
    began = console.engine.journal.incident(incident).detected_at
    bands.exemplars, bands.plotted = [exemplar(EARLY, 1.9, now() - began + 601)], True
    text = console.client.get(f"/incidents/{incident}").text
    assert not dots(text)
    assert "Behind the numbers" not in text


def test_another_unit_is_a_list_alone_with_the_failed_first(
    all_: tuple[Running, TraceStore, Bands], bands: Bands
) -> None:
    bands.exemplars, bands.plotted = [exemplar(OTHER, 3.0), exemplar(BROKEN, 0.1)], False
    text, traces = page(all_, "ratio")
    assert not dots(text)
    assert '<svg class="chart" viewBox="0 0 760 250" role="img"' in text
    observed = traces.partition('aria-label="Behind the numbers">')[2].partition("</ul>")[0]
    assert observed.index(f"/traces/{BROKEN}") < observed.index(f"/traces/{OTHER}")


def test_a_name_of_a_span_is_no_markup(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    bands.exemplars, bands.plotted = [exemplar(BROKEN, 1.0)], True
    text, _ = page(all_, "hostile")
    assert dots(text) == [BROKEN]
    assert "<script>window" not in text
    assert "<img src=x" not in text


def test_a_chart_with_links_is_no_image(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    bands.exemplars, bands.plotted = [exemplar(TRACE, 99.0), exemplar(OTHER, -99.0)], True
    text, _ = page(all_, "role")
    svg = ET.fromstring(re.findall(r"<svg class=\"chart\".*?</svg>", text)[0])
    assert svg.get("role") == "group"
    space = "{http://www.w3.org/2000/svg}"
    links = svg.findall(f"{space}a")
    assert [link.get("aria-label", "").partition(" at ")[0] for link in links] == ["1.65 min", "-99 s"] or len(
        links
    ) == 2
    hidden = svg.find(f"{space}g")
    assert hidden is not None
    assert hidden.get("aria-hidden") == "true"
    assert not hidden.findall(f".//{space}a"), "what is hidden has no link in it"
    heights = [float(circle.get("cy", "0")) for circle in svg.iter(f"{space}circle") if circle.get("class") == "point"]
    assert heights == [10.0, 226.0], "beyond the axis it stands at the edge"


def test_an_observation_that_is_a_little_higher_is_on_the_axis(
    all_: tuple[Running, TraceStore, Bands], bands: Bands
) -> None:
    bands.exemplars, bands.plotted = [exemplar(TRACE, 3.2)], True
    text, _ = page(all_, "axis")
    (height,) = re.findall(r'<circle class="point" cx="[\d.]+" cy="([\d.]+)" r="4"/>', text.partition("-narrow")[0])
    assert float(height) > 10


def test_many_observations_are_a_few_dots(all_: tuple[Running, TraceStore, Bands], bands: Bands) -> None:
    ids = [f"{number:032x}" for number in range(1, 41)]
    all_[1].add([lately("GET /many", 0, 1, id=1, trace_id=one) for one in ids])
    bands.exemplars, bands.plotted = [exemplar(one, float(number)) for number, one in enumerate(ids)], True
    text, traces = page(all_, "many")
    assert len(dots(text)) == 12
    assert dots(text)[0] == ids[-1]
    observed = traces.partition('aria-label="Behind the numbers">')[2].partition("</ul>")[0]
    assert observed.count("<li") == 5


def test_summaries_are_in_the_order_of_the_ids(tmp_path: Path) -> None:
    with traced(tmp_path) as (_, store):
        found = store.summaries([OTHER, GONE, TRACE, OTHER, "no id"])
        assert [one.trace_id for one in found] == [OTHER, TRACE]
        assert store.summaries([]) == []
