"""How an agent of the example calls its model: a real prompt over HTTP, instrumented."""

from __future__ import annotations

import random
from typing import Any

from examples.agent_platform.llm import CHARACTERS_PER_TOKEN
from examples.agent_platform.runtime import Peer
from examples.agent_platform.workload import Agent, Model
from watchkeeper.instrumentation import llm_call

__all__ = ["ask"]

_TEXT = "The system shall report the state of every agent to the operator within one second. "


def _text(tokens: int) -> str:
    characters = tokens * CHARACTERS_PER_TOKEN
    return (_TEXT * (characters // len(_TEXT) + 1))[:characters]


def ask(llm: Peer, agent: Agent, model: Model, rng: random.Random, *, growth: float = 1.0) -> None:
    """Call the agent's model once; `growth` multiplies the prompt. Raises CallError."""
    body: dict[str, Any] = {
        "model": model.name,
        "system": _text(agent.prefix),
        "prompt": _text(int(agent.prompt.sample(rng) * growth)),
        "tokens": int(agent.answer.sample(rng)),
    }
    with llm_call(model.name, provider=model.provider, agent=agent.name) as call:
        answer = llm.call("POST", "/v1/chat", body, first_line=call.first_chunk)
        call.tokens(**answer["usage"])
