"""What a Redis server says of itself, as families: INFO, CONFIG GET, SLOWLOG, LATENCY.

Most of INFO is the same from one read to the next. Each line is understood once and remembered by its text, so that a
read costs what has changed; every value is still of this read, since only an equal line finds its family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from collectors.families import Family, Point, family, histogram_family, single
from collectors.redis_fields import FIELDS
from watchkeeper.signals import Signal
from watchkeeper.systems import redis_info as s
from watchkeeper.systems import redis_modes as m

__all__ = [
    "CONFIG",
    "InfoParser",
    "config_of",
    "histogram_of",
    "number",
    "plain_fields",
    "slow_families",
    "spike_families",
]

CONFIG: Mapping[str, Signal] = {
    "maxclients": s.REDIS_CONFIG_MAXCLIENTS,
    "maxmemory": s.REDIS_CONFIG_MAXMEMORY,
    "io-threads": s.REDIS_CONFIG_IO_THREADS,
}

# Signals of a replica, labelled with its master.
_OF_MASTER = {
    "master_link_status": s.REDIS_MASTER_LINK_UP,
    "master_last_io_seconds_ago": s.REDIS_MASTER_LAST_IO_SECONDS_AGO,
    "master_sync_in_progress": s.REDIS_MASTER_SYNC_IN_PROGRESS,
    "slave_repl_offset": s.REDIS_SLAVE_REPL_OFFSET,
}

# A line of INFO: field and text where they are looked up by name, and the family of one that is a signal by itself.
_Entry = tuple[tuple[str, str] | None, Family | None]
# Signals whose field is looked up as well.
_LOOKED_UP = frozenset({"process_id", "uptime_in_seconds"})
_WORDS = {"ok": 1.0, "up": 1.0, "err": 0.0, "fail": 0.0, "down": 0.0, "yes": 1.0, "no": 0.0}

_OF_DATABASE = (
    (s.REDIS_DB_KEYS, "keys", 1.0),
    (s.REDIS_DB_KEYS_EXPIRING, "expires", 1.0),
    (s.REDIS_DB_AVG_TTL_SECONDS, "avg_ttl", 1e3),
)
# Somebody may set `databases` to a million: of empty ones, no more are named than that.
_DATABASES = 64

_CALLS, _DURATION = s.REDIS_COMMANDS_TOTAL.name, s.REDIS_COMMANDS_DURATION_SECONDS_TOTAL.name
_REJECTED, _FAILED = s.REDIS_COMMANDS_REJECTED_CALLS_TOTAL.name, s.REDIS_COMMANDS_FAILED_CALLS_TOTAL.name
_LATENCY = s.REDIS_LATENCY_PERCENTILES_USEC.name
_LATENCY_COUNT, _LATENCY_SUM = f"{_LATENCY}_count", f"{_LATENCY}_sum"
_COMMAND_SIGNALS = (
    s.REDIS_COMMANDS_TOTAL,
    s.REDIS_COMMANDS_DURATION_SECONDS_TOTAL,
    s.REDIS_COMMANDS_REJECTED_CALLS_TOTAL,
    s.REDIS_COMMANDS_FAILED_CALLS_TOTAL,
)


def number(text: str | None) -> float | None:
    """A value of INFO as a number; None when it is none."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return _WORDS.get(text)


def _pairs(value: str) -> dict[str, str]:
    return dict([part.split("=", 1) for part in value.split(",") if "=" in part])


def plain_fields(text: str) -> list[Family]:
    """The families of `field:value` lines that are signals by themselves, as in CLUSTER INFO."""
    return [one for _, one in map(_entry, text.splitlines()) if one is not None]


def _entry(line: str) -> _Entry:
    key, _, text = line.partition(":")
    known = FIELDS.get(key)
    if known is None:
        return (key, text), None
    name, kind, help, divisor = known
    field = (key, text) if key in _LOOKED_UP else None
    try:
        value = float(text)
    except ValueError:
        if text not in _WORDS:
            return field, None
        value = _WORDS[text]
    return field, Family(name, kind, help, [(name, (), value if divisor == 1.0 else value / divisor)])


class _Plain(NamedTuple):
    """A section of fields: its text, its lines as they were understood, and what it says."""

    text: str
    entries: Mapping[str, _Entry]
    families: Sequence[Family]
    fields: Mapping[str, str]


_NOTHING = _Plain("", {}, (), {})


def _plain(text: str, known: Mapping[str, _Entry]) -> _Plain:
    lines = text.splitlines()
    entries = [known.get(line) or _entry(line) for line in lines]
    fields = dict([one[0] for one in entries if one[0] is not None])
    return _Plain(
        text, dict(zip(lines, entries, strict=True)), [one[1] for one in entries if one[1] is not None], fields
    )


class _Command(NamedTuple):
    """A line of commandstats: calls, duration, refusals and failures (None before Redis 6.2), and the count and sum
    of the command's latencies.
    """

    points: tuple[Point | None, ...]
    total: tuple[Point, Point]


