"""Sizes and values of keys, and the state of streams: read when an option names them, within limits.

A pattern is searched for with SCAN, a bounded number of times a read: KEYS would hold up the server. What a search
could not finish is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from collectors import options
from collectors.families import Family, family
from collectors.resp import RedisConnection, RedisError
from watchkeeper.errors import SettingsError
from watchkeeper.signals import Signal
from watchkeeper.systems import redis_modes as m

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["KEY_OPTIONS", "KeyChecks"]

_LISTS = (
    ("check_keys", "patterns of keys whose size and value are read, as db0=jobs:*,db3=x; without db: 0"),
    ("check_single_keys", "keys whose size and value are read, as db0=jobs; a missing one has the size 0"),
    ("check_streams", "patterns of streams that are read, with their groups and consumers"),
    ("check_single_streams", "streams that are read, with their groups and consumers"),
    ("count_keys", "patterns of keys that are counted; costs a SCAN of the whole database each read"),
)
_KEY_LIMIT, _SCAN_LIMIT = 100, 100
KEY_OPTIONS = (
    *_LISTS,
    ("key_limit", f"most keys or streams that a pattern stands for ({_KEY_LIMIT})"),
    ("scan_limit", f"most SCAN calls of 1,000 keys for a pattern in one read ({_SCAN_LIMIT})"),
)

# A number that Redis prints is no longer than that; what is longer is not fetched.
_NUMBER_BYTES = 32
_SIZES = {"string": "STRLEN", "list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}

Key = tuple[int, str]
Samples = list[tuple[tuple[str, ...], float]]

_OF_STREAM: tuple[tuple[Signal, str], ...] = (
    (m.REDIS_STREAM_LENGTH, "length"),
    (m.REDIS_STREAM_RADIX_TREE_KEYS, "radix-tree-keys"),
    (m.REDIS_STREAM_RADIX_TREE_NODES, "radix-tree-nodes"),
    (m.REDIS_STREAM_GROUPS, "groups"),
    (m.REDIS_STREAM_LAST_GENERATED_ID, "last-generated-id"),
)
_OF_GROUP: tuple[tuple[Signal, str], ...] = (
    (m.REDIS_STREAM_GROUP_CONSUMERS, "consumers"),
    (m.REDIS_STREAM_GROUP_MESSAGES_PENDING, "pending"),
    (m.REDIS_STREAM_GROUP_LAST_DELIVERED_ID, "last-delivered-id"),
    (m.REDIS_STREAM_GROUP_ENTRIES_READ, "entries-read"),
    (m.REDIS_STREAM_GROUP_LAG, "lag"),
)
_OF_CONSUMER: tuple[tuple[Signal, str], ...] = (
    (m.REDIS_STREAM_GROUP_CONSUMER_MESSAGES_PENDING, "pending"),
    (m.REDIS_STREAM_GROUP_CONSUMER_IDLE_SECONDS, "idle"),
)


def _keys_of(target: Target, name: str) -> tuple[Key, ...]:
    """`db0=jobs:*,x` as (0, "jobs:*"), (0, "x"); a comma in a key is written %2C."""
    text = options.text(target, name, example="db0=jobs,db3=x")
    found = []
    for part in filter(None, [part.strip() for part in text.split(",")]):
        database, equals, key = part.partition("=") if part.startswith("db") else ("", "", part)
        if not equals:
            database, key = "db0", part
        if not database[2:].isdecimal() or not key:
            raise SettingsError(
                f"target {target.name}: option {name}: {part!r} is no dbN=KEY, as in db0=jobs:*",
                place=("options", name),
            )
        found.append((int(database[2:]), unquote(key)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChecks:
    """What the options ask for."""

    patterns: tuple[Key, ...]
    keys: tuple[Key, ...]
    stream_patterns: tuple[Key, ...]
    streams: tuple[Key, ...]
    counted: tuple[Key, ...]
    key_limit: int
    scan_limit: int

    @classmethod
    def of(cls, target: Target) -> KeyChecks | None:
        """The checks of a target, None when it asks for none. Raises SettingsError."""
        patterns, keys, stream_patterns, streams, counted = (_keys_of(target, name) for name, _ in _LISTS)
        limits = options.whole(target, "key_limit", _KEY_LIMIT), options.whole(target, "scan_limit", _SCAN_LIMIT)
        if not (patterns or keys or stream_patterns or streams or counted):
            return None
        return cls(
            patterns=patterns,
            keys=keys,
            stream_patterns=stream_patterns,
            streams=streams,
            counted=counted,
            key_limit=limits[0],
            scan_limit=limits[1],
        )

    def families(self, connection: RedisConnection, deadline: float) -> tuple[list[Family], Mapping[str, RedisError]]:
        """The families of the keys and streams that are there now, and the commands that the server refused."""
        asker = _Asker(connection, deadline)
        keys = _in_order(self.keys, *[asker.scan(one, self.scan_limit, self.key_limit)[0] for one in self.patterns])
        streams = [asker.scan(one, self.scan_limit, self.key_limit, "stream")[0] for one in self.stream_patterns]
        counts = [(one, *asker.scan(one, self.scan_limit, None)) for one in self.counted]
        counted = [((f"db{db}", key), float(len(set(found)))) for (db, key), found, whole in counts if whole]
        found = [
            *_key_families(asker, keys),
            *_stream_families(asker, _in_order(self.streams, *streams)),
            family(m.REDIS_KEYS_COUNT, counted),
        ]
        return found, asker.refused


def _in_order(*lists: Sequence[Key]) -> list[Key]:
    """All keys once, those of a database together: it is selected once for each."""
    return sorted({key for keys in lists for key in keys})


class _Asker:
    """Commands about keys of several databases; `refused` has those that the server will not answer, and why."""

    def __init__(self, connection: RedisConnection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.refused: dict[str, RedisError] = {}

    def ask(self, asked: Sequence[tuple[Key, tuple[str, ...]]]) -> list[Any]:
        """The reply to each command, which is sent in the database of its key; a RedisError where it was refused."""
        commands: list[tuple[str, ...]] = []
        places = []
        for database, group in groupby(asked, key=lambda one: one[0][0]):
            selected = len(commands)
            commands.append(("SELECT", str(database)))
            for _, command in group:
                places.append((selected, len(commands)))
                commands.append(command)
        replies = self._connection.pipeline(commands, self._deadline)
        for command, reply in zip(commands, replies, strict=True):
            # Other errors are answers: a stream that is not there, a key that has become another type.
            if isinstance(reply, RedisError) and (command[0] in {"SELECT", "SCAN"} or "NOPERM" in str(reply)):
                self.refused.setdefault(" ".join(command[: 2 if command[0] == "SELECT" else 1]), reply)
        # Where the database was refused, the commands behind it ran in another one.
        return [
            replies[selected] if isinstance(replies[selected], RedisError) else replies[place]
            for selected, place in places
        ]

    def scan(self, pattern: Key, calls: int, limit: int | None, kind: str = "") -> tuple[list[Key], bool]:
        """Keys (of a type) that fit, at most `limit`, and whether that are all; none where a search is refused."""
        cursor, found = "0", []
        for _ in range(calls):
            command = ("SCAN", cursor, "MATCH", pattern[1], "COUNT", "1000", *(("TYPE", kind) if kind else ()))
            (reply,) = self.ask([(pattern, command)])
            if isinstance(reply, RedisError):
                return [], False
            cursor = reply[0]
            found += [(pattern[0], key) for key in reply[1]]
            if limit is not None and len(found) >= limit:
                return found[:limit], False
            if cursor == "0":
                return found, True
        return found, False


def _key_families(asker: _Asker, keys: Sequence[Key]) -> list[Family]:
    types = dict(zip(keys, asker.ask([(key, ("TYPE", key[1])) for key in keys]), strict=True))
    known = [key for key in keys if types[key] in _SIZES]
    sizes = dict(zip(known, asker.ask([(key, (_SIZES[types[key]], key[1])) for key in known]), strict=True))
    short = [key for key in known if types[key] == "string" and isinstance(sizes[key], int)]
    short = [key for key in short if 0 < sizes[key] <= _NUMBER_BYTES]
    texts = asker.ask([(key, ("GET", key[1])) for key in short])
    missing: Samples = [(_labels(key), 0.0) for key in keys if types[key] == "none"]
    there: Samples = [(_labels(key), float(size)) for key, size in sizes.items() if isinstance(size, int)]
    values = [(_labels(key), _float(text)) for key, text in zip(short, texts, strict=True)]
    numbers: Samples = [(labels, value) for labels, value in values if value is not None]
    return [family(m.REDIS_KEY_SIZE, there + missing), family(m.REDIS_KEY_VALUE, numbers)]


def _labels(key: Key, *more: str) -> tuple[str, ...]:
    return (f"db{key[0]}", key[1], *more)


def _float(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _maps(reply: Any) -> list[dict[str, Any]]:
    return [dict(zip(of[::2], of[1::2], strict=False)) for of in reply] if isinstance(reply, list) else []


def _stream_families(asker: _Asker, streams: Sequence[Key]) -> list[Family]:
    about = asker.ask([(key, ("XINFO", "STREAM", key[1])) for key in streams])
    infos = [(key, _maps([reply])[0]) for key, reply in zip(streams, about, strict=True) if isinstance(reply, list)]
    asked = asker.ask([(key, ("XINFO", "GROUPS", key[1])) for key, _ in infos])
    groups = [(key, of) for (key, _), reply in zip(infos, asked, strict=True) for of in _maps(reply)]
    asked = asker.ask([(key, ("XINFO", "CONSUMERS", key[1], str(of["name"]))) for key, of in groups])
    consumers = [
        ((key, str(group["name"]), str(of["name"])), of)
        for (key, group), reply in zip(groups, asked, strict=True)
        for of in _maps(reply)
    ]
    return [
        *_columns(_OF_STREAM, [(_labels(key), of) for key, of in infos]),
        *_columns(_OF_GROUP, [(_labels(key, str(of["name"])), of) for key, of in groups]),
        *_columns(_OF_CONSUMER, [(_labels(key, group, name), of) for (key, group, name), of in consumers]),
    ]


def _columns(
    signals: Iterable[tuple[Signal, str]], rows: Sequence[tuple[tuple[str, ...], dict[str, Any]]]
) -> list[Family]:
    found = []
    for signal, key in signals:
        samples = [(labels, _stream_value(of.get(key), key)) for labels, of in rows]
        found.append(family(signal, [(labels, value) for labels, value in samples if value is not None]))
    return found


def _stream_value(value: Any, key: str) -> float | None:
    """A field of XINFO; an identifier (`1700000000000-0`) is its time in milliseconds, idle time is in seconds."""
    if isinstance(value, str):
        value = _float(value.partition("-")[0])
    return None if value is None else value / 1e3 if key == "idle" else float(value)
