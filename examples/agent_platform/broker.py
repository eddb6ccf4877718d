"""The process that holds the queue when there is no Redis; like Redis, it is not a part of the platform itself."""

from __future__ import annotations

from examples.agent_platform.queueing import Broker
from examples.agent_platform.runtime import main

__all__: list[str] = []

if __name__ == "__main__":
    main("broker", routes=Broker().routes, observed=False)
