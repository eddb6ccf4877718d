"""RabbitMQ: the system and its named queries; its signals stand in `rabbitmq_signals`."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.queries import Query
from watchkeeper.signals import Counter
from watchkeeper.systems import rabbitmq_signals as s
from watchkeeper.systems.rabbitmq_signals import SIGNALS

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

SYSTEM = System(
    key="rabbitmq",
    title="RabbitMQ",
    summary="A message broker: queues between those who publish and those who consume.",
    collected="both",
    signals=SIGNALS,
    exporter="rabbitmq_prometheus",
    tested_against="RabbitMQ 3.10.8: the plugin's endpoint and the management API; recorded pages of 3.8 and 3.11",
)

_NODE = ("job", "instance")
# In sums over all queues the last two are empty: then all queues are one.
_QUEUE = (*_NODE, "vhost", "queue")


def _rate(*counters: Counter) -> Query:
    """Events per second of a node, of several kinds together."""
    first, *rest = [q.sum_by(q.rate(counter), *_NODE) for counter in counters]
    for other in rest:
        first = first + other
    return first


QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="rabbitmq.alarms",
        title="Alarms that block publishers",
        query=q.max_by(s.RABBITMQ_ALARMS_MEMORY_USED_WATERMARK, *_NODE)
        + q.max_by(s.RABBITMQ_ALARMS_FREE_DISK_SPACE_WATERMARK, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.memory_alarm",
        title="Whether the memory alarm blocks publishers",
        query=q.max_by(s.RABBITMQ_ALARMS_MEMORY_USED_WATERMARK, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.disk_alarm",
        title="Whether the disk alarm blocks publishers",
        query=q.max_by(s.RABBITMQ_ALARMS_FREE_DISK_SPACE_WATERMARK, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.memory_used_ratio",
        title="Memory over the limit of its alarm",
        query=q.max_by(
            q.ratio(s.RABBITMQ_PROCESS_RESIDENT_MEMORY_BYTES, s.RABBITMQ_RESIDENT_MEMORY_LIMIT_BYTES), *_NODE
        ),
    ),
    NamedQuery(
        key="rabbitmq.memory_used_bytes",
        title="Memory in use",
        query=q.max_by(s.RABBITMQ_PROCESS_RESIDENT_MEMORY_BYTES, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.disk_available_bytes",
        title="Free disk space",
        query=q.min_by(s.RABBITMQ_DISK_SPACE_AVAILABLE_BYTES, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.disk_headroom",
        title="Free disk space over the limit of its alarm",
        query=q.min_by(
            q.ratio(s.RABBITMQ_DISK_SPACE_AVAILABLE_BYTES, s.RABBITMQ_DISK_SPACE_AVAILABLE_LIMIT_BYTES), *_NODE
        ),
    ),
    NamedQuery(
        key="rabbitmq.file_descriptors_used_ratio",
        title="Open file descriptors over their limit",
        query=q.max_by(q.ratio(s.RABBITMQ_PROCESS_OPEN_FDS, s.RABBITMQ_PROCESS_MAX_FDS), *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.messages_ready",
        title="Messages that wait",
        query=q.sum_by(s.RABBITMQ_QUEUE_MESSAGES_READY, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.messages_unacked",
        title="Messages delivered and not acknowledged",
        query=q.sum_by(s.RABBITMQ_QUEUE_MESSAGES_UNACKED, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.queue_messages_ready",
        title="Messages that wait, by queue",
        query=q.sum_by(s.RABBITMQ_QUEUE_MESSAGES_READY, *_QUEUE),
    ),
    NamedQuery(
        key="rabbitmq.queue_messages_unacked",
        title="Messages not acknowledged, by queue",
        query=q.sum_by(s.RABBITMQ_QUEUE_MESSAGES_UNACKED, *_QUEUE),
    ),
    # A queue whose consumers are unknown is left out.
    NamedQuery(
        key="rabbitmq.waiting_for_nobody",
        title="Messages that wait where nobody consumes, by queue",
        query=q.and_(
            q.sum_by(s.RABBITMQ_QUEUE_MESSAGES_READY, *_QUEUE),
            q.sum_by(s.RABBITMQ_QUEUE_CONSUMERS, *_QUEUE) < 1,
        ),
    ),
    NamedQuery(
        key="rabbitmq.consumers",
        title="Consumers",
        query=q.sum_by(s.RABBITMQ_CONSUMERS, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.connections",
        title="Open connections",
        query=q.sum_by(s.RABBITMQ_CONNECTIONS, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.channels",
        title="Open channels",
        query=q.sum_by(s.RABBITMQ_CHANNELS, *_NODE),
    ),
    NamedQuery(
        key="rabbitmq.connections_opened_rate",
        title="Connections opened per second",
        query=_rate(s.RABBITMQ_CONNECTIONS_OPENED_TOTAL),
    ),
    # Of fewer than a hundred connections, ten coming and going are no churn.
    NamedQuery(
        key="rabbitmq.connection_churn",
        title="Connections opened and closed per second, over those that are open",
        query=q.ratio(
            _rate(s.RABBITMQ_CONNECTIONS_OPENED_TOTAL, s.RABBITMQ_CONNECTIONS_CLOSED_TOTAL),
            q.sum_by(s.RABBITMQ_CONNECTIONS, *_NODE) > 100,
        ),
    ),
    NamedQuery(
        key="rabbitmq.received_rate",
        title="Messages received per second",
        query=_rate(s.RABBITMQ_GLOBAL_MESSAGES_RECEIVED_TOTAL),
    ),
    NamedQuery(
        key="rabbitmq.delivered_rate",
        title="Messages delivered per second",
        query=_rate(s.RABBITMQ_GLOBAL_MESSAGES_DELIVERED_TOTAL),
    ),
    NamedQuery(
        key="rabbitmq.acknowledged_rate",
        title="Messages acknowledged per second",
        query=_rate(s.RABBITMQ_GLOBAL_MESSAGES_ACKNOWLEDGED_TOTAL),
    ),
    NamedQuery(
        key="rabbitmq.redelivered_rate",
        title="Messages delivered once more, per second",
        query=_rate(s.RABBITMQ_GLOBAL_MESSAGES_REDELIVERED_TOTAL),
    ),
    NamedQuery(
        key="rabbitmq.unroutable_dropped_rate",
        title="Messages lost because no queue wanted them, per second",
        query=_rate(s.RABBITMQ_GLOBAL_MESSAGES_UNROUTABLE_DROPPED_TOTAL),
    ),
    NamedQuery(
        key="rabbitmq.dead_lettered_rate",
        title="Messages dead-lettered per second, for whatever reason",
        query=_rate(
            s.RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_REJECTED_TOTAL,
            s.RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_EXPIRED_TOTAL,
            s.RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_MAXLEN_TOTAL,
            s.RABBITMQ_GLOBAL_MESSAGES_DEAD_LETTERED_DELIVERY_LIMIT_TOTAL,
        ),
    ),
)
