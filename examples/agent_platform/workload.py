"""The workload model of the example platform: what the live processes sample from, and what its history simulates.

Everything here is a pure function of its arguments. Times are seconds since the epoch; a model day lasts `86400 / pace`
real seconds, so that seasons pass as fast as the windows of the definitions do. Latencies do not depend on `pace`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache

__all__ = [
    "AGENTS",
    "CACHE_HIT",
    "ERROR_PROBABILITY",
    "MAX_REWORK",
    "MODELS",
    "PLANNER",
    "PROMPT_TOKEN_SECONDS",
    "QUEUE",
    "REFUSAL_SECONDS",
    "TOOLS",
    "WORKFLOWS",
    "Agent",
    "LogNormal",
    "Model",
    "Rate",
    "Tool",
    "Workflow",
    "by_name",
    "first_chunk_seconds",
]

DAY = 86_400.0
QUEUE = "tasks"
ERROR_PROBABILITY = 0.005
"""Of a single call of a tool or model; each is tried twice."""
REFUSAL_SECONDS = 0.02
"""How long a tool or model takes to say no: an error is quicker than an answer."""
CACHE_HIT = 0.9
"""How often a model that caches finds the prefix of the prompt in its cache."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal distribution by its median and the standard deviation of its logarithm."""

    median: float
    sigma: float

    def sample(self, rng: random.Random) -> float:
        """One value."""
        return self.median * math.exp(self.sigma * rng.normalvariate(0.0, 1.0))

    @property
    def mean(self) -> float:
        """Its mean."""
        return self.median * math.exp(self.sigma**2 / 2)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and how long it takes, in seconds."""

    name: str
    latency: LogNormal


@dataclass(frozen=True, slots=True)
class Model:
    """A language model: time to the first chunk, seconds for each token, the share of reasoning in its output."""

    name: str
    provider: str
    first_chunk: LogNormal
    token_seconds: float
    reasoning: float = 0.0
    caches: bool = False


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: it asks its model, uses a tool, asks again, and answers after its last tool.

    `tools` are names with the probability that a run uses them; `prefix` is the part of the prompt (in tokens) that is
    the same each time, `prompt` the rest, `answer` the output of a call.
    """

    name: str
    model: str
    prefix: int
    prompt: LogNormal
    answer: LogNormal
    tools: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A process: a plan, a run of its agent, and again up to twice when the result is sent back."""

    name: str
    share: float
    agent: str
    rework: float


TOOLS = (
    Tool("search_documents", LogNormal(0.20, 0.40)),
    Tool("read_artifact", LogNormal(0.12, 0.35)),
    Tool("update_ticket", LogNormal(0.15, 0.35)),
    Tool("run_static_analysis", LogNormal(0.35, 0.35)),
    Tool("run_tests", LogNormal(0.50, 0.30)),
)

# Real models with list prices, played by the stand-in, whose latencies are shorter to keep the example small.
MODELS = (
    Model("claude-sonnet-4-5", "anthropic", LogNormal(0.16, 0.30), 0.0008, caches=True),
    Model("gpt-4.1", "openai", LogNormal(0.14, 0.30), 0.0007),
    Model("gpt-5-mini", "openai", LogNormal(0.12, 0.30), 0.0005, reasoning=0.4),
)

AGENTS = (
    Agent(
        "requirements_analyst",
        "claude-sonnet-4-5",
        prefix=600,
        prompt=LogNormal(2400, 0.35),
        answer=LogNormal(180, 0.40),
        tools=(("search_documents", 0.9), ("read_artifact", 0.6), ("update_ticket", 0.6)),
    ),
    Agent(
        "test_engineer",
        "gpt-4.1",
        prefix=400,
        prompt=LogNormal(2000, 0.35),
        answer=LogNormal(220, 0.40),
        tools=(("read_artifact", 0.7), ("run_static_analysis", 0.5), ("run_tests", 0.8)),
    ),
)
PLANNER = Agent("planner", "gpt-5-mini", prefix=300, prompt=LogNormal(500, 0.30), answer=LogNormal(150, 0.30))

# Processes of ASPICE: requirements analysis (SWE.1) and unit verification (SWE.4).
WORKFLOWS = (
    Workflow("software_requirements_analysis", 0.55, "requirements_analyst", rework=0.08),
    Workflow("software_unit_verification", 0.45, "test_engineer", rework=0.06),
)
MAX_REWORK = 2

# A token of prompt costs a little time to read: a larger prompt is a matter of money before it is one of time.
PROMPT_TOKEN_SECONDS = 2e-6


def first_chunk_seconds(model: Model, prompt_tokens: int, rng: random.Random) -> float:
    """Seconds until the first chunk of an answer."""
    return model.first_chunk.sample(rng) + prompt_tokens * PROMPT_TOKEN_SECONDS


@cache
def by_name() -> tuple[dict[str, Tool], dict[str, Model], dict[str, Agent]]:
    """Tools, models and agents (the planner among them) by their names."""
    return (
        {tool.name: tool for tool in TOOLS},
        {model.name: model for model in MODELS},
        {agent.name: agent for agent in (*AGENTS, PLANNER)},
    )


# Periods of the noise in model seconds: not multiples of each other, so that it does not repeat.
_PERIODS = (2_221.0, 6_151.0, 15_493.0, 40_849.0)


@cache
def _phases(seed: int) -> tuple[float, ...]:
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return tuple(rng.random() for _ in _PERIODS)


@dataclass(frozen=True, slots=True)
class Rate:
    """Arrivals of tasks a second as a function of time: a daily season, quieter weekends, slow noise.

    The noise is a sum of sines whose phases the seed decides, so that history and present are one function.
    """

    seed: int
    pace: float
    mean: float = 4.5
    daily: float = 0.35
    weekend: float = 0.75
    noise: float = 0.02

    def at(self, time: float) -> float:
        """Tasks a second."""
        moment = time * self.pace
        day = 2 * math.pi * ((moment % DAY) / DAY)
        # The peak is in the afternoon, the low in the early morning; the second harmonic makes a dip at noon.
        season = 1 - self.daily * math.cos(day - 0.6) + 0.08 * math.cos(2 * day - 1.2)
        # The epoch began on a Thursday.
        weekday = (int(moment // DAY) + 3) % 7
        wobble = sum(
            self.noise * math.sin(2 * math.pi * (moment / period + phase))
            for period, phase in zip(_PERIODS, _phases(self.seed), strict=True)
        )
        return self.mean * season * (self.weekend if weekday >= 5 else 1.0) * (1 + wobble)
