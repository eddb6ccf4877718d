"""Alerts of Pinecone."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="PineconeDown",
        system="pinecone",
        query="pinecone.up",
        op="==",
        threshold=0,
        hold="10m",
        severity="critical",
        summary="Pinecone does not answer {{ $labels.instance }}",
        description="The API refuses the key, cannot be reached, or answers with errors.",
        runbook="pinecone/down",
        panel="pinecone/up",
        source="The API is asked every five minutes by default: ten are two failures in a row",
    ),
    Alert(
        name="PineconeReadingOld",
        system="pinecone",
        query="pinecone.read_age",
        threshold=1800,
        hold="0s",
        severity="warning",
        summary="The values of {{ $labels.instance }} are {{ $value }} old",
        description=(
            "The limit of calls a day is reached, or the interval is long: what the other panels show is the past."
        ),
        runbook="pinecone/down",
        panel="pinecone/read-age",
        source="Six times the default interval of five minutes",
    ),
    Alert(
        name="PineconeIndexNotReady",
        system="pinecone",
        query="pinecone.index_ready",
        op="==",
        threshold=0,
        hold="15m",
        severity="critical",
        summary="The index {{ $labels.index_name }} of {{ $labels.instance }} is not ready",
        description="Requests to this index fail or wait.",
        runbook="pinecone/index-not-ready",
        panel="pinecone/index-ready",
        source="A new serverless index is ready within a minute; 15 minutes span three readings",
    ),
    Alert(
        name="PineconeIndexFull",
        system="pinecone",
        query="pinecone.fullness",
        threshold=0.8,
        hold="15m",
        severity="warning",
        summary="{{ $labels.index_name }} of {{ $labels.instance }} is {{ $value }} full",
        description="At 100% no further records are accepted.",
        runbook="pinecone/index-full",
        panel="pinecone/fullness",
        source="Pinecone's monitoring guide: indexes that are at least 80 % full",
    ),
    Alert(
        name="PineconeBackupFailed",
        system="pinecone",
        query="pinecone.backup_failures",
        threshold=0,
        hold="0s",
        severity="warning",
        summary="A scheduled backup of {{ $labels.index_name }} of {{ $labels.instance }} failed",
        description="Pinecone gave up: the backup of this time does not exist.",
        runbook="pinecone/backup-failed",
        panel="pinecone/backup-failures",
        source="The counter has terminal failures alone: every one is a backup that is missing",
    ),
)
