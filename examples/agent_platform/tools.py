"""The tool service: each tool takes the time that the workload model says."""

from __future__ import annotations

import time

from examples.agent_platform.runtime import Answer, Process, Request, Route, main
from examples.agent_platform.workload import ERROR_PROBABILITY, REFUSAL_SECONDS, TOOLS, by_name

__all__: list[str] = []


def _routes(process: Process) -> tuple[Route, ...]:
    rng = process.rng("tools")
    tools, _, _ = by_name()

    def run(request: Request) -> Answer:
        tool = tools.get(request.parts["tool"])
        if tool is None:
            return Answer(404, {"error": f"no tool {request.parts['tool']!r}"})
        burst = process.fault_is("error-burst")
        if rng.random() < (burst.magnitude if burst else ERROR_PROBABILITY):
            time.sleep(REFUSAL_SECONDS)
            return Answer(503, {"error": "unavailable"})
        slow = process.fault_is("tool-latency")
        factor = slow.magnitude if slow and slow.pick(TOOLS) is tool else 1.0
        time.sleep(tool.latency.sample(rng) * factor)
        return Answer(200, {"result": "done"})

    return (Route("POST", "/tools/{tool}", run),)


if __name__ == "__main__":
    main("tools", routes=_routes)
