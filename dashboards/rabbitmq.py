"""The dashboard of RabbitMQ."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"
_QUEUE = "{{instance}} {{vhost}} {{queue}}"

DASHBOARD = Dashboard(
    key="rabbitmq",
    title="RabbitMQ",
    system="rabbitmq",
    description="Does it take messages, does somebody take them away, is any of them lost, is there room.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="alarms",
                    title="Alarms",
                    queries=("rabbitmq.alarms",),
                    kind="stat",
                    description="Memory and disk: each blocks all publishers of the cluster.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="memory-used-ratio",
                    title="Memory of the alarm's limit",
                    queries=("rabbitmq.memory_used_ratio",),
                    kind="gauge",
                    description="At 100% publishers are blocked.",
                    legend=_EACH,
                    threshold_of="RabbitMQMemoryHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="file-descriptors-used-ratio",
                    title="File descriptors of their limit",
                    queries=("rabbitmq.file_descriptors_used_ratio",),
                    kind="gauge",
                    description="At 100% it accepts no connection.",
                    legend=_EACH,
                    threshold_of="RabbitMQFileDescriptorsHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="consumers",
                    title="Consumers",
                    queries=("rabbitmq.consumers",),
                    kind="stat",
                    description="Those who take messages away.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Messages",
            panels=(
                Panel(
                    key="messages-ready",
                    title="Messages that wait",
                    queries=("rabbitmq.queue_messages_ready",),
                    description="By queue where the target gives series for each, else of all queues together.",
                    legend=_QUEUE,
                ),
                Panel(
                    key="queue-messages-unacked",
                    title="Messages not acknowledged",
                    queries=("rabbitmq.queue_messages_unacked",),
                    description="Delivered, and their consumers have not finished.",
                    legend=_QUEUE,
                    threshold_of="RabbitMQUnackedHigh",
                ),
                Panel(
                    key="waiting-for-nobody",
                    title="Waiting where nobody consumes",
                    queries=("rabbitmq.waiting_for_nobody",),
                    description="Messages in queues without a consumer.",
                    legend=_QUEUE,
                    threshold_of="RabbitMQQueueWithoutConsumers",
                ),
            ),
        ),
        Row(
            title="Flow",
            panels=(
                Panel(
                    key="received-rate",
                    title="Received",
                    queries=("rabbitmq.received_rate",),
                    description="Messages from publishers.",
                    legend=_EACH,
                ),
                Panel(
                    key="acknowledged-rate",
                    title="Acknowledged",
                    queries=("rabbitmq.acknowledged_rate",),
                    description="Fewer than are received: queues grow, or consumers do not acknowledge.",
                    legend=_EACH,
                ),
                Panel(
                    key="unroutable-dropped-rate",
                    title="Dropped: no queue wanted them",
                    queries=("rabbitmq.unroutable_dropped_rate",),
                    description="Lost messages. A binding or a queue is missing.",
                    legend=_EACH,
                ),
                Panel(
                    key="redelivered-rate",
                    title="Redelivered",
                    queries=("rabbitmq.redelivered_rate",),
                    description="Messages that their consumers gave back.",
                    legend=_EACH,
                ),
                Panel(
                    key="dead-lettered-rate",
                    title="Dead-lettered",
                    queries=("rabbitmq.dead_lettered_rate",),
                    description="Messages that were given up: rejected, too old, pushed out, or delivered too often.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Clients and room",
            panels=(
                Panel(
                    key="connections",
                    title="Connections",
                    queries=("rabbitmq.connections",),
                    description="Open connections.",
                    legend=_EACH,
                ),
                Panel(
                    key="channels",
                    title="Channels",
                    queries=("rabbitmq.channels",),
                    description="A steady rise is a leak in a client.",
                    legend=_EACH,
                ),
                Panel(
                    key="connections-opened-rate",
                    title="Connections opened",
                    queries=("rabbitmq.connections_opened_rate",),
                    description="Connections are meant to be kept: many new ones are a client's mistake.",
                    legend=_EACH,
                ),
                Panel(
                    key="disk-headroom",
                    title="Free disk space over the alarm's limit",
                    queries=("rabbitmq.disk_headroom",),
                    description="At 1 the disk alarm goes.",
                    legend=_EACH,
                ),
            ),
        ),
    ),
)
