"""A store with a shop, its cart and its payments, each calling the next, where the last one becomes slow."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

__all__ = ["SERVICES", "Shop", "samples", "write_shop"]

SERVICES = {"shop": 0.3, "cart": 0.12, "payments": 0.08}
"""The usual duration of their calls, in seconds."""
SPANS = {"shop": "GET /shop", "cart": "GET /cart", "payments": "POST /charge"}
_BOUNDS = (0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.4, 2.0, 5.0, 10.0, 15.0)
_CALLS = 60.0


@dataclass(frozen=True)
class Shop:
    """The settings' path, when payments became slow, when it was deployed, and the time of the last value."""

    config: str
    data: Path
    onset: float
    deployed: float
    end: float

    @property
    def at(self) -> str:
        """The end as an option of the command line."""
        return str(self.end)


def write_shop(directory: Path, *, minutes: int = 300, wrong: int = 30, settings: str = "", graph: bool = True) -> Shop:
    """Write settings and samples, the last of them a minute ago; with `graph` the metrics of who calls whom."""
    end = 60.0 * (math.floor(time.time() / 60) - 1)
    onset = end - 60.0 * wrong
    config = directory / "watchkeeper.yaml"
    config.write_text(
        f"data: {json.dumps(str(directory / 'data'))}\n"
        "targets:\n"
        "  - {name: shop, system: traces, url: 'http://127.0.0.1:1/metrics'}\n"
        "  - {name: payments-cache, system: redis, url: 'redis://127.0.0.1:1'}\n"
        f"{settings}"
    )
    with EmbeddedStore(directory / "data" / "samples") as store:
        store.write(list(samples(end - 60.0 * (minutes - 1), end, onset, graph=graph)))
    return Shop(str(config), directory / "data", onset, onset - 480.0, end)


def samples(start: float, end: float, onset: float, *, graph: bool = True) -> Iterator[Sample]:
    """A sample a minute of each series."""
    noise = np.random.default_rng(7)
    counts = {service: np.zeros(len(_BOUNDS) + 1) for service in SERVICES}
    sums = dict.fromkeys(SERVICES, 0.0)
    for i, at in enumerate(np.arange(start, end + 1, 60.0).tolist()):
        extra = 1.5 if at >= onset else 0.0
        for service, usual in SERVICES.items():
            # All three wait for payments; what they do themselves stays as it was.
            mean = (usual + extra) * (1 + 0.03 * float(noise.standard_normal()))
            spread = mean * np.exp(0.25 * noise.standard_normal(int(_CALLS)))
            counts[service] += np.histogram(spread, bins=(0.0, *_BOUNDS, math.inf))[0]
            sums[service] += float(spread.sum())
            yield from _spans(service, counts[service], sums[service], at)
        deployed = at >= onset - 480.0
        yield Sample("process_start_time_seconds", _of("payments"), onset - 480.0 if deployed else start - 9e5, at)
        cache = {"job": "redis", "instance": "cache:6379"}
        yield Sample("redis_memory_used_bytes", cache, 1e9 * (1 + 0.02 * float(noise.standard_normal())), at)
        version = "7.2.4" if at >= onset - 1_200.0 else "7.2.3"
        yield Sample("redis_instance_info", {**cache, "redis_version": version, "role": "master"}, 1.0, at)
        for client, server in (("shop", "cart"), ("cart", "payments")) if graph else ():
            yield Sample(
                "traces_service_graph_request_total", {"client": client, "server": server}, _CALLS * (i + 1), at
            )


def _of(service: str) -> dict[str, str]:
    return {"job": service, "instance": f"{service}:9000"}


def _spans(service: str, counts: np.ndarray, total: float, at: float) -> Iterator[Sample]:
    labels = {
        **_of(service),
        "service_name": service,
        "span_name": SPANS[service],
        "span_kind": "SPAN_KIND_SERVER",
        "status_code": "STATUS_CODE_UNSET",
    }
    name = "traces_span_metrics_duration_seconds"
    for bound, count in zip((*(f"{b:g}" for b in _BOUNDS), "+Inf"), np.cumsum(counts).tolist(), strict=True):
        yield Sample(f"{name}_bucket", {**labels, "le": bound}, count, at)
    yield Sample(f"{name}_count", labels, float(counts.sum()), at)
    yield Sample(f"{name}_sum", labels, total, at)
    yield Sample("traces_span_metrics_calls_total", labels, float(counts.sum()), at)
