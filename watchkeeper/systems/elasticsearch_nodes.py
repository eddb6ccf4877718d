"""Elasticsearch: signals of nodes, beside where they stand in the reply of `_nodes/stats`."""

from __future__ import annotations

from watchkeeper.signals import Signal
from watchkeeper.systems.elasticsearch_names import HIGH, counter, gauge
from watchkeeper.units import BYTES, ONE, PERCENT, SECONDS

__all__ = [
    "ELASTICSEARCH_INDICES_DOCS",
    "ELASTICSEARCH_INDICES_FIELDDATA_EVICTIONS",
    "ELASTICSEARCH_INDICES_INDEXING_INDEX_TIME_SECONDS_TOTAL",
    "ELASTICSEARCH_INDICES_INDEXING_INDEX_TOTAL",
    "ELASTICSEARCH_INDICES_INDEXING_THROTTLE_TIME_SECONDS_TOTAL",
    "ELASTICSEARCH_INDICES_MERGES_TOTAL_TIME_SECONDS_TOTAL",
    "ELASTICSEARCH_INDICES_SEARCH_QUERY_TIME_SECONDS",
    "ELASTICSEARCH_INDICES_SEARCH_QUERY_TOTAL",
    "ELASTICSEARCH_INDICES_SEGMENTS_COUNT",
    "ELASTICSEARCH_INDICES_STORE_SIZE_BYTES",
    "ELASTICSEARCH_OS_CPU_PERCENT",
    "ELASTICSEARCH_PROCESS_CPU_PERCENT",
    "ELASTICSEARCH_PROCESS_MAX_FILES_DESCRIPTORS",
    "ELASTICSEARCH_PROCESS_OPEN_FILES_COUNT",
    "NODE",
]

ELASTICSEARCH_OS_CPU_PERCENT = gauge("os_cpu_percent", "Processor use of the machine.", PERCENT, HIGH)
ELASTICSEARCH_PROCESS_CPU_PERCENT = gauge("process_cpu_percent", "Processor use of the node's process.", PERCENT, HIGH)
ELASTICSEARCH_PROCESS_OPEN_FILES_COUNT = gauge("process_open_files_count", "Open file descriptors.", ONE, HIGH)
ELASTICSEARCH_PROCESS_MAX_FILES_DESCRIPTORS = gauge(
    "process_max_files_descriptors", "Largest number of file descriptors."
)
ELASTICSEARCH_INDICES_DOCS = gauge("indices_docs", "Documents on the node, replicas included.")
ELASTICSEARCH_INDICES_STORE_SIZE_BYTES = gauge(
    "indices_store_size_bytes", "Size of the shards on the node.", BYTES, HIGH
)
ELASTICSEARCH_INDICES_SEARCH_QUERY_TOTAL = counter(
    "indices_search_query_total", "Query phases of searches, one a shard."
)
ELASTICSEARCH_INDICES_SEARCH_QUERY_TIME_SECONDS = counter(
    "indices_search_query_time_seconds", "Time spent in query phases.", SECONDS, HIGH
)
ELASTICSEARCH_INDICES_INDEXING_INDEX_TOTAL = counter("indices_indexing_index_total", "Documents indexed.")
ELASTICSEARCH_INDICES_INDEXING_INDEX_TIME_SECONDS_TOTAL = counter(
    "indices_indexing_index_time_seconds_total", "Time spent indexing.", SECONDS, HIGH
)
ELASTICSEARCH_INDICES_INDEXING_THROTTLE_TIME_SECONDS_TOTAL = counter(
    "indices_indexing_throttle_time_seconds_total", "Time for which indexing waited for merges.", SECONDS, HIGH
)
ELASTICSEARCH_INDICES_MERGES_TOTAL_TIME_SECONDS_TOTAL = counter(
    "indices_merges_total_time_seconds_total", "Time spent in merges.", SECONDS, HIGH
)
ELASTICSEARCH_INDICES_FIELDDATA_EVICTIONS = counter(
    "indices_fielddata_evictions", "Evictions from field data.", ONE, HIGH
)
ELASTICSEARCH_INDICES_SEGMENTS_COUNT = gauge("indices_segments_count", "Segments on the node.")

