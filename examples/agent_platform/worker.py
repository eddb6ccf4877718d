"""The agent worker: runs an agent, which asks its model and uses tools in turn."""

from __future__ import annotations

import mmap
import random
import threading
from collections.abc import Callable

from examples.agent_platform.models import ask
from examples.agent_platform.runtime import Answer, CallError, Process, Request, Route, main
from examples.agent_platform.workload import AGENTS, Agent, by_name
from watchkeeper.instrumentation import agent_run, load_prices, tool_call

__all__: list[str] = []

_ATTEMPTS = 2
_LEAK_LIMIT = 600 * 1024 * 1024
_LEAK_INTERVAL = 0.25


def _twice(attempt: Callable[[], None]) -> None:
    for left in reversed(range(_ATTEMPTS)):
        try:
            attempt()
        except CallError:
            if not left:
                raise
        else:
            return


def _run(process: Process, agent: Agent, rng: random.Random) -> None:
    _, models, _ = by_name()
    llm, tools = process.peers["llm"], process.peers["tools"]

    def think() -> None:
        fault = process.fault_is("token-blowup")
        growth = fault.magnitude if fault and fault.pick(AGENTS) is agent else 1.0
        ask(llm, agent, models[agent.model], rng, growth=growth)

    with agent_run(agent.name):
        _twice(think)
        for tool, probability in agent.tools:
            if rng.random() < probability:

                def use(tool: str = tool) -> None:
                    with tool_call(tool):
                        tools.call("POST", f"/tools/{tool}", {})

                _twice(use)
                _twice(think)


def _routes(process: Process) -> tuple[Route, ...]:
    rng = process.rng("runs")
    agents = {agent.name: agent for agent in AGENTS}

    def run(request: Request) -> Answer:
        agent = agents.get(request.body["agent"])
        if agent is None:
            return Answer(404, {"error": f"no agent {request.body['agent']!r}"})
        try:
            _run(process, agent, rng)
        except CallError as error:
            return Answer(502, {"error": str(error)})
        return Answer(200, {"result": "done"})

    return (Route("POST", "/runs", run),)


def _leak(process: Process, changed: threading.Event) -> None:
    """Hold more and more memory while the fault is on; mapped pages go back to the system at once when it ends."""
    held: list[mmap.mmap] = []
    while True:
        fault = process.fault_is("memory-leak")
        if fault is None:
            while held:
                held.pop().close()
            changed.wait()
            changed.clear()
            continue
        size = int(fault.magnitude * 1024 * 1024 * _LEAK_INTERVAL)
        if size * (len(held) + 1) <= _LEAK_LIMIT:
            pages = mmap.mmap(-1, size)
            pages.write(b"\x01" * size)  # touched, or they would not be resident
            held.append(pages)
        if changed.wait(_LEAK_INTERVAL):
            changed.clear()


def _start(process: Process) -> None:
    load_prices().join()  # before it is ready: a process whose memory still grows is not itself yet
    changed = threading.Event()
    process.on_fault = changed.set
    threading.Thread(target=_leak, args=(process, changed), daemon=True).start()


if __name__ == "__main__":
    main("worker", routes=_routes, start=_start)
