"""One running platform for the tests, and what its metrics say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from examples.agent_platform import Platform, launch
from tests.servers import wait_until
from tests.servers.http import get_text

__all__ = ["PACE", "SEED", "Scrape", "Window", "observe", "scrape"]

PACE = 20.0
SEED = 3

Key = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Scrape:
    """All samples of one moment, by (name, instance, labels), and the kinds of the families."""

    time: float
    samples: Mapping[Key, float]
    kinds: Mapping[str, str]

    def total(self, name: str, **conditions: str | None) -> float:
        """The sum over all series whose labels are as given; None for any value but the empty one."""
        found = 0.0
        for (metric, instance, pairs), value in self.samples.items():
            labels = {**dict(pairs), "instance": instance}
            if metric == name and all(
                labels.get(label, "") != "" if wanted is None else labels.get(label) == wanted
                for label, wanted in conditions.items()
            ):
                found += value
        return found


@dataclass(frozen=True)
class Window:
    """What happened between two scrapes."""

    first: Scrape
    last: Scrape

    def gain(self, name: str, **conditions: str | None) -> float:
        return self.last.total(name, **conditions) - self.first.total(name, **conditions)

    def mean(self, histogram: str, **conditions: str | None) -> float:
        return self.gain(histogram + "_sum", **conditions) / max(1.0, self.gain(histogram + "_count", **conditions))

    def error_ratio(self, histogram: str) -> float:
        name = histogram + "_count"
        return self.gain(name, error_type=None) / max(1.0, self.gain(name))

    @property
    def tasks(self) -> float:
        return self.gain("gen_ai_workflow_duration_seconds_count")

    @property
    def cost_per_task(self) -> float:
        done = self.gain("gen_ai_workflow_duration_seconds_count", error_type="")
        return self.gain("watchkeeper_gen_ai_cost_usd_total") / max(1.0, done)


def scrape(platform: Platform) -> Scrape:
    """Read all targets now."""
    samples: dict[Key, float] = {}
    kinds: dict[str, str] = {}
    for target in platform.targets:
        for family in text_string_to_metric_families(get_text(target.url)):
            # The parser takes `_total` off the names of counters.
            kinds[family.name + ("_total" if family.type == "counter" else "")] = family.type
            for sample in family.samples:
                samples[sample.name, target.name, frozenset(sample.labels.items())] = sample.value
    return Scrape(time.time(), samples, kinds)


def observe(platform: Platform, until: Callable[[Window], bool], *, seconds: float = 40.0) -> Window:
    """Watch until the condition holds over all that happened since now."""
    first = scrape(platform)

    def window() -> Window | None:
        seen = Window(first, scrape(platform))
        return seen if until(seen) else None

    return wait_until(window, seconds=seconds, what="the platform to show it")


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with launch(tmp_path_factory.mktemp("platform"), pace=PACE, seed=SEED) as platform:
        yield platform


@pytest.fixture
def platform(_running: Platform) -> Iterator[Platform]:
    """The platform with all processes alive and no fault on."""
    assert all(_running.alive().values())
    yield _running
    _running.clear()


@pytest.fixture(scope="session")
def healthy(_running: Platform) -> Window:
    """Forty tasks of the platform as it is without faults."""
    return observe(_running, lambda window: window.tasks >= 40)
