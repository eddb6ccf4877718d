"""The orchestrator: takes tasks from the queue and runs their workflow: plan, agent, and again when sent back."""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from examples.agent_platform.models import ask
from examples.agent_platform.queueing import Queue, open_queue
from examples.agent_platform.runtime import CallError, Process, main
from examples.agent_platform.workload import MAX_REWORK, PLANNER, QUEUE, WORKFLOWS, Rate, Workflow, by_name
from watchkeeper.instrumentation import WatchedQueue, continue_trace, load_prices, watch_queue, workflow

__all__: list[str] = []

_log = logging.getLogger("platform")

# Enough for four times the usual load, so that a backlog drains within seconds.
_CONCURRENCY = 64
_POP_SECONDS = 1.0
_ATTEMPTS = 2


def _plan(process: Process, rng: random.Random) -> None:
    _, models, _ = by_name()
    for left in reversed(range(_ATTEMPTS)):
        try:
            ask(process.peers["llm"], PLANNER, models[PLANNER.model], rng)
        except CallError:
            if not left:
                raise
        else:
            return


def _perform(process: Process, kind: Workflow, rng: random.Random) -> None:
    with workflow(kind.name) as instance:
        _plan(process, rng)
        for loop in range(MAX_REWORK + 1):
            if loop:
                instance.rework()
            process.peers["worker"].call("POST", "/runs", {"agent": kind.agent})
            if rng.random() >= kind.rework:
                break


def _handle(process: Process, watched: WatchedQueue, rng: random.Random, message: dict[str, Any]) -> None:
    kinds = {kind.name: kind for kind in WORKFLOWS}
    error_type = ""
    with continue_trace(message.get("headers", {})):
        try:
            _perform(process, kinds[message["workflow"]], rng)
        except (CallError, OSError) as error:
            error_type = getattr(error, "error_type", type(error).__name__)
        watched.processed(error_type)
        try:
            state = {"state": "failed" if error_type else "done"}
            process.peers["gateway"].call("PATCH", f"/tasks/{message['id']}", state)
        except (CallError, OSError) as error:
            _log.warning("task %s: its state cannot be recorded: %s", message["id"], error)


def _consume(process: Process, queue: Queue, watched: WatchedQueue) -> None:
    rng = process.rng("workflows")
    rate = Rate(process.seed, process.pace)
    pool = ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="workflow")
    free = threading.Semaphore(_CONCURRENCY)

    def run(message: dict[str, Any]) -> None:
        try:
            _handle(process, watched, rng, message)
        finally:
            free.release()

    while True:
        if slow := process.fault_is("queue-backlog"):
            time.sleep(min(5.0, slow.magnitude / rate.at(time.time())))
        free.acquire()
        message = None
        try:
            message = queue.pop(_POP_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the consumer goes on when the queue is back
            _log.warning("the queue cannot be read: %s", error)
            time.sleep(_POP_SECONDS)
        if message is None:
            free.release()
        else:
            pool.submit(run, message)


def _start(process: Process) -> None:
    load_prices().join()  # before it is ready: a process whose memory still grows is not itself yet
    queue = open_queue(process)
    watched = watch_queue(QUEUE, queue.state)
    threading.Thread(target=_consume, args=(process, queue, watched), daemon=True).start()


if __name__ == "__main__":
    main("orchestrator", start=_start)