def _command(line: str) -> tuple[str, _Command] | None:
    key, _, text = line.partition(":")
    command = key.removeprefix("cmdstat_")
    try:
        # Since Redis 6.2: calls, usec, usec_per_call, rejected_calls, failed_calls.
        first, second, _, fourth, fifth = text.split(",", 5)[:5]
        calls, usec = float(first.removeprefix("calls=")), float(second.removeprefix("usec="))
        rejected: float | None = float(fourth.removeprefix("rejected_calls="))
        failed: float | None = float(fifth.removeprefix("failed_calls="))
    except ValueError:
        of = _pairs(text)
        some, spent = number(of.get("calls")), number(of.get("usec"))
        if some is None or spent is None:
            return None
        calls, usec = some, spent
        rejected, failed = number(of.get("rejected_calls")), number(of.get("failed_calls"))
    pairs = (("cmd", command),)
    points = (
        (_CALLS, pairs, calls),
        (_DURATION, pairs, usec / 1e6),
        None if rejected is None else (_REJECTED, pairs, rejected),
        None if failed is None else (_FAILED, pairs, failed),
    )
    return command, _Command(points, ((_LATENCY_COUNT, pairs, calls), (_LATENCY_SUM, pairs, usec)))


def _percentiles(line: str) -> tuple[str, list[Point]]:
    """A line of latencystats: the command, and its quantiles as redis_exporter labels them (50, 99, 99.9)."""
    key, _, text = line.partition(":")
    command = key.removeprefix("latency_percentiles_usec_")
    cmd, found = ("cmd", command), [(at[1:], number(value)) for at, value in _pairs(text).items()]
    return command, [(_LATENCY, (cmd, ("quantile", at)), value) for at, value in found if value is not None]


