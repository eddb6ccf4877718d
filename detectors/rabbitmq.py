"""RabbitMQ: more messages wait, fewer come in, more come twice than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="rabbitmq.backlog",
        system="rabbitmq",
        title="Messages that wait in RabbitMQ",
        query="rabbitmq.queue_messages_ready",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=500,
        summary="{{ $labels.instance }}: {{ $value }} messages wait in {{ $labels.queue }}, far more than usual",
        runbook="rabbitmq/queue-backlog",
        panel="rabbitmq/messages-ready",
        source="Twice the usual and 500 messages: a batch job that runs late moves a queue by less than its own size. "
        "How many are too many differs for each queue, so the expectation is learned.",
    ),
    Detector(
        key="rabbitmq.received",
        system="rabbitmq",
        title="Messages received by RabbitMQ",
        query="rabbitmq.received_rate",
        polarity=Polarity.LOW_IS_BAD,
        hold="10m",
        window="10m",
        minimum_relative=0.5,
        minimum_absolute=1.0,
        summary="{{ $labels.instance }} receives {{ $value }} messages per second, far fewer than usual",
        runbook="rabbitmq/publishers-silent",
        panel="rabbitmq/received-rate",
        source="Half of the usual and one message per second: a publisher that is gone is seldom one of many.",
    ),
    Detector(
        key="rabbitmq.redelivered",
        system="rabbitmq",
        title="Messages that RabbitMQ delivers once more",
        query="rabbitmq.redelivered_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.5,
        severity="info",
        summary="{{ $labels.instance }} delivers {{ $value }} messages per second again, more than usual",
        runbook="rabbitmq/queue-backlog",
        panel="rabbitmq/redelivered-rate",
        source="Twice the usual and one message in two seconds: a restart of a consumer returns what it held once; "
        "a message that kills its consumer returns for ever.",
    ),
)
