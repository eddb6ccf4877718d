"""Logging in to PostgreSQL: SCRAM-SHA-256 (RFC 5802 and 7677), MD5, and the password itself where it stays private."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator

from watchkeeper.errors import TargetError

__all__ = ["Scram", "md5_answer"]

# PostgreSQL's own default is 4096 (scram_iterations); a server that asks for far more would only cost us processor
# time: a million are half a second, which no deadline ends.
_MOST_ITERATIONS = 1_000_000


class Scram:
    """One SCRAM-SHA-256 exchange without channel binding: `first`, `final` and `check`, in this order.

    The server proves that it knows the password as well. Raises TargetError when it does not.
    """

    def __init__(self, password: str, nonce: Callable[[int], bytes] = os.urandom) -> None:
        self._password = _prepared(password)
        self._nonce = base64.b64encode(nonce(18)).decode()
        self._bare = f"n=,r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """The client's first message; the user's name is the one of the start-up message."""
        return f"n,,{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The answer to the server's challenge."""
        parts = _attributes(server_first)
        try:
            nonce, salt, rounds = parts["r"], base64.b64decode(parts["s"], validate=True), int(parts["i"])
        except (KeyError, ValueError):
            raise TargetError("it sent a challenge that cannot be read") from None
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or rounds < 1:
            raise TargetError("it sent a challenge that is not for this login")
        if rounds > _MOST_ITERATIONS:
            raise TargetError(
                f"it sent a challenge of {rounds} iterations, at most {_MOST_ITERATIONS} are computed: lower "
                "scram_iterations there, and set the password anew"
            )
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={nonce}"
        message = b",".join([self._bare.encode(), server_first, without_proof.encode()])
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        proof = bytes([one ^ other for one, other in zip(key, signature, strict=True)])
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server_final: bytes) -> None:
        """Compare the server's proof."""
        try:
            proof = base64.b64decode(_attributes(server_final)["v"], validate=True)
        except (KeyError, ValueError):
            proof = b""
        if not self._signature or not hmac.compare_digest(proof, self._signature):
            raise TargetError("it could not prove that it knows the password: another server may answer in its place")


def _attributes(message: bytes) -> dict[str, str]:
    pairs = [part.partition("=") for part in message.decode("utf-8", errors="replace").split(",")]
    return {name: value for name, _, value in pairs}


def md5_answer(user: str, password: str, salt: bytes) -> bytes:
    """The answer to an MD5 challenge (PostgreSQL manual, Message Flow): md5(md5(password + user) + salt)."""
    inner = hashlib.md5(f"{password}{user}".encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


def _prepared(password: str) -> bytes:
    """A password as SASLprep has it (RFC 4013); one that breaks its rules is used as it is, as PostgreSQL does."""
    if password.isascii():
        return password.encode()
    import stringprep
    import unicodedata

    mapped = "".join(_mapped(password))
    text = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    right = [stringprep.in_table_d1(letter) for letter in text]
    mixed = any(right) and (not right[0] or not right[-1] or any(stringprep.in_table_d2(one) for one in text))
    if not text or mixed or any(check(letter) for letter in text for check in forbidden):
        return password.encode()
    return text.encode()


def _mapped(password: str) -> Iterator[str]:
    import stringprep

    for letter in password:
        if stringprep.in_table_c12(letter):
            yield " "
        elif not stringprep.in_table_b1(letter):
            yield letter
