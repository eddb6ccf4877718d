"""The dashboard of logs."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}} {{service}}"

DASHBOARD = Dashboard(
    key="logs",
    title="Logs",
    system="logs",
    description="Who writes errors, who writes something never seen before, who has fallen silent.",
    links=("overview",),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="errors-rate",
                    title="Errors",
                    queries=("logs.errors_rate",),
                    description="Records of level error and above. A steady rate is a habit; a step is news.",
                    legend=_EACH,
                    width=12,
                ),
                Panel(
                    key="new-error-templates",
                    title="New errors",
                    queries=("logs.new_error_templates",),
                    description="Kinds of error records that had never been seen before, within 15 minutes.",
                    legend=_EACH,
                    threshold_of="LogNewErrors",
                    width=12,
                ),
                Panel(
                    key="newest-templates",
                    title="The newest templates",
                    queries=("logs.newest_templates",),
                    kind="table",
                    description="What is new, with the words that vary as <*>; shown for an hour.",
                    legend="{{service}} {{level}} {{template}}",
                    width=24,
                ),
            ),
        ),
        Row(
            title="Rates",
            panels=(
                Panel(
                    key="records-rate",
                    title="Records",
                    queries=("logs.records_rate",),
                    description="Records of every level. A log that grows tenfold fills a disk.",
                    legend=_EACH,
                ),
                Panel(
                    key="error-ratio",
                    title="Share of errors",
                    queries=("logs.error_ratio",),
                    description="Errors of all records.",
                    legend=_EACH,
                    threshold_of="LogErrorsHigh",
                ),
                Panel(
                    key="new-templates",
                    title="New templates",
                    queries=("logs.new_templates",),
                    description="New kinds of records of every level: a deploy brings some.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Reading",
            panels=(
                Panel(
                    key="unread-bytes",
                    title="Not yet read",
                    queries=("logs.unread_bytes",),
                    description="Written faster than it is read: a scrape reads 8 MiB of a file, for 2 s at most.",
                    legend=_EACH,
                ),
                Panel(
                    key="lost-rate",
                    title="Lost",
                    queries=("logs.lost_rate",),
                    description="Bytes that were truncated, or deleted for a minute, before they were read.",
                    legend=_EACH,
                ),
                Panel(
                    key="dropped-rate",
                    title="Dropped",
                    queries=("logs.dropped_rate",),
                    description="Records that were not looked at: too long, or not text.",
                    legend="{{service}} {{reason}}",
                    threshold_of="LogRecordsDropped",
                ),
                Panel(
                    key="silence",
                    title="Silence",
                    queries=("logs.silence",),
                    description="Time since the last record.",
                    legend=_EACH,
                    width=4,
                ),
                Panel(
                    key="unreadable-sources",
                    title="Unreadable files",
                    queries=("logs.unreadable_sources",),
                    description="Files that match the pattern and may not be read.",
                    legend=_EACH,
                    threshold_of="LogFilesUnreadable",
                    width=4,
                ),
            ),
            collapsed=True,
        ),
    ),
)
