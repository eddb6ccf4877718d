"""Logs: rates by level and new templates, from files, container logs and the journal. The texts stay where they are."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from collectors.description import Collector
from collectors.families import Family, family
from collectors.logs_files import Files
from collectors.logs_journal import Journal
from collectors.logs_records import FORMATS, Record, continues, of_fields, parse
from collectors.logs_templates import Templates
from watchkeeper.clock import now
from watchkeeper.durations import parse_duration
from watchkeeper.errors import SettingsError, TargetError, WatchkeeperError
from watchkeeper.systems import logs as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "LogsSession"]

# A pod's name ends in what its controller added; the container's name is the service.
_CONTAINERS = re.compile(r"/containers/[^/_]+_[^/_]+_(?P<name>[^/]+)-[0-9a-f]{64}\.log$")
_PODS = re.compile(r"/pods/[^/]+/(?P<name>[^/]+)/\d+\.log$")
MAX_SERVICES = 200
# Of the newest templates the texts are shown, for an hour.
SHOWN = 20
SHOWN_SECONDS = 3600.0
_TEXT = 160
_SAVE_SECONDS = 15.0
_STATE_VERSION = 1


@dataclass(slots=True)
class _Service:
    """What is known of one service's log."""

    since: float
    templates: Templates
    records: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    size: int = 0
    last: float | None = None
    sources: set[str] = field(default_factory=set)
    unreadable: int = 0
    partial: str = ""
    shown: dict[tuple[str, str], float] = field(default_factory=dict)


