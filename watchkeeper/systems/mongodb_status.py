"""MongoDB: signals of serverStatus, beside where they stand in its reply."""

from __future__ import annotations

from watchkeeper.signals import Signal
from watchkeeper.systems.mongodb_names import HIGH, LOW, MEBIBYTES, NEUTRAL, counter, gauge
from watchkeeper.units import BYTES, MICROSECONDS, MILLISECONDS, ONE, PERCENT, SECONDS

__all__ = [
    "COMMANDS",
    "LABELLED",
    "LATENCIES",
    "MONGODB_SS_ASSERTS",
    "MONGODB_SS_CONNECTIONS",
    "MONGODB_SS_ELECTION_METRICS_ELECTION_TIMEOUT_CALLED",
    "MONGODB_SS_GLOBAL_LOCK_CURRENT_QUEUE",
    "MONGODB_SS_MEM_RESIDENT",
    "MONGODB_SS_METRICS_CURSOR_OPEN",
    "MONGODB_SS_METRICS_CURSOR_TIMED_OUT",
    "MONGODB_SS_METRICS_DOCUMENT",
    "MONGODB_SS_METRICS_OPERATION_SCAN_AND_ORDER",
    "MONGODB_SS_METRICS_OPERATION_WRITE_CONFLICTS",
    "MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED",
    "MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED_OBJECTS",
    "MONGODB_SS_NETWORK_BYTES_OUT",
    "MONGODB_SS_OPCOUNTERS",
    "MONGODB_SS_OPCOUNTERS_REPL",
    "MONGODB_SS_OP_LATENCIES_LATENCY",
    "MONGODB_SS_OP_LATENCIES_OPS",
    "MONGODB_SS_UPTIME",
    "MONGODB_SS_WT_CACHE_BYTES_CURRENTLY_IN_THE_CACHE",
    "MONGODB_SS_WT_CACHE_MAXIMUM_BYTES_CONFIGURED",
    "MONGODB_SS_WT_CACHE_PAGES_EVICTED_BY_APPLICATION_THREADS",
    "MONGODB_SS_WT_CACHE_PAGES_READ_INTO_CACHE",
    "MONGODB_SS_WT_CACHE_TRACKED_DIRTY_BYTES_IN_THE_CACHE",
    "MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_AVAILABLE",
    "MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_OUT",
    "MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_TOTAL_TICKETS",
    "MONGODB_SS_WT_TXN_TRANSACTION_CHECKPOINT_MOST_RECENT_TIME_MSECS",
    "STATUS",
    "STATUS_SIGNALS",
    "TICKETS",
]

MONGODB_SS_UPTIME = gauge("ss_uptime", "Time since the server started.", SECONDS)
MONGODB_SS_MEM_RESIDENT = gauge("ss_mem_resident", "Resident memory of the server.", MEBIBYTES, HIGH)
MONGODB_SS_NETWORK_BYTES_OUT = counter("ss_network_bytesOut", "Bytes sent, as the server sees them.", BYTES)
MONGODB_SS_METRICS_CURSOR_TIMED_OUT = counter("ss_metrics_cursor_timedOut", "Cursors that timed out.", ONE, HIGH)
MONGODB_SS_METRICS_OPERATION_SCAN_AND_ORDER = counter(
    "ss_metrics_operation_scanAndOrder", "Queries that sorted without an index.", ONE, HIGH
)
MONGODB_SS_METRICS_OPERATION_WRITE_CONFLICTS = counter(
    "ss_metrics_operation_writeConflicts", "Writes that conflicted with another and were tried again.", ONE, HIGH
)
MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED = counter("ss_metrics_queryExecutor_scanned", "Index keys read by queries.")
MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED_OBJECTS = counter(
    "ss_metrics_queryExecutor_scannedObjects", "Documents read by queries."
)
MONGODB_SS_ELECTION_METRICS_ELECTION_TIMEOUT_CALLED = counter(
    "ss_electionMetrics_electionTimeout_called", "Elections because the primary was not heard.", ONE, HIGH
)
MONGODB_SS_WT_CACHE_BYTES_CURRENTLY_IN_THE_CACHE = gauge(
    "ss_wt_cache_bytes_currently_in_the_cache", "Bytes in the cache.", BYTES
)
MONGODB_SS_WT_CACHE_MAXIMUM_BYTES_CONFIGURED = gauge(
    "ss_wt_cache_maximum_bytes_configured", "Largest size of the cache.", BYTES
)
MONGODB_SS_WT_CACHE_TRACKED_DIRTY_BYTES_IN_THE_CACHE = gauge(
    "ss_wt_cache_tracked_dirty_bytes_in_the_cache", "Bytes in the cache that are not yet written.", BYTES, HIGH
)
MONGODB_SS_WT_CACHE_PAGES_READ_INTO_CACHE = counter("ss_wt_cache_pages_read_into_cache", "Pages read into the cache.")
MONGODB_SS_WT_CACHE_PAGES_EVICTED_BY_APPLICATION_THREADS = counter(
    "ss_wt_cache_pages_evicted_by_application_threads", "Pages that clients had to evict themselves.", ONE, HIGH
)
MONGODB_SS_WT_TXN_TRANSACTION_CHECKPOINT_MOST_RECENT_TIME_MSECS = gauge(
    "ss_wt_txn_transaction_checkpoint_most_recent_time_msecs", "Duration of the last checkpoint.", MILLISECONDS, HIGH
)

