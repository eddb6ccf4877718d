"""The signals of RabbitMQ: names, kinds and labels as its plugin rabbitmq_prometheus has them.

The labels of channels, connections and queues exist where the target gives series for each of them; in sums they are
empty.
"""

from __future__ import annotations

from watchkeeper.borrowed import Borrowed
from watchkeeper.signals import Gauge, Info, Polarity, Signal
from watchkeeper.units import BYTES, ONE, RATIO, SECONDS, UNIX_TIME

__all__ = ["SIGNALS"]

_ORIGIN = "rabbitmq_prometheus"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_PLUGIN = "the plugin's own endpoint (port 15692): the management API does not say it"
_EACH_QUEUE = "series for each queue: /metrics/per-object, or `queues: each` over the management API"
_DETAILED = "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count"
_QUORUM = "a quorum queue, and the plugin's own endpoint"
_LISTED = "a user who may see the queues (over the management API)"

_QUEUE = ("vhost", "queue")
_CHANNEL = ("channel",)
_CHANNEL_EXCHANGE = ("channel", "vhost", "exchange")
_CHANNEL_QUEUE = ("channel", "vhost", "queue")
_PUBLISHED = ("channel", "queue_vhost", "queue", "exchange_vhost", "exchange")
_PROTOCOL = ("protocol",)
_TYPED = ("protocol", "queue_type")
_DEAD = ("queue_type", "dead_letter_strategy")


_names = Borrowed("rabbitmq_", _ORIGIN)
_gauge, _counter = _names.gauge, _names.counter


def _alarm(name: str, help: str, requires: str | None = None) -> Gauge:
    return Gauge(f"rabbitmq_alarms_{name}", help, ONE, (), _HIGH, requires, _ORIGIN, "untyped")


# The node
RABBITMQ_BUILD_INFO = Info(
    "rabbitmq_build_info",
    "Versions of RabbitMQ, of Erlang and of the plugin.",
    labels=("rabbitmq_version", "prometheus_plugin_version", "prometheus_client_version", "erlang_version"),
    origin=_ORIGIN,
    exposed_as="untyped",
)
RABBITMQ_IDENTITY_INFO = Info(
    "rabbitmq_identity_info",
    "Names of the node and of its cluster.",
    labels=("rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id"),
    origin=_ORIGIN,
    exposed_as="untyped",
)
RABBITMQ_ALARMS_MEMORY_USED_WATERMARK = _alarm("memory_used_watermark", "Whether the memory alarm blocks publishers.")
RABBITMQ_ALARMS_FREE_DISK_SPACE_WATERMARK = _alarm(
    "free_disk_space_watermark", "Whether the disk alarm blocks publishers."
)
RABBITMQ_ALARMS_FILE_DESCRIPTOR_LIMIT = _alarm(
    "file_descriptor_limit", "Whether the node is out of file descriptors.", _PLUGIN
)
RABBITMQ_PROCESS_RESIDENT_MEMORY_BYTES = _gauge(
    "process_resident_memory_bytes", "Memory that the node uses.", BYTES, _HIGH
)
RABBITMQ_RESIDENT_MEMORY_LIMIT_BYTES = _gauge("resident_memory_limit_bytes", "Memory at which the alarm goes.", BYTES)
RABBITMQ_DISK_SPACE_AVAILABLE_BYTES = _gauge("disk_space_available_bytes", "Free disk space.", BYTES, _LOW)
RABBITMQ_DISK_SPACE_AVAILABLE_LIMIT_BYTES = _gauge(
    "disk_space_available_limit_bytes", "Free disk space at which the alarm goes.", BYTES
)
RABBITMQ_PROCESS_OPEN_FDS = _gauge("process_open_fds", "Open file descriptors.", ONE, _HIGH)
RABBITMQ_PROCESS_MAX_FDS = _gauge("process_max_fds", "Most file descriptors that may be open.")
RABBITMQ_PROCESS_OPEN_TCP_SOCKETS = _gauge("process_open_tcp_sockets", "Open sockets.", ONE, _HIGH)
RABBITMQ_PROCESS_MAX_TCP_SOCKETS = _gauge("process_max_tcp_sockets", "Most sockets that may be open.")
RABBITMQ_ERLANG_PROCESSES_USED = _gauge("erlang_processes_used", "Erlang processes.", ONE, _HIGH)
RABBITMQ_ERLANG_PROCESSES_LIMIT = _gauge("erlang_processes_limit", "Most Erlang processes that may exist.")
RABBITMQ_ERLANG_GC_RUNS_TOTAL = _counter("erlang_gc_runs_total", "Runs of the garbage collector.")
RABBITMQ_ERLANG_GC_RECLAIMED_BYTES_TOTAL = _counter("erlang_gc_reclaimed_bytes_total", "Memory it gave back.", BYTES)
RABBITMQ_ERLANG_SCHEDULER_CONTEXT_SWITCHES_TOTAL = _counter(
    "erlang_scheduler_context_switches_total", "Context switches of the Erlang schedulers."
)
RABBITMQ_ERLANG_SCHEDULER_RUN_QUEUE = _gauge(
    "erlang_scheduler_run_queue", "Erlang processes that wait to run.", ONE, _HIGH
)
RABBITMQ_ERLANG_NET_TICKTIME_SECONDS = _gauge("erlang_net_ticktime_seconds", "Heartbeat between nodes.", SECONDS)
RABBITMQ_ERLANG_UPTIME_SECONDS = _gauge("erlang_uptime_seconds", "Time since the node started.", SECONDS, _LOW)
RABBITMQ_AUTH_ATTEMPTS_TOTAL = _counter("auth_attempts_total", "Logins tried.", ONE, _NEUTRAL, _PROTOCOL, _PLUGIN)
RABBITMQ_AUTH_ATTEMPTS_SUCCEEDED_TOTAL = _counter(
    "auth_attempts_succeeded_total", "Logins that succeeded.", ONE, _NEUTRAL, _PROTOCOL, _PLUGIN
)
RABBITMQ_AUTH_ATTEMPTS_FAILED_TOTAL = _counter(
    "auth_attempts_failed_total", "Logins that failed.", ONE, _HIGH, _PROTOCOL, _PLUGIN
)

