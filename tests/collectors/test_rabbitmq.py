"""RabbitMQ, both ways, against one real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from collectors import rabbitmq
from collectors.families import Family, Pairs
from collectors.rabbitmq import COLLECTOR, MANAGED
from tests.collectors.helpers import by_name, names_of, read_once, target, value_of
from tests.conftest import need
from tests.servers import rabbitmq as servers
from tests.servers import wait_until
from tests.servers.rabbitmq import RabbitMQServer
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Secret
from watchkeeper.systems import rabbitmq_signals as s
from watchkeeper.systems.rabbitmq_signals import SIGNALS

pytestmark = pytest.mark.server

DETAILED = "/detailed?family=queue_coarse_metrics&family=queue_consumer_count"
# What changes from one moment to the next, or by being read.
MOVING = {
    "rabbitmq_disk_space_available_bytes",
    "rabbitmq_erlang_gc_reclaimed_bytes_total",
    "rabbitmq_erlang_gc_runs_total",
    "rabbitmq_erlang_processes_used",
    "rabbitmq_erlang_scheduler_context_switches_total",
    "rabbitmq_erlang_scheduler_run_queue",
    "rabbitmq_erlang_uptime_seconds",
    "rabbitmq_process_resident_memory_bytes",
    "rabbitmq_queue_process_memory_bytes",
    "rabbitmq_queue_process_reductions_total",
}
# The management API keeps no queue types: what the plugin gives by type, it gives as a sum.
BY_TYPE = {signal.name for signal in MANAGED if "queue_type" in signal.labels}

Series = dict[tuple[str, Pairs], float]


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMQServer]:
    """One broker for all tests: queues of two types, a moved message, dead letters, and a connection that stays."""
    need(servers.available())
    plugins = ("rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_shovel", "rabbitmq_shovel_management")
    with servers.run(plugins=plugins) as broker:
        for name in ("from", "to", "dead", "stamped"):
            broker.declare(name)
        broker.declare("quorum", **{"x-queue-type": "quorum"})
        dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead", "x-message-ttl": 10}
        broker.declare("short", **dead)
        broker.api("POST", "bindings/%2F/e/amq.direct/q/to", {"routing_key": "to"})
        uri = f"amqp://guest:guest@127.0.0.1:{broker.port}"
        # A client that consumes and publishes, without a client library.
        moving = {"src-protocol": "amqp091", "src-uri": uri, "src-queue": "from", "src-prefetch-count": 10}
        moving |= {"dest-protocol": "amqp091", "dest-uri": uri, "dest-exchange": "amq.direct"}
        moving |= {"dest-exchange-key": "to"}
        broker.api("PUT", "parameters/shovel/%2F/mover", {"value": moving})
        broker.publish("from", times=3)
        broker.publish("quorum", times=4)
        broker.publish("short", times=2)
        broker.publish("nobody", times=2)
        broker.publish("stamped", properties={"timestamp": 1_700_000_000})
        broker.take("quorum", 1)
        wait_until(lambda: _totals(broker).get("messages_ready", 0) == 3 + 3 + 2 + 1, what="the messages to arrive")
        yield broker


def _totals(broker: RabbitMQServer) -> dict[str, int]:
    totals: dict[str, int] = broker.api("GET", "overview")["queue_totals"]
    return totals


def _url(broker: RabbitMQServer, user: str = "guest") -> str:
    return broker.management_url.replace("://", f"://{user}:{user}@")


def _read(url: str, **options: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("r", "rabbitmq", url, options=options))


def _series(families: Sequence[Family]) -> Series:
    """Every series of the catalogue's, with its labels in order and without empty ones."""
    return {
        (name, tuple(sorted((label, text) for label, text in pairs if text))): value
        for family in families
        for name, pairs, value in family.points
        if name.startswith("rabbitmq_")
    }


def _summed(series: Series) -> Series:
    """The series with those that differ by queue type alone added up."""
    out: Series = {}
    for (name, pairs), value in series.items():
        kept = tuple(pair for pair in pairs if name not in BY_TYPE or pair[0] != "queue_type")
        out[name, kept] = out.get((name, kept), 0) + value
    return out


