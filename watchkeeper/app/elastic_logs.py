"""The logs and traces of the settings' Elasticsearch, as the store of the detectors that read them."""

from __future__ import annotations

import math
from typing import Any

from watchkeeper.app.load import package
from watchkeeper.clock import Clock, now
from watchkeeper.errors import StoreError
from watchkeeper.settings import Settings

__all__ = ["log_store"]


def log_store(settings: Settings, *, clock: Clock = now, past: tuple[float, float, float] | None = None) -> Any:
    """A `detectors.elastic_series.ElasticStore`, to be closed.

    With `past` it is for these times alone: from when on is read, from when on what is new counts as new, and the end;
    all of it is then read at once, however long that takes. Raises StoreError when the settings name no such logs.
    """
    cluster = settings.elasticsearch
    if cluster is None or not cluster.is_read:
        raise StoreError("there are no logs and traces of an Elasticsearch: write `elasticsearch` in the settings")
    fields = package("detectors.elastic_fields")
    names = cluster.log_fields
    lateness = float(cluster.lateness)
    options: dict[str, Any] = {"history": float(cluster.history), "lateness": lateness, "clock": clock}
    if past is not None:
        start, new, end = past
        options = {
            "history": max(60.0, end - start),
            "learned": new,
            # What is late has come by now, unless the end is now.
            "lateness": max(0.0, lateness - (clock() - end)),
            "clock": lambda: end,
            "most_seconds": math.inf,
        }
    searcher = package("detectors.elastic_client").Searcher(
        cluster.url, headers=cluster.credentials, ca_file=cluster.ca_file, timeout=float(cluster.timeout)
    )
    return package("detectors.elastic_series").ElasticStore(
        searcher,
        logs=cluster.logs,
        traces=cluster.traces,
        templates=package("collectors.logs_templates").Templates,
        levels=package("collectors.logs_records").LEVEL_NAMES,
        log_fields=fields.LogFields(names.time, names.service, names.level, names.message),
        span_fields=fields.OTEL_SPANS if cluster.spans == "otel" else fields.ECS_SPANS,
        categories=cluster.categories,
        **options,
    )