# Files and tables
RABBITMQ_IO_READ_OPS_TOTAL = _counter("io_read_ops_total", "Reads of the node's files.")
RABBITMQ_IO_READ_BYTES_TOTAL = _counter("io_read_bytes_total", "Bytes read from the node's files.", BYTES)
RABBITMQ_IO_READ_TIME_SECONDS_TOTAL = _counter(
    "io_read_time_seconds_total", "Time spent reading.", SECONDS, _HIGH, (), _PLUGIN
)
RABBITMQ_IO_WRITE_OPS_TOTAL = _counter("io_write_ops_total", "Writes to the node's files.")
RABBITMQ_IO_WRITE_BYTES_TOTAL = _counter("io_write_bytes_total", "Bytes written to the node's files.", BYTES)
RABBITMQ_IO_WRITE_TIME_SECONDS_TOTAL = _counter(
    "io_write_time_seconds_total", "Time spent writing.", SECONDS, _HIGH, (), _PLUGIN
)
RABBITMQ_IO_SYNC_OPS_TOTAL = _counter("io_sync_ops_total", "Synchronisations of files.")
RABBITMQ_IO_SYNC_TIME_SECONDS_TOTAL = _counter(
    "io_sync_time_seconds_total", "Time spent synchronising.", SECONDS, _HIGH, (), _PLUGIN
)
RABBITMQ_IO_SEEK_OPS_TOTAL = _counter("io_seek_ops_total", "Seeks in files.")
RABBITMQ_IO_SEEK_TIME_SECONDS_TOTAL = _counter(
    "io_seek_time_seconds_total", "Time spent seeking.", SECONDS, _HIGH, (), _PLUGIN
)
RABBITMQ_IO_REOPEN_OPS_TOTAL = _counter("io_reopen_ops_total", "Files opened again for want of handles.", ONE, _HIGH)
RABBITMQ_SCHEMA_DB_RAM_TX_TOTAL = _counter("schema_db_ram_tx_total", "Transactions of the schema in memory.")
RABBITMQ_SCHEMA_DB_DISK_TX_TOTAL = _counter("schema_db_disk_tx_total", "Transactions of the schema on disk.")
RABBITMQ_MSG_STORE_READ_TOTAL = _counter("msg_store_read_total", "Reads of the message store.")
RABBITMQ_MSG_STORE_WRITE_TOTAL = _counter("msg_store_write_total", "Writes to the message store.")
RABBITMQ_QUEUE_INDEX_READ_OPS_TOTAL = _counter("queue_index_read_ops_total", "Reads of queue indexes.")
RABBITMQ_QUEUE_INDEX_WRITE_OPS_TOTAL = _counter("queue_index_write_ops_total", "Writes to queue indexes.")