def _at_rest(ours: Callable[[], Sequence[Family]], theirs: Callable[[], Sequence[Family]]) -> tuple[Series, Series]:
    """Both, once the API has caught up with the endpoint; what still differs then is the test's to judge."""
    found: tuple[Series, Series] = ({}, {})

    def same() -> bool:
        nonlocal found
        found = _series(ours()), _summed(_series(theirs()))
        mine, others = found
        return all(others.get(key, value) == value for key, value in mine.items() if key[0] not in MOVING)

    wait_until(same, seconds=30, what="both ways to agree")
    return found


def _check(families: Sequence[Family]) -> set[str]:
    """Kinds and labels are the declared ones; the names that were emitted."""
    declared = {signal.name: signal for signal in SIGNALS}
    emitted = {name: one for name, one in by_name(families).items() if one.points and name.startswith("rabbitmq_")}
    assert not emitted.keys() - declared.keys()
    for name, family in emitted.items():
        signal = declared[name]
        assert family.kind == (signal.exposed_as or signal.kind), name
        for _, pairs, _ in family.points:
            # An empty label is none: those of a sum, and the name of the default exchange.
            labels = [label for label, _ in pairs]
            assert labels == [label for label in signal.labels if label in labels], name
    return set(emitted)


def test_everything_declared_is_emitted_and_nothing_else(broker: RabbitMQServer) -> None:
    emitted: set[str] = set()
    labels: dict[str, set[str]] = {}

    def all_seen() -> bool:
        for path in ("", "/per-object", DETAILED):
            families = _read(broker.metrics_url + path)
            emitted.update(_check(families))
            for family in families:
                labels.setdefault(family.name, set()).update(
                    label for _, pairs, _ in family.points for label, _ in pairs
                )
        return emitted == {signal.name for signal in SIGNALS}

    wait_until(all_seen, seconds=10, what="all signals")
    assert {signal.name: set(signal.labels) for signal in SIGNALS} == {
        signal.name: labels[signal.name] for signal in SIGNALS
    }


def test_the_management_api_emits_what_it_says_and_nothing_else(broker: RabbitMQServer) -> None:
    names = {signal.name for signal in MANAGED}
    each_only = {signal.name for signal in MANAGED if signal.requires is not None and "each" in signal.requires}
    wait_until(lambda: _check(_read(_url(broker))) == names - each_only, what="all of its statistics")
    wait_until(lambda: _check(_read(_url(broker), queues="each")) == names, what="all statistics of each queue")


def test_both_ways_agree_on_sums(broker: RabbitMQServer) -> None:
    ours, theirs = _at_rest(lambda: _read(_url(broker)), lambda: _read(broker.metrics_url))
    assert ours.keys() <= theirs.keys()
    # The share that docs/parity/rabbitmq.md states.
    assert len(ours) == 73
    assert len(ours) / len(theirs) == pytest.approx(0.52, abs=0.02)


def test_both_ways_agree_on_each_queue(broker: RabbitMQServer) -> None:
    ours, theirs = _at_rest(
        lambda: _read(_url(broker), queues="each"), lambda: _read(broker.metrics_url + "/per-object")
    )
    # Only the sums have the alarms.
    alarms = {key for key in ours if key[0].startswith("rabbitmq_alarms_")}
    assert ours.keys() - alarms <= theirs.keys()
    of_queues = {key for key in theirs if key[0].startswith("rabbitmq_queue_messages") and len(key[1]) == 2}
    assert of_queues <= ours.keys()


def test_both_ways_have_the_same_kinds(broker: RabbitMQServer) -> None:
    ours, theirs = by_name(_read(_url(broker))), by_name(_read(broker.metrics_url))
    assert {name: one.kind for name, one in ours.items()} == {name: theirs[name].kind for name in ours}


def test_values_follow_the_broker(broker: RabbitMQServer) -> None:
    before = _read(_url(broker))
    broker.publish("to", times=2)
    counted = "rabbitmq_global_messages_received_total"
    wait_until(
        lambda: value_of(_read(_url(broker)), counted) == value_of(before, counted) + 2, what="two messages more"
    )
    broker.take("to", 2)
    delivered = "rabbitmq_global_messages_delivered_total"
    wait_until(
        lambda: value_of(_read(_url(broker)), delivered) == value_of(before, delivered) + 2, what="two deliveries more"
    )


def test_the_client_that_stays_is_counted(broker: RabbitMQServer) -> None:
    families = _read(_url(broker))
    assert value_of(families, "rabbitmq_connections") == 2
    assert value_of(families, "rabbitmq_consumers") == 1
    assert value_of(_read(broker.metrics_url), "rabbitmq_channel_messages_acked_total") >= 3


