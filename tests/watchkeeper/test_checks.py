"""Each kind of defect is seeded into a user's definition file, and must be reported at its line (marked `# HERE`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from watchkeeper.checks import RULES, check
from watchkeeper.declarations import RunbookStep
from watchkeeper.findings import Finding
from watchkeeper.loading import load_definitions
from watchkeeper.settings import parse

GOOD = """
from watchkeeper import queries as q
from watchkeeper.declarations import SLO, Alert, Dashboard, Detector, NamedQuery, Panel, Row, System
from watchkeeper.signals import Counter, Gauge, Polarity
from watchkeeper.units import BYTES, SECONDS

DEPTH = Gauge("shop_queue_messages", help="Messages waiting.", labels=("queue",))
MEMORY = Gauge("shop_memory_bytes", help="Memory in use.", unit=BYTES)
SALES = Counter("shop_sales_total", help="Sales.", labels=("country",))
SYSTEM = System(
    key="shop",
    title="Shop",
    summary="The shop.",
    collected="application",
    tested_against="nothing",
    signals=(DEPTH, MEMORY, SALES),
)
QUERIES = (NamedQuery(key="shop.depth", title="Depth", query=q.sum_by(DEPTH, "queue")),)
DASHBOARD = Dashboard(
    key="shop",
    title="Shop",
    system="shop",
    description="The shop.",
    rows=(
        Row(
            title="All",
            panels=(
                Panel(
                    key="depth",
                    title="Depth",
                    description="Messages waiting.",
                    queries=("shop.depth",),
                    legend="{{queue}}",
                    threshold_of="ShopQueueDeep",
                ),
            ),
        ),
    ),
)
ALERTS = (
    Alert(
        name="ShopQueueDeep",
        system="shop",
        query="shop.depth",
        threshold=100,
        hold="5m",
        severity="warning",
        summary="Queue {{ $labels.queue }} is deep",
        description="It holds {{ $value }} messages.",
        runbook="shop/queue-deep",
        panel="shop/depth",
        source="measured",
    ),
)
DETECTORS = (
    Detector(
        key="shop.depth",
        system="shop",
        title="Depth",
        query="shop.depth",
        polarity=Polarity.HIGH_IS_BAD,
        summary="The queue is deeper than at this hour",
        runbook="shop/queue-deep",
        panel="shop/depth",
        source="measured",
    ),
)
SLOS = (
    SLO(
        name="ShopSales",
        system="shop",
        title="Sales",
        bad=q.sum_by(q.rate(SALES.where(country=""))),
        total=q.sum_by(q.rate(SALES)),
        objective=0.99,
        runbook="shop/queue-deep",
        panel="shop/depth",
        source="agreed",
    ),
)
"""


@dataclass(frozen=True)
class Head:
    key: str = "shop/queue-deep"
    title: str = "Queue deep"
    path: str = "queue-deep.md"
    heads: tuple[RunbookStep, ...] = (RunbookStep("depth", "query", 12, ("shop.depth",), ("shop_queue_messages",)),)


def findings(directory: Path, text: str, heads: tuple[Head, ...] = (Head(),), settings: str = "") -> list[Finding]:
    (directory / "shop.py").write_text(text)
    loaded = load_definitions((), directory=directory, runbooks=heads)
    return [*loaded.findings, *check(loaded.definitions, parse(settings))]


def test_a_good_catalogue_has_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, GOOD) == []


DEFECTS = [
    ("unknown-query", '        query="shop.depth",', '        query="shop.dept",  # HERE', "Did you mean shop.depth"),
    (
        "unknown-query",
        'queries=("shop.depth",)',
        'queries=("shop.deep",)  # HERE',
        "panel shop/depth: no query has the key 'shop.deep'",
    ),
    (
        "unknown-signal",
        "query=q.sum_by(DEPTH",
        'query=q.sum_by(  # HERE\n    Gauge("shop_queue_message", help="x", labels=("queue",))',
        "which no system declares. Did you mean shop_queue_messages",
    ),
    (
        "unknown-signal",
        'query=q.sum_by(DEPTH, "queue")',
        'query=q.PromQL("sum by (queue) (shop_queue_mesages)", text_labels=frozenset({"queue"}))  # HERE',
        "PromQL text uses shop_queue_mesages",
    ),
    ("unknown-runbook", 'runbook="shop/queue-deep"', 'runbook="shop/queue-deeper"  # HERE', "no runbook has the key"),
    ("unknown-panel", 'panel="shop/depth"', 'panel="shop/dept"  # HERE', "Did you mean shop/depth"),
    (
        "unknown-alert",
        'threshold_of="ShopQueueDeep"',
        'threshold_of="ShopQueueDip"  # HERE',
        "Did you mean ShopQueueDe",
    ),
    ("unknown-system", 'system="shop",\n        query', 'system="shopp",  # HERE\n        query', "Did you mean shop"),
    ("no-source", 'source="measured"', 'source=" "  # HERE', "say where it comes from"),
    ("legend-label", '"{{queue}}"', '"{{que}}"  # HERE', "names 'que', which no query"),
    ("template-label", "labels.queue }} is deep", "labels.que }} is deep", "its query has queue"),
    ("no-threshold", "threshold=100", "threshold=None  # HERE", "must be a condition"),
    (
        "panel-units",
        'queries=("shop.depth",)',
        'queries=("shop.depth", q.sum_by(MEMORY))  # HERE',
        "one panel, one unit",
    ),
    (
        "short-range",
        "q.rate(SALES)",
        'q.rate(SALES, "30s")  # HERE',
        "fewer than 4 samples at a scrape interval of 15s: write at least 1m",
    ),
    ("target-label", 'query=q.sum_by(DEPTH, "queue")', 'query=q.sum_by(DEPTH, "queue", "pod")  # HERE', "'pod'"),
    (
        "duplicate",
        "QUERIES = (",
        'QUERIES = (\n    NamedQuery(key="shop.depth", title="x", query=q.sum_by(DEPTH)),  # HERE\n    ',
        "declared 2 times",
    ),
    ("not-loadable", "    Alert(", '    Alert(hould="5m",  # HERE', "unexpected keyword argument"),
    ("not-loadable", "q.sum_by(DEPTH", "q.rate(DEPTH  # HERE\n", "is a gauge: write deriv"),
    ("not-loadable", "import Counter, Gauge", "import Counter Gauge  # HERE", "SyntaxError"),
]


@pytest.mark.parametrize("code, old, new, message", DEFECTS, ids=lambda value: str(value)[:20])
def test_a_seeded_defect_is_reported_at_its_line(tmp_path: Path, code: str, old: str, new: str, message: str) -> None:
    assert old in GOOD
    marked = GOOD.replace(old, new, 1)
    text = marked.replace("  # HERE", "")
    reported = [finding for finding in findings(tmp_path, text) if finding.code == code]
    assert [finding for finding in reported if message in finding.message], reported
    lines = [number for number, line in enumerate(marked.splitlines(), 1) if "# HERE" in line]
    if lines:
        assert any(abs(finding.line - lines[0]) <= (code == "not-loadable") for finding in reported), reported
    assert all(finding.file == str(tmp_path / "shop.py") for finding in reported)


def test_a_metric_name_with_two_owners_is_reported_at_the_second(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(
        "from watchkeeper.declarations import System\n"
        "from watchkeeper.signals import Gauge\n"
        'SYSTEM = System(key="other", title="x", summary="x", collected="ours", tested_against="x", signals=(\n'
        '    Gauge("shop_memory_bytes", help="Another.", origin="x"),\n'
        "))\n"
    )
    reported = [finding for finding in findings(tmp_path, GOOD) if finding.code == "duplicate-signal"]
    assert "belongs to other already" in reported[0].message


def test_a_system_without_dashboard_and_alerts_is_a_warning(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("DASHBOARD =")]
    reported = {finding.message for finding in findings(tmp_path, text, ()) if finding.severity == "warning"}
    assert reported == {
        "system shop has no dashboard: write dashboards/shop.py",
        "system shop has no alert or detector: write alerts/shop.py",
    }


def test_the_steps_of_a_runbook_must_resolve_at_their_line(tmp_path: Path) -> None:
    head = Head(heads=(RunbookStep("depth", "query", 12, ("shop.dept",), ("shop_queue",)),))
    reported = {(finding.code, finding.file, finding.line) for finding in findings(tmp_path, GOOD, (head,))}
    assert reported == {("unknown-query", "queue-deep.md", 12), ("unknown-signal", "queue-deep.md", 12)}


def test_a_runbook_that_nothing_leads_to_is_a_warning(tmp_path: Path) -> None:
    reported = findings(tmp_path, GOOD, (Head(), Head(key="shop/other", path="other.md", heads=())))
    assert [(finding.severity, finding.code) for finding in reported] == [("warning", "unused-runbook")]


@pytest.mark.parametrize(
    "settings, code",
    [
        ("alerts: {ShopQueueDip: {threshold: 5}}", "unknown-override"),
        ("alerts: {ShopQueueDeep: {runbook: shop/none}}", "unknown-runbook"),
        ("detectors: {shop.dept: {enabled: false}}", "unknown-override"),
    ],
)
def test_an_override_of_what_does_not_exist_is_reported(tmp_path: Path, settings: str, code: str) -> None:
    assert [finding.code for finding in findings(tmp_path, GOOD, settings=settings)] == [code]


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    reported = findings(tmp_path, GOOD)
    assert [(Path(finding.file).name, finding.line) for finding in reported] == [("broken.py", 1)]


def test_every_rule_says_what_it_proves() -> None:
    assert all(proves for _, proves in RULES.values())