# Objects and their coming and going
RABBITMQ_CONNECTIONS = _gauge("connections", "Open connections.")
RABBITMQ_CHANNELS = _gauge("channels", "Open channels.", ONE, _HIGH)
RABBITMQ_CONSUMERS = _gauge("consumers", "Consumers.", ONE, _LOW)
RABBITMQ_QUEUES = _gauge("queues", "Queues.")
RABBITMQ_CONNECTIONS_OPENED_TOTAL = _counter("connections_opened_total", "Connections opened.", ONE, _HIGH)
RABBITMQ_CONNECTIONS_CLOSED_TOTAL = _counter("connections_closed_total", "Connections closed.", ONE, _HIGH)
RABBITMQ_CHANNELS_OPENED_TOTAL = _counter("channels_opened_total", "Channels opened.", ONE, _HIGH)
RABBITMQ_CHANNELS_CLOSED_TOTAL = _counter("channels_closed_total", "Channels closed.", ONE, _HIGH)
RABBITMQ_QUEUES_DECLARED_TOTAL = _counter("queues_declared_total", "Declarations of queues.")
RABBITMQ_QUEUES_CREATED_TOTAL = _counter("queues_created_total", "Queues created.")
RABBITMQ_QUEUES_DELETED_TOTAL = _counter("queues_deleted_total", "Queues deleted.")

