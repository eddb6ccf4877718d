"""What a Redis Sentinel says of the masters that it watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collectors.families import Family, family
from collectors.redis_info import number
from collectors.resp import RedisConnection, RedisError
from watchkeeper.signals import Signal
from watchkeeper.systems import redis_modes as m

__all__ = ["MASTERS", "sentinel_families"]

MASTERS = ("SENTINEL", "MASTERS")
# A Sentinel that watches more is asked for its first ones only.
_LIMIT = 200

Rows = list[dict[str, str]]

# Signals of a master, the field of SENTINEL MASTERS, and what one of the signal's unit is in the field's.
_SETTINGS: tuple[tuple[Signal, str, float], ...] = (
    (m.REDIS_SENTINEL_MASTER_SETTING_CKQUORUM, "quorum", 1.0),
    (m.REDIS_SENTINEL_MASTER_SETTING_FAILOVER_TIMEOUT, "failover-timeout", 1.0),
    (m.REDIS_SENTINEL_MASTER_SETTING_PARALLEL_SYNCS, "parallel-syncs", 1.0),
    (m.REDIS_SENTINEL_MASTER_SETTING_DOWN_AFTER_MILLISECONDS, "down-after-milliseconds", 1.0),
    (m.REDIS_SENTINEL_MASTER_CONFIG_EPOCH, "config-epoch", 1.0),
    (m.REDIS_SENTINEL_MASTER_LAST_OK_PING_REPLY_SECONDS, "last-ok-ping-reply", 1e3),
    (m.REDIS_SENTINEL_MASTER_SLAVES, "num-slaves", 1.0),
)


def _rows(reply: Any) -> Rows:
    lists = reply if isinstance(reply, list) else []
    return [dict(zip(of[::2], of[1::2], strict=False)) for of in lists if isinstance(of, list)]


def sentinel_families(
    connection: RedisConnection, masters: Any, fields: Mapping[str, str], deadline: float
) -> list[Family]:
    """The families of the masters in a reply to SENTINEL MASTERS, with one more round trip; `fields` are INFO's."""
    rows = [row for row in _rows(masters) if {"name", "ip", "port"} <= row.keys()][:_LIMIT]
    asked = ("CKQUORUM", "SENTINELS", "SLAVES")
    replies = connection.pipeline([("SENTINEL", what, row["name"]) for row in rows for what in asked], deadline)
    found = []
    for signal, key, divisor in _SETTINGS:
        values = [(_labels(row), number(row.get(key))) for row in rows]
        found.append(family(signal, [(labels, value / divisor) for labels, value in values if value is not None]))
    found += _from_info(fields)
    quorums = [((row["name"], str(reply)), _usable(reply)) for row, reply in zip(rows, replies[::3], strict=True)]
    found.append(family(m.REDIS_SENTINEL_MASTER_CKQUORUM_STATUS, [one for one in quorums if "NOPERM" not in one[0][1]]))
    # The Sentinel that answers does not list itself.
    sentinels = _healthy(rows, replies[1::3], 1)
    slaves = _healthy(rows, replies[2::3], 0)
    ok_sentinels, ok_slaves = m.REDIS_SENTINEL_MASTER_OK_SENTINELS, m.REDIS_SENTINEL_MASTER_OK_SLAVES
    return [*found, family(ok_sentinels, sentinels), family(ok_slaves, slaves)]


def _labels(row: Mapping[str, str]) -> tuple[str, str]:
    return row["name"], f"{row['ip']}:{row['port']}"


def _usable(reply: Any) -> float:
    return float(not isinstance(reply, RedisError))


def _healthy(rows: Rows, replies: Sequence[Any], base: int) -> list[tuple[tuple[str, ...], float]]:
    """How many of the listed are neither subjectively nor objectively down."""
    found: list[tuple[tuple[str, ...], float]] = []
    for row, reply in zip(rows, replies, strict=True):
        if isinstance(reply, list):
            healthy = [of for of in _rows(reply) if not {"s_down", "o_down"} & set(of.get("flags", "").split(","))]
            found.append((_labels(row), float(base + len(healthy))))
    return found


def _from_info(fields: Mapping[str, str]) -> list[Family]:
    """`master0:name=main,status=ok,address=127.0.0.1:6379,slaves=1,sentinels=3`."""
    rows: Rows = []
    while text := fields.get(f"master{len(rows)}"):
        rows.append(dict([part.split("=", 1) for part in text.split(",") if "=" in part]))
    statuses, sentinels = [], []
    for of in rows:
        labels = (of.get("name", ""), of.get("address", ""))
        statuses.append(((*labels, of.get("status", "")), float(of.get("status") == "ok")))
        if (count := number(of.get("sentinels"))) is not None:
            sentinels.append((labels, count))
    return [family(m.REDIS_SENTINEL_MASTER_STATUS, statuses), family(m.REDIS_SENTINEL_MASTER_SENTINELS, sentinels)]