class LogsSession:
    """Follows one pattern of files, or the journal."""

    def __init__(self, target: Target) -> None:
        options = target.options
        self._target = target
        self._format = str(options.get("format", "auto"))
        if self._format not in FORMATS:
            raise SettingsError(f"target {target.name}: option format is {self._format!r}: {', '.join(FORMATS)}")
        self._learn = parse_duration(str(options.get("learn", "1h")))
        self._limit = int(options.get("templates", 1000))
        self._path = Path(options["state"]) if "state" in options else None
        self._services: dict[str, _Service] = {}
        self._saved = now()
        state = self._restored()
        url = urlsplit(target.url)
        beginning = options.get("from", "end") == "beginning"
        self._files: Files | None = None
        self._journal: Journal | None = None
        if url.scheme == "journald":
            directory = [f"--directory={unquote(url.path)}"] if url.path.strip("/") else []
            units = [f"--unit={unit}" for unit in _listed(options.get("units"))]
            self._journal = Journal(
                [*directory, *units], from_beginning=beginning, cursor=str(state.get("cursor") or "")
            )
        else:
            # What `urlsplit` takes for a query or fragment are characters of a pattern.
            pattern = unquote(target.url.removeprefix("file://"))
            self._files = Files(pattern, from_beginning=beginning, state=state.get("files"))

    def read(self, deadline: float) -> Sequence[Family]:
        """What all services have written until now. Raises TargetError when the journal cannot be read."""
        at = now()
        if self._files is not None:
            self._read_files(self._files, at)
        if self._journal is not None:
            for fields, size in self._journal.read(deadline):
                name = str(fields.get("_SYSTEMD_UNIT") or fields.get("SYSLOG_IDENTIFIER") or "unknown")
                service = self._service(name.removesuffix(".service"), "journal", at)
                if service is not None:
                    service.size += size
                    self._record(service, of_fields(fields), at)
        if self._path is not None and at - self._saved > _SAVE_SECONDS:
            self._save(self._path)
        return self._families(at)

    def abort(self) -> None:
        """End a read in another thread."""
        if self._journal is not None:
            self._journal.abort()

    def close(self) -> None:
        """Save how far it came, and let go."""
        if self._path is not None:
            with contextlib.suppress(WatchkeeperError):
                self._save(self._path)
        if self._files is not None:
            self._files.close()
        self.abort()

    def _read_files(self, files: Files, at: float) -> None:
        for chunk in files.read():
            service = self._service(self._name(chunk.path), chunk.path, at)
            if service is None:
                continue
            service.size += chunk.size
            service.dropped.update(chunk.dropped)
            for line in chunk.lines:
                self._line(service, line, at)
        for path in files.paths():
            self._service(self._name(path), path, at)
        unreadable = Counter(self._name(path) for path in files.unreadable)
        for name in unreadable:
            self._service(name, "", at)
        for name, service in self._services.items():
            service.unreadable = unreadable[name]
            service.sources.intersection_update(files.paths())

    def _name(self, path: str) -> str:
        if "service" in self._target.options:
            return str(self._target.options["service"])
        if match := _CONTAINERS.search(path) or _PODS.search(path):
            return match["name"]
        return Path(path).name.removesuffix(".log")

    def _service(self, name: str, source: str, at: float) -> _Service | None:
        found = self._services.get(name)
        if found is None:
            if len(self._services) >= MAX_SERVICES:
                return None
            found = self._services[name] = _Service(at, Templates(self._limit))
        if source:
            found.sources.add(source)
        return found

    def _line(self, service: _Service, line: bytes, at: float) -> None:
        if not line.strip():
            return
        try:
            text = line.decode()
        except UnicodeDecodeError:
            service.dropped["not_text"] += 1
            return
        record = parse(text, self._format)
        if record.partial:
            service.partial += record.text
            return
        if service.partial:
            # The level is in the first piece; what the last one looks like alone says nothing.
            record = parse(service.partial + record.text, "auto" if self._format == "auto" else "plain")
            service.partial = ""
        if not continues(record.text):
            self._record(service, record, at)

    def _record(self, service: _Service, record: Record, at: float) -> None:
        service.records[record.level] += 1
        service.last = at
        template, new = service.templates.add(record.text)
        if new and at - service.since >= self._learn:
            service.new[record.level] += 1
            service.shown[record.level, template.text[:_TEXT]] = at

    def _families(self, at: float) -> list[Family]:
        rows = list(self._services.items())
        for _, one in rows:
            newest = sorted(one.shown.items(), key=lambda item: item[1])[-SHOWN:]
            one.shown = {key: seen for key, seen in newest if at - seen < SHOWN_SECONDS}
        unread: Counter[str] = Counter()
        for path, size in self._files.unread().items() if self._files is not None else ():
            unread[self._name(path)] += size
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
            family(s.LOGS_UNREAD_BYTES, [((n,), float(size)) for n, size in unread.items()]),
            family(s.LOGS_LAST_RECORD_TIMESTAMP_SECONDS, [((n,), one.last) for n, one in rows if one.last is not None]),
            family(s.LOGS_SOURCES, [((n,), float(len(one.sources))) for n, one in rows]),
            family(s.LOGS_UNREADABLE_SOURCES, [((n,), float(one.unreadable)) for n, one in rows if one.unreadable]),
        ]

    def _restored(self) -> Mapping[str, Any]:
        """The saved state; one that cannot be read is begun anew, and that is only a matter of learning again."""
        if self._path is None:
            return {}
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(state, dict) or state.get("version") != _STATE_VERSION:
            return {}
        for name, known in state["services"].items():
            templates = Templates(self._limit)
            templates.restore(known["templates"])
            self._services[name] = _Service(float(known["since"]), templates)
        return state

    def _save(self, path: Path) -> None:
        self._saved = now()
        state = {
            "version": _STATE_VERSION,
            "files": self._files.state() if self._files is not None else {},
            "cursor": self._journal.cursor if self._journal is not None else "",
            "services": {
                name: {"since": one.since, "templates": one.templates.state()} for name, one in self._services.items()
            },
        }
        draft = path.with_name(f"{path.name}.new")
        try:
            draft.write_text(json.dumps(state), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise TargetError(f"option state: cannot write {path}: {error.strerror}") from None


def _listed(value: object) -> list[str]:
    return [] if value is None else [str(one) for one in value] if isinstance(value, list) else [str(value)]


COLLECTOR = Collector(
    system="logs",
    open=LogsSession,
    signals=s.SIGNALS,
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