NODE: tuple[tuple[str, Signal], ...] = (
    # Operating system and process
    ("os.cpu.load_average.1m", gauge("os_load1", "Load average over one minute.", ONE, HIGH)),
    ("os.cpu.load_average.5m", gauge("os_load5", "Load average over five minutes.", ONE, HIGH)),
    ("os.cpu.load_average.15m", gauge("os_load15", "Load average over fifteen minutes.", ONE, HIGH)),
    ("os.cpu.percent", ELASTICSEARCH_OS_CPU_PERCENT),
    ("os.mem.free_in_bytes", gauge("os_mem_free_bytes", "Free memory of the machine.", BYTES)),
    ("os.mem.used_in_bytes", gauge("os_mem_used_bytes", "Used memory of the machine, caches included.", BYTES)),
    ("process.cpu.percent", ELASTICSEARCH_PROCESS_CPU_PERCENT),
    (
        "process.cpu.total_in_millis",
        counter("process_cpu_seconds_total", "Processor time of the node's process.", SECONDS),
    ),
    (
        "process.mem.total_virtual_in_bytes",
        gauge("process_mem_virtual_size_bytes", "Virtual memory of the process.", BYTES),
    ),
    ("process.open_file_descriptors", ELASTICSEARCH_PROCESS_OPEN_FILES_COUNT),
    ("process.max_file_descriptors", ELASTICSEARCH_PROCESS_MAX_FILES_DESCRIPTORS),
    # Documents and store
    ("indices.docs.count", ELASTICSEARCH_INDICES_DOCS),
    ("indices.docs.deleted", gauge("indices_docs_deleted", "Deleted documents that a merge has not removed yet.")),
    ("indices.store.size_in_bytes", ELASTICSEARCH_INDICES_STORE_SIZE_BYTES),
    (
        "indices.completion.size_in_bytes",
        counter("indices_completion_size_in_bytes", "Memory of completion suggesters.", BYTES),
    ),
    ("indices.translog.operations", counter("indices_translog_operations", "Operations in the transaction logs.")),
    ("indices.translog.size_in_bytes", gauge("indices_translog_size_in_bytes", "Size of the transaction logs.", BYTES)),
    # Reads
    ("indices.get.total", counter("indices_get_total", "Gets of single documents.")),
    ("indices.get.time_in_millis", counter("indices_get_time_seconds", "Time spent in gets.", SECONDS, HIGH)),
    ("indices.get.exists_total", counter("indices_get_exists_total", "Gets that found their document.")),
    (
        "indices.get.exists_time_in_millis",
        counter("indices_get_exists_time_seconds", "Time spent in gets that found their document.", SECONDS, HIGH),
    ),
    ("indices.get.missing_total", counter("indices_get_missing_total", "Gets of a missing document.")),
    (
        "indices.get.missing_time_in_millis",
        counter("indices_get_missing_time_seconds", "Time spent in gets of a missing document.", SECONDS, HIGH),
    ),
    ("indices.search.query_total", ELASTICSEARCH_INDICES_SEARCH_QUERY_TOTAL),
    ("indices.search.query_time_in_millis", ELASTICSEARCH_INDICES_SEARCH_QUERY_TIME_SECONDS),
    ("indices.search.fetch_total", counter("indices_search_fetch_total", "Fetch phases of searches.")),
    (
        "indices.search.fetch_time_in_millis",
        counter("indices_search_fetch_time_seconds", "Time spent in fetch phases.", SECONDS, HIGH),
    ),
    ("indices.search.scroll_total", counter("indices_search_scroll_total", "Scrolls that ended.")),
    ("indices.search.scroll_current", gauge("indices_search_scroll_current", "Open scrolls.")),
    (
        "indices.search.scroll_time_in_millis",
        counter("indices_search_scroll_time_seconds", "Time for which scrolls were open.", SECONDS),
    ),
    ("indices.search.suggest_total", counter("indices_search_suggest_total", "Suggest requests.")),
    (
        "indices.search.suggest_time_in_millis",
        counter("indices_search_suggest_time_seconds", "Time spent in suggest requests.", SECONDS, HIGH),
    ),
    # Writes
    ("indices.indexing.index_total", ELASTICSEARCH_INDICES_INDEXING_INDEX_TOTAL),
    ("indices.indexing.index_time_in_millis", ELASTICSEARCH_INDICES_INDEXING_INDEX_TIME_SECONDS_TOTAL),
    ("indices.indexing.delete_total", counter("indices_indexing_delete_total", "Documents deleted.")),
    (
        "indices.indexing.delete_time_in_millis",
        counter("indices_indexing_delete_time_seconds_total", "Time spent deleting.", SECONDS, HIGH),
    ),
    (
        "indices.indexing.is_throttled",
        gauge("indices_indexing_is_throttled", "Whether indexing waits for merges.", ONE, HIGH),
    ),
    ("indices.indexing.throttle_time_in_millis", ELASTICSEARCH_INDICES_INDEXING_THROTTLE_TIME_SECONDS_TOTAL),
    ("indices.refresh.total", counter("indices_refresh_total", "Refreshes.")),
    (
        "indices.refresh.total_time_in_millis",
        counter("indices_refresh_time_seconds_total", "Time spent in refreshes.", SECONDS, HIGH),
    ),
    (
        "indices.refresh.external_total",
        counter("indices_refresh_external_total", "Refreshes that made documents visible."),
    ),
    (
        "indices.refresh.external_total_time_in_millis",
        counter("indices_refresh_external_time_seconds_total", "Time spent in external refreshes.", SECONDS, HIGH),
    ),
    ("indices.flush.total", counter("indices_flush_total", "Flushes.")),
    (
        "indices.flush.total_time_in_millis",
        counter("indices_flush_time_seconds", "Time spent in flushes.", SECONDS, HIGH),
    ),
    ("indices.warmer.total", counter("indices_warmer_total", "Warmer runs.")),
    (
        "indices.warmer.total_time_in_millis",
        counter("indices_warmer_time_seconds_total", "Time spent in warmers.", SECONDS),
    ),
    ("indices.merges.current", gauge("indices_merges_current", "Merges that run.")),
    (
        "indices.merges.current_size_in_bytes",
        gauge("indices_merges_current_size_in_bytes", "Size of the merges that run.", BYTES),
    ),
    ("indices.merges.total", counter("indices_merges_total", "Merges.")),
    ("indices.merges.total_docs", counter("indices_merges_docs_total", "Documents merged.")),
    ("indices.merges.total_size_in_bytes", counter("indices_merges_total_size_bytes_total", "Bytes merged.", BYTES)),
    ("indices.merges.total_time_in_millis", ELASTICSEARCH_INDICES_MERGES_TOTAL_TIME_SECONDS_TOTAL),
    (
        "indices.merges.total_throttled_time_in_millis",
        counter(
            "indices_merges_total_throttled_time_seconds_total", "Time for which merges were throttled.", SECONDS, HIGH
        ),
    ),
    # Caches and segments
    (
        "indices.fielddata.memory_size_in_bytes",
        gauge("indices_fielddata_memory_size_bytes", "Memory of field data.", BYTES, HIGH),
    ),
    ("indices.fielddata.evictions", ELASTICSEARCH_INDICES_FIELDDATA_EVICTIONS),
    (
        "indices.query_cache.memory_size_in_bytes",
        gauge("indices_query_cache_memory_size_bytes", "Memory of the query cache.", BYTES),
    ),
    (
        "indices.query_cache.evictions",
        counter("indices_query_cache_evictions", "Evictions from the query cache.", ONE, HIGH),
    ),
    ("indices.query_cache.total_count", counter("indices_query_cache_total", "Look-ups in the query cache.")),
    ("indices.query_cache.cache_size", gauge("indices_query_cache_cache_size", "Entries in the query cache.")),
    (
        "indices.query_cache.cache_count",
        counter("indices_query_cache_cache_total", "Entries that the query cache ever had."),
    ),
    (
        "indices.request_cache.memory_size_in_bytes",
        gauge("indices_request_cache_memory_size_bytes", "Memory of the request cache.", BYTES),
    ),
    (
        "indices.request_cache.evictions",
        counter("indices_request_cache_evictions", "Evictions from the request cache.", ONE, HIGH),
    ),
    ("indices.segments.count", ELASTICSEARCH_INDICES_SEGMENTS_COUNT),
    ("indices.segments.memory_in_bytes", gauge("indices_segments_memory_bytes", "Memory of segments.", BYTES)),
    (
        "indices.segments.terms_memory_in_bytes",
        gauge("indices_segments_terms_memory_in_bytes", "Memory of terms.", BYTES),
    ),
    (
        "indices.segments.stored_fields_memory_in_bytes",
        gauge("indices_segments_stored_fields_memory_in_bytes", "Memory of stored fields.", BYTES),
    ),
    (
        "indices.segments.term_vectors_memory_in_bytes",
        gauge("indices_segments_term_vectors_memory_in_bytes", "Memory of term vectors.", BYTES),
    ),
    (
        "indices.segments.norms_memory_in_bytes",
        gauge("indices_segments_norms_memory_in_bytes", "Memory of norms.", BYTES),
    ),
    (
        "indices.segments.points_memory_in_bytes",
        gauge("indices_segments_points_memory_in_bytes", "Memory of points.", BYTES),
    ),
    (
        "indices.segments.doc_values_memory_in_bytes",
        gauge("indices_segments_doc_values_memory_in_bytes", "Memory of doc values.", BYTES),
    ),
    (
        "indices.segments.index_writer_memory_in_bytes",
        gauge("indices_segments_index_writer_memory_in_bytes", "Memory of index writers.", BYTES),
    ),
    (
        "indices.segments.version_map_memory_in_bytes",
        gauge("indices_segments_version_map_memory_in_bytes", "Memory of version maps.", BYTES),
    ),
    (
        "indices.segments.fixed_bit_set_memory_in_bytes",
        gauge("indices_segments_fixed_bit_set_memory_in_bytes", "Memory of fixed bit sets.", BYTES),
    ),
    # Transport
    ("transport.rx_count", counter("transport_rx_packets_total", "Packets received from other nodes.")),
    ("transport.rx_size_in_bytes", counter("transport_rx_size_bytes_total", "Bytes received from other nodes.", BYTES)),
    ("transport.tx_count", counter("transport_tx_packets_total", "Packets sent to other nodes.")),
    ("transport.tx_size_in_bytes", counter("transport_tx_size_bytes_total", "Bytes sent to other nodes.", BYTES)),
)