class InfoParser:
    """The families of one target's INFO, read after read; `fields` and `commands` are those of the last one."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.commands: dict[str, _Command] = {}
        self._plain: dict[str, _Plain] = {}
        self._stats: dict[str, tuple[str, _Command] | None] = {}
        self._quantiles: dict[str, tuple[str, list[Point]]] = {}
        self._sections: dict[str, tuple[str, list[Family]]] = {}

    def parse(self, text: str, databases: int | None) -> list[Family]:
        """The families of a reply to INFO ALL; `databases` is how many the server has, None when unknown."""
        out: list[Family] = []
        plain: dict[str, _Plain] = {}
        self.fields = {}
        for block in text.removeprefix("# ").split("\r\n# "):
            name = block.partition("\r\n")[0]
            if name == "Commandstats":
                out += self._kept(name, block, self._of_commands)
            elif name == "Latencystats":
                # Put together with the counts of commandstats, which change without them: nothing to keep.
                out += self._of_latencies(block)
            elif name == "Errorstats":
                out += self._kept(name, block, _of_errors)
            elif name == "Modules":
                out += self._kept(name, block, _of_modules)
            elif name == "Keyspace":
                out += self._kept(f"{name} {databases}", block, partial(_of_databases, databases=databases))
            else:
                section = self._plain.get(name, _NOTHING)
                if section.text != block:
                    section = _plain(block, section.entries)
                plain[name] = section
                out += section.families
                self.fields.update(section.fields)
        self._plain = plain
        return out + _identity(self.fields)

    def _kept(self, name: str, text: str, parse: Callable[[str], list[Family]]) -> list[Family]:
        """The families of a section: those of the last read when it says the same."""
        known = self._sections.get(name)
        if known is None or known[0] != text:
            known = self._sections[name] = (text, parse(text))
        return known[1]

    def _of_commands(self, text: str) -> list[Family]:
        known, stats = self._stats, {}
        for line in text.splitlines()[1:]:
            one = known.get(line)
            stats[line] = _command(line) if one is None else one
        self._stats = stats
        self.commands = dict([one for one in stats.values() if one is not None])
        rows = [one.points for one in self.commands.values()]
        return [
            Family(signal.name, "counter", signal.help, [point for row in rows if (point := row[at]) is not None])
            for at, signal in enumerate(_COMMAND_SIGNALS)
        ]

    def _of_latencies(self, text: str) -> list[Family]:
        known, quantiles = self._quantiles, {}
        points: list[Point] = []
        for line in text.splitlines()[1:]:
            one = known.get(line)
            command, of = quantiles[line] = _percentiles(line) if one is None else one
            stats = self.commands.get(command)
            if stats is not None:
                points += of
                points += stats.total
        self._quantiles = quantiles
        return [Family(_LATENCY, "summary", s.REDIS_LATENCY_PERCENTILES_USEC.help, points)]


def _of_errors(text: str) -> list[Family]:
    lines = [line.partition(":") for line in text.splitlines()[1:]]
    rows = [(key.removeprefix("errorstat_"), _pairs(of)) for key, _, of in lines]
    counts = [(error, number(of.get("count"))) for error, of in rows]
    return [family(s.REDIS_ERRORS_TOTAL, [((error,), count) for error, count in counts if count is not None])]


def _of_modules(text: str) -> list[Family]:
    modules = [_pairs(line.removeprefix("module:")) for line in text.splitlines() if line.startswith("module:")]
    labels = m.REDIS_MODULE_INFO.labels
    return [family(m.REDIS_MODULE_INFO, [(tuple([of.get(label, "") for label in labels]), 1.0) for of in modules])]


def _of_databases(text: str, databases: int | None) -> list[Family]:
    lines = [line.partition(":") for line in text.splitlines()[1:]]
    rows = [(key, _pairs(of)) for key, _, of in lines if key.startswith("db")]
    there = {name for name, _ in rows}
    found = []
    for signal, key, divisor in _OF_DATABASE:
        points = [point for name, point in _empty(signal.name, databases or 0) if name not in there]
        values = [(name, number(of.get(key))) for name, of in rows]
        points += [(signal.name, (("db", name),), value / divisor) for name, value in values if value is not None]
        found.append(Family(signal.name, "gauge", signal.help, points))
    return found


@lru_cache(maxsize=8)
def _empty(name: str, databases: int) -> tuple[tuple[str, Point], ...]:
    """What a database without keys says; it is not in INFO, but how many there are is in the configuration."""
    if name == s.REDIS_DB_AVG_TTL_SECONDS.name:
        return ()
    names = [f"db{index}" for index in range(min(databases, _DATABASES))]
    return tuple([(database, (name, (("db", database),), 0.0)) for database in names])


def _identity(fields: Mapping[str, str]) -> list[Family]:
    labels = s.REDIS_INSTANCE_INFO.labels
    found = [family(s.REDIS_INSTANCE_INFO, [(tuple([fields.get(name, "") for name in labels]), 1.0)])]
    now, uptime = fields.get("server_time_usec", ""), fields.get("uptime_in_seconds", "")
    if now.isdecimal() and uptime.isdecimal():
        found.append(single(s.REDIS_START_TIME_SECONDS, float(int(now) // 1_000_000 - int(uptime))))
    if fields.get("role") == "slave":
        master = (fields.get("master_host", ""), fields.get("master_port", ""))
        for key, signal in _OF_MASTER.items():
            if (value := number(fields.get(key))) is not None:
                found.append(family(signal, [(master, value)]))
        found.append(family(s.REDIS_SLAVE_INFO, [((*master, fields.get("slave_read_only", "")), 1.0)]))
    return found + _replicas(fields)


def _replicas(fields: Mapping[str, str]) -> list[Family]:
    rows: list[dict[str, str]] = []
    while text := fields.get(f"slave{len(rows)}"):
        rows.append(_pairs(text))
    found = []
    for signal, key in ((s.REDIS_CONNECTED_SLAVE_OFFSET_BYTES, "offset"), (s.REDIS_CONNECTED_SLAVE_LAG_SECONDS, "lag")):
        values = [((of.get("ip", ""), of.get("port", ""), of.get("state", "")), number(of.get(key))) for of in rows]
        if samples := [(labels, value) for labels, value in values if value is not None]:
            found.append(family(signal, samples))
    return found


def config_of(replies: Sequence[Any]) -> dict[str, str]:
    """The settings in replies to CONFIG GET; what was refused is not there."""
    config: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, list):
            config.update(zip(reply[::2], reply[1::2], strict=False))
    return config


def slow_families(length: Any, newest: Any) -> list[Family]:
    """The families of SLOWLOG LEN and SLOWLOG GET 1."""
    found = []
    if isinstance(length, int):
        found.append(single(s.REDIS_SLOWLOG_LENGTH, float(length)))
    if isinstance(newest, list):
        entry = newest[0] if newest else (0, 0, 0)
        found.append(single(s.REDIS_SLOWLOG_LAST_ID, float(entry[0])))
        found.append(single(s.REDIS_LAST_SLOW_EXECUTION_DURATION_SECONDS, entry[2] / 1e6))
    return found


def spike_families(latest: Any) -> list[Family]:
    """The families of LATENCY LATEST; none when there was no spike."""
    events = latest if isinstance(latest, list) else []
    if not events:
        return []
    last = [((event[0],), float(event[1])) for event in events]
    length = [((event[0],), event[2] / 1000) for event in events]
    return [family(s.REDIS_LATENCY_SPIKE_LAST, last), family(s.REDIS_LATENCY_SPIKE_DURATION_SECONDS, length)]


def histogram_of(reply: Any, commands: Mapping[str, _Command]) -> list[Family]:
    """The family of LATENCY HISTOGRAM; the sums are those of commandstats."""
    if not isinstance(reply, list):
        return []
    rows = []
    for command, details in zip(reply[::2], reply[1::2], strict=False):
        of = dict(zip(details[::2], details[1::2], strict=False))
        stats, counts = commands.get(command), of.get("histogram_usec", [])
        if stats is not None:
            buckets = [(float(bound), float(count)) for bound, count in zip(counts[::2], counts[1::2], strict=False)]
            rows.append(((command,), buckets, stats.total[1][2], float(of["calls"])))
    return [histogram_family(s.REDIS_COMMANDS_LATENCIES_USEC, rows)]
