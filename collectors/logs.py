"""Logs: rates by level and new templates, from files, container logs and the journal. The texts stay where they are."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from collectors import options
from collectors.description import Collector
from collectors.families import Family, family
from collectors.logs_files import LINE_BYTES, Chunk, Files
from collectors.logs_journal import Journal
from collectors.logs_records import FORMATS, Record, continues, of_fields, parse
from collectors.logs_services import MAX_SERVICES, OTHER, Service, Services, service_of_file, service_of_unit
from watchkeeper.clock import monotonic, now
from watchkeeper.disk import replacing
from watchkeeper.errors import SettingsError
from watchkeeper.systems import logs as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "LogsSession"]

# What a read may take of the time until its deadline, and at most: it computes, and other targets want to be read.
_SHARE = 0.5
READ_SECONDS = 2.0
_SAVE_SECONDS = 15.0
_STATE_VERSION = 1
# Of a text that is cut within a character, or in another encoding, more is right than this.
_WRONG = 0.1

_log = logging.getLogger("watchkeeper.collectors")


@dataclass(slots=True)
class _Source:
    """Where one file is in a record that takes several lines: its pieces by stream, or a trace of Python."""

    partial: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    trace: str = ""


class LogsSession:
    """Follows one pattern of files, or the journal."""

    def __init__(self, target: Target) -> None:
        wanted = _options(target)
        self._target = target
        self._format, self._learn, self._service = wanted.format, wanted.learn, wanted.service
        self._path = Path(wanted.state) if wanted.state else None
        self._services = Services(wanted.templates)
        self._sources: dict[str, _Source] = {}
        self._saved = monotonic()
        self._unsaved = ""
        self._found = True
        state = self._restored()
        url = urlsplit(target.url)
        self._files: Files | None = None
        self._journal: Journal | None = None
        if url.scheme == "journald":
            directory = [f"--directory={unquote(url.path)}"] if url.path.strip("/") else []
            units = [f"--unit={unit}" for unit in wanted.units]
            self._journal = Journal(
                [*directory, *units], from_beginning=wanted.beginning, cursor=str(state.get("cursor") or "")
            )
        else:
            self._files = Files(_pattern(target), from_beginning=wanted.beginning, state=state.get("files"))

    def read(self, deadline: float) -> Sequence[Family]:
        """What all services have written until now. Raises TargetError when the journal cannot be read."""
        at, begun = now(), monotonic()
        until = begun + min(READ_SECONDS, _SHARE * (deadline - begun))
        if self._files is not None:
            self._read_files(self._files, at, until)
        if self._journal is not None:
            for fields, size in self._journal.read(deadline, until):
                name = str(fields.get("_SYSTEMD_UNIT") or fields.get("SYSLOG_IDENTIFIER") or "unknown")
                service = self._services.named(service_of_unit(name), at)
                service.sources.add("journal")
                service.size += size
                service.add(of_fields(fields), at, self._learn)
        if self._path is not None and monotonic() - self._saved > _SAVE_SECONDS:
            self._save(self._path)
        return self._families(at)

    def abort(self) -> None:
        """End a read in another thread."""
        if self._journal is not None:
            self._journal.abort()

    def close(self) -> None:
        """Save how far it came, and let go."""
        if self._path is not None:
            self._save(self._path)
        if self._files is not None:
            self._files.close()
        self.abort()

    def _read_files(self, files: Files, at: float, until: float) -> None:
        for chunk in files.read(until):
            self._chunk(chunk, at)
        for one in self._services.values():
            one.sources.clear()
        for path in files.paths():
            service = self._services.named(self._name(path), at)
            service.sources.add(path)
            service.alive = at
        unreadable = Counter(self._name(path) for path in files.unreadable)
        for name in unreadable:
            self._services.named(name, at).alive = at
        for name, service in self._services.items():
            service.unreadable = unreadable[name]
        self._services.forget(at)
        found = bool(files.paths() or files.unreadable)
        if self._found and not found:
            _log.warning("target %s: no file matches %s", self._target.name, _pattern(self._target))
        self._found = found
        known = files.unread()
        self._sources = {path: source for path, source in self._sources.items() if path in known}

    def _name(self, path: str) -> str:
        return self._service or service_of_file(path)

    def _missing(self) -> str:
        """What a pattern that matches no file is shown as."""
        pattern = _pattern(self._target)
        return pattern if has_magic(pattern) and "service" not in self._target.options else self._name(pattern)

    def _chunk(self, chunk: Chunk, at: float) -> None:
        service = self._services.named(self._name(chunk.path), at)
        source = self._sources.setdefault(chunk.path, _Source())
        service.size += chunk.size
        service.lost += chunk.lost
        service.dropped.update(chunk.dropped)
        for line in chunk.lines:
            try:
                text = line.decode()
            except UnicodeDecodeError:
                text = line.decode(errors="replace")
                if text.count("\ufffd") > _WRONG * len(text):
                    service.dropped["not_text"] += 1
                    continue
            if text and not text.isspace():
                self._line(service, source, parse(text, self._format), at)

    def _line(self, service: Service, source: _Source, record: Record, at: float) -> None:
        """Count a line of a source, unless it is a part of a record."""
        begun = source.partial.pop(record.stream, "")
        if record.partial:
            if len(begun) + len(record.text) <= LINE_BYTES:
                source.partial[record.stream] = begun + record.text
            else:
                # What follows is looked at as another record: a program that never ends its line costs no memory.
                service.dropped["too_long"] += 1
            return
        if begun:
            # The level is in the first piece; what the last one looks like alone says nothing.
            record = parse(begun + record.text, "json" if self._format != "plain" else "plain")
        text = record.text
        if not record.structured:
            if not text or text.isspace() or continues(text):
                return
            if text.startswith("Traceback ("):
                # After the line that reports an error it belongs to that one; alone, its last line says what it is.
                source.trace = "reported" if source.failed else "alone"
                return
            if source.trace:
                trace, source.trace = source.trace, ""
                if trace == "reported":
                    return
                record = Record("error", text)
        service.add(record, at, self._learn)
        source.failed = record.level in ("error", "critical")

    def _families(self, at: float) -> list[Family]:
        rows = list(self._services.items())
        for _, one in rows:
            one.trim(at)
        unread: Counter[str] = Counter()
        for path, size in self._files.unread().items() if self._files is not None else ():
            name = self._name(path)
            unread[name if name in self._services else OTHER] += size
        sources = [((n,), float(len(one.sources))) for n, one in rows]
        levels = [(name, level, one) for name, one in rows for level in s.LEVELS]
        return [
            family(s.LOGS_RECORDS_TOTAL, [((n, level), float(one.records[level])) for n, level, one in levels]),
            family(s.LOGS_READ_BYTES_TOTAL, [((n,), float(one.size)) for n, one in rows]),
            family(
                s.LOGS_NEW_TEMPLATES_TOTAL,
                [((n, level), float(one.new[level])) for n, level, one in levels],
            ),
            family(s.LOGS_TEMPLATES, [((n,), float(len(one.templates))) for n, one in rows]),
            family(
                s.LOGS_TEMPLATE_FIRST_SEEN_TIMESTAMP_SECONDS,
                [((n, level, text), seen) for n, one in rows for (level, text), seen in one.shown.items()],
            ),
            family(
                s.LOGS_DROPPED_RECORDS_TOTAL,
                [((n, reason), float(count)) for n, one in rows for reason, count in one.dropped.items()],
            ),
            family(s.LOGS_LOST_BYTES_TOTAL, [((n,), float(one.lost)) for n, one in rows]),
            family(s.LOGS_UNREAD_BYTES, [((n,), float(size)) for n, size in unread.items()]),
            family(s.LOGS_LAST_RECORD_TIMESTAMP_SECONDS, [((n,), one.last) for n, one in rows if one.last is not None]),
            family(s.LOGS_SOURCES, sources if rows or self._found else [((self._missing(),), 0.0)]),
            family(s.LOGS_UNREADABLE_SOURCES, [((n,), float(one.unreadable)) for n, one in rows if one.unreadable]),
        ]

    def _restored(self) -> Mapping[str, Any]:
        """The saved state; one that cannot be read is begun anew, and that is only a matter of learning again.

        Raises SettingsError when it cannot be written.
        """
        if self._path is None:
            return {}
        parent = self._path.parent
        if not os.access(parent, os.W_OK):
            raise SettingsError(f"target {self._target.name}: option state: {parent} is no directory to write into")
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
            if state["version"] != _STATE_VERSION or not isinstance(state["files"], dict):
                return {}
            at = now()
            for name, known in list(state["services"].items())[:MAX_SERVICES]:
                # A clock that was set back would have it learn for as long.
                service = self._services.named(name, at, since=min(at, float(known["since"])))
                service.templates.restore(known["templates"])
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            self._services.clear()
            if not isinstance(error, FileNotFoundError):
                _log.warning("target %s: %s cannot be used and is begun anew", self._target.name, self._path)
            return {}
        return dict(state)

    def _save(self, path: Path) -> None:
        """Write the state; a disk that is full must not end the reading."""
        self._saved = monotonic()
        state = {
            "version": _STATE_VERSION,
            "files": self._files.state() if self._files is not None else {},
            "cursor": self._journal.cursor if self._journal is not None else "",
            "services": {
                name: {"since": one.since, "templates": one.templates.state()} for name, one in self._services.items()
            },
        }
        try:
            with replacing(path, mode=0o600) as file:  # words of the logs are in it
                file.writelines(piece.encode() for piece in json.JSONEncoder().iterencode(state))
        except OSError as error:
            if not self._unsaved:
                _log.warning("target %s: cannot write %s: %s", self._target.name, path, error.strerror)
            self._unsaved = error.strerror or str(error)
        else:
            self._unsaved = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What a target asks for; `learn` in seconds, texts empty when they are left out."""

    format: str
    beginning: bool
    service: str
    units: Sequence[str]
    learn: float
    templates: int
    state: str


