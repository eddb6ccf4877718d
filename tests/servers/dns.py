"""A name server for tests: answers over UDP and TCP from a table, with compressed names as real ones send them."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["NameServer", "serve"]

_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV"}
_NUMBERS = {name: number for number, name in _TYPES.items()}


@dataclass
class NameServer:
    """A running server. `records` maps (name, type) to texts of data; a name without records does not exist (3).

    `silent` answers nothing, `truncate` sends only the head over UDP, `raw` is sent behind the number of the question.
    """

    port: int = 0
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: bool = False
    truncate: bool = False
    raw: bytes | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, message: bytes, transport: str) -> bytes:
        """The message that answers a message."""
        number, _, _, _, _, _ = struct.unpack_from("!6H", message)
        labels, at = [], 12
        while length := message[at]:
            labels.append(message[at + 1 : at + 1 + length].decode())
            at += 1 + length
        kind = _TYPES[struct.unpack_from("!H", message, at + 1)[0]]
        name = ".".join(labels)
        self.asked.append((transport, name, kind))
        if self.raw is not None:
            return message[:2] + self.raw
        question = message[12 : at + 5]
        texts = self.records.get((name, kind), [])
        known = any(one == name for one, _ in self.records)
        flags = 0x8580 | (0 if known else 3)
        if self.truncate and transport == "udp":
            return struct.pack("!6H", number, flags | 0x0200, 1, 0, 0, 0) + question
        answers = b"".join(self._record(text, kind) for text in texts)
        return struct.pack("!6H", number, flags, 1, len(texts), 0, 0) + question + answers

    def _record(self, text: str, kind: str) -> bytes:
        data = _data(text, kind)
        # The name is a pointer to the question's.
        return struct.pack("!HHHIH", 0xC00C, _NUMBERS[kind], 1, 300, len(data)) + data


def _data(text: str, kind: str) -> bytes:
    words = text.split()
    if kind in {"A", "AAAA"}:
        return ipaddress.ip_address(text).packed
    if kind in {"NS", "CNAME", "PTR"}:
        return _name(text)
    if kind == "MX":
        return struct.pack("!H", int(words[0])) + _name(words[1])
    if kind == "SRV":
        return struct.pack("!3H", *map(int, words[:3])) + _name(words[3])
    if kind == "SOA":
        return _name(words[0]) + _name(words[1]) + struct.pack("!5I", *map(int, words[2:]))
    return bytes([len(text)]) + text.encode()


def _name(text: str) -> bytes:
    # `@` is the name that was asked for: a pointer to it.
    if text.endswith("@"):
        own = text.removesuffix("@").rstrip(".")
        return (bytes([len(own)]) + own.encode() if own else b"") + b"\xc0\x0c"
    return b"".join(bytes([len(one)]) + one.encode() for one in text.rstrip(".").split(".")) + b"\0"


@contextlib.contextmanager
def serve(**settings: object) -> Iterator[NameServer]:
    """A running name server on 127.0.0.1."""
    state = NameServer(**settings)  # type: ignore[arg-type]

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            message, sock = self.request
            if not state.silent:
                sock.sendto(state.answer(message, "udp"), self.client_address)

    class Streams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sock: socket.socket = self.request
            with contextlib.suppress(OSError, struct.error):
                size = struct.unpack("!H", sock.recv(2))[0]
                answer = state.answer(sock.recv(size), "tcp")
                sock.sendall(struct.pack("!H", len(answer)) + answer)

    class UdpServer(socketserver.ThreadingUDPServer):
        daemon_threads = True

    class TcpServer(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    def pair() -> tuple[UdpServer, TcpServer]:
        """Both on the same free port, which another program may take between the two."""
        for _ in range(20):
            udp = UdpServer(("127.0.0.1", 0), Datagrams)
            try:
                return udp, TcpServer(udp.server_address, Streams)
            except OSError:
                udp.server_close()
        raise OSError("no port is free for both UDP and TCP")

    with contextlib.ExitStack() as stack:
        servers = pair()
        for server in servers:
            stack.callback(server.server_close)
        state.port = servers[0].server_address[1]
        threads = [threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True) for one in servers]
        for thread in threads:
            thread.start()
        try:
            yield state
        finally:
            for one, thread in zip(servers, threads, strict=True):
                one.shutdown()
                thread.join()
