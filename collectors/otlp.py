"""OTLP metrics: families as the protobuf that OTLP/HTTP receivers take.

Names, labels and help stay as they are, unit suffix and `_total` included, as OpenTelemetry's "Prometheus and
OpenMetrics Compatibility" has it: counters become monotonic sums, histograms and summaries themselves, everything else
a gauge. A target is a resource: `job` is its service.name, `instance` its service.instance.id, its other labels are
attributes of the same name. A series that is gone is marked with NO_RECORDED_VALUE, as Prometheus marks it stale.

With temporality `delta` sums and histograms carry what was gained since the record before; summaries have none.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import watchkeeper
from collectors.families import Family, Pairs
from collectors.otlp_streams import Key, Streams
from watchkeeper.errors import SettingsError
from watchkeeper.otlp import otlp_sender, signal_url
from watchkeeper.outbox import Send
from watchkeeper.posting import Poster

if TYPE_CHECKING:
    from watchkeeper.settings import OtlpPush

__all__ = ["Encoder", "Part", "poster", "sender"]

# Attributes that OpenTelemetry gives the labels of a target; others keep their names.
_RESOURCE = {"job": "service.name", "instance": "service.instance.id"}
_SCOPE = "watchkeeper.collectors"


class Part(NamedTuple):
    """What one target gave: its name, its target labels with `job` and `instance`, its families."""

    name: str
    labels: Pairs
    families: Sequence[Family]


class _Shown(NamedTuple):
    """A series of a record: enough to say in the next one that it is gone."""

    part: str
    name: str
    kind: str
    pairs: Pairs


def _messages() -> Any:
    try:
        return importlib.import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    except ImportError as error:
        raise SettingsError(
            f"push.otlp needs opentelemetry-proto ({error.name} is missing): pip install 'watchkeeper[otel]'",
            place=("push", "otlp"),
        ) from None


class Encoder:
    """Makes a request of what was read, and the state of its streams; after `accept` the next one goes on from there.

    `state` is that of the last record. Raises SettingsError when opentelemetry-proto is not installed.
    """

    def __init__(self, *, delta: bool = False, state: bytes | None = None) -> None:
        self._request: Any = _messages().ExportMetricsServiceRequest
        pb: Any = importlib.import_module("opentelemetry.proto.metrics.v1.metrics_pb2")
        self._gone: int = pb.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
        self._delta = delta
        kind = "DELTA" if delta else "CUMULATIVE"
        self._temporality: int = getattr(pb, f"AGGREGATION_TEMPORALITY_{kind}")
        self._streams = Streams(state)
        self._labels: dict[str, Pairs] = {}
        self._shown: dict[_Shown, None] = {}
        # Of the record that is being made
        self._scopes: dict[str, Any] = {}
        self._data: dict[tuple[str, str, str], Any] = {}
        self._showing: dict[_Shown, None] = {}
        self._time = 0

    def encode(self, parts: Sequence[Part], at: float) -> tuple[bytes, bytes]:
        """The serialized request of a reading at `at` (Unix seconds), and the state that goes with it."""
        self._time = int(at * 1e9)
        self._streams.begin(self._time)
        self._scopes, self._data, self._showing = {}, {}, {}
        request = self._request()
        self._labels |= {part.name: part.labels for part in parts}
        for part in parts:
            self._scopes[part.name] = self._scope(request, part.labels)
            for one in part.families:
                self._add(part.name, one)
        for shown in self._shown:
            # A gain that is not there is no gain; but a value that is not there is unknown, and must not be repeated.
            if shown not in self._showing and not (self._delta and shown.kind in {"sum", "histogram"}):
                if shown.part not in self._scopes:
                    self._scopes[shown.part] = self._scope(request, self._labels[shown.part])
                self._point(*shown, shown=False).flags = self._gone
        return request.SerializeToString(), self._streams.state()

    def accept(self) -> None:
        """The record is on disk: the next one begins where it ends."""
        self._streams.accept()
        self._shown = self._showing
        self._labels = {shown.part: self._labels[shown.part] for shown in self._shown}

    def _scope(self, request: Any, labels: Pairs) -> Any:
        resource = request.resource_metrics.add()
        for name, value in labels:
            _attribute(resource.resource.attributes, _RESOURCE.get(name, name), value)
        scope = resource.scope_metrics.add()
        scope.scope.name, scope.scope.version = _SCOPE, watchkeeper.__version__
        return scope

    def _point(self, part: str, name: str, kind: str, pairs: Pairs, help: str = "", *, shown: bool = True) -> Any:
        """A new data point of a metric of a target; `kind` is the name of OTLP's field for its data."""
        key = (part, name, kind)
        data = self._data.get(key)
        if data is None:
            metric = self._scopes[part].metrics.add(name=name, description=help)
            data = self._data[key] = getattr(metric, kind)
            if kind == "sum":
                data.is_monotonic = True
            if kind in {"sum", "histogram"}:
                data.aggregation_temporality = self._temporality
        if shown:
            self._showing[_Shown(part, name, kind, pairs)] = None
        point = data.data_points.add(time_unix_nano=self._time)
        for label, value in pairs:
            if value:  # a label without value is none
                _attribute(point.attributes, label, value)
        return point

    def _seen(self, part: str, name: str, kind: str, pairs: Pairs) -> bool:
        """Whether the series is there already: the first of two equal ones counts."""
        return _Shown(part, name, kind, pairs) in self._showing

    def _add(self, part: str, one: Family) -> None:
        if one.kind in {"histogram", "summary"}:
            self._add_distributions(part, one)
            return
        for name, pairs, value in one.points:
            if one.kind == "counter" and not name.endswith("_created"):
                self._add_sum(part, name, pairs, value, one.help)
            elif not self._seen(part, name, "gauge", pairs):
                self._point(part, name, "gauge", pairs, one.help).as_double = value

    def _add_sum(self, part: str, name: str, pairs: Pairs, value: float, help: str) -> None:
        if self._seen(part, name, "sum", pairs):
            return
        step = self._streams.advance((part, name, pairs), [value])
        if step is None or (self._delta and step.gained is None):
            return
        point = self._point(part, name, "sum", pairs, help)
        point.start_time_unix_nano = step.seen if self._delta else step.start
        point.as_double = step.gained[0] if self._delta and step.gained is not None else value

    def _add_distributions(self, part: str, one: Family) -> None:
        label = "le" if one.kind == "histogram" else "quantile"
        steps: dict[Pairs, dict[float, float]] = {}
        totals: dict[Pairs, dict[str, float]] = {}
        for name, pairs, value in one.points:
            inner = tuple([pair for pair in pairs if pair[0] != label])
            if len(inner) < len(pairs):
                steps.setdefault(inner, {}).setdefault(float(dict(pairs)[label]), value)
            elif name in (f"{one.name}_sum", f"{one.name}_count"):
                totals.setdefault(inner, {}).setdefault(name.rpartition("_")[2], value)
            elif not self._seen(part, name, "gauge", pairs):
                self._point(part, name, "gauge", pairs, one.help).as_double = value
        for pairs in dict.fromkeys([*steps, *totals]):
            add = self._add_histogram if one.kind == "histogram" else self._add_summary
            add(part, one, pairs, dict(sorted(steps.get(pairs, {}).items())), totals.get(pairs, {}))

    def _add_histogram(
        self, part: str, one: Family, pairs: Pairs, buckets: Mapping[float, float], totals: Mapping[str, float]
    ) -> None:
        count = totals.get("count", buckets.get(inf))
        if count is None:
            return  # without a number of observations it is no histogram
        bounds = [bound for bound in buckets if bound != inf]
        cumulative = [*[buckets[bound] for bound in bounds], count]
        values = [count, totals.get("sum", 0.0), *cumulative]
        # Bounds that change begin another stream.
        key: Key = (part, one.name, (*pairs, *[("le", repr(bound)) for bound in bounds]))
        step = self._streams.advance(key, values)
        if step is None or (self._delta and step.gained is None):
            return
        if self._delta and step.gained is not None:
            values = step.gained
        point = self._point(part, one.name, "histogram", pairs, one.help)
        point.start_time_unix_nano = step.seen if self._delta else step.start
        point.count = _whole(values[0])
        if "sum" in totals:
            point.sum = values[1]
        if bounds:
            point.explicit_bounds.extend(bounds)
            point.bucket_counts.extend([_whole(high - low) for low, high in pairwise([0.0, *values[2:]])])

    def _add_summary(
        self, part: str, one: Family, pairs: Pairs, quantiles: Mapping[float, float], totals: Mapping[str, float]
    ) -> None:
        step = self._streams.advance((part, one.name, pairs), [totals.get("count", 0.0), totals.get("sum", 0.0)])
        if step is None:
            return
        point = self._point(part, one.name, "summary", pairs, one.help)
        point.start_time_unix_nano = step.start
        point.count = _whole(totals.get("count", 0.0))
        point.sum = totals.get("sum", 0.0)
        for quantile, value in quantiles.items():
            point.quantile_values.add(quantile=quantile, value=value)


def _attribute(attributes: Any, name: str, value: str) -> None:
    attributes.add(key=name).value.string_value = value


def _whole(value: float) -> int:
    """A number of observations; a source that counts down within a reading must not become an error here."""
    return max(0, round(value)) if value < inf else 0


def poster(settings: OtlpPush) -> Poster:
    """What posts to the receiver of the settings; its secrets are read for each request."""
    url = signal_url(settings.url, "metrics")
    return Poster(url, headers=settings.credentials, ca_file=settings.ca_file, timeout=settings.timeout)


def sender(to: Poster) -> Send:
    """Sends the bodies that an encoder makes."""
    return otlp_sender(to, _messages().ExportMetricsServiceResponse, "rejected_data_points")
