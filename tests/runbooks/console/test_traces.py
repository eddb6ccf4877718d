"""The pages of traces: what they show of good and of hostile spans, and the way to them from an incident."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbooks.console.graph_picture import MOST_NODES, graph_picture
from runbooks.console.trace_views import link_traces
from tests.runbooks.console.support import Running
from tests.runbooks.console.traced import EVIL, OTHER, TRACE, lately
from watchkeeper.traces import Edge, TraceStore
from watchkeeper.traces.wire import trace_from_json


@pytest.fixture
def console(tracing: tuple[Running, TraceStore]) -> Running:
    return tracing[0]


def text(console: Running, path: str, status: int = 200) -> str:
    answer = console.client.get(path)
    assert answer.status == status, answer.text
    return answer.text


def test_the_list_has_what_fits(console: Running) -> None:
    everything = text(console, "/traces")
    assert f"/traces/{TRACE}" in everything
    assert f"/traces/{OTHER}" in everything
    failed = text(console, "/traces?errors=1&service=worker")
    assert f"/traces/{TRACE}" in failed
    assert f"/traces/{OTHER}" not in failed
    assert "No trace fits" in text(console, "/traces?seconds=1000")


def test_a_search_that_makes_no_sense_is_one_line(console: Running) -> None:
    assert "write a number, as 1.5" in text(console, "/traces?seconds=many", 400)
    assert "write a number" in text(console, "/traces?from=1e400", 400)


def test_the_page_says_what_failed_and_where_the_time_went(console: Running) -> None:
    page = text(console, f"/traces/{TRACE}")
    assert "2 failed" in page
    first = page.partition("What failed first")[2].partition("</section>")[0]
    assert "POST /tools/search" in first
    assert "status 503" in first
    assert "execute_tool search" not in first, "it failed because of the other"
    places = page.partition("Where the time went")[2].partition("</table>")[0]
    assert places.index("POST /tools/search") < places.index("chat gpt-4.1")
    assert "1,200 in, 80 out tokens" in page
    assert "cost unknown" in page


def test_nothing_that_a_span_says_is_markup(console: Running) -> None:
    for path in ("/traces", f"/traces/{TRACE}", "/traces/graph"):
        page = text(console, path)
        assert "<script>window" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;" in text(console, f"/traces/{TRACE}")


def test_the_beginning_of_an_id_leads_to_the_trace(console: Running) -> None:
    answer = console.client.get(f"/traces?id={TRACE[:9].upper()}")
    assert (answer.status, answer.headers["location"]) == (303, f"/traces/{TRACE}")
    assert TRACE in text(console, f"/traces/{TRACE[:8]}")


def test_a_trace_that_is_not_there_is_told_with_the_reasons(console: Running) -> None:
    assert "there is no trace" in text(console, f"/traces/{'e' * 32}", 404)
    assert "there is no trace" in text(console, "/traces/passwd", 404)


def test_a_long_trace_has_pages(console: Running, store: TraceStore) -> None:
    long = "c" * 32
    store.add(
        [lately("root", 0, 9, id=1, trace_id=long)]
        + [lately(f"step {n}", n / 1000, 0.001, id=n + 1, parent=1, trace_id=long) for n in range(1, 700)]
    )
    first = text(console, f"/traces/{long}")
    assert "Spans 1 to 300 of 700" in first
    assert "step 400<" not in first
    last = text(console, f"/traces/{long}?from=600")
    assert "Spans 601 to 700 of 700" in last
    assert "Spans after these" not in last


def test_the_json_of_a_trace_can_be_read_back(console: Running, store: TraceStore) -> None:
    found = json.loads(text(console, f"/api/traces/{TRACE}"))
    assert found["critical_path"][0]["name"] == "POST /tools/search"
    assert trace_from_json(found) == store.trace(TRACE)
    listed = json.loads(text(console, "/api/traces?order=slowest&limit=1"))["traces"]
    assert len(listed) == 1
    assert json.loads(text(console, "/api/traces/ffff", 404))["error"].startswith("there is no trace")


def test_numbers_that_json_does_not_have_are_texts(console: Running, store: TraceStore) -> None:
    store.add([lately("odd", trace_id="d" * 32, attributes={"n": float("nan"), "i": float("inf")})])
    found = json.loads(text(console, f"/api/traces/{'d' * 32}"))
    assert found["spans"][0]["attributes"] == {"i": "inf", "n": "nan"}


def test_the_graph_is_a_picture_and_a_table(console: Running) -> None:
    page = text(console, "/traces/graph")
    assert '<svg class="graph"' in page
    row = page.partition('<th scope="row">worker</th>')[2].partition("</tr>")[0]
    assert "tools" in row
    assert "1</b>, 100 %" in row


def test_an_incident_shows_the_traces_of_what_its_labels_name(console: Running) -> None:
    incident = console.open(labels={"tool": "search"})
    page = text(console, f"/incidents/{incident}")
    aside = page.partition('id="traces"')[2].partition("</section>")[0]
    assert "Traces of search" in aside
    assert f"/traces/{TRACE}" in aside
    assert f"/traces/{OTHER}" not in aside
    assert "operation=search" in aside


def test_a_store_that_cannot_be_read_costs_an_incident_its_traces_alone(
    console: Running, store: TraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from watchkeeper.errors import StoreError

    def fail(_: object) -> Any:
        raise StoreError("the disk is gone")

    incident = console.open(labels={"tool": "other"})
    monkeypatch.setattr(store, "search", fail)
    assert "No traces: the disk is gone" in text(console, f"/incidents/{incident}")
    assert "the disk is gone" in text(console, "/traces", 503)


@pytest.mark.parametrize(
    "line,linked",
    [
        (f"trace_id={TRACE} failed", True),
        (f'{{"traceId": "{TRACE}"}}', True),
        (f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01", True),
        (f"task {TRACE} failed", False),
        (f"trace_id={TRACE}ff", False),
    ],
)
def test_a_log_line_that_names_a_trace_leads_to_it(line: str, linked: bool) -> None:
    assert (f'<a href="/traces/{TRACE}">' in link_traces(line)) is linked


def test_a_log_line_is_escaped_around_its_link() -> None:
    assert link_traces(f"<b> trace_id={TRACE} {EVIL}").startswith("&lt;b&gt; trace_id=<a ")
    assert "<script>" not in link_traces(f"{EVIL} trace_id={TRACE} {EVIL}")


def _edge(client: str, server: str, calls: int = 1) -> Edge:
    return Edge(client=client, server=server, kind="call", calls=calls, failed=0, seconds=1, p95=1, slowest=1)


def test_a_circle_of_callers_has_a_picture() -> None:
    picture = graph_picture([_edge("a", "b"), _edge("b", "c"), _edge("c", "a"), _edge("a", "a"), _edge("a", "c")])
    assert picture.count('<g class="node') == 3
    assert picture.count('<g class="edge') == 5


def test_a_picture_has_no_more_than_can_be_read() -> None:
    picture = graph_picture([_edge("hub", f"s{n}", calls=n + 1) for n in range(100)])
    assert picture.count('<g class="node') == MOST_NODES
    assert ">s99<" in picture


def test_no_edge_is_no_picture() -> None:
    assert graph_picture([]) == ""
