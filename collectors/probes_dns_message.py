"""Probes: DNS messages (RFC 1035): one question, and the records of its answer as text."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

__all__ = ["RCODES", "TYPES", "Answer", "Record", "parse", "question"]

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "ANY": 255}
_NAMES = {number: name for name, number in TYPES.items()}
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")

_HEAD = struct.Struct("!6H")
_IN = 1
_RECURSION, _RESPONSE, _TRUNCATED = 0x0100, 0x8000, 0x0200
# A pointer must point backwards; this many suffice for a name of 255 bytes, and end a loop.
_JUMPS = 128


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `data` is its text, as `dig` writes it."""

    name: str
    kind: str
    ttl: int
    data: str

    def __str__(self) -> str:
        return f"{self.name}\t{self.ttl}\tIN\t{self.kind}\t{self.data}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the code's name, whether the rest did not fit, and its records by section."""

    rcode: str
    truncated: bool
    answer: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]


def question(number: int, name: str, kind: str, recursion: bool = True) -> bytes:
    """The message that asks for the records of a name. Raises ValueError when the name cannot be one."""
    labels = [] if name in {"", "."} else name.rstrip(".").split(".")
    coded = [label.encode("idna") if not label.isascii() else label.encode() for label in labels]
    if any(not 0 < len(label) < 64 for label in coded) or sum(map(len, coded)) + len(coded) > 254:
        raise ValueError(f"{name!r} is no domain name")
    asked = b"".join(bytes([len(label)]) + label for label in coded) + b"\0"
    head = _HEAD.pack(number, _RECURSION if recursion else 0, 1, 0, 0, 0)
    return head + asked + struct.pack("!2H", TYPES[kind], _IN)


def parse(message: bytes, asked: bytes) -> Answer:
    """What a message answers to the message `asked`. Raises ValueError when it is not an answer to it."""
    try:
        number, flags, questions, *counts = _HEAD.unpack_from(message)
        if number != _HEAD.unpack_from(asked)[0] or not flags & _RESPONSE:
            raise ValueError("not the answer to this question")
        at = _HEAD.size
        for _ in range(questions):
            at = _name(message, at)[1] + 4
        if questions and message[_HEAD.size : at].lower() != asked[_HEAD.size :].lower():
            raise ValueError("the answer to another question")
        sections = []
        for count in counts:
            records = []
            for _ in range(count):
                record, at = _record(message, at)
                records.append(record)
            sections.append(tuple(records))
    except (struct.error, IndexError, UnicodeDecodeError):
        raise ValueError("not a DNS message") from None
    code = flags & 15
    rcode = RCODES[code] if code < len(RCODES) else f"RCODE{code}"
    return Answer(rcode, bool(flags & _TRUNCATED), sections[0], sections[1], sections[2])


def _name(message: bytes, at: int) -> tuple[str, int]:
    """A name and the place behind it."""
    labels: list[str] = []
    behind, jumps = -1, 0
    while length := message[at]:
        if length >= 0xC0:
            behind = at + 2 if behind < 0 else behind
            at = (length & 0x3F) << 8 | message[at + 1]
            jumps += 1
            if jumps > _JUMPS:
                raise ValueError("its names point in a circle")
        else:
            piece = message[at + 1 : at + 1 + length]
            if len(piece) < length:
                raise ValueError("a name is cut off")
            labels.append(piece.decode("latin-1"))
            at += 1 + length
    return ".".join(labels) + ".", at + 1 if behind < 0 else behind


def _record(message: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(message, at)
    number, _, ttl, size = struct.unpack_from("!HHIH", message, at)
    at += 10
    if at + size > len(message):
        raise ValueError("a record is cut off")
    kind = _NAMES.get(number, f"TYPE{number}")
    return Record(name, kind, ttl, _data(message, at, size, kind)), at + size


def _data(message: bytes, at: int, size: int, kind: str) -> str:
    raw = message[at : at + size]
    if kind == "A":
        return socket.inet_ntop(socket.AF_INET, raw)
    if kind == "AAAA":
        return socket.inet_ntop(socket.AF_INET6, raw)
    if kind in {"NS", "CNAME", "PTR"}:
        return _name(message, at)[0]
    if kind == "MX":
        return f"{struct.unpack_from('!H', raw)[0]} {_name(message, at + 2)[0]}"
    if kind == "SRV":
        priority, weight, port = struct.unpack_from("!3H", raw)
        return f"{priority} {weight} {port} {_name(message, at + 6)[0]}"
    if kind == "SOA":
        master, at = _name(message, at)
        mailbox, at = _name(message, at)
        return " ".join([master, mailbox, *map(str, struct.unpack_from("!5I", message, at))])
    if kind == "TXT":
        texts, place = [], 0
        while place < size:
            texts.append(f'"{raw[place + 1 : place + 1 + raw[place]].decode("utf-8", errors="replace")}"')
            place += 1 + raw[place]
        return " ".join(texts)
    return raw.hex()