STATUS: tuple[tuple[str, Signal], ...] = (
    # Server
    ("uptime", MONGODB_SS_UPTIME),
    ("mem.resident", MONGODB_SS_MEM_RESIDENT),
    ("mem.virtual", gauge("ss_mem_virtual", "Virtual memory of the server.", MEBIBYTES)),
    ("extra_info.page_faults", counter("ss_extra_info_page_faults", "Page faults that needed a disk.", ONE, HIGH)),
    ("network.bytesIn", counter("ss_network_bytesIn", "Bytes received, as the server sees them.", BYTES)),
    ("network.bytesOut", MONGODB_SS_NETWORK_BYTES_OUT),
    (
        "network.physicalBytesIn",
        counter("ss_network_physicalBytesIn", "Bytes received on the wire, compressed.", BYTES),
    ),
    ("network.physicalBytesOut", counter("ss_network_physicalBytesOut", "Bytes sent on the wire, compressed.", BYTES)),
    ("network.numRequests", counter("ss_network_numRequests", "Requests received.")),
    # Work
    (
        "globalLock.totalTime",
        counter(
            "ss_globalLock_totalTime", "Time since the server started, as the global lock counts it.", MICROSECONDS
        ),
    ),
    ("globalLock.activeClients.total", gauge("ss_globalLock_activeClients_total", "Clients that work.", ONE, HIGH)),
    ("globalLock.activeClients.readers", gauge("ss_globalLock_activeClients_readers", "Clients that read.", ONE, HIGH)),
    (
        "globalLock.activeClients.writers",
        gauge("ss_globalLock_activeClients_writers", "Clients that write.", ONE, HIGH),
    ),
    ("metrics.cursor.timedOut", MONGODB_SS_METRICS_CURSOR_TIMED_OUT),
    (
        "metrics.getLastError.wtime.num",
        counter("ss_metrics_getLastError_wtime_num", "Writes that waited for a write concern."),
    ),
    (
        "metrics.getLastError.wtime.totalMillis",
        counter(
            "ss_metrics_getLastError_wtime_totalMillis",
            "Time that writes waited for their write concern.",
            MILLISECONDS,
            HIGH,
        ),
    ),
    (
        "metrics.getLastError.wtimeouts",
        counter("ss_metrics_getLastError_wtimeouts", "Writes whose write concern timed out.", ONE, HIGH),
    ),
    ("metrics.operation.scanAndOrder", MONGODB_SS_METRICS_OPERATION_SCAN_AND_ORDER),
    ("metrics.operation.writeConflicts", MONGODB_SS_METRICS_OPERATION_WRITE_CONFLICTS),
    ("metrics.queryExecutor.scanned", MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED),
    ("metrics.queryExecutor.scannedObjects", MONGODB_SS_METRICS_QUERY_EXECUTOR_SCANNED_OBJECTS),
    (
        "metrics.queryExecutor.collectionScans.total",
        counter(
            "ss_metrics_queryExecutor_collectionScans_total",
            "Queries that read a whole collection.",
            ONE,
            HIGH,
            requires="MongoDB 4.4 or later",
        ),
    ),
    (
        "metrics.ttl.deletedDocuments",
        counter("ss_metrics_ttl_deletedDocuments", "Documents deleted because their time was over."),
    ),
    ("metrics.ttl.passes", counter("ss_metrics_ttl_passes", "Runs of the deletion of documents whose time is over.")),
    ("metrics.record.moves", counter("ss_metrics_record_moves", "Documents that moved because they grew.")),
    ("transactions.currentActive", gauge("ss_transactions_currentActive", "Transactions that run a command.")),
    (
        "transactions.currentInactive",
        gauge("ss_transactions_currentInactive", "Open transactions that run nothing.", ONE, HIGH),
    ),
    ("transactions.currentOpen", gauge("ss_transactions_currentOpen", "Open transactions.", ONE, HIGH)),
    ("transactions.totalStarted", counter("ss_transactions_totalStarted", "Transactions started.")),
    ("transactions.totalCommitted", counter("ss_transactions_totalCommitted", "Transactions committed.")),
    ("transactions.totalAborted", counter("ss_transactions_totalAborted", "Transactions aborted.", ONE, HIGH)),
    ("flowControl.enabled", gauge("ss_flowControl_enabled", "Whether flow control is on.")),
    (
        "flowControl.isLagged",
        gauge("ss_flowControl_isLagged", "Whether flow control slows writes because the majority lags.", ONE, HIGH),
    ),
    (
        "flowControl.timeAcquiringMicros",
        counter("ss_flowControl_timeAcquiringMicros", "Time that writes waited for flow control.", MICROSECONDS, HIGH),
    ),
    # Replication, as the server counts it
    ("metrics.repl.apply.ops", counter("ss_metrics_repl_apply_ops", "Operations of the oplog that were applied.")),
    (
        "metrics.repl.apply.batches.num",
        counter("ss_metrics_repl_apply_batches_num", "Batches of the oplog that were applied."),
    ),
    (
        "metrics.repl.apply.batches.totalMillis",
        counter(
            "ss_metrics_repl_apply_batches_totalMillis", "Time spent in applying batches of the oplog.", MILLISECONDS
        ),
    ),
    (
        "metrics.repl.buffer.count",
        counter("ss_metrics_repl_buffer_count", "Operations in the buffer of replication.", exposed_as=""),
    ),
    (
        "metrics.repl.buffer.sizeBytes",
        gauge("ss_metrics_repl_buffer_sizeBytes", "Size of the buffer of replication.", BYTES, HIGH),
    ),
    (
        "metrics.repl.buffer.maxSizeBytes",
        gauge("ss_metrics_repl_buffer_maxSizeBytes", "Largest size of the buffer of replication.", BYTES),
    ),
    (
        "metrics.repl.network.bytes",
        counter("ss_metrics_repl_network_bytes", "Bytes read from the source of replication.", BYTES),
    ),
    (
        "metrics.repl.network.ops",
        counter("ss_metrics_repl_network_ops", "Operations read from the source of replication."),
    ),
    (
        "metrics.repl.network.getmores.num",
        counter("ss_metrics_repl_network_getmores_num", "Reads from the source of replication."),
    ),
    (
        "metrics.repl.network.getmores.totalMillis",
        counter(
            "ss_metrics_repl_network_getmores_totalMillis",
            "Time spent in reads from the source of replication.",
            MILLISECONDS,
        ),
    ),
    (
        "metrics.repl.network.readersCreated",
        counter("ss_metrics_repl_network_readersCreated", "Readers of the oplog created.", ONE, HIGH),
    ),
    ("electionMetrics.electionTimeout.called", MONGODB_SS_ELECTION_METRICS_ELECTION_TIMEOUT_CALLED),
    (
        "electionMetrics.electionTimeout.successful",
        counter("ss_electionMetrics_electionTimeout_successful", "Elections won because the primary was not heard."),
    ),
    (
        "electionMetrics.priorityTakeover.called",
        counter("ss_electionMetrics_priorityTakeover_called", "Elections because this member has a higher priority."),
    ),
    ("electionMetrics.stepUpCmd.called", counter("ss_electionMetrics_stepUpCmd_called", "Elections by command.")),
    (
        "electionMetrics.numStepDownsCausedByHigherTerm",
        counter(
            "ss_electionMetrics_numStepDownsCausedByHigherTerm",
            "Times that this primary stepped down for another.",
            ONE,
            HIGH,
        ),
    ),
    # Storage engine
    ("wiredTiger.cache.bytes currently in the cache", MONGODB_SS_WT_CACHE_BYTES_CURRENTLY_IN_THE_CACHE),
    ("wiredTiger.cache.maximum bytes configured", MONGODB_SS_WT_CACHE_MAXIMUM_BYTES_CONFIGURED),
    ("wiredTiger.cache.tracked dirty bytes in the cache", MONGODB_SS_WT_CACHE_TRACKED_DIRTY_BYTES_IN_THE_CACHE),
    (
        "wiredTiger.cache.tracked dirty pages in the cache",
        gauge(
            "ss_wt_cache_tracked_dirty_pages_in_the_cache", "Pages in the cache that are not yet written.", ONE, HIGH
        ),
    ),
    (
        "wiredTiger.cache.pages currently held in the cache",
        gauge("ss_wt_cache_pages_currently_held_in_the_cache", "Pages in the cache."),
    ),
    (
        "wiredTiger.cache.bytes read into cache",
        counter("ss_wt_cache_bytes_read_into_cache", "Bytes read into the cache.", BYTES),
    ),
    (
        "wiredTiger.cache.bytes written from cache",
        counter("ss_wt_cache_bytes_written_from_cache", "Bytes written from the cache.", BYTES),
    ),
    ("wiredTiger.cache.pages read into cache", MONGODB_SS_WT_CACHE_PAGES_READ_INTO_CACHE),
    (
        "wiredTiger.cache.pages written from cache",
        counter("ss_wt_cache_pages_written_from_cache", "Pages written from the cache."),
    ),
    (
        "wiredTiger.cache.pages requested from the cache",
        counter("ss_wt_cache_pages_requested_from_the_cache", "Pages asked of the cache."),
    ),
    (
        "wiredTiger.cache.modified pages evicted",
        counter("ss_wt_cache_modified_pages_evicted", "Changed pages that were evicted."),
    ),
    (
        "wiredTiger.cache.unmodified pages evicted",
        counter("ss_wt_cache_unmodified_pages_evicted", "Unchanged pages that were evicted."),
    ),
    ("wiredTiger.cache.pages evicted by application threads", MONGODB_SS_WT_CACHE_PAGES_EVICTED_BY_APPLICATION_THREADS),
    (
        "wiredTiger.cache.operations timed out waiting for space in cache",
        counter(
            "ss_wt_cache_operations_timed_out_waiting_for_space_in_cache",
            "Operations that failed for want of room in the cache.",
            ONE,
            HIGH,
        ),
    ),
    (
        "wiredTiger.cache.percentage overhead",
        gauge(
            "ss_wt_cache_percentage_overhead", "Share of the cache that is set aside for its own management.", PERCENT
        ),
    ),
    ("wiredTiger.block-manager.bytes read", counter("ss_wt_block_manager_bytes_read", "Bytes read from disk.", BYTES)),
    (
        "wiredTiger.block-manager.bytes written",
        counter("ss_wt_block_manager_bytes_written", "Bytes written to disk.", BYTES),
    ),
    ("wiredTiger.block-manager.blocks read", counter("ss_wt_block_manager_blocks_read", "Blocks read from disk.")),
    (
        "wiredTiger.block-manager.blocks written",
        counter("ss_wt_block_manager_blocks_written", "Blocks written to disk."),
    ),
    (
        "wiredTiger.connection.files currently open",
        gauge("ss_wt_connection_files_currently_open", "Open files of the storage engine."),
    ),
    (
        "wiredTiger.log.log bytes written",
        counter("ss_wt_log_log_bytes_written", "Bytes written to the journal.", BYTES),
    ),
    ("wiredTiger.log.log write operations", counter("ss_wt_log_log_write_operations", "Writes to the journal.")),
    ("wiredTiger.log.log sync operations", counter("ss_wt_log_log_sync_operations", "Syncs of the journal.")),
    (
        "wiredTiger.log.log sync time duration (usecs)",
        counter("ss_wt_log_log_sync_time_duration_usecs", "Time spent in syncs of the journal.", MICROSECONDS, HIGH),
    ),
    (
        "wiredTiger.transaction.transaction begins",
        counter("ss_wt_txn_transaction_begins", "Transactions of the storage engine begun."),
    ),
    (
        "wiredTiger.transaction.transactions committed",
        counter("ss_wt_txn_transactions_committed", "Transactions of the storage engine committed."),
    ),
    (
        "wiredTiger.transaction.transactions rolled back",
        counter("ss_wt_txn_transactions_rolled_back", "Transactions of the storage engine rolled back.", ONE, HIGH),
    ),
    ("wiredTiger.transaction.transaction checkpoints", counter("ss_wt_txn_transaction_checkpoints", "Checkpoints.")),
    (
        "wiredTiger.transaction.transaction checkpoint currently running",
        gauge("ss_wt_txn_transaction_checkpoint_currently_running", "Whether a checkpoint runs."),
    ),
    (
        "wiredTiger.transaction.transaction checkpoint most recent time (msecs)",
        MONGODB_SS_WT_TXN_TRANSACTION_CHECKPOINT_MOST_RECENT_TIME_MSECS,
    ),
    (
        "wiredTiger.transaction.transaction checkpoint total time (msecs)",
        counter("ss_wt_txn_transaction_checkpoint_total_time_msecs", "Time spent in checkpoints.", MILLISECONDS),
    ),
)
"""Fields of serverStatus, by dotted path."""

