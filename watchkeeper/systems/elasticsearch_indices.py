"""Elasticsearch: signals of single indices, beside where they stand in the reply of `_stats`."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.systems.elasticsearch_names import HIGH, NEUTRAL, counter, gauge
from watchkeeper.units import BYTES, ONE, SECONDS, Unit

__all__ = [
    "ELASTICSEARCH_INDEX_STATS_INDEXING_INDEX_TOTAL",
    "ELASTICSEARCH_INDEX_STATS_SEARCH_QUERY_TOTAL",
    "ELASTICSEARCH_INDICES_ALIASES",
    "ELASTICSEARCH_INDICES_DOCS_PRIMARY",
    "ELASTICSEARCH_INDICES_STORE_SIZE_BYTES_TOTAL",
    "INDEX",
    "INDEX_SIGNALS",
]

_REQUIRES = "the option collect with indices"


def _gauge(name: str, help: str, unit: Unit = ONE, polarity: Polarity = NEUTRAL) -> Gauge:
    return gauge(name, help, unit, polarity, labels=("cluster", "index"), requires=_REQUIRES)


def _counter(name: str, help: str, unit: Unit = ONE, polarity: Polarity = NEUTRAL) -> Counter:
    return counter(name, help, unit, polarity, labels=("cluster", "index"), requires=_REQUIRES)


ELASTICSEARCH_INDICES_DOCS_PRIMARY = _gauge("indices_docs_primary", "Documents of an index.")
ELASTICSEARCH_INDICES_STORE_SIZE_BYTES_TOTAL = _gauge(
    "indices_store_size_bytes_total", "Size of all shards.", BYTES, HIGH
)
ELASTICSEARCH_INDEX_STATS_SEARCH_QUERY_TOTAL = _counter("index_stats_search_query_total", "Query phases of searches.")
ELASTICSEARCH_INDEX_STATS_INDEXING_INDEX_TOTAL = _counter("index_stats_indexing_index_total", "Documents indexed.")
ELASTICSEARCH_INDICES_ALIASES = gauge(
    "indices_aliases",
    "Aliases of an index, 1 for each.",
    labels=("alias", "cluster", "index"),
    requires="the option collect with indices, and an alias",
)

INDEX: tuple[tuple[str, Signal], ...] = (
    # Sizes
    ("primaries.docs.count", ELASTICSEARCH_INDICES_DOCS_PRIMARY),
    ("total.docs.count", _gauge("indices_docs_total", "Documents of an index, replicas included.")),
    (
        "primaries.docs.deleted",
        _gauge("indices_deleted_docs_primary", "Deleted documents that a merge has not removed yet."),
    ),
    ("total.docs.deleted", _gauge("indices_deleted_docs_total", "Deleted documents, replicas included.")),
    (
        "primaries.store.size_in_bytes",
        _gauge("indices_store_size_bytes_primary", "Size of the primary shards.", BYTES, HIGH),
    ),
    ("total.store.size_in_bytes", ELASTICSEARCH_INDICES_STORE_SIZE_BYTES_TOTAL),
    ("primaries.segments.count", _gauge("indices_segment_count_primary", "Segments of the primary shards.")),
    ("total.segments.count", _gauge("indices_segment_count_total", "Segments of all shards.")),
    (
        "primaries.segments.memory_in_bytes",
        _gauge("indices_segment_memory_bytes_primary", "Memory of segments, primary shards.", BYTES),
    ),
    (
        "total.segments.memory_in_bytes",
        _gauge("indices_segment_memory_bytes_total", "Memory of segments, all shards.", BYTES),
    ),
    (
        "primaries.segments.terms_memory_in_bytes",
        _gauge("indices_segment_terms_memory_primary", "Memory of terms, primary shards.", BYTES),
    ),
    (
        "total.segments.terms_memory_in_bytes",
        _gauge("indices_segment_terms_memory_total", "Memory of terms, all shards.", BYTES),
    ),
    (
        "primaries.segments.stored_fields_memory_in_bytes",
        _gauge("indices_segment_fields_memory_bytes_primary", "Memory of stored fields, primary shards.", BYTES),
    ),
    (
        "total.segments.stored_fields_memory_in_bytes",
        _gauge("indices_segment_fields_memory_bytes_total", "Memory of stored fields, all shards.", BYTES),
    ),
    (
        "primaries.segments.term_vectors_memory_in_bytes",
        _gauge("indices_segment_term_vectors_memory_primary_bytes", "Memory of term vectors, primary shards.", BYTES),
    ),
    (
        "total.segments.term_vectors_memory_in_bytes",
        _gauge("indices_segment_term_vectors_memory_total_bytes", "Memory of term vectors, all shards.", BYTES),
    ),
    (
        "primaries.segments.norms_memory_in_bytes",
        _gauge("indices_segment_norms_memory_bytes_primary", "Memory of norms, primary shards.", BYTES),
    ),
    (
        "total.segments.norms_memory_in_bytes",
        _gauge("indices_segment_norms_memory_bytes_total", "Memory of norms, all shards.", BYTES),
    ),
    (
        "primaries.segments.points_memory_in_bytes",
        _gauge("indices_segment_points_memory_bytes_primary", "Memory of points, primary shards.", BYTES),
    ),
    (
        "total.segments.points_memory_in_bytes",
        _gauge("indices_segment_points_memory_bytes_total", "Memory of points, all shards.", BYTES),
    ),
    (
        "primaries.segments.doc_values_memory_in_bytes",
        _gauge("indices_segment_doc_values_memory_bytes_primary", "Memory of doc values, primary shards.", BYTES),
    ),
    (
        "total.segments.doc_values_memory_in_bytes",
        _gauge("indices_segment_doc_values_memory_bytes_total", "Memory of doc values, all shards.", BYTES),
    ),
    (
        "primaries.segments.index_writer_memory_in_bytes",
        _gauge("indices_segment_index_writer_memory_bytes_primary", "Memory of index writers, primary shards.", BYTES),
    ),
    (
        "total.segments.index_writer_memory_in_bytes",
        _gauge("indices_segment_index_writer_memory_bytes_total", "Memory of index writers, all shards.", BYTES),
    ),
    (
        "primaries.segments.version_map_memory_in_bytes",
        _gauge("indices_segment_version_map_memory_bytes_primary", "Memory of version maps, primary shards.", BYTES),
    ),
    (
        "total.segments.version_map_memory_in_bytes",
        _gauge("indices_segment_version_map_memory_bytes_total", "Memory of version maps, all shards.", BYTES),
    ),
    (
        "primaries.segments.fixed_bit_set_memory_in_bytes",
        _gauge(
            "indices_segment_fixed_bit_set_memory_bytes_primary", "Memory of fixed bit sets, primary shards.", BYTES
        ),
    ),
    (
        "total.segments.fixed_bit_set_memory_in_bytes",
        _gauge("indices_segment_fixed_bit_set_memory_bytes_total", "Memory of fixed bit sets, all shards.", BYTES),
    ),
    (
        "primaries.completion.size_in_bytes",
        _gauge("indices_completion_bytes_primary", "Memory of completion suggesters, primary shards.", BYTES),
    ),
    (
        "total.completion.size_in_bytes",
        _gauge("indices_completion_bytes_total", "Memory of completion suggesters, all shards.", BYTES),
    ),
    # Reads
    ("total.search.query_current", _gauge("search_active_queries", "Queries that run.", ONE, HIGH)),
    ("total.search.query_total", ELASTICSEARCH_INDEX_STATS_SEARCH_QUERY_TOTAL),
    (
        "total.search.query_time_in_millis",
        _counter("index_stats_search_query_time_seconds_total", "Time spent in query phases.", SECONDS, HIGH),
    ),
    ("total.search.fetch_total", _counter("index_stats_search_fetch_total", "Fetch phases of searches.")),
    (
        "total.search.fetch_time_in_millis",
        _counter("index_stats_search_fetch_time_seconds_total", "Time spent in fetch phases.", SECONDS, HIGH),
    ),
    ("total.search.scroll_total", _counter("index_stats_search_scroll_total", "Scrolls that ended.")),
    ("total.search.scroll_current", _gauge("index_stats_search_scroll_current", "Open scrolls.")),
    (
        "total.search.scroll_time_in_millis",
        _counter("index_stats_search_scroll_time_seconds_total", "Time for which scrolls were open.", SECONDS),
    ),
    ("total.search.suggest_total", _counter("index_stats_search_suggest_total", "Suggest requests.")),
    (
        "total.search.suggest_time_in_millis",
        _counter("index_stats_search_suggest_time_seconds_total", "Time spent in suggest requests.", SECONDS, HIGH),
    ),
    ("total.get.total", _counter("index_stats_get_total", "Gets of single documents.")),
    ("total.get.time_in_millis", _counter("index_stats_get_time_seconds_total", "Time spent in gets.", SECONDS, HIGH)),
    # Writes
    ("total.indexing.index_current", _gauge("index_stats_index_current", "Documents being indexed.")),
    ("total.indexing.index_total", ELASTICSEARCH_INDEX_STATS_INDEXING_INDEX_TOTAL),
    (
        "total.indexing.index_time_in_millis",
        _counter("index_stats_indexing_index_time_seconds_total", "Time spent indexing.", SECONDS, HIGH),
    ),
    (
        "total.indexing.index_failed",
        _counter("index_stats_indexing_index_failed_total", "Documents that could not be indexed.", ONE, HIGH),
    ),
    ("total.indexing.delete_total", _counter("index_stats_indexing_delete_total", "Documents deleted.")),
    (
        "total.indexing.delete_time_in_millis",
        _counter("index_stats_indexing_delete_time_seconds_total", "Time spent deleting.", SECONDS, HIGH),
    ),
    ("total.indexing.delete_current", _gauge("index_stats_indexing_delete_current", "Documents being deleted.")),
    (
        "total.indexing.noop_update_total",
        _counter("index_stats_indexing_noop_update_total", "Updates that changed nothing."),
    ),
    (
        "total.indexing.is_throttled",
        _gauge("index_stats_indexing_is_throttled", "Whether indexing waits for merges.", ONE, HIGH),
    ),
    (
        "total.indexing.throttle_time_in_millis",
        _counter(
            "index_stats_indexing_throttle_time_seconds_total",
            "Time for which indexing waited for merges.",
            SECONDS,
            HIGH,
        ),
    ),
    ("total.merges.total", _counter("index_stats_merge_total", "Merges.")),
    (
        "total.merges.total_time_in_millis",
        _counter("index_stats_merge_time_seconds_total", "Time spent in merges.", SECONDS, HIGH),
    ),
    (
        "total.merges.total_throttled_time_in_millis",
        _counter(
            "index_stats_merge_throttle_time_seconds_total", "Time for which merges were throttled.", SECONDS, HIGH
        ),
    ),
    (
        "total.merges.total_stopped_time_in_millis",
        _counter(
            "index_stats_merge_stopped_time_seconds_total",
            "Time for which large merges made way for small ones.",
            SECONDS,
            HIGH,
        ),
    ),
    (
        "total.merges.total_auto_throttle_in_bytes",
        _counter(
            "index_stats_merge_auto_throttle_bytes_total",
            "Bytes per second that merges are throttled to, added over shards.",
            BYTES,
        ),
    ),
    ("total.refresh.total", _counter("index_stats_refresh_total", "Refreshes.")),
    (
        "total.refresh.total_time_in_millis",
        _counter("index_stats_refresh_time_seconds_total", "Time spent in refreshes.", SECONDS, HIGH),
    ),
    (
        "total.refresh.external_total",
        _counter("index_stats_refresh_external_total", "Refreshes that made documents visible."),
    ),
    (
        "total.refresh.external_total_time_in_millis",
        _counter("index_stats_refresh_external_time_seconds_total", "Time spent in external refreshes.", SECONDS, HIGH),
    ),
    ("total.flush.total", _counter("index_stats_flush_total", "Flushes.")),
    (
        "total.flush.total_time_in_millis",
        _counter("index_stats_flush_time_seconds_total", "Time spent in flushes.", SECONDS, HIGH),
    ),
    ("total.warmer.total", _counter("index_stats_warmer_total", "Warmer runs.")),
    (
        "total.warmer.total_time_in_millis",
        _counter("index_stats_warmer_time_seconds_total", "Time spent in warmers.", SECONDS),
    ),
    # Caches
    (
        "total.query_cache.memory_size_in_bytes",
        _counter("index_stats_query_cache_memory_bytes_total", "Memory of the query cache.", BYTES),
    ),
    ("total.query_cache.cache_size", _gauge("index_stats_query_cache_size", "Entries in the query cache.")),
    ("total.query_cache.hit_count", _counter("index_stats_query_cache_hits_total", "Hits in the query cache.")),
    ("total.query_cache.miss_count", _counter("index_stats_query_cache_misses_total", "Misses in the query cache.")),
    (
        "total.query_cache.cache_count",
        _counter("index_stats_query_cache_caches_total", "Entries that the query cache ever had."),
    ),
    (
        "total.query_cache.evictions",
        _counter("index_stats_query_cache_evictions_total", "Evictions from the query cache.", ONE, HIGH),
    ),
    (
        "total.request_cache.memory_size_in_bytes",
        _counter("index_stats_request_cache_memory_bytes_total", "Memory of the request cache.", BYTES),
    ),
    ("total.request_cache.hit_count", _counter("index_stats_request_cache_hits_total", "Hits in the request cache.")),
    (
        "total.request_cache.miss_count",
        _counter("index_stats_request_cache_misses_total", "Misses in the request cache."),
    ),
    (
        "total.request_cache.evictions",
        _counter("index_stats_request_cache_evictions_total", "Evictions from the request cache.", ONE, HIGH),
    ),
    (
        "total.fielddata.memory_size_in_bytes",
        _counter("index_stats_fielddata_memory_bytes_total", "Memory of field data.", BYTES, HIGH),
    ),
    (
        "total.fielddata.evictions",
        _counter("index_stats_fielddata_evictions_total", "Evictions from field data.", ONE, HIGH),
    ),
)

INDEX_SIGNALS: tuple[Signal, ...] = (*(signal for _, signal in INDEX), ELASTICSEARCH_INDICES_ALIASES)
