"""The users: tasks arrive at the gateway as the workload model says."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time

from examples.agent_platform.runtime import CallError, Process, main
from examples.agent_platform.workload import WORKFLOWS, Rate

__all__: list[str] = []

_log = logging.getLogger("platform")
_SENDERS = 4


def _send(process: Process, due: queue.SimpleQueue[str]) -> None:
    gateway = process.peers["gateway"]
    while True:
        try:
            gateway.untimed("POST", "/tasks", {"workflow": due.get()}, timeout=10)
        except (CallError, OSError) as error:
            _log.warning("a task was not accepted: %s", error)


def _arrivals(process: Process, due: queue.SimpleQueue[str], rng: random.Random) -> None:
    rate = Rate(process.seed, process.pace)
    names, shares = [kind.name for kind in WORKFLOWS], [kind.share for kind in WORKFLOWS]
    moment = time.monotonic()
    while True:
        surge = process.fault_is("load-surge")
        moment += rng.expovariate(rate.at(time.time()) * (surge.magnitude if surge else 1.0))
        time.sleep(max(0.0, moment - time.monotonic()))
        due.put(rng.choices(names, shares)[0])


def _start(process: Process) -> None:
    due: queue.SimpleQueue[str] = queue.SimpleQueue()
    for _ in range(_SENDERS):
        threading.Thread(target=_send, args=(process, due), daemon=True).start()
    threading.Thread(target=_arrivals, args=(process, due, process.rng("arrivals")), daemon=True).start()


if __name__ == "__main__":
    main("loadgen", start=_start, observed=False)
