"""The workload model run on arrays: one element a task, a run or a call, block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.agent_platform.history import Recorder
from examples.agent_platform.workload import (
    CACHE_HIT,
    ERROR_PROBABILITY,
    MAX_REWORK,
    PLANNER,
    PROMPT_TOKEN_SECONDS,
    QUEUE,
    REFUSAL_SECONDS,
    WORKFLOWS,
    Agent,
    LogNormal,
    Model,
    Rate,
    Tool,
    Workflow,
    by_name,
)
from watchkeeper.instrumentation import Tokens, price
from watchkeeper.systems import agent_platform as declared
from watchkeeper.systems import process

__all__ = ["simulate"]

Floats = NDArray[np.float64]

_BLOCK = 50_000

# What the live processes add to the model's times, and what they take of the machine: measured on two cores, without
# a database. Seconds a hop; seconds of CPU a second and a task; megabytes; file descriptors.
_HOP = 0.0007
_ACCEPT, _RECORD = LogNormal(0.0011, 0.3), LogNormal(0.0003, 0.3)
_CPU = {
    "gateway": (0.001, 0.0014),
    "orchestrator": (0.001, 0.0026),
    "worker": (0.002, 0.0052),
    "tools": (0.001, 0.0011),
    "llm": (0.001, 0.0027),
}
_RESIDENT = {"gateway": 28.7e6, "orchestrator": 46.8e6, "worker": 47.6e6, "tools": 28.9e6, "llm": 30.3e6}
_VIRTUAL = {"gateway": 93e6, "orchestrator": 432e6, "worker": 408e6, "tools": 228e6, "llm": 389e6}
_FILES = {"gateway": 12, "orchestrator": 34, "worker": 50, "tools": 17, "llm": 25}
_MAX_FILES = 1_048_576


@dataclass
class _Clock:
    """Where each task or run stands: its time, and the HTTP status that ended it, 0 while it goes on."""

    now: Floats
    status: NDArray[np.int64]

    @property
    def alive(self) -> NDArray[np.bool_]:
        going: NDArray[np.bool_] = np.equal(self.status, 0)
        return going

    def select(self, mask: NDArray[np.bool_]) -> _Clock:
        return _Clock(self.now[mask], self.status[mask])

    def put(self, mask: NDArray[np.bool_], part: _Clock) -> None:
        self.now[mask], self.status[mask] = part.now, part.status


class _Simulation:
    def __init__(self, recorder: Recorder, seed: int) -> None:
        self.recorder = recorder
        self.rng = np.random.default_rng(seed)
        self.tools, self.models, self.agents = by_name()
        self.prices = {name: _prices(model) for name, model in self.models.items()}

    def draw(self, distribution: LogNormal, size: int) -> Floats:
        return distribution.median * np.exp(distribution.sigma * self.rng.standard_normal(size))

    def twice(self, clock: _Clock, caller: str, agent: Agent, tool: Tool | None = None) -> None:
        """A call with one retry for all that are alive; those that fail twice have ended."""
        waiting = clock.alive
        for _ in range(2):
            size = int(waiting.sum())
            failed = self.rng.random(size) < ERROR_PROBABILITY
            begin = clock.now[waiting]
            if tool is None:
                took = self.model_call(begin, failed, caller, agent)
            else:
                took = self.tool_call(begin, failed, caller, agent, tool)
            clock.now[waiting] += took
            indices = np.flatnonzero(waiting)
            waiting = np.zeros_like(waiting)
            waiting[indices[failed]] = True
        clock.status[waiting] = 529 if tool is None else 503

    def tool_call(self, begin: Floats, failed: NDArray[np.bool_], caller: str, agent: Agent, tool: Tool) -> Floats:
        took = np.where(failed, REFUSAL_SECONDS, self.draw(tool.latency, len(begin)))
        for mask, status, error in ((~failed, "200", ""), (failed, "503", "503")):
            seconds = took[mask]
            at = begin[mask] + seconds
            self.http("tools", "/tools/{tool}", caller, "tools", status, error, at, seconds)
            labels = (tool.name, agent.name, error)
            self.recorder.observe(caller, declared.GEN_AI_EXECUTE_TOOL_DURATION_SECONDS, labels, at, seconds + _HOP)
        return took + _HOP

    def model_call(self, begin: Floats, failed: NDArray[np.bool_], caller: str, agent: Agent) -> Floats:
        model = self.models[agent.model]
        size = len(begin)
        fresh = np.floor(self.draw(agent.prompt, size))
        output = np.maximum(1.0, np.floor(self.draw(agent.answer, size)))
        first = self.draw(model.first_chunk, size) + (agent.prefix + fresh) * PROMPT_TOKEN_SECONDS
        took = np.where(failed, REFUSAL_SECONDS, first + output * model.token_seconds)
        base = ("chat", model.provider, model.name, agent.name)
        for mask, status, error in ((~failed, "200", ""), (failed, "529", "529")):
            seconds = took[mask]
            at = begin[mask] + seconds
            self.http("llm", "/v1/chat", caller, "llm", status, error, at, seconds)
            signal = declared.GEN_AI_CLIENT_OPERATION_DURATION_SECONDS
            self.recorder.observe(caller, signal, (*base, error), at, seconds + _HOP)
        good = ~failed
        at = (begin + took)[good]
        signal = declared.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK_SECONDS
        self.recorder.observe(caller, signal, base, (begin + first)[good], first[good] + _HOP)
        self.usage(caller, model, agent, at, fresh[good], output[good])
        return took + _HOP

    def usage(self, caller: str, model: Model, agent: Agent, at: Floats, fresh: Floats, output: Floats) -> None:
        base = ("chat", model.provider, model.name, agent.name)
        size = len(at)
        cached = self.rng.random(size) < CACHE_HIT if model.caches else np.zeros(size, bool)
        written = ~cached if model.caches else np.zeros(size, bool)
        prefix = np.full(size, float(agent.prefix))
        for kind, mask, values in (
            ("input", np.ones(size, bool), prefix + fresh),
            ("output", np.ones(size, bool), output),
            ("cache_read", cached, prefix),
            ("cache_write", written, prefix),
            ("reasoning", np.full(size, model.reasoning > 0), np.floor(output * model.reasoning)),
        ):
            labels = (*base, kind)
            self.recorder.observe(caller, declared.GEN_AI_CLIENT_TOKEN_USAGE, labels, at[mask], values[mask])
        found = self.prices[model.name]
        unpriced = (model.provider, model.name)
        self.recorder.count(
            caller, declared.WATCHKEEPER_GEN_AI_UNPRICED_CALLS_TOTAL, unpriced, at if found is None else at[:0]
        )
        if found is not None:
            plain, read, write, out = found
            unit = np.where(cached, read, np.where(written, write, plain))
            cost = fresh * plain + prefix * unit + output * out
            labels3 = (model.provider, model.name, agent.name)
            self.recorder.count(caller, declared.WATCHKEEPER_GEN_AI_COST_USD_TOTAL, labels3, at, cost)

    def http(
        self,
        server: str,
        route: str,
        client: str,
        peer: str,
        status: str,
        error: str,
        at: Floats,
        took: Floats,
        method: str = "POST",
    ) -> None:
        sent, served = declared.HTTP_CLIENT_REQUEST_DURATION_SECONDS, declared.HTTP_SERVER_REQUEST_DURATION_SECONDS
        self.recorder.observe(server, served, (method, route, status, error), at, took)
        if client:
            self.recorder.observe(client, sent, (method, peer, status, error), at, took + _HOP)

    def run(self, clock: _Clock, agent: Agent) -> None:
        """A run of an agent for all that are alive."""
        alive = clock.alive
        inner = clock.select(alive)
        begin = inner.now.copy()
        self.twice(inner, "worker", agent)
        for name, probability in agent.tools:
            used = inner.alive & (self.rng.random(len(begin)) < probability)
            part = inner.select(used)
            self.twice(part, "worker", agent, self.tools[name])
            self.twice(part, "worker", agent)
            inner.put(used, part)
        took = inner.now - begin
        signal = declared.GEN_AI_INVOKE_AGENT_DURATION_SECONDS
        for code in (0, 503, 529):
            ended = inner.status == code
            labels = (agent.name, str(code) if code else "")
            self.recorder.observe("worker", signal, labels, inner.now[ended], took[ended])
        for ended, status, error in ((inner.alive, "200", ""), (~inner.alive, "502", "502")):
            self.http("worker", "/runs", "orchestrator", "worker", status, error, inner.now[ended], took[ended])
        inner.status[~inner.alive] = 502
        inner.now += _HOP
        clock.put(alive, inner)

    def tasks(self, arrivals: Floats, kind: Workflow) -> None:
        """Tasks of a workflow that arrive at these times, from the gateway to their record."""
        size = len(arrivals)
        self.http("gateway", "/tasks", "", "", "202", "", arrivals, self.draw(_ACCEPT, size))
        self.recorder.count("gateway", declared.WATCHKEEPER_QUEUE_ENQUEUED_TOTAL, (QUEUE,), arrivals)
        clock = _Clock(arrivals + 0.002, np.zeros(size, np.int64))
        begin = clock.now.copy()
        self.twice(clock, "orchestrator", PLANNER)
        going = clock.alive
        for loop in range(MAX_REWORK + 1):
            part = clock.select(going)
            if loop:
                self.recorder.count(
                    "orchestrator", declared.WATCHKEEPER_GEN_AI_REWORK_LOOPS_TOTAL, (kind.name,), part.now
                )
            self.run(part, self.agents[kind.agent])
            clock.put(going, part)
            going &= clock.alive & (self.rng.random(size) < kind.rework)
        took = clock.now - begin
        signal = declared.GEN_AI_WORKFLOW_DURATION_SECONDS
        for code in (0, 502, 529):
            ended = clock.status == code
            error = str(code) if code else ""
            self.recorder.observe("orchestrator", signal, (kind.name, error), clock.now[ended], took[ended])
            if not code or ended.any():
                counter = declared.WATCHKEEPER_QUEUE_PROCESSED_TOTAL
                self.recorder.count("orchestrator", counter, (QUEUE, error), clock.now[ended])
        recorded = self.draw(_RECORD, size)
        self.http("gateway", "/tasks/{id}", "orchestrator", "gateway", "204", "", clock.now, recorded, "PATCH")

    def machine(self, tasks: Floats, resident: Mapping[str, float]) -> None:
        """The queue's gauges and the numbers of the processes; `tasks` is how many arrived before each sample."""
        times = self.recorder.times
        size = len(times)
        waiting = (self.rng.random(size) < 0.01).astype(np.float64)
        self.recorder.gauge("orchestrator", declared.WATCHKEEPER_QUEUE_DEPTH, (QUEUE,), waiting)
        age = waiting * self.rng.random(size) * 0.002
        self.recorder.gauge("orchestrator", declared.WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS, (QUEUE,), age)
        for instance, (idle, task) in _CPU.items():
            memory = resident.get(instance, _RESIDENT[instance])
            # Caches and threads come and go: a few percent, slowly.
            wave = np.sin(2 * math.pi * (times / 1_171 + self.rng.random()))
            noise = 1 + 0.03 * wave + 0.005 * self.rng.standard_normal(size)
            cpu = (times - times[0]) * idle + tasks * task
            for signal, values in (
                (process.PROCESS_RESIDENT_MEMORY_BYTES, np.floor(memory * noise / 4096) * 4096),
                (process.PROCESS_VIRTUAL_MEMORY_BYTES, np.full(size, _VIRTUAL[instance])),
                (process.PROCESS_CPU_SECONDS_TOTAL, np.round(cpu, 2)),
                (process.PROCESS_START_TIME_SECONDS, np.full(size, times[0] - 60)),
                (process.PROCESS_OPEN_FDS, np.full(size, float(_FILES[instance]))),
                (process.PROCESS_MAX_FDS, np.full(size, float(_MAX_FILES))),
            ):
                self.recorder.gauge(instance, signal, (), values)


