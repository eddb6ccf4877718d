"""Two installations that look alike, such as two replica sets of one name: each has its own value and its own alert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.alerts.shipped import catalogue
from watchkeeper.queries import Query
from watchkeeper.stores import Sample, Vector
from watchkeeper.stores.embedded import EmbeddedStore

AT = 1_700_000_000.0
# What says which installation a series is of: a target, a cluster by its name, by its id or by its master's name.
INSTALLATIONS = ({"job", "instance"}, {"job", "cluster"}, {"job", "cl_id"}, {"job", "master_name"})
# Of the whole platform by intent: a service, a model, a page or a bill is one, however many processes it has.
PLATFORM = {"agent_platform", "bills", "detectors", "traces", "watchkeeper", "web_vitals"}
COMMANDS = {"redis.command_duration", "redis.command_p99"}  # a command is dear on all servers alike


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    made = EmbeddedStore(None, clock=lambda: AT)
    yield made
    made.close()


def _put(store: EmbeddedStore, metric: str, value: float, **labels: str) -> None:
    store.write([Sample(metric, labels, value, AT)])


def _values(store: EmbeddedStore, query: str, *by: str) -> Mapping[tuple[str, ...], float]:
    found = store.instant(catalogue().query(query), AT)
    assert isinstance(found, Vector)
    pairs = zip(found.series, found.values, strict=True)
    return {tuple(labels.get(name, "") for name in by): value for labels, value in pairs}


def _queries() -> dict[str, Query]:
    queries = catalogue().queries.items()
    return {key: one.query for key, one in queries if key.partition(".")[0] not in PLATFORM and key not in COMMANDS}


@pytest.mark.parametrize("key", sorted(_queries()))
def test_no_query_adds_up_two_installations(key: str) -> None:
    labels = set(_queries()[key].labels)
    assert any(one <= labels for one in INSTALLATIONS), f"{key} keeps only {sorted(labels)}"


@pytest.mark.parametrize("clusters", [("aa", "bb"), ("", "")], ids=["named", "unnamed"])
def test_a_set_without_a_primary_is_not_hidden_by_another_one_of_its_name(
    store: EmbeddedStore, clusters: tuple[str, str]
) -> None:
    for cluster, job, state in zip(clusters, ("shop", "billing"), (1.0, 2.0), strict=True):
        labels = {"cl_id": cluster, "rs_nm": "rs0", "job": job, "instance": "db-0:27017", "member_idx": "db-0:27017"}
        _put(store, "mongodb_rs_members_state", state, **labels)
    assert _values(store, "mongodb.primaries", "job") == {("shop",): 1.0, ("billing",): 0.0}


def test_two_sets_of_one_name_in_one_job_are_told_apart_by_their_id(store: EmbeddedStore) -> None:
    for cluster, state in (("aa", 1.0), ("bb", 2.0)):
        labels = {"cl_id": cluster, "rs_nm": "rs0", "job": "db", "instance": f"{cluster}:27017", "member_idx": "db-0"}
        _put(store, "mongodb_rs_members_state", state, **labels)
    assert _values(store, "mongodb.primaries", "cl_id") == {("aa",): 1.0, ("bb",): 0.0}


def test_the_lag_of_a_member_is_that_of_its_own_set(store: EmbeddedStore) -> None:
    for cluster, job, lag in (("aa", "shop", 0.0), ("bb", "billing", 40.0)):
        # Two members of each set say so, the worst counts.
        for instance, less in (("db-0:27017", 0.0), ("db-2:27017", lag / 2)):
            where = {"job": job, "instance": instance}
            named = {"name": "db-1:27017", "set": "rs0", "state": "SECONDARY"}
            _put(store, "mongodb_mongod_replset_member_replication_lag", lag - less, **where, **named)
            of = {"cl_id": cluster, "rs_nm": "rs0", "member_idx": instance}
            _put(store, "mongodb_rs_members_self", 1.0, **where, **of)
    found = _values(store, "mongodb.replication_lag", "job", "cl_id", "set", "name")
    assert found == {("shop", "aa", "rs0", "db-1:27017"): 0.0, ("billing", "bb", "rs0", "db-1:27017"): 40.0}


def test_an_old_snapshot_is_not_hidden_by_another_repository_of_its_name(store: EmbeddedStore) -> None:
    for instance, age in (("es-a", 3600.0), ("es-b", 900_000.0)):
        labels = {"job": "search", "instance": instance, "repository": "backups"}
        _put(store, "elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds", AT - age, **labels)
    found = _values(store, "elasticsearch.snapshot_age", "instance", "repository")
    assert found == {("es-a", "backups"): 3600.0, ("es-b", "backups"): 900_000.0}


def test_checkpoints_are_counted_where_either_version_of_postgresql_counts_them(store: EmbeddedStore) -> None:
    counters = {"old": "pg_stat_bgwriter_checkpoints_req_total", "new": "pg_stat_checkpointer_num_requested_total"}
    for instance, name in counters.items():
        for step in range(21):
            labels = {"job": "db", "instance": instance}
            store.write([Sample(name, labels, 3.0 * step, AT - 15.0 * (20 - step))])
    found = _values(store, "postgresql.checkpoints_requested_rate", "instance")
    assert found == {("old",): pytest.approx(0.2), ("new",): pytest.approx(0.2)}
