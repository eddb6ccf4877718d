from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from bson import Timestamp, json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.json_util import JSONOptions

from collectors import mongodb_replies as replies
from collectors.description import check_target
from collectors.families import Family
from collectors.mongodb import COLLECTOR, MongodbSession
from collectors.mongodb_driver import Refused
from tests.collectors.helpers import by_name, check_declared, names_of, target, value_of
from tests.servers.stub import RECORDED
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError

_OPTIONS = JSONOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
NOBODY = replies.Identity()


def extended(name: str) -> Any:
    """A recorded reply in extended JSON, as the driver would give it."""
    return json_util.loads((RECORDED / "mongodb" / f"{name}.json").read_text(), json_options=_OPTIONS)


def plain(value: Any) -> Any:
    """The recorded diagnostic data, whose dates are text and whose timestamps are `{"T", "I"}`, likewise."""
    if isinstance(value, dict):
        if value.keys() == {"T", "I"}:
            return Timestamp(value["T"], value["I"])
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, str) and value[4:5] == "-" and value[10:11] == "T":
        return DatetimeMS(datetime.fromisoformat(value))
    return value


DIAGNOSTIC = plain(json.loads((RECORDED / "mongodb/diagnostic-data-4.2.8-replica-set.json").read_text()))
# Written by the reference of MongoDB: no recording has these replies.
CONFIG = {"config": {"_id": "rs1", "settings": {"replicaSetId": "5f5a5b5c5d5e5f5a5b5c5d5e"}}}
LINES = {"argv": ["mongod"], "parsed": {"sharding": {"clusterRole": "shardsvr"}}}


