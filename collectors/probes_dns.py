"""Probes: `dns://SERVER[:PORT]/NAME?type=A`: does a name server answer, and with what."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, unquote

from collectors import options
from collectors.probes_dns_message import RCODES, TYPES, Answer, Record, parse, question
from collectors.probes_net import Probe, ProbeError, Resolver
from watchkeeper.errors import SettingsError
from watchkeeper.systems import probes as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["DnsProbe"]

_PORT = 53
_LARGEST = 65_535


class DnsProbe:
    """Asks one question. Raises SettingsError when the url or an option cannot be meant so."""

    def __init__(self, target: Target, url: SplitResult) -> None:
        where = f"target {target.name}"
        self._server = url.hostname or ""
        self._port = url.port or _PORT
        self._name = unquote(url.path.lstrip("/")) or "."
        self._kind = parse_qs(url.query).get("type", ["A"])[-1].upper()
        if not self._server:
            raise SettingsError(f"{where}: the url names no server: dns://SERVER[:PORT]/NAME?type=A", place=("url",))
        if self._kind not in TYPES:
            raise SettingsError(
                f"{where}: the url asks for type {self._kind!r}: allowed: {', '.join(TYPES)}", place=("url",)
            )
        self._tcp = options.one_of(target, "transport", ("udp", "tcp")) == "tcp"
        self._recursion = options.flag(target, "recursion", True)
        self._rcodes = options.texts(target, "rcodes", ("NOERROR",), example="NOERROR", alone=True)
        for code in self._rcodes:
            if code not in RCODES:
                raise SettingsError(
                    f"{where}: option rcodes has {code!r}: allowed: {', '.join(RCODES)}", place=("options", "rcodes")
                )
        self._expect = options.pattern(target, "expect")
        self._reject = options.pattern(target, "reject")
        try:
            question(0, self._name, self._kind)
        except ValueError as error:
            raise SettingsError(f"{where}: the url's path is what is asked for: {error}", place=("url",)) from None

    def run(self, probe: Probe, resolver: Resolver) -> None:
        """Ask. Raises ProbeError, OSError, ValueError."""
        probe.set(s.PROBE_DNS_QUERY_SUCCEEDED, 0.0)
        with probe.phase(s.PROBE_DNS_DURATION_SECONDS, "resolve"):
            address = resolver.resolve(probe, self._server, self._port)
        answer = self._asked(probe, address, self._tcp)
        if answer.truncated and not self._tcp:
            answer = self._asked(probe, address, tcp=True)
        probe.set(s.PROBE_DNS_QUERY_SUCCEEDED, 1.0)
        probe.set(s.PROBE_DNS_ANSWER_RRS, len(answer.answer))
        probe.set(s.PROBE_DNS_AUTHORITY_RRS, len(answer.authority))
        probe.set(s.PROBE_DNS_ADDITIONAL_RRS, len(answer.additional))
        for record in answer.answer:
            if record.kind == "SOA" and self._kind == "SOA":
                probe.set(s.PROBE_DNS_SERIAL, float(record.data.split()[2]))
        if answer.rcode not in self._rcodes:
            raise ProbeError("status")
        if not self._fits(answer.answer):
            raise ProbeError("answer")

    def _fits(self, records: tuple[Record, ...]) -> bool:
        texts = [str(record) for record in records]
        if self._expect is not None and not any(self._expect.search(text) for text in texts):
            return False
        return self._reject is None or not any(self._reject.search(text) for text in texts)

    def _asked(self, probe: Probe, address: tuple[Any, ...], tcp: bool) -> Answer:
        asked = question(int.from_bytes(os.urandom(2), "big"), self._name, self._kind, self._recursion)
        with probe.phase(s.PROBE_DNS_DURATION_SECONDS, "connect"):
            sock = probe.connect(address, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        with probe.phase(s.PROBE_DNS_DURATION_SECONDS, "request"):
            if tcp:
                sock.sendall(struct.pack("!H", len(asked)) + asked)
                size = struct.unpack("!H", _exactly(probe, sock, 2))[0]
                return parse(_exactly(probe, sock, size), asked)
            sock.send(asked)
            while True:
                sock.settimeout(probe.left())
                message = sock.recv(_LARGEST)
                try:
                    return parse(message, asked)
                except ValueError:
                    # Somebody else's datagram, or a late one: ours may still come.
                    if message[:2] == asked[:2]:
                        raise


def _exactly(probe: Probe, sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        sock.settimeout(probe.left())
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data
