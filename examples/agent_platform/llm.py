"""A local stand-in for the providers of language models: it streams an answer after a while and counts tokens.

It knows nothing of language. Four characters of prompt are a token; the answer's length is what the caller asks for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from examples.agent_platform.runtime import Answer, Process, Request, Route, main
from examples.agent_platform.workload import CACHE_HIT, ERROR_PROBABILITY, REFUSAL_SECONDS, by_name, first_chunk_seconds

__all__ = ["CHARACTERS_PER_TOKEN"]

CHARACTERS_PER_TOKEN = 4
_OVERLOADED = 529  # as Anthropic's API has it


def _routes(process: Process) -> tuple[Route, ...]:
    rng = process.rng("calls")
    _, models, _ = by_name()

    def chat(request: Request) -> Answer:
        model = models.get(request.body["model"])
        if model is None:
            return Answer(404, {"error": f"no model {request.body['model']!r}"})
        fault = process.fault_is("error-burst")
        if rng.random() < (fault.magnitude if fault else ERROR_PROBABILITY):
            time.sleep(REFUSAL_SECONDS)
            return Answer(_OVERLOADED, {"error": "overloaded"})
        prefix = len(request.body["system"]) // CHARACTERS_PER_TOKEN
        fresh = len(request.body["prompt"]) // CHARACTERS_PER_TOKEN
        output = max(1, int(request.body["tokens"]))
        usage: dict[str, int] = {"input": prefix + fresh, "output": output, "reasoning": int(output * model.reasoning)}
        if model.caches:
            usage["cache_read" if rng.random() < CACHE_HIT else "cache_write"] = prefix

        def stream() -> Iterator[Any]:
            time.sleep(first_chunk_seconds(model, prefix + fresh, rng))
            yield {"delta": "…"}
            time.sleep(output * model.token_seconds)
            yield {"usage": usage}

        return Answer(200, lines=stream())

    return (Route("POST", "/v1/chat", chat),)


if __name__ == "__main__":
    main("llm", routes=_routes)