# Documents whose keys the exporter makes the values of a label.
MONGODB_SS_ASSERTS = counter("ss_asserts", "Assertions by kind.", ONE, HIGH, label="assert_type")
MONGODB_SS_CONNECTIONS = gauge(
    "ss_connections", "Connections: current, available, active, and totalCreated.", label="conn_type"
)
MONGODB_SS_GLOBAL_LOCK_CURRENT_QUEUE = gauge(
    "ss_globalLock_currentQueue", "Operations that wait for a lock.", ONE, HIGH, label="count_type"
)
MONGODB_SS_METRICS_CURSOR_OPEN = gauge("ss_metrics_cursor_open", "Open cursors.", label="csr_type")
MONGODB_SS_METRICS_DOCUMENT = counter(
    "ss_metrics_document", "Documents deleted, inserted, returned and updated.", label="doc_op_type"
)
MONGODB_SS_OPCOUNTERS = counter("ss_opcounters", "Operations by kind.", label="legacy_op_type")
MONGODB_SS_OPCOUNTERS_REPL = counter("ss_opcountersRepl", "Replicated operations by kind.", label="legacy_op_type")
LABELLED: tuple[tuple[str, Signal], ...] = (
    ("asserts", MONGODB_SS_ASSERTS),
    ("connections", MONGODB_SS_CONNECTIONS),
    ("globalLock.currentQueue", MONGODB_SS_GLOBAL_LOCK_CURRENT_QUEUE),
    ("metrics.cursor.open", MONGODB_SS_METRICS_CURSOR_OPEN),
    ("metrics.document", MONGODB_SS_METRICS_DOCUMENT),
    ("opReadConcernCounters", counter("ss_opReadConcernCounters", "Reads by read concern.", label="concern_type")),
    ("opcounters", MONGODB_SS_OPCOUNTERS),
    ("opcountersRepl", MONGODB_SS_OPCOUNTERS_REPL),
)
"""Documents of serverStatus whose numbers are the series of one signal."""

