"""Alerts of FalkorDB."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="FalkorDBDown",
        system="falkordb",
        query="falkordb.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description="The collector cannot connect, or the server answers without its graph module.",
        runbook="falkordb/down",
        panel="falkordb/up",
        source="falkordb_up is 0 when a scrape gets no list of graphs; one minute spans a restart",
    ),
    Alert(
        name="FalkorDBQueriesWait",
        system="falkordb",
        query="falkordb.waiting_per_thread",
        threshold=1,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} queries wait for each thread",
        description="All threads are busy and the queue does not empty: every answer is late.",
        runbook="falkordb/queries-wait",
        panel="falkordb/waiting-per-thread",
        source="More than one for each thread for five minutes: the queue is longer than one round of work",
    ),
    Alert(
        name="FalkorDBQueueNearlyFull",
        system="falkordb",
        query="falkordb.queue_used_ratio",
        threshold=0.8,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }}: the queue of queries is {{ $value }} full",
        description="At MAX_QUEUED_QUERIES further queries are refused.",
        runbook="falkordb/queries-wait",
        panel="falkordb/queue-used-ratio",
        source="FalkorDB documentation, MAX_QUEUED_QUERIES; 80 %, as for every limit whose end is a refusal",
    ),
    Alert(
        name="FalkorDBQueryRunsLong",
        system="falkordb",
        query="falkordb.longest_running",
        threshold=60,
        hold="1m",
        severity="warning",
        summary="{{ $labels.instance }}: a query has been running for {{ $value }}",
        description="It holds one of the threads; if it writes, it holds up its graph.",
        runbook="falkordb/long-query",
        panel="falkordb/longest-running",
        source="A minute is beyond what an interactive query may take; TIMEOUT_MAX, which ends them, is 0 by default",
    ),
)
