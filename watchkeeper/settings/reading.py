"""Reading the settings: YAML to typed structs, with an error that names path, line, what was found and what is
allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, SettingsError
from watchkeeper.settings.calendars import CalendarSettings, Moment, moment_of
from watchkeeper.settings.elasticsearch import ElasticsearchSettings
from watchkeeper.settings.messages import located, shown
from watchkeeper.settings.parts import (
    AlertmanagerSettings,
    AlertOverride,
    DetectorOverride,
    DetectSettings,
    Listener,
    RunbookSettings,
    StoreSettings,
    Target,
)
from watchkeeper.settings.paths import RECEIVERS, anchored
from watchkeeper.settings.receivers import Receiver
from watchkeeper.settings.sidecar import Access, LogSettings, PushSettings, TraceSettings
from watchkeeper.settings.values import Seconds, Secret
from watchkeeper.yaml import Place, read_document

__all__ = ["Settings", "load", "parse", "receivers", "secret_places", "secrets_of"]

_SECRETS = ("password", "bearer", "api_key")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an installation decides.

    `console_url` and `grafana_url` are where links in alerts lead; `dead_man_url` is a service outside that calls
    somebody when the dead-man's switch falls silent. `calls` says who calls whom, beside what traces tell.
    """

    listen: str = "127.0.0.1:8787"
    data: str = "watchkeeper-data"
    scrape_interval: Seconds = Seconds(15)
    evaluation_interval: Seconds = Seconds(15)
    target_labels: tuple[str, ...] = ("job", "instance")
    targets: tuple[Target, ...] = ()
    access: Access | None = None
    log: LogSettings = LogSettings()
    push: PushSettings | None = None
    traces: TraceSettings = TraceSettings()
    store: StoreSettings = StoreSettings()
    alertmanager: AlertmanagerSettings | None = None
    elasticsearch: ElasticsearchSettings | None = None
    definitions: str = ""
    alerts: dict[str, AlertOverride] = {}
    slos: dict[str, AlertOverride] = {}
    detectors: dict[str, DetectorOverride] = {}
    calendars: CalendarSettings = CalendarSettings()
    calls: dict[str, tuple[str, ...]] = {}
    detect: DetectSettings = DetectSettings()
    runbooks: RunbookSettings = RunbookSettings()
    bills: tuple[str, ...] = ()
    console_url: str = ""
    grafana_url: str = ""
    dead_man_url: str = ""
    pace: float = 1.0

    def __post_init__(self) -> None:
        names = [target.name for target in self.targets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two targets are named {name!r}: every target needs a name of its own")
        if not 1 <= self.pace < math.inf:
            raise ValueError(f"pace is {self.pace:g}: it is at least 1")

    @property
    def listener(self) -> Listener:
        """The address of `listen`."""
        return Listener.parse(self.listen)


def load(path: str | Path, purpose: str = "up") -> Settings:
    """The settings of a file; `purpose` is the example that a missing one is offered. Raises SettingsError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        command = f"watchkeeper config example --for {purpose} > {path}"
        raise SettingsError(f"{path}: no such file: write one with `{command}`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def receivers(settings: Settings) -> list[tuple[Place, Receiver]]:
    """Every server that is asked or sent to beside the targets, with its place in the settings."""
    found: list[tuple[Place, Receiver]] = []
    for place in RECEIVERS:
        one: Any = settings
        for step in place:
            one = getattr(one, step, None)
        if one is not None:
            found.append((place, one))
    return found


def secret_places(settings: Settings) -> list[tuple[Place, Secret]]:
    """Every secret that the settings name, with its place in them."""
    push = settings.push
    owners: list[tuple[Place, Any]] = [(("targets", index), one) for index, one in enumerate(settings.targets)]
    owners += [*receivers(settings), (("access",), settings.access)]
    found = [((*place, name), getattr(owner, name, None)) for place, owner in owners for name in _SECRETS]
    if push is not None and push.otlp is not None:
        found += [(("push", "otlp", "headers", name), secret) for name, secret in push.otlp.headers.items()]
    return [(place, secret) for place, secret in found if secret is not None]


def secrets_of(settings: Settings) -> list[Secret]:
    """Every secret that the settings name."""
    return [secret for _, secret in secret_places(settings)]


def parse(text: str, path: str = "watchkeeper.yaml") -> Settings:
    """The settings of a YAML text; relative paths in it are relative to the directory of `path`. Raises
    SettingsError.
    """
    document = read_document(text, path)
    value = {} if document.value is None else document.value
    if not isinstance(value, Mapping):
        raise SettingsError(f"{path}:1: expected settings such as `targets:`, found {shown(value)}")
    try:
        settings = msgspec.convert(anchored(value, Path(path).parent, Settings().data), Settings, dec_hook=_decode)
        settings.listener  # noqa: B018  an address that cannot be read must fail here, with its line
    except msgspec.ValidationError as error:
        raise SettingsError(located(str(error), document, Settings, _decode)) from None
    except SettingsError as error:
        raise SettingsError(f"{path}:{document.line(('listen',))}: {error}") from None
    return settings


def _decode(kind: type, value: object) -> object:
    if kind is Seconds:
        if not isinstance(value, str):
            such = f"{value:g}s" if isinstance(value, int | float) and not isinstance(value, bool) else "15s"
            raise ValueError(f"expected a duration with a unit, such as {such} or 5m, found {shown(value)}")
        try:
            seconds = parse_duration(value)
        except DefinitionError as error:
            raise ValueError(str(error)) from None
        if seconds <= 0:
            raise ValueError(f"expected a duration longer than 0, found {value!r}")
        return Seconds(seconds)
    if kind is Moment:
        return moment_of(value)
    raise NotImplementedError(kind)
