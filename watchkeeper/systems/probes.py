"""Probes: names, kinds and labels as blackbox_exporter has them; a target is asked at every scrape, as a user would."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.borrowed import Borrowed
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Info, Polarity, Signal
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "blackbox_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_HTTP = "a target http:// or https://"
_TLS = "a target https:// or tls://"
_DNS = "a target dns://"
_REACHED = "an address that was found"


_names = Borrowed("probe_", _ORIGIN)
_gauge = _names.gauge


# Every probe
PROBE_SUCCESS = _gauge("success", "Whether the probe got what it expects.", ONE, _LOW)
PROBE_DURATION_SECONDS = _gauge("duration_seconds", "How long the probe took.", SECONDS, _HIGH)
PROBE_FAILURE_INFO = Info(
    "probe_failure_info",
    "Why the last probe failed; there is none when it succeeded.",
    labels=("reason",),
    polarity=_HIGH,
    requires="a probe that fails",
)
PROBE_DNS_LOOKUP_TIME_SECONDS = _gauge(
    "dns_lookup_time_seconds", "How long it took to find the address of the host.", SECONDS, _HIGH, (), _REACHED
)
PROBE_IP_PROTOCOL = _gauge("ip_protocol", "Version of IP that was used, 4 or 6.", ONE, _NEUTRAL, (), _REACHED)
PROBE_IP_ADDR_HASH = _gauge(
    "ip_addr_hash", "Hash of the address that was asked: it changes when the address does.", ONE, _NEUTRAL, (), _REACHED
)
PROBE_FAILED_DUE_TO_REGEX = _gauge(
    "failed_due_to_regex",
    "Whether the answer did not match what is expected.",
    ONE,
    _HIGH,
    (),
    "another target than dns://",
)

# HTTP
PROBE_HTTP_DURATION_SECONDS = _gauge(
    "http_duration_seconds", "How long each phase took, over all redirects.", SECONDS, _HIGH, ("phase",), _HTTP
)
PROBE_HTTP_STATUS_CODE = _gauge("http_status_code", "Status of the last answer.", ONE, _NEUTRAL, (), _HTTP)
PROBE_HTTP_VERSION = _gauge("http_version", "Version of HTTP of the last answer.", ONE, _NEUTRAL, (), _HTTP)
PROBE_HTTP_SSL = _gauge("http_ssl", "Whether the last answer came over TLS.", ONE, _NEUTRAL, (), _HTTP)
PROBE_HTTP_REDIRECTS = _gauge("http_redirects", "Redirects that were followed.", ONE, _NEUTRAL, (), _HTTP)
PROBE_HTTP_CONTENT_LENGTH = _gauge(
    "http_content_length",
    "Length of the body, as its header says.",
    BYTES,
    _NEUTRAL,
    (),
    "an answer with Content-Length",
)
PROBE_HTTP_UNCOMPRESSED_BODY_LENGTH = _gauge(
    "http_uncompressed_body_length", "Length of the body that was read.", BYTES, _NEUTRAL, (), _HTTP
)
PROBE_HTTP_LAST_MODIFIED_TIMESTAMP_SECONDS = _gauge(
    "http_last_modified_timestamp_seconds",
    "When the answer was last changed, as its header says.",
    UNIX_TIME,
    _NEUTRAL,
    (),
    "an answer with Last-Modified",
)

# TLS
PROBE_SSL_EARLIEST_CERT_EXPIRY = _gauge(
    "ssl_earliest_cert_expiry", "When the first of the server's certificates expires.", UNIX_TIME, _LOW, (), _TLS
)
PROBE_SSL_LAST_CHAIN_EXPIRY_TIMESTAMP_SECONDS = _gauge(
    "ssl_last_chain_expiry_timestamp_seconds",
    "When the chain that was verified expires.",
    UNIX_TIME,
    _LOW,
    (),
    "a verified certificate",
)
PROBE_SSL_LAST_CHAIN_INFO = Info(
    "probe_ssl_last_chain_info",
    "The server's certificate.",
    labels=("fingerprint_sha256", "issuer", "subject", "subjectalternative"),
    requires=_TLS,
    origin=_ORIGIN,
)
PROBE_TLS_VERSION_INFO = Info(
    "probe_tls_version_info", "Version of TLS that was agreed on.", labels=("version",), requires=_TLS, origin=_ORIGIN
)

# DNS
PROBE_DNS_DURATION_SECONDS = _gauge(
    "dns_duration_seconds", "How long each phase of a DNS probe took.", SECONDS, _HIGH, ("phase",), _DNS
)
PROBE_DNS_QUERY_SUCCEEDED = _gauge("dns_query_succeeded", "Whether the server answered at all.", ONE, _LOW, (), _DNS)
PROBE_DNS_ANSWER_RRS = _gauge("dns_answer_rrs", "Records in the answer.", ONE, _NEUTRAL, (), _DNS)
PROBE_DNS_AUTHORITY_RRS = _gauge("dns_authority_rrs", "Records of the authority.", ONE, _NEUTRAL, (), _DNS)
PROBE_DNS_ADDITIONAL_RRS = _gauge("dns_additional_rrs", "Records beside the answer.", ONE, _NEUTRAL, (), _DNS)
PROBE_DNS_SERIAL = _gauge("dns_serial", "Serial number of the zone.", ONE, _NEUTRAL, (), "a target dns:// of type SOA")

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="probes",
    title="Probes",
    summary="What a user finds: a page, a port, a certificate, a name, asked at every scrape.",
    collected="both",
    signals=SIGNALS,
    exporter="blackbox_exporter",
    tested_against="blackbox_exporter 0.23.0, OpenSSL 3",
)

_TARGET = ("job", "instance")

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="probes.success", title="Whether a probe succeeds", query=q.min_by(PROBE_SUCCESS, *_TARGET)),
    NamedQuery(
        key="probes.success_ratio",
        title="Share of probes that succeed, over an hour",
        query=q.min_by(q.avg_over_time(PROBE_SUCCESS, "1h"), *_TARGET),
    ),
    NamedQuery(key="probes.duration", title="How long a probe takes", query=q.max_by(PROBE_DURATION_SECONDS, *_TARGET)),
    NamedQuery(
        key="probes.http_phases",
        title="How long each phase of an HTTP probe takes",
        query=q.max_by(PROBE_HTTP_DURATION_SECONDS, *_TARGET, "phase"),
    ),
    NamedQuery(
        key="probes.lookup_time",
        title="How long a name takes to resolve",
        query=q.max_by(PROBE_DNS_LOOKUP_TIME_SECONDS, *_TARGET),
    ),
    NamedQuery(
        key="probes.dns_phases",
        title="How long each phase of a DNS probe takes",
        query=q.max_by(PROBE_DNS_DURATION_SECONDS, *_TARGET, "phase"),
    ),
    NamedQuery(
        key="probes.failures",
        title="Why probes fail",
        query=q.max_by(q.value(PROBE_FAILURE_INFO), *_TARGET, "reason"),
    ),
    NamedQuery(
        key="probes.status_code", title="Status of the answer", query=q.max_by(PROBE_HTTP_STATUS_CODE, *_TARGET)
    ),
    NamedQuery(
        key="probes.certificate_time_left",
        title="Time until a certificate expires",
        query=q.number(0, SECONDS) - q.age(q.min_by(PROBE_SSL_EARLIEST_CERT_EXPIRY, *_TARGET)),
    ),
    NamedQuery(
        key="probes.redirects", title="Redirects that are followed", query=q.max_by(PROBE_HTTP_REDIRECTS, *_TARGET)
    ),
    NamedQuery(
        key="probes.address", title="Hash of the address that is asked", query=q.max_by(PROBE_IP_ADDR_HASH, *_TARGET)
    ),
)
