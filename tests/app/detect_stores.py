"""Settings with an embedded store that holds the last hours of two Redis servers, one of which goes wrong."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchkeeper.app.cli import main
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

__all__ = ["BASE", "LABELS", "World", "asked", "memory", "used", "write_store"]

BASE = 1e9
LABELS = {"job": "redis", "instance": "a:6379"}


@dataclass(frozen=True)
class World:
    """`end` is the time of the last value, `onset` that of the first one that is wrong, `config` the settings' path."""

    config: str
    onset: float
    end: float

    @property
    def at(self) -> str:
        """The end as an option of the command line."""
        return str(self.end)


def memory(number: int, seed: int) -> Callable[[int], float]:
    """Memory at each of so many minutes: a level with noise, the same for each seed."""
    noise = np.random.default_rng(seed).standard_normal(number)
    return lambda i: BASE * (1 + 0.02 * float(noise[i]))


def used(number: int, wrong: int, factor: float = 2.5) -> dict[str, list[float]]:
    """Values a minute by instance: `a` is wrong in its last `wrong` minutes, `b` never."""
    a, b = memory(number, 1), memory(number, 2)
    return {
        "a:6379": [a(i) * (factor if i >= number - wrong else 1.0) for i in range(number)],
        "b:6379": [b(i) for i in range(number)],
    }


def write_store(directory: Path, *, minutes: int = 240, wrong: int = 40, settings: str = "") -> World:
    """Write settings and samples, the last of them a minute ago."""
    end = 60.0 * (math.floor(time.time() / 60) - 1)
    start = end - 60.0 * (minutes - 1)
    config = directory / "watchkeeper.yaml"
    config.write_text(
        f"data: {json.dumps(str(directory / 'data'))}\n"
        f"targets:\n  - {{name: a, system: redis, url: 'redis://127.0.0.1:1'}}\n{settings}"
    )
    values = used(minutes, wrong)
    with EmbeddedStore(directory / "data" / "samples") as store:
        store.write(
            [
                Sample("redis_memory_used_bytes", {"job": "redis", "instance": name}, row[i], start + 60.0 * i)
                for i in range(minutes)
                for name, row in values.items()
            ]
        )
    return World(str(config), start + 60.0 * (minutes - wrong), end)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The exit code of a command with `--json`, and what it printed."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)
