"""RabbitMQ: the endpoint of its Prometheus plugin, or the same names made of the management API.

The url decides: a path `/metrics…` (or port 15692) is the plugin's own endpoint, which costs the broker less and says
more; anything else is the management API. What that API says of messages is of the whole cluster, and as old as the
broker's collect_statistics_interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from collectors import exposition, options
from collectors.description import Collector, Session
from collectors.families import Family, family, single
from collectors.http import CA_FILE, HttpReader, StatusError, ca_file
from watchkeeper.errors import TargetError
from watchkeeper.signals import Signal
from watchkeeper.systems import rabbitmq_signals as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "MANAGED"]

Object = Mapping[str, Any]

_PLUGIN_PORT = 15692
# The API gives at most 500 at once; a broker with more than 1,000 queues is read through its plugin.
_PAGE = 500
_MAX_QUEUES = 1000
# Queues come and go between two answers; when more are missing, it is the user's rights that hide them.
_SEEN_ENOUGH = 0.95

# Fields of the node, of /api/nodes.
_NODE: dict[Signal, str] = {
    s.RABBITMQ_PROCESS_RESIDENT_MEMORY_BYTES: "mem_used",
    s.RABBITMQ_RESIDENT_MEMORY_LIMIT_BYTES: "mem_limit",
    s.RABBITMQ_DISK_SPACE_AVAILABLE_BYTES: "disk_free",
    s.RABBITMQ_DISK_SPACE_AVAILABLE_LIMIT_BYTES: "disk_free_limit",
    s.RABBITMQ_PROCESS_OPEN_FDS: "fd_used",
    s.RABBITMQ_PROCESS_MAX_FDS: "fd_total",
    s.RABBITMQ_PROCESS_OPEN_TCP_SOCKETS: "sockets_used",
    s.RABBITMQ_PROCESS_MAX_TCP_SOCKETS: "sockets_total",
    s.RABBITMQ_ERLANG_PROCESSES_USED: "proc_used",
    s.RABBITMQ_ERLANG_PROCESSES_LIMIT: "proc_total",
    s.RABBITMQ_ERLANG_GC_RUNS_TOTAL: "gc_num",
    s.RABBITMQ_ERLANG_GC_RECLAIMED_BYTES_TOTAL: "gc_bytes_reclaimed",
    s.RABBITMQ_ERLANG_SCHEDULER_CONTEXT_SWITCHES_TOTAL: "context_switches",
    s.RABBITMQ_ERLANG_SCHEDULER_RUN_QUEUE: "run_queue",
    s.RABBITMQ_ERLANG_NET_TICKTIME_SECONDS: "net_ticktime",
    s.RABBITMQ_ALARMS_MEMORY_USED_WATERMARK: "mem_alarm",
    s.RABBITMQ_ALARMS_FREE_DISK_SPACE_WATERMARK: "disk_free_alarm",
    s.RABBITMQ_IO_READ_OPS_TOTAL: "io_read_count",
    s.RABBITMQ_IO_READ_BYTES_TOTAL: "io_read_bytes",
    s.RABBITMQ_IO_WRITE_OPS_TOTAL: "io_write_count",
    s.RABBITMQ_IO_WRITE_BYTES_TOTAL: "io_write_bytes",
    s.RABBITMQ_IO_SYNC_OPS_TOTAL: "io_sync_count",
    s.RABBITMQ_IO_SEEK_OPS_TOTAL: "io_seek_count",
    s.RABBITMQ_IO_REOPEN_OPS_TOTAL: "io_reopen_count",
    s.RABBITMQ_SCHEMA_DB_RAM_TX_TOTAL: "mnesia_ram_tx_count",
    s.RABBITMQ_SCHEMA_DB_DISK_TX_TOTAL: "mnesia_disk_tx_count",
    s.RABBITMQ_MSG_STORE_READ_TOTAL: "msg_store_read_count",
    s.RABBITMQ_MSG_STORE_WRITE_TOTAL: "msg_store_write_count",
    s.RABBITMQ_QUEUE_INDEX_READ_OPS_TOTAL: "queue_index_read_count",
    s.RABBITMQ_QUEUE_INDEX_WRITE_OPS_TOTAL: "queue_index_write_count",
}

# Fields of /api/overview, by the object they stand in.
_CHURN: dict[Signal, str] = {
    s.RABBITMQ_CONNECTIONS_OPENED_TOTAL: "connection_created",
    s.RABBITMQ_CONNECTIONS_CLOSED_TOTAL: "connection_closed",
    s.RABBITMQ_CHANNELS_OPENED_TOTAL: "channel_created",
    s.RABBITMQ_CHANNELS_CLOSED_TOTAL: "channel_closed",
    s.RABBITMQ_QUEUES_DECLARED_TOTAL: "queue_declared",
    s.RABBITMQ_QUEUES_CREATED_TOTAL: "queue_created",
    s.RABBITMQ_QUEUES_DELETED_TOTAL: "queue_deleted",
}
_OBJECTS: dict[Signal, str] = {
    s.RABBITMQ_CONNECTIONS: "connections",
    s.RABBITMQ_CHANNELS: "channels",
    s.RABBITMQ_CONSUMERS: "consumers",
    s.RABBITMQ_QUEUES: "queues",
}
_TOTALS: dict[Signal, str] = {
    s.RABBITMQ_QUEUE_MESSAGES: "messages",
    s.RABBITMQ_QUEUE_MESSAGES_READY: "messages_ready",
    s.RABBITMQ_QUEUE_MESSAGES_UNACKED: "messages_unacknowledged",
}
# The API keeps no queue types: that label is left empty, so that sums are right.
_MESSAGES: dict[Signal, str] = {
    s.RABBITMQ_GLOBAL_MESSAGES_RECEIVED_TOTAL: "publish",
    s.RABBITMQ_GLOBAL_MESSAGES_CONFIRMED_TOTAL: "confirm",
    s.RABBITMQ_GLOBAL_MESSAGES_UNROUTABLE_DROPPED_TOTAL: "drop_unroutable",
    s.RABBITMQ_GLOBAL_MESSAGES_UNROUTABLE_RETURNED_TOTAL: "return_unroutable",
    s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_TOTAL: "deliver_get",
    s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_CONSUME_MANUAL_ACK_TOTAL: "deliver",
    s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_CONSUME_AUTO_ACK_TOTAL: "deliver_no_ack",
    s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_GET_MANUAL_ACK_TOTAL: "get",
    s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_GET_AUTO_ACK_TOTAL: "get_no_ack",
    s.RABBITMQ_GLOBAL_MESSAGES_GET_EMPTY_TOTAL: "get_empty",
    s.RABBITMQ_GLOBAL_MESSAGES_REDELIVERED_TOTAL: "redeliver",
    s.RABBITMQ_GLOBAL_MESSAGES_ACKNOWLEDGED_TOTAL: "ack",
}
_AMQP = (("protocol", "amqp091"),)

# Fields of /api/queues: summed, as the plugin sums them, or for each queue.
_QUEUES: dict[Signal, str] = {
    s.RABBITMQ_QUEUE_CONSUMERS: "consumers",
    s.RABBITMQ_QUEUE_CONSUMER_UTILISATION: "consumer_utilisation",
    s.RABBITMQ_QUEUE_PROCESS_MEMORY_BYTES: "memory",
    s.RABBITMQ_QUEUE_PROCESS_REDUCTIONS_TOTAL: "reductions",
    s.RABBITMQ_QUEUE_MESSAGES_BYTES: "message_bytes",
    s.RABBITMQ_QUEUE_MESSAGES_READY_BYTES: "message_bytes_ready",
    s.RABBITMQ_QUEUE_MESSAGES_UNACKED_BYTES: "message_bytes_unacknowledged",
    s.RABBITMQ_QUEUE_MESSAGES_RAM: "messages_ram",
    s.RABBITMQ_QUEUE_MESSAGES_RAM_BYTES: "message_bytes_ram",
    s.RABBITMQ_QUEUE_MESSAGES_READY_RAM: "messages_ready_ram",
    s.RABBITMQ_QUEUE_MESSAGES_UNACKED_RAM: "messages_unacknowledged_ram",
    s.RABBITMQ_QUEUE_MESSAGES_PERSISTENT: "messages_persistent",
    s.RABBITMQ_QUEUE_MESSAGES_PAGED_OUT: "messages_paged_out",
    s.RABBITMQ_QUEUE_MESSAGES_PAGED_OUT_BYTES: "message_bytes_paged_out",
}
_EACH_QUEUE: dict[Signal, str] = {
    **_TOTALS,
    **_QUEUES,
    s.RABBITMQ_QUEUE_CONSUMER_CAPACITY: "consumer_capacity",
    s.RABBITMQ_QUEUE_MESSAGES_PERSISTENT_BYTES: "message_bytes_persistent",
    s.RABBITMQ_QUEUE_HEAD_MESSAGE_TIMESTAMP: "head_message_timestamp",
}
_COLUMNS = ",".join(sorted({"name", "vhost", *_EACH_QUEUE.values()}))

MANAGED: tuple[Signal, ...] = (
    s.RABBITMQ_BUILD_INFO,
    s.RABBITMQ_IDENTITY_INFO,
    s.RABBITMQ_ERLANG_UPTIME_SECONDS,
    *_NODE,
    *_CHURN,
    *_OBJECTS,
    *_MESSAGES,
    *_EACH_QUEUE,
)
"""What the management API says of the signals."""


def _number(value: Any) -> float | None:
    """A number of the API; None for null, for a text such as `infinity`, and for what is not there."""
    return float(value) if isinstance(value, bool | int | float) else None


def _singles(fields: Mapping[Signal, str], row: Any) -> list[Family]:
    # An empty object comes as a list.
    found = row if isinstance(row, dict) else {}
    return [single(signal, value) for signal, key in fields.items() if (value := _number(found.get(key))) is not None]


def node_families(overview: Object, node: Object) -> list[Family]:
    """What /api/nodes says of one node, with its versions and names."""
    found = _singles(_NODE, node)
    if (uptime := _number(node.get("uptime"))) is not None:
        found.append(single(s.RABBITMQ_ERLANG_UPTIME_SECONDS, uptime / 1000))
    parts = {one["name"]: one["version"] for one in node.get("applications", ()) if "name" in one and "version" in one}
    text = overview.get
    versions = (
        str(text("rabbitmq_version", "")),
        parts.get("rabbitmq_prometheus", ""),
        parts.get("prometheus", ""),
        str(text("erlang_version", "")),
    )
    found.append(family(s.RABBITMQ_BUILD_INFO, [(versions, 1.0)]))
    return found


def overview_families(overview: Object) -> list[Family]:
    """What /api/overview says of the cluster; messages are unknown where the broker's statistics are off."""
    found = _singles(_CHURN, overview.get("churn_rates")) + _singles(_OBJECTS, overview.get("object_totals"))
    if overview.get("disable_stats"):
        return found
    # What has not happened yet is not in the answer.
    stats = overview.get("message_stats") or {}
    for signal, key in _MESSAGES.items():
        value = _number(stats.get(key, 0)) or 0.0
        kind = signal.kind
        found.append(Family(signal.name, kind, signal.help, [(signal.name, _AMQP, value)]))
    return found


