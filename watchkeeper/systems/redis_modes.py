"""Redis: Sentinel, Cluster, and what is read only when an option asks for it, by the names of redis_exporter."""

from __future__ import annotations

from watchkeeper.signals import Gauge, Info, Polarity, Signal
from watchkeeper.systems.redis_info import gauge
from watchkeeper.units import MILLISECONDS, ONE, SECONDS, Unit

__all__ = ["SIGNALS"]

_ORIGIN = "redis_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_SENTINEL = "a Sentinel"
_CLUSTER = "a node of a cluster"
_PEERS = "a cluster of several nodes"
_MASTER_LABELS = ("master_name", "master_address")


def _sentinel(name: str, help: str, polarity: Polarity = _NEUTRAL, unit: Unit = ONE) -> Gauge:
    return gauge(f"sentinel_{name}", help, unit, polarity, (), _SENTINEL)


def _master(name: str, help: str, polarity: Polarity = _NEUTRAL, unit: Unit = ONE) -> Gauge:
    return gauge(f"sentinel_master_{name}", help, unit, polarity, _MASTER_LABELS, _SENTINEL)


def _cluster(name: str, help: str, polarity: Polarity = _NEUTRAL, requires: str = _CLUSTER) -> Gauge:
    return gauge(f"cluster_{name}", help, ONE, polarity, (), requires)


# Sentinel
REDIS_SENTINEL_MASTERS = _sentinel("masters", "Masters that the Sentinel watches.")
REDIS_SENTINEL_TILT = _sentinel("tilt", "Whether the Sentinel is in TILT mode and does not act.", _HIGH)
REDIS_SENTINEL_RUNNING_SCRIPTS = _sentinel("running_scripts", "Notification scripts that run.")
REDIS_SENTINEL_SCRIPTS_QUEUE_LENGTH = _sentinel("scripts_queue_length", "Scripts that wait to run.", _HIGH)
REDIS_SENTINEL_SIMULATE_FAILURE_FLAGS = _sentinel("simulate_failure_flags", "Failures that are being simulated.")
REDIS_SENTINEL_MASTER_STATUS = gauge(
    "sentinel_master_status",
    "Whether the Sentinel takes a master for healthy.",
    ONE,
    _LOW,
    (*_MASTER_LABELS, "master_status"),
    _SENTINEL,
)
REDIS_SENTINEL_MASTER_CKQUORUM_STATUS = gauge(
    "sentinel_master_ckquorum_status",
    "Whether enough Sentinels are there for a failover.",
    ONE,
    _LOW,
    ("master_name", "message"),
    _SENTINEL,
)
REDIS_SENTINEL_MASTER_SLAVES = _master("slaves", "Replicas that the Sentinel knows.", _LOW)
REDIS_SENTINEL_MASTER_OK_SLAVES = _master("ok_slaves", "Replicas that are not down.", _LOW)
REDIS_SENTINEL_MASTER_SENTINELS = _master("sentinels", "Sentinels that watch the master.", _LOW)
REDIS_SENTINEL_MASTER_OK_SENTINELS = _master("ok_sentinels", "Sentinels that are not down.", _LOW)
REDIS_SENTINEL_MASTER_SETTING_CKQUORUM = _master("setting_ckquorum", "Sentinels that a failover needs.")
REDIS_SENTINEL_MASTER_SETTING_FAILOVER_TIMEOUT = _master(
    "setting_failover_timeout", "Time that a failover may take.", unit=MILLISECONDS
)
REDIS_SENTINEL_MASTER_SETTING_PARALLEL_SYNCS = _master(
    "setting_parallel_syncs", "Replicas that follow a new master at the same time."
)
REDIS_SENTINEL_MASTER_SETTING_DOWN_AFTER_MILLISECONDS = _master(
    "setting_down_after_milliseconds", "Silence after which the master counts as down.", unit=MILLISECONDS
)
REDIS_SENTINEL_MASTER_CONFIG_EPOCH = _master("config_epoch", "Failovers of the master, as the Sentinels count them.")
REDIS_SENTINEL_MASTER_LAST_OK_PING_REPLY_SECONDS = _master(
    "last_ok_ping_reply_seconds", "Time since the master last answered.", _HIGH, SECONDS
)

