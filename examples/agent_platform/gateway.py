"""The gateway: accepts tasks over HTTP, keeps their records, and puts them into the queue."""

from __future__ import annotations

import logging
import time
import uuid

from examples.agent_platform.queueing import Queue, open_queue
from examples.agent_platform.records import RecordsError, open_records
from examples.agent_platform.runtime import Answer, Process, Request, Route, main
from examples.agent_platform.workload import QUEUE, WORKFLOWS
from watchkeeper.instrumentation import inject, watch_queue

__all__: list[str] = []

_log = logging.getLogger("platform")


class _Gateway:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._records = open_records(process.settings.get("postgresql_dsn"))
        self._queue: Queue | None = None
        self._watched = watch_queue(QUEUE)
        self._workflows = {kind.name for kind in WORKFLOWS}

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/tasks", self.accept),
            Route("PATCH", "/tasks/{id}", self.update),
            Route("GET", "/tasks/{id}", self.show),
        )

    def start(self) -> None:
        queue = open_queue(self._process)
        queue.clear()  # what an earlier run left in the same Redis would look like a backlog
        self._records.get("")  # a database that does not answer shows now, not with the first task
        self._queue = queue

    def accept(self, request: Request) -> Answer:
        workflow = request.body.get("workflow") if isinstance(request.body, dict) else None
        if workflow not in self._workflows:
            return Answer(400, {"error": f"workflow is one of {', '.join(sorted(self._workflows))}"})
        if self._queue is None:
            return Answer(503, {"error": "not ready"})
        task = uuid.uuid4().hex
        message = {"id": task, "workflow": workflow, "enqueued_at": time.time(), "headers": inject({})}
        try:
            self._records.add(task, workflow)
            self._queue.push(message)
        except RecordsError:
            return Answer(503, {"error": "records unavailable"})
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the caller is told to come back
            _log.warning("the queue cannot be written: %s", error)
            return Answer(503, {"error": "queue unavailable"})
        self._watched.enqueued()
        return Answer(202, {"id": task})

    def update(self, request: Request) -> Answer:
        try:
            self._records.update(request.parts["id"], str(request.body["state"]))
        except RecordsError:
            return Answer(503, {"error": "records unavailable"})
        return Answer(204)

    def show(self, request: Request) -> Answer:
        try:
            state = self._records.get(request.parts["id"])
        except RecordsError:
            return Answer(503, {"error": "records unavailable"})
        return Answer(404, {"error": "no such task"}) if state is None else Answer(200, {"state": state})


def _main() -> None:
    made: list[_Gateway] = []

    def routes(process: Process) -> tuple[Route, ...]:
        made.append(_Gateway(process))
        return made[0].routes()

    main("gateway", routes=routes, start=lambda _process: made[0].start())


if __name__ == "__main__":
    _main()