def queue_families(queues: Sequence[Object]) -> list[Family]:
    """A series for each queue."""
    found = []
    for signal, key in _EACH_QUEUE.items():
        samples = [
            ((str(queue.get("vhost", "")), str(queue.get("name", ""))), value)
            for queue in queues
            if (value := _number(queue.get(key))) is not None
        ]
        found.append(family(signal, samples))
    return found


def sum_families(queues: Sequence[Object]) -> list[Family]:
    """Sums over all queues; a field that no queue has is zero when there is no queue, unknown otherwise."""
    found = []
    for signal, key in _QUEUES.items():
        values = [value for queue in queues if (value := _number(queue.get(key))) is not None]
        if values or not queues:
            found.append(single(signal, sum(values)))
    return found


class ManagementSession:
    """Three GETs of the management API over one connection, and one for every 500 queues more."""

    def __init__(self, target: Target) -> None:
        self._reader = HttpReader(target)
        self._base = urlsplit(target.url).path.rstrip("/").removesuffix("/api") + "/api"
        self._queues, self._scope, self._limit = _options(target)
        self._identity: str | None = None

    def read(self, deadline: float) -> Sequence[Family]:
        overview = self._get("/overview", deadline, dict)
        name = str(overview.get("node", ""))
        nodes = self._get("/nodes", deadline, list)
        node: Object = next((one for one in nodes if isinstance(one, dict) and one.get("name") == name), {})
        found = node_families(overview, node)
        labels = (name, str(overview.get("cluster_name", "")), self._permanent_id(deadline))
        found.append(family(s.RABBITMQ_IDENTITY_INFO, [(labels, 1.0)]))
        if self._scope == "cluster":
            found += overview_families(overview)
            found += self._of_queues(overview, deadline)
        return found

    def abort(self) -> None:
        self._reader.abort()

    def close(self) -> None:
        self._reader.close()

    def _get(self, path: str, deadline: float, kind: type) -> Any:
        path = self._base + path
        value = self._reader.get_json(path, deadline)
        if not isinstance(value, kind):
            raise TargetError(f"{self._reader.where(path)}: its answer is not RabbitMQ's: {str(value)[:60]!r}")
        return value

    def _of_queues(self, overview: Object, deadline: float) -> list[Family]:
        totals = _singles(_TOTALS, overview.get("queue_totals"))
        if self._queues == "none":
            return totals
        queues, of = self._list(deadline)
        if self._queues == "each":
            # Who may see no queue still learns how many messages there are.
            return queue_families(queues) if queues else totals
        there = max(of, _number((overview.get("object_totals") or {}).get("queues")) or 0.0)
        # A sum over some of the queues would be a wrong number.
        return totals + (sum_families(queues) if len(queues) >= _SEEN_ENOUGH * there else [])

    def _list(self, deadline: float) -> tuple[list[Object], int]:
        """The queues with most messages, and how many the user may see."""
        queues: list[Object] = []
        size, page, of = min(_PAGE, self._limit), 1, 0
        while True:
            answer = self._get(
                f"/queues?page={page}&page_size={size}&sort=messages&sort_reverse=true&columns={_COLUMNS}",
                deadline,
                dict,
            )
            queues += [queue for queue in answer.get("items", ()) if isinstance(queue, dict)]
            of = int(_number(answer.get("filtered_count")) or 0)
            if len(queues) >= self._limit or page >= int(_number(answer.get("page_count")) or 0):
                return queues[: self._limit], of
            page += 1

    def _permanent_id(self, deadline: float) -> str:
        """The cluster's identifier; empty for a user who may not see it. It never changes: asked once."""
        if self._identity is None:
            try:
                parameters = self._get("/global-parameters", deadline, list)
            except StatusError as error:
                if error.status not in {401, 403}:
                    raise
                parameters = []
            found = (one.get("value") for one in parameters if one.get("name") == "internal_cluster_id")
            self._identity = str(next(found, ""))
        return self._identity


