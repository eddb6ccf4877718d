"""NGINX, by its stub_status page: names, kinds and labels as nginx-prometheus-exporter has them."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.units import ONE

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "nginx-prometheus-exporter"

NGINX_UP = Gauge("nginx_up", "Whether the status page was read.", ONE, (), Polarity.LOW_IS_BAD, origin=_ORIGIN)
NGINX_CONNECTIONS_ACCEPTED = Counter("nginx_connections_accepted", "Client connections accepted.", origin=_ORIGIN)
NGINX_CONNECTIONS_HANDLED = Counter(
    "nginx_connections_handled",
    "Client connections handled: fewer than accepted where a limit was hit.",
    origin=_ORIGIN,
)
NGINX_CONNECTIONS_ACTIVE = Gauge(
    "nginx_connections_active", "Open client connections.", ONE, (), Polarity.HIGH_IS_BAD, origin=_ORIGIN
)
NGINX_CONNECTIONS_READING = Gauge(
    "nginx_connections_reading", "Connections whose request is read.", ONE, (), Polarity.HIGH_IS_BAD, origin=_ORIGIN
)
NGINX_CONNECTIONS_WRITING = Gauge(
    "nginx_connections_writing",
    "Connections that are answered, or wait for a server behind.",
    ONE,
    (),
    Polarity.HIGH_IS_BAD,
    origin=_ORIGIN,
)
NGINX_CONNECTIONS_WAITING = Gauge("nginx_connections_waiting", "Idle connections, kept alive.", origin=_ORIGIN)
NGINX_HTTP_REQUESTS_TOTAL = Counter("nginx_http_requests_total", "Requests.", origin=_ORIGIN)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="nginx",
    title="NGINX",
    summary="A web server and reverse proxy, seen through its stub_status page.",
    collected="ours",
    signals=SIGNALS,
    exporter="nginx-prometheus-exporter",
    tested_against="nginx 1.22.1, nginx-prometheus-exporter 0.11.0",
)

_EACH = ("job", "instance")
_ACCEPTED = q.sum_by(q.rate(NGINX_CONNECTIONS_ACCEPTED), *_EACH)
_REQUESTS = q.sum_by(q.rate(NGINX_HTTP_REQUESTS_TOTAL), *_EACH)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="nginx.up", title="Whether the status page was read", query=q.min_by(NGINX_UP, *_EACH)),
    NamedQuery(key="nginx.requests_rate", title="Requests per second", query=_REQUESTS),
    NamedQuery(key="nginx.connections_rate", title="Connections accepted per second", query=_ACCEPTED),
    # Both are of one page, so that they never differ by the time between two readings.
    NamedQuery(
        key="nginx.dropped_rate",
        title="Connections dropped per second",
        query=_ACCEPTED - q.sum_by(q.rate(NGINX_CONNECTIONS_HANDLED), *_EACH),
    ),
    NamedQuery(
        key="nginx.connections_active", title="Open connections", query=q.sum_by(NGINX_CONNECTIONS_ACTIVE, *_EACH)
    ),
    NamedQuery(
        key="nginx.connections_reading",
        title="Connections whose request is read",
        query=q.sum_by(NGINX_CONNECTIONS_READING, *_EACH),
    ),
    NamedQuery(
        key="nginx.connections_writing",
        title="Connections that are answered",
        query=q.sum_by(NGINX_CONNECTIONS_WRITING, *_EACH),
    ),
    NamedQuery(
        key="nginx.connections_waiting", title="Idle connections", query=q.sum_by(NGINX_CONNECTIONS_WAITING, *_EACH)
    ),
    # Of a few connections, all may well be busy.
    NamedQuery(
        key="nginx.busy_ratio",
        title="Connections that are answered, over all, where there are more than 100",
        query=q.ratio(q.sum_by(NGINX_CONNECTIONS_WRITING, *_EACH), q.sum_by(NGINX_CONNECTIONS_ACTIVE, *_EACH) > 100),
    ),
    NamedQuery(
        key="nginx.requests_per_connection",
        title="Requests for each connection",
        query=q.ratio(_REQUESTS, _ACCEPTED > 0),
    ),
)
