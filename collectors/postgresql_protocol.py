"""A PostgreSQL connection that asks many statements in one round trip: protocol 3.0, text results, prepared statements.

It is our own because no driver keeps the sidecar small. Measured on Python 3.11, resident beyond a sidecar without it:
psycopg 3.3 with its libpq 19 MB, pg8000 1.31 10 MB, asyncpg 0.32 9 MB, this module with SCRAM (which loads OpenSSL)
4 MB. It reads statistics and nothing else: no parameters, no types, no transactions but the one around each group of
statements.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from collectors.postgresql_address import Address, connect
from collectors.postgresql_login import Scram, md5_answer
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError

__all__ = ["Answer", "Connection", "Question", "Row", "ServerError"]

Row = list[bytes | None]
"""The cells of a row as text, None for NULL."""

# All statistics of a server with thousands of tables are a few megabytes; more is a mistake that would cost memory.
_LIMIT_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_PROTOCOL = 196_608  # 3.0

_SIZE = Struct("!I")
_COUNT = Struct("!H")
_LENGTH = Struct("!i")
_DATA_ROW = ord("D")


class ServerError(Exception):
    """An error of the server, in its words; `code` is its SQLSTATE, and one that is `fatal` ends the connection."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.code = fields.get("C", "")
        self.fatal = fields.get("V", fields.get("S", "")) in ("FATAL", "PANIC")
        super().__init__(fields.get("M", "an error without a message"))


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that returns rows, `rows` at most (0 for all); one with a `key` is prepared once and kept."""

    sql: str
    key: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns of an answer, and its rows as they came, so that equal ones need not be understood again."""

    columns: tuple[str, ...]
    raw: bytes

    def rows(self) -> list[Row]:
        """The rows."""
        raw, end, place, rows = self.raw, len(self.raw), 0, []
        size_at, count_at, length_at = _SIZE.unpack_from, _COUNT.unpack_from, _LENGTH.unpack_from
        while place < end:
            after = place + 1 + size_at(raw, place + 1)[0]
            if raw[place] == _DATA_ROW:
                row: Row = []
                at = place + 7
                for _ in range(count_at(raw, place + 5)[0]):
                    length = length_at(raw, at)[0]
                    at += 4
                    if length < 0:
                        row.append(None)
                    else:
                        row.append(raw[at : at + length])
                        at += length
                rows.append(row)
            place = after
        return rows


