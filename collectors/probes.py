"""Probes: a page, a port, a certificate or a name, asked at every scrape, as a user would.

A probe that fails is a result, not an error: `probe_success` is 0, `probe_failure_info` says why, and what was not
measured is left out. Only settings that cannot be meant so make the target itself sick.
"""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.description import Collector
from collectors.families import Family, family
from collectors.probes_dns import DnsProbe
from collectors.probes_http import HttpProbe
from collectors.probes_net import Probe, ProbeError, Resolver, failure
from collectors.probes_tcp import TcpProbe
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError
from watchkeeper.systems import probes as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

# The probe ends this much before the scrape does, so that a target which hangs is told from a sidecar that does.
_MARGIN_SECONDS = 0.5


class ProbeSession:
    """Probes one target; nothing is kept open between two probes."""

    def __init__(self, target: Target) -> None:
        self._resolver, self._prober = _prober(target)
        self._probe: Probe | None = None

    def read(self, deadline: float) -> Sequence[Family]:
        begun = monotonic()
        deadline -= min(_MARGIN_SECONDS, (deadline - begun) / 10)
        with Probe(deadline) as probe:
            self._probe = probe
            reason = ""
            try:
                self._prober.run(probe, self._resolver)
            except (ProbeError, OSError, http.client.HTTPException, ValueError) as error:
                reason = "timeout" if probe.over else failure(error)
            probe.set(s.PROBE_SUCCESS, float(not reason))
            probe.set(s.PROBE_DURATION_SECONDS, monotonic() - begun)
            if reason:
                probe.set(s.PROBE_FAILURE_INFO, 1.0, reason)
        self._probe = None
        return [family(signal, series.items()) for signal, series in probe.found.values()]

    def abort(self) -> None:
        probe = self._probe
        if probe is not None:
            probe.end()

    def close(self) -> None:
        """Nothing is open."""


def _prober(target: Target) -> tuple[Resolver, HttpProbe | TcpProbe | DnsProbe]:
    """What the url and the options ask for, without asking anything. Raises SettingsError."""
    resolver = Resolver(target)
    url = urlsplit(target.url)
    if url.scheme in {"http", "https"}:
        return resolver, HttpProbe(target, url)
    if url.scheme in {"tcp", "tls"}:
        return resolver, TcpProbe(target, url)
    if url.scheme == "dns":
        return resolver, DnsProbe(target, url)
    raise SettingsError(
        f"target {target.name}: give what to probe, for example url: https://example.com/", place=("url",)
    )


COLLECTOR = Collector(
    system="probes",
    open=ProbeSession,
    check=_prober,
    login="none",
    stands="outside",
    up=s.PROBE_SUCCESS,
    schemes=("http", "https", "tcp", "tls", "dns"),
    options=(
        ("method", "http: the method, GET when it is left out"),
        ("headers", "http: headers of the request, a mapping"),
        ("body", "http: the body of the request"),
        ("status", "http: the statuses that are right, a list; 200 to 299 when it is left out"),
        ("follow_redirects", "http: false takes a redirect as the answer"),
        ("expect", "regular expression that the page, the banner or one record must match"),
        ("reject", "http, dns: regular expression that neither the page nor a record may match"),
        ("send", "tcp, tls: what is sent before the banner is read"),
        ("ca_file", "https, tls: certificates that sign the server's"),
        ("verify", "https, tls: false takes any certificate"),
        ("server_name", "https, tls: the name in the certificate, when it is not the host's"),
        ("transport", "dns: udp or tcp"),
        ("recursion", "dns: false asks the server for what it knows itself"),
        ("rcodes", "dns: the answers that are right, a list, NOERROR when it is left out"),
        ("ip_protocol", "ip4 or ip6; the system's choice when it is left out"),
    ),
)
