"""Exemplars from an application to the sidecar's own OpenMetrics and to what the scrape loop keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, UnknownMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from collectors.encoding import Encoder, encode
from collectors.exposition import COLLECTOR, Parser
from collectors.families import Exemplar, Family
from collectors.loop import ScrapeLoop
from collectors.runtime import Sidecar
from tests.collectors.helpers import application, by_name, target
from watchkeeper.clock import monotonic, now
from watchkeeper.errors import TargetError
from watchkeeper.instrumentation.metrics import Exposition, expose
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.stores.exemplars import ExemplarStore

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Odd:
    """Kinds that prometheus-client has no instrument for."""

    def collect(self) -> Iterator[object]:
        sizes = GaugeHistogramMetricFamily("sizes", "Sizes.", labels=["a"])
        sizes.add_metric(["b"], [("1.0", 2), ("+Inf", 3)], 4)
        yield sizes
        yield UnknownMetricFamily("mystery", "Nobody knows.", value=1)


@pytest.fixture
def registry() -> CollectorRegistry:
    """One of everything, in two series each; observations of a trace."""
    found = CollectorRegistry()
    calls = Counter("calls", 'Calls, "all".', ["path"], registry=found)
    took = Histogram("took_seconds", "Took.", ["path"], registry=found)
    waited = Summary("waited_seconds", "Waited.", ["path"], registry=found)
    for path in ("/a", '/b" # {x="} 1'):
        calls.labels(path).inc(3, {"trace_id": TRACE})
        took.labels(path).observe(0.3, {"trace_id": TRACE, "span": 'a} "b" # {c'})
        waited.labels(path).observe(2)
    Gauge("depth", "Depth.", registry=found).set(1e9)
    Info("build", "Build.", registry=found).info({"version": "1"})
    Enum("state", "State.", states=["on", "off"], registry=found).state("on")
    found.register(Odd())  # type: ignore[arg-type]
    return found


def understood(text: bytes) -> dict[str, Family]:
    return by_name(Parser().parse(text.decode(), openmetrics=True))


def test_openmetrics_gives_the_families_of_the_text(registry: CollectorRegistry) -> None:
    from_text = by_name(Parser().parse(generate_latest(registry).decode()))
    from_openmetrics = understood(openmetrics(registry))  # type: ignore[no-untyped-call]
    assert from_openmetrics.keys() == from_text.keys()
    for name, one in from_text.items():
        other = from_openmetrics[name]
        assert (other.kind, other.help, sorted(other.points)) == (one.kind, one.help, sorted(one.points)), name


def test_exemplars_stay_beside_their_samples(registry: CollectorRegistry) -> None:
    families = understood(openmetrics(registry))  # type: ignore[no-untyped-call]
    (first, second) = families["took_seconds"].exemplars
    assert first.name == "took_seconds_bucket"
    assert dict(first.pairs) == {"path": "/a", "le": "0.5"}
    assert dict(first.labels) == {"trace_id": TRACE, "span": 'a} "b" # {c'}
    assert first.value == 0.3
    assert first.time == pytest.approx(now(), abs=60)
    assert dict(second.pairs)["path"] == '/b" # {x="} 1'
    assert [(one.name, one.value) for one in families["calls_total"].exemplars] == [("calls_total", 3.0)] * 2
    assert not families["waited_seconds"].exemplars


def test_what_the_sidecar_passes_on_has_the_same_exemplars(registry: CollectorRegistry) -> None:
    families = understood(openmetrics(registry)).values()  # type: ignore[no-untyped-call]
    # Beside the times of creation, counters are `unknown` there, which have no exemplars.
    given = [one for one in families if not one.name.endswith("_created")]
    again = encode(given, (("shop", "x"),), openmetrics=True)
    # prometheus-client says whether it is OpenMetrics.
    passed = {
        (sample.name, frozenset(one.labels.items()), one.value, float(one.timestamp))
        for family in text_string_to_metric_families(again.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if (one := sample.exemplar) is not None
    }
    sent = {(one.name, frozenset(one.labels), one.value, one.time) for family in given for one in family.exemplars}
    assert passed == sent
    assert {name for name, *_ in passed} == {"took_seconds_bucket", "calls_total"}


def test_the_text_format_leaves_them_out(registry: CollectorRegistry) -> None:
    families = list(understood(openmetrics(registry)).values())  # type: ignore[no-untyped-call]
    assert TRACE not in encode(families).decode()


def test_an_exemplar_of_an_earlier_scrape_is_not_told_again() -> None:
    text = '# TYPE a histogram\na_bucket{le="1.0"} 2%s\na_bucket{le="+Inf"} 2\n# EOF\n'
    parser, encoder = Parser(), Encoder()
    first = parser.parse(text % f' # {{trace_id="{TRACE}"}} 0.5 1.5', openmetrics=True)
    second = parser.parse(text % "", openmetrics=True)
    assert TRACE in encoder.text(first, openmetrics=True)
    assert TRACE not in encoder.text(second, openmetrics=True)
    assert encoder.text(first, openmetrics=True).count(" # {") == 1


def test_only_buckets_and_counters_are_given_exemplars() -> None:
    def family(name: str, kind: str, sample: str) -> Family:
        return Family(name, kind, "", [(sample, (), 1.0)], [Exemplar(sample, (), (("trace_id", TRACE),), 1.0, None)])

    odd = [family("a", "gauge", "a"), family("b", "counter", "b"), family("c", "histogram", "c_count")]
    assert TRACE not in encode(odd, openmetrics=True).decode()
    assert TRACE in encode([family("d_total", "counter", "d_total")], openmetrics=True).decode()


@pytest.mark.parametrize(
    "end",
    [
        ' # {trace_id="' + "a" * 121 + '"} 1',
        " # {} 1",
        ' # {trace_id="a"} NaN',
        ' # {trace_id="a"} x',
        ' # {trace_id="a"} 1 later',
        " # {trace_id=a} 1",
    ],
)
def test_an_exemplar_that_is_none_costs_the_sample_nothing(end: str) -> None:
    (family,) = Parser().parse(f'# TYPE a counter\na_total{{b="c"}} 4{end}\n# EOF\n', openmetrics=True)
    assert family.points == [("a_total", (("b", "c"),), 4.0)]
    assert not family.exemplars


def test_a_time_is_not_needed() -> None:
    (family,) = Parser().parse('a 4 17 # {trace_id="a"} 1\n')
    assert family.exemplars == [Exemplar("a", (), (("trace_id", "a"),), 1.0, None)]


def test_what_is_cut_off_is_refused() -> None:
    with pytest.raises(TargetError, match="without # EOF"):
        Parser().parse("# TYPE a counter\na_total 4\n", openmetrics=True)


def test_nothing_counts_after_the_end() -> None:
    assert [one.name for one in Parser().parse("a 1\n# EOF\nb 2\n", openmetrics=True)] == ["a"]


def test_a_unit_is_no_sample_and_help_may_come_after_the_type() -> None:
    text = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Said.\na_seconds_total 1\n# EOF\n"
    assert Parser().parse(text, openmetrics=True) == [
        Family("a_seconds_total", "counter", "Said.", [("a_seconds_total", (), 1.0)])
    ]


@pytest.mark.parametrize("name", ["a", "a_total"])
def test_a_counter_that_breaks_the_rule_keeps_its_name(name: str) -> None:
    (family,) = Parser().parse(f"# TYPE {name} counter\n{name} 1\n# EOF\n", openmetrics=True)
    assert (family.name, family.kind) == (name, "counter")


@pytest.fixture
def exposition(registry: CollectorRegistry) -> Iterator[Exposition]:
    found = expose(registry=registry)
    yield found
    found.close()


def test_an_application_is_asked_for_openmetrics(exposition: Exposition) -> None:
    session = COLLECTOR.open(target("app", "shop", exposition.url))
    families = by_name(session.read(monotonic() + 5))
    session.close()
    assert families["took_seconds"].exemplars


def test_one_that_speaks_text_alone_is_read_all_the_same() -> None:
    with application(text="# TYPE a counter\na 1\n") as app:
        session = COLLECTOR.open(target("app", "shop", app.url))
        assert by_name(session.read(monotonic() + 5))["a"].kind == "counter"
        session.close()
    assert app.headers["Accept"].startswith("application/openmetrics-text;version=1.0.0,")


def test_a_target_that_gives_too_much_keeps_the_exemplars_of_the_rest(exposition: Exposition) -> None:
    sidecar = Sidecar([target("app", "shop", exposition.url, max_series=30)])
    families = by_name(sidecar.read("app").families)
    sidecar.close()
    assert families["took_seconds"].exemplars


def test_the_scrape_loop_keeps_those_that_name_a_trace(exposition: Exposition, registry: CollectorRegistry) -> None:
    Counter("others", "Without a trace.", registry=registry).inc(1, {"order": "7"})
    sidecar = Sidecar([target("app", "shop", exposition.url, labels={"zone": "b"})])
    kept = ExemplarStore()
    with EmbeddedStore(None) as store:
        loop = ScrapeLoop(sidecar, store, 5.0, exemplars=kept)
        loop.round()
        loop.round()
    sidecar.close()
    found = kept.exemplars(["took_seconds_bucket", "others_total"], {"path": "/a"}, now() - 60, now())
    assert [(one.trace_id, one.value) for one in found] == [(TRACE, 0.3)], "each scrape tells it again"
    assert found[0].labels == {"path": "/a", "le": "0.5", "zone": "b", "job": "shop", "instance": "app"}
