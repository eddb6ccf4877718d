"""Redis: INFO, CONFIG GET, SLOWLOG and LATENCY over one connection, in one round trip; Sentinel and Cluster with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collectors import options
from collectors.description import Collector, ConnectionEndedError, redact
from collectors.families import Family, family, single
from collectors.kept import KeptConnection
from collectors.redis_info import (
    CONFIG,
    InfoParser,
    config_of,
    histogram_of,
    number,
    plain_fields,
    slow_families,
    spike_families,
)
from collectors.redis_keys import KEY_OPTIONS, KeyChecks
from collectors.redis_sentinel import MASTERS, sentinel_families
from collectors.resp import TLS_OPTIONS, Address, Batch, RedisConnection, RedisError, batch, explained, has_ended
from watchkeeper.errors import TargetError
from watchkeeper.systems import redis_info as i
from watchkeeper.systems import redis_modes as m

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_log = logging.getLogger("watchkeeper.collectors")

_DEFAULT_URL = "redis://127.0.0.1:6379/0"
_PAGE = "docs/systems/redis.md"
_CONFIG = tuple(("CONFIG", "GET", name) for name in (*CONFIG, "databases"))
_CONFIG_ALL = (("CONFIG", "GET", "*"),)
# A setting whose name has such a part holds a secret, or may.
_SECRET_WORDS = ("pass", "masterauth")


@dataclass(frozen=True, slots=True)
class _Options:
    """What a target asks for."""

    address: Address
    config_metrics: bool
    histogram: bool
    keys: KeyChecks | None


def _options(target: Target) -> _Options:
    return _Options(
        Address.of(target, _DEFAULT_URL),
        options.flag(target, "config_metrics"),
        options.flag(target, "latency_histogram"),
        KeyChecks.of(target),
    )


class RedisSession(KeptConnection[RedisConnection]):
    """One connection, opened at the first read. Raises SettingsError when an option is wrong."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._options = _options(target)
        self._address = self._options.address
        self._parser = InfoParser()
        self._mode = ""
        self._batch = Batch(b"", 0)
        self._refused: frozenset[str] = frozenset()

    def read(self, deadline: float) -> Sequence[Family]:
        kept = self._connection
        try:
            connection = kept or self._connect(deadline)
            replies = connection.send(self._batch, deadline)
            # Managed services and ACLs may refuse anything but INFO.
            if isinstance(replies[0], RedisError):
                raise replies[0]
            if self._mode == "sentinel":
                found = self._parser.parse(str(replies[0]), None)
                return [_UP, *found, *sentinel_families(connection, replies[1], self._parser.fields, deadline)]
            found = self._families(replies)
            if self._options.keys is not None:
                of_keys, refused = self._options.keys.families(connection, deadline)
                found += of_keys
                self._warn(refused)
        except (OSError, RedisError) as error:
            failed = f"Redis at {self._address}: {explained(error, self._address.host, _PAGE)}"
            if kept is not None and has_ended(kept, error):
                raise ConnectionEndedError(failed) from None
            raise TargetError(failed) from None
        return found

    @property
    def inline(self) -> bool:
        """Whether a read may run in the thread of the scrape: it is connected, and `abort` ends it."""
        return self._connection is not None

    def _warn(self, refused: Mapping[str, RedisError]) -> None:
        """One line for what options ask and the server refuses, once until it is answered again."""
        for command in sorted(refused.keys() - self._refused):
            said = redact(explained(refused[command], self._address.host, _PAGE), self._target)
            _log.warning("target %s: %s is refused, what needs it is left out: %s", self._target.name, command, said)
        self._refused = frozenset(refused)

    def _connect(self, deadline: float) -> RedisConnection:
        self._connection, server = RedisConnection.login(self._target, self._address, deadline)
        fields = dict([line.split(":", 1) for line in server.splitlines() if ":" in line])
        self._mode = fields.get("redis_mode", fields.get("server_mode", ""))
        self._batch = batch(self._commands())
        return self._connection

    def _commands(self) -> list[tuple[str, ...]]:
        """What is asked at each read; `_families` takes the replies in this order."""
        if self._mode == "sentinel":
            return [("INFO", "ALL"), MASTERS]
        commands = [
            ("INFO", "ALL"),
            ("SLOWLOG", "LEN"),
            ("SLOWLOG", "GET", "1"),
            ("LATENCY", "LATEST"),
            *(_CONFIG_ALL if self._options.config_metrics else _CONFIG),
        ]
        if self._mode == "cluster":
            commands.append(("CLUSTER", "INFO"))
        if self._options.histogram:
            commands.append(("LATENCY", "HISTOGRAM"))
        return commands

    def _families(self, replies: list[Any]) -> list[Family]:
        info, length, newest, latest, *rest = replies
        histogram = rest.pop() if self._options.histogram else None
        cluster = rest.pop() if self._mode == "cluster" else None
        config = config_of(rest)
        databases = "1" if self._mode == "cluster" else config.get("databases", "")
        found = [_UP, *self._parser.parse(str(info), int(databases) if databases.isdecimal() else None)]
        for name, signal in CONFIG.items():
            if (value := number(config.get(name))) is not None:
                found.append(single(signal, value))
        found += slow_families(length, newest)
        found += spike_families(latest)
        if isinstance(cluster, str):
            found += plain_fields(cluster)
        if self._options.histogram:
            found += histogram_of(histogram, self._parser.commands)
        if self._options.config_metrics:
            found += _config_families(config)
        return found


_UP = single(i.REDIS_UP, 1.0)


def _config_families(config: dict[str, str]) -> list[Family]:
    shown = {key: text for key, text in config.items() if not any(word in key for word in _SECRET_WORDS)}
    values = []
    for key, text in shown.items():
        try:
            values.append(((key,), float(text)))
        except ValueError:
            continue
    pairs = [((key, text), 1.0) for key, text in shown.items()]
    return [family(m.REDIS_CONFIG_VALUE, values), family(m.REDIS_CONFIG_KEY_VALUE, pairs)]


COLLECTOR = Collector(
    system="redis",
    open=RedisSession,
    login="user",
    stands="beside",
    check=_options,
    up=i.REDIS_UP,
    schemes=("redis", "rediss", "unix"),
    default_url=_DEFAULT_URL,
    options=(
        *TLS_OPTIONS,
        ("config_metrics", "true: every setting of CONFIG GET as redis_config_value and redis_config_key_value"),
        ("latency_histogram", "true: LATENCY HISTOGRAM as redis_commands_latencies_usec, some 20 series a command"),
        *KEY_OPTIONS,
    ),
)