def _options(target: Target) -> _Options:
    if not target.url.startswith("journald://") and not _pattern(target).startswith("/"):
        raise SettingsError(
            f"target {target.name}: url {target.url}: the path begins with /, as in file:///var/log/app/*.log",
            place=("url",),
        )
    return _Options(
        format=options.one_of(target, "format", FORMATS, "auto"),
        beginning=options.one_of(target, "from", ("end", "beginning")) == "beginning",
        service=options.text(target, "service", example="shop"),
        units=options.texts(target, "units", example="ssh.service", alone=True),
        learn=options.duration(target, "learn", "1h"),
        templates=options.whole(target, "templates", 1000),
        state=options.text(target, "state", example="/var/lib/watchkeeper/logs.json"),
    )


def _pattern(target: Target) -> str:
    # What `urlsplit` takes for a query or fragment are characters of a pattern.
    return unquote(target.url.removeprefix("file://"))


COLLECTOR = Collector(
    system="logs",
    open=LogsSession,
    login="none",
    stands="machine",
    groups=("adm", "systemd-journal"),  # who may read logs on Debian, and on systemd's own terms
    keeps_state=True,
    check=_options,
    schemes=("file", "journald"),
    options=(
        ("format", "auto (default), plain, json, cri or docker"),
        ("from", "end (default) or beginning: where a file that is there at first is begun"),
        ("service", "name of the service, instead of the container's or the file's"),
        ("units", "units of the journal to read, all when there are none"),
        ("learn", "how long templates are learnt before one is called new, 1h when not set"),
        ("templates", "how many templates are kept for a service, 1000 when not set"),
        ("state", "file that keeps positions and templates over a restart"),
    ),
)
