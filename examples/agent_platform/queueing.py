"""The queue between gateway and orchestrator: a list in Redis, or the small broker process when there is no Redis."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import Any, Protocol, cast

from examples.agent_platform.runtime import Answer, Peer, Process, Request, Route
from examples.agent_platform.workload import QUEUE
from watchkeeper.instrumentation import QueueState

__all__ = ["Broker", "Queue", "open_queue"]

_KEY = f"agent_platform:{QUEUE}"


class Queue(Protocol):
    """First in, first out; messages are JSON objects with the time of their arrival in `enqueued_at`."""

    def push(self, message: dict[str, Any]) -> None: ...
    def pop(self, seconds: float) -> dict[str, Any] | None: ...
    def state(self) -> QueueState: ...
    def clear(self) -> None: ...


def _state(depth: int, oldest: float | None) -> QueueState:
    return QueueState(depth, 0.0 if oldest is None else max(0.0, time.time() - oldest))


class _RedisQueue:
    def __init__(self, url: str) -> None:
        import redis

        self._redis: Any = redis.Redis.from_url(url, socket_timeout=10)

    def push(self, message: dict[str, Any]) -> None:
        self._redis.lpush(_KEY, json.dumps(message))

    def pop(self, seconds: float) -> dict[str, Any] | None:
        found = self._redis.brpop([_KEY], timeout=seconds)
        return json.loads(found[1]) if found else None

    def state(self) -> QueueState:
        with self._redis.pipeline(transaction=True) as pipeline:
            depth, oldest = pipeline.llen(_KEY).lindex(_KEY, -1).execute()
        return _state(depth, json.loads(oldest)["enqueued_at"] if oldest else None)

    def clear(self) -> None:
        self._redis.delete(_KEY)


class _BrokerQueue:
    """A client of the broker."""

    def __init__(self, broker: Peer) -> None:
        self._broker = broker

    def push(self, message: dict[str, Any]) -> None:
        self._broker.untimed("POST", f"/queues/{QUEUE}", message)

    def pop(self, seconds: float) -> dict[str, Any] | None:
        found = self._broker.untimed("POST", f"/queues/{QUEUE}/pop", {"seconds": seconds})
        return cast("dict[str, Any] | None", found)

    def state(self) -> QueueState:
        state = self._broker.untimed("GET", f"/queues/{QUEUE}")
        return _state(state["depth"], state["oldest"])

    def clear(self) -> None:
        """Nothing to do: the broker begins with the platform."""


class Broker:
    """The queue in memory, and the routes that serve it."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque()
        self._arrived = threading.Condition()

    def routes(self, _process: Process) -> tuple[Route, ...]:
        """Push, pop with waiting, and how it stands."""
        return (
            Route("POST", "/queues/{queue}", self._push),
            Route("POST", "/queues/{queue}/pop", self._pop),
            Route("GET", "/queues/{queue}", self._state),
        )

    def _push(self, request: Request) -> Answer:
        with self._arrived:
            self._messages.append(request.body)
            self._arrived.notify()
        return Answer(204)

    def _pop(self, request: Request) -> Answer:
        with self._arrived:
            self._arrived.wait_for(lambda: self._messages, timeout=float(request.body["seconds"]))
            return Answer(200, self._messages.popleft() if self._messages else None)

    def _state(self, _request: Request) -> Answer:
        with self._arrived:
            oldest = self._messages[0]["enqueued_at"] if self._messages else None
            return Answer(200, {"depth": len(self._messages), "oldest": oldest})


def open_queue(process: Process) -> Queue:
    """The queue that the settings name."""
    url = process.settings.get("redis_url")
    return _RedisQueue(url) if url else _BrokerQueue(process.peers["broker"])
