"""The streams of what is sent as OTLP sums: since when each counts, and what it has gained.

A counter is read with its value alone. When it began is unknown, so a stream begins where it is first seen: its first
value is where counting starts, and is no gain. A value that falls is a restart of the counter: all of it was gained
since the last one. (OTLP's data model: "Cumulative streams: handling unknown start time", "resets".)

The state goes to disk with the record that was made from it, so that a crash neither loses a gain nor counts one twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

import msgspec

from collectors.families import Pairs

__all__ = ["FORGET_SECONDS", "Key", "Step", "Streams"]

# A series that is away for longer begins anew: that loses what it gained meanwhile, and invents nothing.
FORGET_SECONDS = 3600.0

Key = tuple[str, str, Pairs]
"""Target, metric name, labels."""


class _Stream(NamedTuple):
    """Since when it counts and when it was last seen, in Unix nanoseconds; the values then."""

    start: int
    seen: int
    values: list[float]


class Step(NamedTuple):
    """What a new reading of a stream says, times in Unix nanoseconds.

    `start` is since when its values count; `gained` what was added since `seen`, None when it was not known before.
    """

    start: int
    seen: int
    gained: list[float] | None


class Streams:
    """All streams of a process, with two states: the last one that was accepted, and the one that is being made."""

    def __init__(self, state: bytes | None = None) -> None:
        self._kept: dict[Key, _Stream] = {}
        self._next: dict[Key, _Stream] = {}
        self._at = 0
        if state:
            self._kept = dict(msgspec.msgpack.decode(state, type=list[tuple[Key, _Stream]]))

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self, at: int) -> None:
        """Begin a reading at `at` (Unix nanoseconds) from the state that was last accepted."""
        self._at = at
        self._next = dict(self._kept)

    def advance(self, key: Key, values: Sequence[float]) -> Step | None:
        """Take the values of a stream, the first of which falls when it is restarted; None when one is no number."""
        if any(map(isnan, values)):
            return None
        at, known = self._at, self._kept.get(key)
        if known is None or len(known.values) != len(values):
            self._next[key] = _Stream(at, at, list(values))
            return Step(at, at, None)
        # A clock that was set back must not make a stream that ends before it begins.
        seen = min(known.seen, at)
        if values[0] < known.values[0]:
            start, gained = seen, list(values)
        else:
            start = min(known.start, at)
            gained = [new - old for new, old in zip(values, known.values, strict=True)]
        self._next[key] = _Stream(start, at, list(values))
        return Step(start, seen, gained)

    def state(self) -> bytes:
        """The state that is being made, for the record that is made from it."""
        oldest = self._at - int(FORGET_SECONDS * 1e9)
        # What was read now stays, however far the clock has jumped.
        self._next = {key: one for key, one in self._next.items() if one.seen == self._at or one.seen >= oldest}
        return msgspec.msgpack.encode(list(self._next.items()))

    def accept(self) -> None:
        """The record is on disk: its state is where the next reading begins."""
        self._kept = self._next