def _prices(model: Model) -> tuple[float, float, float, float] | None:
    """USD for a token of plain input, of input read from and written to the cache, and of output."""
    thousand = 1000
    asked = (
        Tokens(thousand, 0),
        Tokens(thousand, 0, cache_read=thousand),
        Tokens(thousand, 0, cache_write=thousand),
        Tokens(0, thousand),
    )
    found = [price(model.name, tokens, model.provider) for tokens in asked]
    plain, read, write, out = (float(cost.amount) / thousand if cost else math.nan for cost in found)
    return None if math.isnan(plain + out) else (plain, read, write, out)


def simulate(recorder: Recorder, end: float, *, seed: int, pace: float, resident: Mapping[str, float]) -> None:
    """Run the model over the sample times of the recorder, up to `end`."""
    simulation = _Simulation(recorder, seed)
    rate = Rate(seed, pace)
    times = recorder.times
    lengths = np.diff(times, append=end)
    counts = simulation.rng.poisson(np.array([rate.at(float(time)) for time in times]) * lengths)
    before = np.concatenate(([0.0], counts.cumsum()[:-1].astype(np.float64)))
    shares = np.array([kind.share for kind in WORKFLOWS])
    # Blocks bound the memory, whatever the length of the history.
    for block in np.array_split(np.arange(len(times)), max(1, math.ceil(int(counts.sum()) / _BLOCK))):
        sizes = counts[block]
        arrivals = np.repeat(times[block], sizes) + simulation.rng.random(int(sizes.sum())) * np.repeat(
            lengths[block], sizes
        )
        kinds = simulation.rng.choice(len(WORKFLOWS), len(arrivals), p=shares / shares.sum())
        for index, kind in enumerate(WORKFLOWS):
            simulation.tasks(arrivals[kinds == index], kind)
    simulation.machine(before, resident)