class RecordedDriver:
    """Answers commands with recorded replies; a missing one is refused, an exception raised, a function asked."""

    address = "recorded:27017"

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "serverStatus": DIAGNOSTIC["serverStatus"],
            "replSetGetStatus": DIAGNOSTIC["replSetGetStatus"],
            "replSetGetConfig": CONFIG,
            "getCmdLineOpts": LINES,
            "buildInfo": extended("buildinfo"),
            "listDatabases": {"databases": [{"name": "shop"}, {"name": "local"}, {"name": "admin"}]},
            "dbStats": extended("dbstats-local"),
            "aggregate": {"cursor": {"firstBatch": extended("collstats-oplog")}},
            **answers,
        }
        self.commands: list[tuple[str, Mapping[str, Any]]] = []

    def run(self, database: str, command: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        self.commands.append((database, command))
        name = next(iter(command))
        if name == "find" and "find" not in self.answers:
            first = command["sort"].get("$natural") == 1
            return {"cursor": {"firstBatch": [{"ts": Timestamp(1599750456 if first else 1599759587, 1)}]}}
        answer = self.answers.get(name)
        if callable(answer):
            answer = answer(database, command)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise Refused(f"no such command: {name!r}", 59)
        found: Mapping[str, Any] = answer
        return found

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def _read(driver: RecordedDriver, **options: object) -> Sequence[Family]:
    session = MongodbSession(target("m", "mongodb", "mongodb://recorded:27017", options=options), driver)
    return session.read(monotonic() + 5)


def test_everything_declared_is_emitted_and_nothing_else() -> None:
    status = json.loads(json.dumps(DIAGNOSTIC["serverStatus"], default=str))
    # Since 4.4; the recorded server is older.
    status["metrics"]["queryExecutor"]["collectionScans"] = {"nonTailable": 3, "total": 4}
    families = _read(RecordedDriver(serverStatus=status), collections=["local.oplog.rs"])
    check_declared(families, COLLECTOR.signals)
    indexed = extended("collstats-oplog")
    indexed[0]["storageStats"]["indexSizes"] = {"_id_": 4096}  # the oplog has no index
    indexed = _read(RecordedDriver(aggregate={"cursor": {"firstBatch": indexed}}), collections=["shop.orders"])
    check_declared(indexed, COLLECTOR.signals)
    assert names_of(families) | names_of(indexed) == {signal.name for signal in COLLECTOR.signals}


def test_names_kinds_and_labels_follow_the_rules_of_the_exporter() -> None:
    families = by_name(_read(RecordedDriver()))
    base = {"cl_id": "5f5a5b5c5d5e5f5a5b5c5d5e", "cl_role": "shardsvr", "rs_nm": "rs1", "rs_state": "1"}
    assert ("mongodb_ss_connections", tuple(sorted({**base, "conn_type": "current"}.items())), 22.0) in families[
        "mongodb_ss_connections"
    ].points
    assert families["mongodb_ss_opcounters"].kind == "untyped"
    assert families["mongodb_ss_metrics_repl_buffer_count"].kind == "counter"
    assert families["mongodb_up"].points == [("mongodb_up", (("cluster_role", "mongod"),), 1.0)]
    assert families["mongodb_mongod_replset_member_replication_lag"].kind == "gauge"


def test_values_are_those_of_the_reply() -> None:
    families = _read(RecordedDriver())
    assert value_of(families, "mongodb_ss_opcounters", legacy_op_type="query") == 6132
    assert value_of(families, "mongodb_ss_globalLock_currentQueue", count_type="readers") == 0
    assert value_of(families, "mongodb_ss_mem_resident") == 123
    assert value_of(families, "mongodb_ss_opLatencies_latency", op_type="reads") == 6551302
    assert value_of(families, "mongodb_ss_opLatencies_ops", op_type="writes") == 44
    assert value_of(families, "mongodb_ss_wt_concurrentTransactions_available", txn_rw="write") == 128
    assert value_of(families, "mongodb_ss_wt_cache_maximum_bytes_configured") > 2**28
    assert value_of(families, "mongodb_rs_members_state", member_idx="172.19.0.7:27017", member_state="SECONDARY") == 2
    assert value_of(families, "mongodb_rs_members_optimeDate", member_idx="172.19.0.9:27017") == 1599759587000
    assert value_of(families, "mongodb_mongod_replset_member_replication_lag", name="172.19.0.6:27017") == 0
    assert value_of(families, "mongodb_oplog_window_seconds") == 9131
    assert value_of(families, "mongodb_dbstats_storageSize", database="shop") == 430080
    assert value_of(families, "mongodb_version_info", mongodb="4.2.8", edition="Enterprise", vendor="MongoDB") == 1


def test_members_that_are_behind_have_their_lag() -> None:
    families = replies.replica_set(extended("replsetgetstatus-primary-lag-100s"), NOBODY)
    lag = "mongodb_mongod_replset_member_replication_lag"
    assert value_of(families, lag, name="replset-data-1.mongo.default.svc.cluster.local:27017") == 100
    assert value_of(families, lag, name="replset-data-2.mongo.default.svc.cluster.local:27017") == 5
    assert {dict(pairs)["state"] for _, pairs, _ in by_name(families)[lag].points} == {"SECONDARY"}


def test_a_member_that_has_applied_nothing_and_an_arbiter_have_no_lag() -> None:
    families = replies.replica_set(extended("replsetgetstatus-shard-primary-startup2-lag"), NOBODY)
    points = by_name(families)["mongodb_mongod_replset_member_replication_lag"].points
    assert sorted(value for _, _, value in points) == [200, 10_000]
    states = {dict(pairs)["member_state"] for _, pairs, _ in by_name(families)["mongodb_rs_members_state"].points}
    assert {"STARTUP2", "ARBITER"} <= states


def test_without_a_primary_nobody_knows_the_lag() -> None:
    reply = extended("replsetgetstatus-secondary-healthy")
    for member in reply["members"]:
        member["stateStr"] = "SECONDARY"
    assert not by_name(replies.replica_set(reply, NOBODY))["mongodb_mongod_replset_member_replication_lag"].points


def test_a_member_ahead_of_a_stale_heartbeat_of_the_primary_does_not_lag() -> None:
    reply = extended("replsetgetstatus-secondary-healthy")
    for member in reply["members"]:
        if member["stateStr"] == "SECONDARY":
            member["optimeDate"] = DatetimeMS(int(member["optimeDate"]) + 3_000)
    points = by_name(replies.replica_set(reply, NOBODY))["mongodb_mongod_replset_member_replication_lag"].points
    assert points and {value for _, _, value in points} == {0.0}


def test_a_standalone_server_has_no_signals_of_replica_sets_and_no_failure() -> None:
    refused = Refused("not running with --replSet", 76)
    families = _read(RecordedDriver(replSetGetStatus=refused, replSetGetConfig=refused, getCmdLineOpts={"parsed": {}}))
    assert not {name for name in names_of(families) if "_rs_" in name or "replset" in name or "oplog" in name}
    assert value_of(families, "mongodb_command_success", command="replSetGetStatus") == 1
    assert dict(by_name(families)["mongodb_ss_mem_resident"].points[0][1])["rs_nm"] == ""


def test_a_mongos_is_read() -> None:
    no = Refused("no such command", 59)
    clock = {"cursor": {"firstBatch": [{"_id": 1, "clusterId": "6a6b6c"}]}}
    status = extended("server-status-4.1.13-mongos-edited")
    families = _read(RecordedDriver(serverStatus=status, replSetGetStatus=no, replSetGetConfig=no, find=clock))
    assert value_of(families, "mongodb_up", cluster_role="mongos") == 1
    assert value_of(families, "mongodb_ss_mem_resident", cl_role="mongos", cl_id="6a6b6c") == 40
    assert not by_name(families)["mongodb_ss_opLatencies_ops"].points, "the reply has none, which is not zero"


def test_tickets_are_found_where_newer_servers_have_them() -> None:
    status = dict(DIAGNOSTIC["serverStatus"])
    status["queues"] = {"execution": status["wiredTiger"]["concurrentTransactions"]}
    status["wiredTiger"] = {}
    families = replies.status(status, {}, NOBODY)
    assert value_of(families, "mongodb_ss_wt_concurrentTransactions_totalTickets", txn_rw="read") == 128


def test_a_command_that_is_refused_costs_its_own_signals_alone() -> None:
    families = _read(RecordedDriver(find=Refused("not authorized on local", 13)))
    assert value_of(families, "mongodb_command_success", command="oplog") == 0
    assert value_of(families, "mongodb_command_success", command="dbStats") == 1
    assert "mongodb_oplog_window_seconds" not in names_of(families)


def test_a_server_that_refuses_its_status_is_down() -> None:
    with pytest.raises(TargetError, match="MongoDB at recorded:27017: the user may not ask this"):
        _read(RecordedDriver(serverStatus=Refused("the user may not ask this", 13)))


def test_databases_are_bounded_and_may_be_left_out() -> None:
    driver = RecordedDriver()
    families = _read(driver, databases=1)
    assert [database for database, command in driver.commands if "dbStats" in command] == ["admin"]
    assert names_of(families) >= {"mongodb_dbstats_dataSize"}
    driver = RecordedDriver()
    _read(driver, databases=0)
    assert not [command for _, command in driver.commands if "dbStats" in command or "listDatabases" in command]


def test_collections_are_read_only_when_they_are_named() -> None:
    driver = RecordedDriver()
    _read(driver)
    assert not [command for _, command in driver.commands if "aggregate" in command]
    families = _read(driver, collections=["local.oplog.rs"])
    assert value_of(families, "mongodb_collstats_storageStats_count", database="local", collection="oplog.rs") == 4341
    assert value_of(families, "mongodb_collstats_latencyStats_reads_latency", collection="oplog.rs") == 13165


def test_who_a_server_is_is_asked_for_once() -> None:
    driver = RecordedDriver()
    session = MongodbSession(target("m", "mongodb", "mongodb://recorded:27017"), driver)
    for _ in range(3):
        session.read(monotonic() + 5)
    names = [next(iter(command)) for _, command in driver.commands]
    assert names.count("buildInfo") == names.count("replSetGetConfig") == 1
    assert names.count("serverStatus") == names.count("replSetGetStatus") == 3


def test_a_command_that_is_asked_once_says_at_every_scrape_whether_it_was_answered() -> None:
    driver = RecordedDriver(buildInfo=Refused("the user may not ask this", 13))
    session = MongodbSession(target("m", "mongodb", "mongodb://recorded:27017"), driver)
    first, second = (session.read(monotonic() + 5) for _ in range(2))
    for families in (first, second):
        assert value_of(families, "mongodb_command_success", command="replSetGetConfig") == 1
        assert value_of(families, "mongodb_command_success", command="getCmdLineOpts") == 1
        assert value_of(families, "mongodb_command_success", command="buildInfo") == 0


@pytest.mark.parametrize("unknown", [Refused("the user may not ask this", 13), Refused("not yet initialized", 94)])
def test_who_a_server_is_is_asked_again_where_it_was_not_told(unknown: Refused) -> None:
    ticks = [1000.0]
    driver = RecordedDriver(replSetGetConfig=unknown)
    session = MongodbSession(target("m", "mongodb", "mongodb://recorded:27017"), driver, lambda: ticks[0])

    def cluster() -> str:
        return dict(by_name(session.read(monotonic() + 5))["mongodb_ss_mem_resident"].points[0][1])["cl_id"]

    def asked(name: str) -> int:
        return sum(name in command for _, command in driver.commands)

    assert cluster() == ""
    driver.answers["replSetGetConfig"] = CONFIG
    ticks[0] += 299
    assert cluster() == "" and asked("replSetGetConfig") == 1
    ticks[0] += 1
    assert cluster() == "5f5a5b5c5d5e5f5a5b5c5d5e"
    ticks[0] += 1000
    assert cluster() == "5f5a5b5c5d5e5f5a5b5c5d5e"
    assert (asked("replSetGetConfig"), asked("buildInfo"), asked("getCmdLineOpts")) == (2, 1, 1)


def test_a_database_that_is_refused_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    def stats(database: str, command: Mapping[str, Any]) -> Any:
        return Refused("the user may not ask this", 13) if database == "local" else extended("dbstats-local")

    session = MongodbSession(target("m", "mongodb", "mongodb://recorded:27017"), RecordedDriver(dbStats=stats))
    with caplog.at_level("WARNING", "watchkeeper.collectors"):
        for families in [session.read(monotonic() + 5) for _ in range(2)]:
            points = by_name(families)["mongodb_dbstats_storageSize"].points
            assert {dict(pairs)["database"] for _, pairs, _ in points} == {"admin", "shop"}
            assert value_of(families, "mongodb_command_success", command="dbStats") == 0
    assert [one.getMessage() for one in caplog.records] == [
        "target m: dbStats of local is left out: the user may not ask this"
    ]


def test_a_collection_that_is_refused_costs_itself_alone() -> None:
    def stats(database: str, command: Mapping[str, Any]) -> Any:
        good = {"cursor": {"firstBatch": extended("collstats-oplog")}}
        return Refused("no such collection", 26) if command["aggregate"] == "gone" else good

    families = _read(RecordedDriver(aggregate=stats), collections=["shop.gone", "shop.orders"])
    points = by_name(families)["mongodb_collstats_storageStats_count"].points
    assert [dict(pairs)["collection"] for _, pairs, _ in points] == ["orders"]
    assert value_of(families, "mongodb_command_success", command="collStats") == 0


@pytest.mark.parametrize("options", [{"databases": -1}, {"databases": "all"}, {"collections": ["orders"]}])
def test_a_wrong_option_is_refused_before_it_is_used(options: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="write a"):
        check_target(COLLECTOR, target("m", "mongodb", "mongodb://127.0.0.1", options=options))
