"""Probes: `tcp://HOST:PORT` and `tls://HOST[:PORT]`: does a port answer, with which certificate and which words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from collectors import options
from collectors.probes_net import Probe, ProbeError, Resolver, Tls
from watchkeeper.errors import SettingsError
from watchkeeper.systems import probes as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["TcpProbe"]

_TLS_PORT = 443
# A banner is a line or two; a server that sends on and on is not waited for.
_LIMIT_BYTES = 64 * 1024


class TcpProbe:
    """Connects, and compares what the server says. Raises SettingsError for a url or option that cannot be used."""

    def __init__(self, target: Target, url: SplitResult) -> None:
        self._tls = Tls(target) if url.scheme == "tls" else None
        self._host = url.hostname or ""
        self._port = url.port or (_TLS_PORT if self._tls else 0)
        if not self._host or not self._port:
            missing = "port" if self._host else "host"
            raise SettingsError(
                f"target {target.name}: the url names no {missing}: {url.scheme}://HOST:PORT", place=("url",)
            )
        self._send = options.text(target, "send").encode()
        self._expect = _pattern(target)

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
        said = b""
        while not self._expect.search(said):
            sock.settimeout(probe.left())
            piece = sock.recv(4096) if len(said) < _LIMIT_BYTES else b""
            if not piece:
                if probe.over:
                    raise TimeoutError
                probe.set(s.PROBE_FAILED_DUE_TO_REGEX, 1.0)
                raise ProbeError("answer")
            said += piece


def _pattern(target: Target) -> re.Pattern[bytes] | None:
    """The option `expect`, for bytes: these do not know all that texts do, such as `\\u00e9`."""
    expect = options.pattern(target, "expect")
    try:
        return None if expect is None else re.compile(expect.pattern.encode(), re.MULTILINE)
    except (re.error, ValueError) as error:
        raise options.wrong(target, "expect", f"it is no regular expression for bytes: {error}") from None
