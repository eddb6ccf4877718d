"""Our names beside the rules by which Percona's mongodb_exporter makes names of a reply.

No output of the exporter was recorded. Its rules (exporter/metrics.go, 2026) are few: they are written down here anew,
applied to the recorded reply, and every series of ours has to be among what they give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from collectors import mongodb_replies as replies
from tests.collectors.test_mongodb import DIAGNOSTIC, NOBODY

Series = dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, float]]

SHORT = (
    ("serverStatus.wiredTiger.transaction", "ss_wt_txn"),
    ("serverStatus.wiredTiger", "ss_wt"),
    ("serverStatus", "ss"),
    ("replSetGetStatus", "rs"),
)
# The keys of these documents are values of a label.
LABELS = {
    "serverStatus.asserts": "assert_type",
    "serverStatus.connections": "conn_type",
    "serverStatus.globalLock.currentQueue": "count_type",
    "serverStatus.metrics.commands": "cmd_name",
    "serverStatus.metrics.cursor.open": "csr_type",
    "serverStatus.metrics.document": "doc_op_type",
    "serverStatus.opLatencies": "op_type",
    "serverStatus.opReadConcernCounters": "concern_type",
    "serverStatus.opcounters": "legacy_op_type",
    "serverStatus.opcountersRepl": "legacy_op_type",
    "serverStatus.transactions.commitTypes": "commit_type",
    "serverStatus.wiredTiger.concurrentTransactions": "txn_rw_type",
    "serverStatus.wiredTiger.perf": "perf_bucket",
}
# These become the values of a label after their name is made.
RENAMED = (
    (
        re.compile(r"mongodb_ss_opLatencies_(commands|reads|transactions|writes)_(ops|latency)"),
        "opLatencies",
        "op_type",
    ),
    (
        re.compile(r"mongodb_ss_wt_concurrentTransactions_(read|write)_(out|available|totalTickets)"),
        "wt_concurrentTransactions",
        "txn_rw",
    ),
)


def _name(path: str) -> str:
    for long, short in SHORT:
        if path.startswith(f"{long}."):
            path = short + path.removeprefix(long)
            break
    return "mongodb_" + re.sub("__+", "_", re.sub("_$", "", re.sub("[^a-zA-Z0-9_]+", "_", path))).removeprefix("_")


def _walk(
    path: str, document: Mapping[str, Any], labels: dict[str, str]
) -> Iterator[tuple[str, dict[str, str], str, float]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _walk(f"{path}.{key}", value, labels)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    own = {"member_idx": item.get("name", ""), "member_state": item.get("stateStr", "")}
                    yield from _walk(f"{path}.{key}", item, {**labels, **own})
        elif (number := replies.number(value)) is not None:
            kind = "counter" if key.lower().endswith("count") else "untyped"
            if path in LABELS:
                yield _name(path), {**labels, LABELS[path]: key}, kind, number
            else:
                yield _name(f"{path}.{key}"), labels, kind, number


def _theirs() -> Series:
    found: Series = {}
    for part in ("serverStatus", "replSetGetStatus"):
        for name, labels, kind, value in _walk(part, DIAGNOSTIC[part], {}):
            for pattern, stem, label in RENAMED:
                if match := pattern.fullmatch(name):
                    name, labels = f"mongodb_ss_{stem}_{match[2]}", {**labels, label: match[1]}
            found[name, tuple(sorted(pair for pair in labels.items() if pair[1]))] = (kind, value)
    return found


def _ours() -> Series:
    families = [
        *replies.status(DIAGNOSTIC["serverStatus"], {}, NOBODY),
        *replies.replica_set(DIAGNOSTIC["replSetGetStatus"], NOBODY),
    ]
    return {
        (name, tuple(sorted(pair for pair in pairs if pair[1]))): (one.kind, value)
        for one in families
        for name, pairs, value in one.points
        if name.startswith(("mongodb_ss_", "mongodb_rs_"))
    }


def test_every_series_has_the_name_kind_labels_and_value_that_the_exporter_gives_it() -> None:
    ours, theirs = _ours(), _theirs()
    assert len(ours) > 150
    assert ours == {key: theirs.get(key) for key in ours}


def test_the_names_that_dashboards_use_come_out_of_the_rules() -> None:
    assert _name("serverStatus.wiredTiger.cache.tracked dirty bytes in the cache") == (
        "mongodb_ss_wt_cache_tracked_dirty_bytes_in_the_cache"
    )
    assert _name("serverStatus.wiredTiger.transaction.transaction checkpoint total time (msecs)") == (
        "mongodb_ss_wt_txn_transaction_checkpoint_total_time_msecs"
    )
    assert _name("replSetGetStatus.members._id") == "mongodb_rs_members_id"