class Connection:
    """One logged-in connection, for one thread; `abort` may come from another.

    Its methods raise OSError (TimeoutError at the deadline), ServerError, and TargetError for what is no PostgreSQL.
    """

    def __init__(self, sock: socket.socket, *, private: bool) -> None:
        self._socket = sock
        self._private = private
        self._buffer = bytearray()
        self._place = 0
        self._columns: dict[str, tuple[str, ...]] = {}
        self.parameters: dict[str, str] = {}
        self.answered = False
        """Whether a statement was answered; set back by whoever wants to know."""

    @classmethod
    def open(cls, address: Address, deadline: float, *, application: str) -> Connection:
        """Connect and log in before `deadline` (monotonic seconds)."""
        sock, encrypted = connect(address, deadline)
        connection = cls(sock, private=encrypted or address.is_local)
        try:
            connection._login(address, deadline, application)
        except BaseException:
            sock.close()
            raise
        return connection

    @property
    def version(self) -> int:
        """The server's major version, 0 when it does not say."""
        digits = self.parameters.get("server_version", "").partition(".")[0]
        number = "".join([digit for digit in digits[:3] if digit.isdigit()])
        return int(number or 0)

    def ask(
        self, questions: Sequence[Question], deadline: float, *, apart: bool = False
    ) -> Iterator[Answer | ServerError]:
        """The answers of the questions, in order and as they come, in one round trip; the caller takes them all.

        They stand in one transaction, and the first error ends the list; with `apart` each stands in its own, and an
        error is the answer of its question alone.
        """
        out = bytearray()
        for question in questions:
            name = question.key.encode() + b"\0"
            if question.key not in self._columns:
                out += _message(b"P", name + question.sql.encode() + b"\0\0\0") + _message(b"D", b"S" + name)
            if question is questions[-1] and not apart:
                # What is known so far is sent while the last is worked on.
                out += _message(b"H", b"")
            out += _message(b"B", b"\0" + name + b"\0\0\0\0\0\0") + _message(b"E", b"\0" + _SIZE.pack(question.rows))
            if apart:
                out += _message(b"S", b"")
        if not apart:
            out += _message(b"S", b"")
        self._send(bytes(out), deadline)
        return self._answers(questions, len(questions) if apart else 1, deadline)

    def abort(self) -> None:
        """End the connection under a reader in another thread."""
        with contextlib.suppress(OSError):
            # The plain socket's: the TLS socket's would take its state away from under the reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye, so that the server frees the session at once."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(0.2)
            self._socket.sendall(_message(b"X", b""))
        self._socket.close()

    def _answers(self, questions: Sequence[Question], groups: int, deadline: float) -> Iterator[Answer | ServerError]:
        count, first = 0, -1
        columns: tuple[str, ...] = ()
        self._buffer, self._place = bytearray(), 0
        while groups:
            kind, begin, end = self._next(deadline)
            if kind == _DATA_ROW:
                if first < 0:
                    first, self.answered = begin, True
                continue
            letter = chr(kind)
            if letter in "TnCIs":
                self.answered = True
            if letter in "Tn":
                # Described, so it was parsed: a question with a key is prepared now, whatever becomes of it.
                columns = _column_names(bytes(self._buffer[begin + 5 : end])) if letter == "T" else ()
                if key := questions[count].key:
                    self._columns[key] = columns
            elif letter in "CI":
                raw = bytes(self._buffer[first:begin]) if first >= 0 else b""
                yield Answer(self._columns.get(questions[count].key, columns), raw)
                count, first = count + 1, -1
            elif letter == "s":
                yield ServerError({"C": "54000", "M": f"it has more than {questions[count].rows} rows"})
                count, first = count + 1, -1
            elif letter == "E":
                yield ServerError(_fields(bytes(self._buffer[begin + 5 : end])))
                count, first = count + 1, -1
            elif letter == "Z":
                groups -= 1

    def _next(self, deadline: float) -> tuple[int, int, int]:
        """The kind, begin and end of the next message in the buffer."""
        buffer, begin = self._buffer, self._place
        while len(buffer) < begin + 5:
            self._fill(deadline)
        size = _SIZE.unpack_from(buffer, begin + 1)[0]
        end = begin + 1 + size
        if not 4 <= size <= _LIMIT_BYTES or end > _LIMIT_BYTES:
            raise TargetError(f"its answer is no PostgreSQL message, or larger than {_LIMIT_BYTES // 1024**2} MiB")
        while len(buffer) < end:
            self._fill(deadline)
        self._place = end
        return buffer[begin], begin, end

    def _fill(self, deadline: float) -> None:
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining)
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError("it closed the connection")
        self._buffer += chunk

    def _send(self, data: bytes, deadline: float) -> None:
        self._socket.settimeout(max(0.001, deadline - monotonic()))
        self._socket.sendall(data)

    def _login(self, address: Address, deadline: float, application: str) -> None:
        pairs = {
            "user": address.user,
            "database": address.database,
            "application_name": application,
            "client_encoding": "UTF8",
        }
        body = b"".join([f"{name}\0{value}\0".encode() for name, value in pairs.items()])
        self._send(_SIZE.pack(len(body) + 9) + _SIZE.pack(_PROTOCOL) + body + b"\0", deadline)
        scram: Scram | None = None
        proven, accepted = True, False
        while True:
            kind, begin, end = self._next(deadline)
            letter, body = chr(kind), bytes(self._buffer[begin + 5 : end])
            if letter == "E":
                raise ServerError(_fields(body))
            if letter == "R":
                method, rest = _SIZE.unpack_from(body)[0], body[4:]
                if method == 0:
                    if not proven:
                        raise TargetError("it accepted the login without proving that it knows the password")
                    accepted = True
                    continue
                if not address.password:
                    raise TargetError("it wants a password: set password: {file: PATH} or {env: NAME} for the target")
                if method == 10 and b"SCRAM-SHA-256\0" in rest:
                    scram, proven = Scram(address.password), False
                    first = scram.first()
                    reply = b"SCRAM-SHA-256\0" + _SIZE.pack(len(first)) + first
                elif method == 11 and scram is not None:
                    reply = scram.final(rest)
                elif method == 12 and scram is not None:
                    scram.check(rest)
                    proven = True
                    continue
                else:
                    reply = self._simple_login(method, rest, address)
                self._send(_message(b"p", reply), deadline)
            elif letter == "S":
                name, _, value = body.rstrip(b"\0").partition(b"\0")
                self.parameters[name.decode()] = value.decode(errors="replace")
            elif letter == "Z" and accepted:
                return
            elif letter not in "KNv":
                raise TargetError("it does not speak PostgreSQL's protocol")

    def _simple_login(self, method: int, rest: bytes, address: Address) -> bytes:
        if method == 5:
            return md5_answer(address.user, address.password, rest[:4]) + b"\0"
        if method == 3:
            if not self._private:
                raise TargetError("it asks for the password in the clear: use sslmode=require, or scram-sha-256 there")
            return address.password.encode() + b"\0"
        raise TargetError("it asks for a login other than scram-sha-256, md5, password or trust: see its pg_hba.conf")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + _SIZE.pack(len(body) + 4) + body


def _column_names(body: bytes) -> tuple[str, ...]:
    names, place = [], 2
    for _ in range(_COUNT.unpack_from(body)[0]):
        end = body.index(b"\0", place)
        names.append(body[place:end].decode(errors="replace"))
        place = end + 19
    return tuple(names)


def _fields(body: bytes) -> dict[str, str]:
    """The fields of an error: severity S, code C, message M and others."""
    parts = [part.decode(errors="replace") for part in body.split(b"\0") if part]
    return {part[0]: part[1:] for part in parts}
