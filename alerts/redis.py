"""Alerts of Redis."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.redis import REDIS_REJECTED_CONNECTIONS_TOTAL

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="RedisDown",
        system="redis",
        query="redis.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description=(
            "The collector cannot connect, or INFO fails: the server is down, is loading its data set, or wants a "
            "password."
        ),
        runbook="redis/down",
        panel="redis/up",
        source="redis_up is 0 when a scrape cannot connect; one minute spans a restart",
    ),
    Alert(
        name="RedisMemoryHigh",
        system="redis",
        query="redis.memory_used_ratio",
        threshold=0.9,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of maxmemory is used",
        description=(
            "At maxmemory keys are evicted or writes refused, as maxmemory-policy says. Servers without a limit are "
            "left out."
        ),
        runbook="redis/memory-high",
        panel="redis/memory-used-ratio",
        source="awesome-prometheus-alerts Redis out of configured maxmemory: 90 %",
    ),
    Alert(
        name="RedisRejectedConnections",
        system="redis",
        query=q.sum_by(q.increase(REDIS_REJECTED_CONNECTIONS_TOTAL, "5m"), "job", "instance"),
        threshold=0,
        hold="0s",
        severity="critical",
        summary="{{ $labels.instance }} refused {{ $value }} connections within five minutes",
        description="maxclients is reached: clients fail now.",
        runbook="redis/rejected-connections",
        panel="redis/rejected-connections-rate",
        source="Redis refuses only at maxclients: every refusal is a client's failure",
    ),
    Alert(
        name="RedisClientsHigh",
        system="redis",
        query="redis.clients_used_ratio",
        threshold=0.8,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of maxclients are connected",
        description="At maxclients Redis refuses connections. A leak in a connection pool looks like this.",
        runbook="redis/rejected-connections",
        panel="redis/clients-used-ratio",
        source="80 %, as for every limit whose end is a refusal: time to act before RedisRejectedConnections",
    ),
)