# Messages of the whole node since its start, with those of channels that are closed
RABBITMQ_GLOBAL_MESSAGES_RECEIVED_TOTAL = _counter(
    "global_messages_received_total", "Messages received from publishers.", ONE, _NEUTRAL, _PROTOCOL
)
RABBITMQ_GLOBAL_MESSAGES_RECEIVED_CONFIRM_TOTAL = _counter(
    "global_messages_received_confirm_total", "Those that want a confirm.", ONE, _NEUTRAL, _PROTOCOL, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_CONFIRMED_TOTAL = _counter(
    "global_messages_confirmed_total", "Messages confirmed to publishers.", ONE, _NEUTRAL, _PROTOCOL
)
RABBITMQ_GLOBAL_MESSAGES_ROUTED_TOTAL = _counter(
    "global_messages_routed_total", "Messages put into queues.", ONE, _NEUTRAL, _PROTOCOL, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_UNROUTABLE_DROPPED_TOTAL = _counter(
    "global_messages_unroutable_dropped_total", "Messages that no queue wanted, lost.", ONE, _HIGH, _PROTOCOL
)
RABBITMQ_GLOBAL_MESSAGES_UNROUTABLE_RETURNED_TOTAL = _counter(
    "global_messages_unroutable_returned_total", "Messages that no queue wanted, returned.", ONE, _HIGH, _PROTOCOL
)
RABBITMQ_GLOBAL_MESSAGES_DELIVERED_TOTAL = _counter(
    "global_messages_delivered_total", "Messages delivered, in any way.", ONE, _NEUTRAL, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_DELIVERED_CONSUME_MANUAL_ACK_TOTAL = _counter(
    "global_messages_delivered_consume_manual_ack_total", "To consumers who acknowledge.", ONE, _NEUTRAL, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_DELIVERED_CONSUME_AUTO_ACK_TOTAL = _counter(
    "global_messages_delivered_consume_auto_ack_total", "To consumers who do not acknowledge.", ONE, _NEUTRAL, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_DELIVERED_GET_MANUAL_ACK_TOTAL = _counter(
    "global_messages_delivered_get_manual_ack_total", "Polled, to be acknowledged.", ONE, _HIGH, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_DELIVERED_GET_AUTO_ACK_TOTAL = _counter(
    "global_messages_delivered_get_auto_ack_total", "Polled, not to be acknowledged.", ONE, _HIGH, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_GET_EMPTY_TOTAL = _counter(
    "global_messages_get_empty_total", "Polls of an empty queue.", ONE, _HIGH, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_REDELIVERED_TOTAL = _counter(
    "global_messages_redelivered_total", "Messages delivered once more.", ONE, _HIGH, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_ACKNOWLEDGED_TOTAL = _counter(
    "global_messages_acknowledged_total", "Messages acknowledged by consumers.", ONE, _NEUTRAL, _TYPED
)
RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_CONFIRMED_TOTAL = _counter(
    "global_messages_dead_lettered_confirmed_total", "Dead letters that arrived.", ONE, _HIGH, _DEAD, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_DELIVERY_LIMIT_TOTAL = _counter(
    "global_messages_dead_lettered_delivery_limit_total", "Delivered too often.", ONE, _HIGH, _DEAD, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_EXPIRED_TOTAL = _counter(
    "global_messages_dead_lettered_expired_total", "Older than their time to live.", ONE, _HIGH, _DEAD, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_MAXLEN_TOTAL = _counter(
    "global_messages_dead_lettered_maxlen_total", "Pushed out of a full queue.", ONE, _HIGH, _DEAD, _PLUGIN
)
RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_REJECTED_TOTAL = _counter(
    "global_messages_dead_lettered_rejected_total", "Rejected by a consumer.", ONE, _HIGH, _DEAD, _PLUGIN
)
RABBITMQ_GLOBAL_CONSUMERS = _gauge("global_consumers", "Consumers by protocol.", ONE, _LOW, _PROTOCOL, _PLUGIN)
RABBITMQ_GLOBAL_PUBLISHERS = _gauge("global_publishers", "Publishers by protocol.", ONE, _LOW, _PROTOCOL, _PLUGIN)

# Queues
RABBITMQ_QUEUE_MESSAGES = _gauge("queue_messages", "Messages in queues, ready or out.", ONE, _HIGH, _QUEUE)
RABBITMQ_QUEUE_MESSAGES_READY = _gauge("queue_messages_ready", "Messages that wait.", ONE, _HIGH, _QUEUE)
RABBITMQ_QUEUE_MESSAGES_UNACKED = _gauge(
    "queue_messages_unacked", "Messages delivered and not acknowledged.", ONE, _HIGH, _QUEUE
)
RABBITMQ_QUEUE_CONSUMERS = _gauge("queue_consumers", "Consumers of queues.", ONE, _LOW, _QUEUE, _LISTED)
RABBITMQ_QUEUE_CONSUMER_CAPACITY = _gauge(
    "queue_consumer_capacity", "Share of time in which a consumer takes at once.", RATIO, _LOW, _QUEUE, _EACH_QUEUE
)
RABBITMQ_QUEUE_CONSUMER_UTILISATION = _gauge(
    "queue_consumer_utilisation", "The old name of the capacity.", RATIO, _LOW, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_BYTES = _gauge(
    "queue_messages_bytes", "Size of the messages' bodies.", BYTES, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_READY_BYTES = _gauge(
    "queue_messages_ready_bytes", "Size of those that wait.", BYTES, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_UNACKED_BYTES = _gauge(
    "queue_messages_unacked_bytes", "Size of those not acknowledged.", BYTES, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_RAM = _gauge("queue_messages_ram", "Messages in memory.", ONE, _HIGH, _QUEUE, _LISTED)
RABBITMQ_QUEUE_MESSAGES_RAM_BYTES = _gauge("queue_messages_ram_bytes", "Their size.", BYTES, _HIGH, _QUEUE, _LISTED)
RABBITMQ_QUEUE_MESSAGES_READY_RAM = _gauge(
    "queue_messages_ready_ram", "Messages that wait in memory.", ONE, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_UNACKED_RAM = _gauge(
    "queue_messages_unacked_ram", "Messages not acknowledged in memory.", ONE, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_PERSISTENT = _gauge(
    "queue_messages_persistent", "Persistent messages.", ONE, _NEUTRAL, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_PERSISTENT_BYTES = _gauge(
    "queue_messages_persistent_bytes", "Size of persistent messages.", BYTES, _NEUTRAL, _QUEUE, _EACH_QUEUE
)
RABBITMQ_QUEUE_MESSAGES_PAGED_OUT = _gauge(
    "queue_messages_paged_out", "Messages paged out to disk.", ONE, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_MESSAGES_PAGED_OUT_BYTES = _gauge(
    "queue_messages_paged_out_bytes", "Size of those paged out.", BYTES, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_HEAD_MESSAGE_TIMESTAMP = _gauge(
    "queue_head_message_timestamp", "Timestamp of the oldest message.", UNIX_TIME, _NEUTRAL, _QUEUE, _EACH_QUEUE
)
RABBITMQ_QUEUE_PROCESS_MEMORY_BYTES = _gauge(
    "queue_process_memory_bytes", "Memory of the queues' processes.", BYTES, _HIGH, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_PROCESS_REDUCTIONS_TOTAL = _counter(
    "queue_process_reductions_total", "Work of the queues' processes.", ONE, _NEUTRAL, _QUEUE, _LISTED
)
RABBITMQ_QUEUE_DISK_READS_TOTAL = _counter(
    "queue_disk_reads_total", "Reads of messages from disk.", ONE, _HIGH, _QUEUE, _PLUGIN
)
RABBITMQ_QUEUE_DISK_WRITES_TOTAL = _counter(
    "queue_disk_writes_total", "Writes of messages to disk.", ONE, _NEUTRAL, _QUEUE, _PLUGIN
)

# Open channels and connections: what closed ones did is in the messages of the node alone
RABBITMQ_QUEUE_MESSAGES_PUBLISHED_TOTAL = _counter(
    "queue_messages_published_total", "Messages put into queues.", ONE, _NEUTRAL, _PUBLISHED, _PLUGIN
)
RABBITMQ_CHANNEL_CONSUMERS = _gauge("channel_consumers", "Consumers of channels.", ONE, _LOW, _CHANNEL, _PLUGIN)
RABBITMQ_CHANNEL_MESSAGES_UNACKED = _gauge(
    "channel_messages_unacked", "Messages delivered and not acknowledged.", ONE, _HIGH, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_UNCONFIRMED = _gauge(
    "channel_messages_unconfirmed", "Messages published and not confirmed.", ONE, _HIGH, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_UNCOMMITTED = _gauge(
    "channel_messages_uncommitted", "Messages of open transactions.", ONE, _HIGH, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_ACKS_UNCOMMITTED = _gauge(
    "channel_acks_uncommitted", "Acknowledgements of open transactions.", ONE, _HIGH, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_PREFETCH = _gauge(
    "channel_prefetch", "Most messages that may be out on a channel.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CONSUMER_PREFETCH = _gauge(
    "consumer_prefetch", "Most messages that may be out at a consumer.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_PROCESS_REDUCTIONS_TOTAL = _counter(
    "channel_process_reductions_total", "Work of the channels' processes.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_PUBLISHED_TOTAL = _counter(
    "channel_messages_published_total", "Messages published.", ONE, _NEUTRAL, _CHANNEL_EXCHANGE, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_CONFIRMED_TOTAL = _counter(
    "channel_messages_confirmed_total", "Messages confirmed.", ONE, _NEUTRAL, _CHANNEL_EXCHANGE, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_UNROUTABLE_RETURNED_TOTAL = _counter(
    "channel_messages_unroutable_returned_total",
    "Messages that no queue wanted, returned.",
    ONE,
    _HIGH,
    _CHANNEL_EXCHANGE,
    _PLUGIN,
)
RABBITMQ_CHANNEL_MESSAGES_UNROUTABLE_DROPPED_TOTAL = _counter(
    "channel_messages_unroutable_dropped_total",
    "Messages that no queue wanted, lost.",
    ONE,
    _HIGH,
    _CHANNEL_EXCHANGE,
    _PLUGIN,
)
RABBITMQ_CHANNEL_GET_ACK_TOTAL = _counter(
    "channel_get_ack_total", "Messages polled, to be acknowledged.", ONE, _HIGH, _CHANNEL_QUEUE, _PLUGIN
)
RABBITMQ_CHANNEL_GET_TOTAL = _counter(
    "channel_get_total", "Messages polled, not to be acknowledged.", ONE, _HIGH, _CHANNEL_QUEUE, _PLUGIN
)
RABBITMQ_CHANNEL_GET_EMPTY_TOTAL = _counter(
    "channel_get_empty_total", "Polls of an empty queue.", ONE, _HIGH, _CHANNEL_QUEUE, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_DELIVERED_ACK_TOTAL = _counter(
    "channel_messages_delivered_ack_total",
    "Messages delivered, to be acknowledged.",
    ONE,
    _NEUTRAL,
    _CHANNEL_QUEUE,
    _PLUGIN,
)
RABBITMQ_CHANNEL_MESSAGES_DELIVERED_TOTAL = _counter(
    "channel_messages_delivered_total",
    "Messages delivered, not to be acknowledged.",
    ONE,
    _NEUTRAL,
    _CHANNEL_QUEUE,
    _PLUGIN,
)
RABBITMQ_CHANNEL_MESSAGES_REDELIVERED_TOTAL = _counter(
    "channel_messages_redelivered_total", "Messages delivered once more.", ONE, _HIGH, _CHANNEL_QUEUE, _PLUGIN
)
RABBITMQ_CHANNEL_MESSAGES_ACKED_TOTAL = _counter(
    "channel_messages_acked_total", "Messages acknowledged.", ONE, _NEUTRAL, _CHANNEL_QUEUE, _PLUGIN
)
RABBITMQ_CONNECTION_CHANNELS = _gauge("connection_channels", "Channels of connections.", ONE, _HIGH, _CHANNEL, _PLUGIN)
RABBITMQ_CONNECTION_PENDING_PACKETS = _gauge(
    "connection_pending_packets", "Packets that wait to be sent.", ONE, _HIGH, _CHANNEL, _PLUGIN
)
RABBITMQ_CONNECTION_INCOMING_BYTES_TOTAL = _counter(
    "connection_incoming_bytes_total", "Bytes received.", BYTES, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CONNECTION_OUTGOING_BYTES_TOTAL = _counter(
    "connection_outgoing_bytes_total", "Bytes sent.", BYTES, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CONNECTION_INCOMING_PACKETS_TOTAL = _counter(
    "connection_incoming_packets_total", "Packets received.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CONNECTION_OUTGOING_PACKETS_TOTAL = _counter(
    "connection_outgoing_packets_total", "Packets sent.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)
RABBITMQ_CONNECTION_PROCESS_REDUCTIONS_TOTAL = _counter(
    "connection_process_reductions_total", "Work of the connections' processes.", ONE, _NEUTRAL, _CHANNEL, _PLUGIN
)

# Quorum queues
RABBITMQ_RAFT_TERM_TOTAL = _counter("raft_term_total", "Elections of a leader.", ONE, _HIGH, _QUEUE, _QUORUM)
RABBITMQ_RAFT_LOG_COMMIT_INDEX = _gauge(
    "raft_log_commit_index", "Last entry that a majority has.", ONE, _NEUTRAL, _QUEUE, _QUORUM
)
RABBITMQ_RAFT_LOG_LAST_APPLIED_INDEX = _gauge(
    "raft_log_last_applied_index", "Last entry that was applied.", ONE, _NEUTRAL, _QUEUE, _QUORUM
)
RABBITMQ_RAFT_LOG_LAST_WRITTEN_INDEX = _gauge(
    "raft_log_last_written_index", "Last entry on disk.", ONE, _NEUTRAL, _QUEUE, _QUORUM
)
RABBITMQ_RAFT_LOG_SNAPSHOT_INDEX = _gauge(
    "raft_log_snapshot_index", "Last entry in a snapshot.", ONE, _NEUTRAL, _QUEUE, _QUORUM
)
RABBITMQ_RAFT_ENTRY_COMMIT_LATENCY_SECONDS = _gauge(
    "raft_entry_commit_latency_seconds", "Time until a majority has an entry.", SECONDS, _HIGH, _QUEUE, _QUORUM
)

# The cheap way to series for each queue
RABBITMQ_DETAILED_QUEUE_MESSAGES = _gauge(
    "detailed_queue_messages", "Messages in a queue, ready or out.", ONE, _HIGH, _QUEUE, _DETAILED
)
RABBITMQ_DETAILED_QUEUE_MESSAGES_READY = _gauge(
    "detailed_queue_messages_ready", "Messages that wait in a queue.", ONE, _HIGH, _QUEUE, _DETAILED
)
RABBITMQ_DETAILED_QUEUE_MESSAGES_UNACKED = _gauge(
    "detailed_queue_messages_unacked", "Messages of a queue not acknowledged.", ONE, _HIGH, _QUEUE, _DETAILED
)
RABBITMQ_DETAILED_QUEUE_CONSUMERS = _gauge(
    "detailed_queue_consumers", "Consumers of a queue.", ONE, _LOW, _QUEUE, _DETAILED
)
RABBITMQ_DETAILED_QUEUE_PROCESS_REDUCTIONS_TOTAL = _counter(
    "detailed_queue_process_reductions_total", "Work of a queue's process.", ONE, _NEUTRAL, _QUEUE, _DETAILED
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