def _options(target: Target) -> tuple[str, str, int]:
    """The options `queues`, `scope` and `max_queues`."""
    ca_file(target)
    return (
        options.one_of(target, "queues", ("sums", "each", "none")),
        options.one_of(target, "scope", ("cluster", "node")),
        options.whole(target, "max_queues", _MAX_QUEUES),
    )


def open_session(target: Target) -> Session:
    """The session that the url asks for. Raises SettingsError for an option that it does not understand."""
    if not target.url:
        target = msgspec.structs.replace(target, url=COLLECTOR.default_url)
    url = urlsplit(target.url)
    if url.path.startswith("/metrics") or (url.port == _PLUGIN_PORT and url.path in {"", "/"}):
        return exposition.COLLECTOR.open(target)
    return ManagementSession(target)


COLLECTOR = Collector(
    system="rabbitmq",
    open=open_session,
    login="user",
    stands="beside",
    check=_options,
    schemes=("http", "https"),
    default_url="http://127.0.0.1:15692/metrics",
    options=(
        CA_FILE,
        ("queues", "over the management API: sums (the default), each (series for each queue), or none"),
        ("max_queues", "over the management API: most queues to list, those with most messages first (1000)"),
        ("scope", "over the management API: cluster (the default), or node for its resources alone"),
    ),
)