# Cluster
REDIS_CLUSTER_STATE = _cluster("state", "Whether the node can serve queries.", _LOW)
REDIS_CLUSTER_SLOTS_ASSIGNED = _cluster("slots_assigned", "Slots that some node serves, of 16,384.", _LOW)
REDIS_CLUSTER_SLOTS_OK = _cluster("slots_ok", "Slots whose node is reachable.", _LOW)
REDIS_CLUSTER_SLOTS_PFAIL = _cluster("slots_pfail", "Slots whose node this one cannot reach.", _HIGH)
REDIS_CLUSTER_SLOTS_FAIL = _cluster("slots_fail", "Slots whose node is down.", _HIGH)
REDIS_CLUSTER_KNOWN_NODES = _cluster("known_nodes", "Nodes that this one knows.")
REDIS_CLUSTER_SIZE = _cluster("size", "Masters that serve slots.", _LOW)
REDIS_CLUSTER_CURRENT_EPOCH = _cluster("current_epoch", "Epoch of the cluster: rises with each failover.")
REDIS_CLUSTER_MY_EPOCH = _cluster("my_epoch", "Epoch of the node's configuration.")
REDIS_CLUSTER_MESSAGES_SENT_TOTAL = _cluster("messages_sent_total", "Messages sent over the cluster bus.")
REDIS_CLUSTER_MESSAGES_RECEIVED_TOTAL = _cluster("messages_received_total", "Messages received over the cluster bus.")
REDIS_CLUSTER_STATS_MESSAGES_PING_SENT = _cluster("stats_messages_ping_sent", "PINGs sent.", requires=_PEERS)
REDIS_CLUSTER_STATS_MESSAGES_PING_RECEIVED = _cluster(
    "stats_messages_ping_received", "PINGs received.", requires=_PEERS
)
REDIS_CLUSTER_STATS_MESSAGES_PONG_SENT = _cluster("stats_messages_pong_sent", "PONGs sent.", requires=_PEERS)
REDIS_CLUSTER_STATS_MESSAGES_PONG_RECEIVED = _cluster(
    "stats_messages_pong_received", "PONGs received.", requires=_PEERS
)
REDIS_CLUSTER_STATS_MESSAGES_MEET_SENT = _cluster(
    "stats_messages_meet_sent", "Invitations into the cluster sent.", requires=_PEERS
)
REDIS_CLUSTER_STATS_MESSAGES_MEET_RECEIVED = _cluster(
    "stats_messages_meet_received", "Invitations into the cluster received.", requires=_PEERS
)

# Modules, configuration
REDIS_MODULE_INFO = Info(
    "redis_module_info",
    "Name and version of a loaded module.",
    labels=("name", "ver", "api", "filters", "usedby", "using"),
    requires="a loaded module",
    origin=_ORIGIN,
)
REDIS_CONFIG_VALUE = gauge(
    "config_value", "A setting that is a number.", labels=("key",), requires="the option config_metrics"
)
REDIS_CONFIG_KEY_VALUE = gauge(
    "config_key_value",
    "Settings as labels; passwords are left out.",
    labels=("key", "value"),
    requires="the option config_metrics",
)

# Keys and streams
_KEYS, _STREAMS = "the option check_keys or check_single_keys", "the option check_streams or check_single_streams"
_STREAM, _GROUP, _CONSUMER = ("db", "stream"), ("db", "stream", "group"), ("db", "stream", "group", "consumer")
REDIS_KEY_SIZE = gauge("key_size", "Length of a value, 0 for a missing key.", labels=("db", "key"), requires=_KEYS)
REDIS_KEY_VALUE = gauge("key_value", "A value that is a number.", labels=("db", "key"), requires=_KEYS)
REDIS_KEYS_COUNT = gauge(
    "keys_count", "Keys that fit a pattern.", labels=("db", "key"), requires="the option count_keys"
)
REDIS_STREAM_LENGTH = gauge("stream_length", "Entries of a stream.", ONE, _HIGH, _STREAM, _STREAMS)
REDIS_STREAM_RADIX_TREE_KEYS = gauge(
    "stream_radix_tree_keys", "Keys of the stream's tree.", labels=_STREAM, requires=_STREAMS
)
REDIS_STREAM_RADIX_TREE_NODES = gauge(
    "stream_radix_tree_nodes", "Nodes of the stream's tree.", labels=_STREAM, requires=_STREAMS
)
REDIS_STREAM_GROUPS = gauge("stream_groups", "Consumer groups of a stream.", labels=_STREAM, requires=_STREAMS)
REDIS_STREAM_LAST_GENERATED_ID = gauge(
    "stream_last_generated_id", "When the newest entry was added.", MILLISECONDS, _NEUTRAL, _STREAM, _STREAMS
)
REDIS_STREAM_GROUP_CONSUMERS = gauge("stream_group_consumers", "Consumers of a group.", ONE, _LOW, _GROUP, _STREAMS)
REDIS_STREAM_GROUP_MESSAGES_PENDING = gauge(
    "stream_group_messages_pending", "Entries delivered and not acknowledged.", ONE, _HIGH, _GROUP, _STREAMS
)
REDIS_STREAM_GROUP_LAST_DELIVERED_ID = gauge(
    "stream_group_last_delivered_id",
    "When the newest entry that the group has seen was added.",
    MILLISECONDS,
    _NEUTRAL,
    _GROUP,
    _STREAMS,
)
REDIS_STREAM_GROUP_ENTRIES_READ = gauge(
    "stream_group_entries_read", "Entries that the group has read.", ONE, _NEUTRAL, _GROUP, _STREAMS
)
REDIS_STREAM_GROUP_LAG = gauge(
    "stream_group_lag", "Entries that wait to be delivered to the group.", ONE, _HIGH, _GROUP, _STREAMS
)
REDIS_STREAM_GROUP_CONSUMER_MESSAGES_PENDING = gauge(
    "stream_group_consumer_messages_pending",
    "Entries that a consumer has and has not acknowledged.",
    ONE,
    _HIGH,
    _CONSUMER,
    _STREAMS,
)
REDIS_STREAM_GROUP_CONSUMER_IDLE_SECONDS = gauge(
    "stream_group_consumer_idle_seconds", "Time since a consumer asked.", SECONDS, _HIGH, _CONSUMER, _STREAMS
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