def test_alarms_are_seen_both_ways(broker: RabbitMQServer) -> None:
    name = "rabbitmq_alarms_free_disk_space_watermark"
    for limit, alarm in (("900000GB", 1.0), ("50MB", 0.0)):
        broker.control("set_disk_free_limit", limit)
        for url in (_url(broker), broker.metrics_url):
            wait_until(lambda url=url, alarm=alarm: value_of(_read(url), name) == alarm, what=f"the alarm at {limit}")  # type: ignore[misc]


def test_a_user_who_may_not_see_the_queues_gets_no_wrong_sums(broker: RabbitMQServer) -> None:
    broker.api("PUT", "users/blind", {"password": "blind", "tags": "monitoring"})
    names = names_of(_read(_url(broker, "blind")))
    assert {"rabbitmq_queue_messages_ready", "rabbitmq_queues"} <= names
    assert "rabbitmq_queue_consumers" not in names
    # The least that is needed: to read, in each virtual host, nothing at all.
    broker.api("PUT", "permissions/%2F/blind", {"configure": "^$", "write": "^$", "read": "^$"})
    seen = _read(_url(broker, "blind"))
    assert "rabbitmq_queue_consumers" in {family.name for family in seen}
    # The cluster's identifier is the one thing that it may not see.
    identity = dict(by_name(seen)["rabbitmq_identity_info"].points[0][1])
    assert identity["rabbitmq_node"] == broker.node and identity["rabbitmq_cluster_permanent_id"] == ""


def test_more_queues_than_allowed_are_not_summed(broker: RabbitMQServer) -> None:
    names = {family.name for family in _read(_url(broker), max_queues=2)}
    assert "rabbitmq_queue_messages_ready" in names and "rabbitmq_queue_messages_bytes" not in names
    each = by_name(_read(_url(broker), queues="each", max_queues=2))["rabbitmq_queue_messages"].points
    # Those with most messages.
    assert {dict(pairs)["queue"] for _, pairs, _ in each} <= {"to", "quorum"} and len(each) == 2


def test_all_pages_are_read(broker: RabbitMQServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "_PAGE", 2)
    each = by_name(_read(_url(broker), queues="each"))["rabbitmq_queue_messages"].points
    assert {dict(pairs)["queue"] for _, pairs, _ in each} == {"from", "to", "dead", "stamped", "quorum", "short"}


def test_queues_may_be_left_out(broker: RabbitMQServer) -> None:
    series = {name for name, _ in _series(_read(_url(broker), queues="none"))}
    assert {name for name in series if name.startswith("rabbitmq_queue_m")} == {
        "rabbitmq_queue_messages",
        "rabbitmq_queue_messages_ready",
        "rabbitmq_queue_messages_unacked",
    }


def test_the_scope_of_a_node_leaves_out_what_is_the_clusters(broker: RabbitMQServer) -> None:
    names = {family.name for family in _read(_url(broker), scope="node")}
    assert "rabbitmq_process_resident_memory_bytes" in names
    assert not names & {signal.name for signal in (s.RABBITMQ_QUEUES, s.RABBITMQ_GLOBAL_MESSAGES_RECEIVED_TOTAL)}


def test_a_wrong_password_is_refused_and_not_shown(broker: RabbitMQServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_PASSWORD", "wrong-secret")
    fields = target("r", "rabbitmq", broker.management_url, user="guest", password=Secret(env="RABBITMQ_PASSWORD"))
    session = COLLECTOR.open(fields)
    with pytest.raises(TargetError, match=r"/api/overview: it answered 401.*set user and password") as caught:
        session.read(monotonic() + 5)
    session.close()
    assert "wrong-secret" not in str(caught.value)


def test_a_user_without_the_tag_is_told(broker: RabbitMQServer) -> None:
    broker.api("PUT", "users/nobody", {"password": "nobody", "tags": ""})
    with pytest.raises(TargetError, match=r"/api/overview: it answered 401"):
        _read(_url(broker, "nobody"))


def test_a_path_before_the_api_is_kept(broker: RabbitMQServer) -> None:
    # As management.path_prefix, or a proxy, has it; /api at the end of the url is not doubled.
    assert value_of(_read(f"{_url(broker)}/api/"), "rabbitmq_queues") == 6
    with pytest.raises(TargetError, match="/prefix/api/overview: it answered 40"):
        _read(f"{_url(broker)}/prefix")