MONGODB_SS_OP_LATENCIES_LATENCY = counter(
    "ss_opLatencies_latency", "Time spent in operations.", MICROSECONDS, HIGH, label="op_type"
)
MONGODB_SS_OP_LATENCIES_OPS = counter("ss_opLatencies_ops", "Operations whose time was taken.", label="op_type")
MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_AVAILABLE = gauge(
    "ss_wt_concurrentTransactions_available", "Tickets of the storage engine that are left.", ONE, LOW, label="txn_rw"
)
MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_OUT = gauge(
    "ss_wt_concurrentTransactions_out", "Tickets of the storage engine in use.", ONE, HIGH, label="txn_rw"
)
MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_TOTAL_TICKETS = gauge(
    "ss_wt_concurrentTransactions_totalTickets", "Tickets of the storage engine.", label="txn_rw"
)
LATENCIES: tuple[tuple[str, Signal], ...] = (
    ("latency", MONGODB_SS_OP_LATENCIES_LATENCY),
    ("ops", MONGODB_SS_OP_LATENCIES_OPS),
)
"""Fields of each document under opLatencies."""
TICKETS: tuple[tuple[str, Signal], ...] = (
    ("available", MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_AVAILABLE),
    ("out", MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_OUT),
    ("totalTickets", MONGODB_SS_WT_CONCURRENT_TRANSACTIONS_TOTAL_TICKETS),
)
"""Fields of `read` and `write` under wiredTiger.concurrentTransactions, since 7.0 under queues.execution."""

# A few of two hundred commands: those that applications send.
COMMANDS: tuple[tuple[str, Signal], ...] = tuple(
    (
        f"metrics.commands.{command}.{outcome}",
        counter(f"ss_metrics_commands_{command}_{outcome}", f"{text} {command}.", ONE, polarity),
    )
    for command in ("aggregate", "count", "delete", "distinct", "find", "findAndModify", "getMore", "insert", "update")
    for outcome, text, polarity in (("failed", "Failed calls of", HIGH), ("total", "Calls of", NEUTRAL))
)

STATUS_SIGNALS: tuple[Signal, ...] = tuple(
    signal for table in (STATUS, LABELLED, LATENCIES, TICKETS, COMMANDS) for _, signal in table
)
