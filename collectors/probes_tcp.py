"""Probes: `tcp://HOST:PORT` and `tls://HOST[:PORT]`: does a port answer, with which certificate and which words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

from collectors.probes_net import Probe, ProbeError, Resolver, Tls
from watchkeeper.errors import SettingsError
from watchkeeper.systems import probes as s

__all__ = ["TcpProbe"]

_TLS_PORT = 443
# A banner is a line or two; a server that sends on and on is not waited for.
_LIMIT_BYTES = 64 * 1024


class TcpProbe:
    """Connects, and compares what the server says. Raises SettingsError when the url cannot be meant so."""

    def __init__(self, url: SplitResult, options: Mapping[str, Any]) -> None:
        self._tls = Tls(options) if url.scheme == "tls" else None
        self._host = url.hostname or ""
        self._port = url.port or (_TLS_PORT if self._tls else 0)
        if not self._host or not self._port:
            raise SettingsError(f"the url names no {'port' if self._host else 'host'}: {url.scheme}://HOST:PORT")
        self._send = str(options.get("send", "")).encode()
        self._expect = options.get("expect")

    def run(self, probe: Probe, resolver: Resolver) -> None:
        """Connect. Raises ProbeError, OSError."""
        probe.set(s.PROBE_FAILED_DUE_TO_REGEX, 0.0)
        address = resolver.resolve(probe, self._host, self._port)
        sock = probe.connect(address)
        if self._tls is not None:
            sock = self._tls.wrap(probe, sock, self._host, lambda: probe.connect(address))
        if self._send:
            sock.settimeout(probe.left())
            sock.sendall(self._send)
        if self._expect is None:
            return
        pattern, said = re.compile(self._expect.encode(), re.MULTILINE), b""
        while not pattern.search(said):
            sock.settimeout(probe.left())
            piece = sock.recv(4096) if len(said) < _LIMIT_BYTES else b""
            if not piece:
                if probe.over:
                    raise TimeoutError
                probe.set(s.PROBE_FAILED_DUE_TO_REGEX, 1.0)
                raise ProbeError("answer")
            said += piece
