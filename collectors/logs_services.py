"""What is known of each service's log, and which service a file or unit belongs to."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from collectors.logs_records import Record
from collectors.logs_templates import Templates

__all__ = ["OTHER", "SHOWN", "SHOWN_SECONDS", "Service", "Services", "service_of_file", "service_of_unit"]

OTHER = "_other"
"""The service that further ones are counted as once there are too many."""

MAX_SERVICES = 200
# Templates of all services together: at most some 30 MB.
MAX_TEMPLATES = 10_000
# Of the newest templates the texts are shown, for an hour.
SHOWN = 20
SHOWN_SECONDS = 3600.0
# A service without a file, or without a record in the journal, for so long gives its place to a new one.
_FORGET_SECONDS = 3600.0
_TEXT = 160

# A pod's name ends in what its controller added; the container's name is the service.
_CONTAINERS = re.compile(r"/containers/[^/_]+_[^/_]+_(?P<name>[^/]+)-[0-9a-f]{64}\.log$")
_PODS = re.compile(r"/pods/[^/]+/(?P<name>[^/]+)/\d+\.log$")
# What is added to the name of a log by the day, or by rotation: it is still the same service.
_DATED = re.compile(r"(?:[-._]\d{4}-?\d\d-?\d\d(?:[-._T]?\d+)*|\.\d{1,3})$")
# Units that are made for one use: instances of a template, sessions, `systemd-run`.
_INSTANCE = re.compile(r"@.*$|(?<=^session)-.*$|(?<=^run)-.*$")
_KIND = re.compile(r"\.(?:service|scope|slice|socket|mount|timer)$")


def service_of_file(path: str) -> str:
    """The service of a log by its path: the container's name, else the file's without `.log` and dates."""
    if match := _CONTAINERS.search(path) or _PODS.search(path):
        return match["name"]
    name = Path(path).name
    for _ in range(3):  # app.log.1, app-20260102.log, app.log-2026-01-02
        shorter = _DATED.sub("", name).removesuffix(".log")
        if shorter in ("", name):
            break
        name = shorter
    return name


def service_of_unit(unit: str) -> str:
    """The service of a unit of systemd: its name without kind and instance."""
    return _INSTANCE.sub("", _KIND.sub("", unit)) or unit


@dataclass(slots=True)
class Service:
    """What is known of one service's log; times are Unix times."""

    since: float
    templates: Templates
    records: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    size: int = 0
    lost: int = 0
    last: float | None = None
    sources: set[str] = field(default_factory=set)
    unreadable: int = 0
    # When it had a source, or a record, last.
    alive: float = 0.0
    shown: dict[tuple[str, str], float] = field(default_factory=dict)

    def add(self, record: Record, at: float, learn: float) -> None:
        """Count a record; its template is new when the learning time is over."""
        self.records[record.level] += 1
        self.last = self.alive = at
        template, new = self.templates.add(record.text)
        if new and at - self.since >= learn:
            self.new[record.level] += 1
            self.shown[record.level, template.text[:_TEXT]] = at
            if len(self.shown) > 10 * SHOWN:
                self.trim(at)

    def trim(self, at: float) -> None:
        """Forget the texts that are shown no longer."""
        newest = sorted(self.shown.items(), key=lambda item: item[1])[-SHOWN:]
        self.shown = {key: seen for key, seen in newest if at - seen < SHOWN_SECONDS}


class Services(dict[str, Service]):
    """The services by name; at most so many, and templates of all together."""

    def __init__(self, templates: int) -> None:
        super().__init__()
        self._wanted = templates
        self._cache: dict[tuple[int, str], int] = {}

    def named(self, name: str, at: float, *, since: float | None = None) -> Service:
        """The service of a name, made when it is new; `_other` when there are too many."""
        found = self.get(name)
        if found is not None:
            return found
        if len(self) >= MAX_SERVICES:
            self.forget(at)
        if len(self) >= MAX_SERVICES:
            name = OTHER
            if name in self:
                return self[name]
        found = self[name] = Service(at if since is None else since, Templates(cache=self._cache), alive=at)
        share = max(50, MAX_TEMPLATES // len(self))
        for one in self.values():
            one.templates.limit = min(self._wanted, share)
        return found

    def forget(self, at: float) -> None:
        """Forget the services that are long gone."""
        for name in [name for name, one in self.items() if at - one.alive > _FORGET_SECONDS]:
            del self[name]
