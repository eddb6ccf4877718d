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
from watchkeeper.settings.parts import (
    AlertmanagerSettings,
    AlertOverride,
    DetectorOverride,
    Listener,
    RunbookSettings,
    StoreSettings,
    Target,
)
from watchkeeper.settings.paths import anchored
from watchkeeper.settings.sidecar import Access, LogSettings, PushSettings, TraceSettings
from watchkeeper.settings.values import Seconds, Secret
from watchkeeper.yaml import Document, Place, read_document

__all__ = ["Settings", "load", "parse", "secrets_of"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an installation decides.

    `console_url` and `grafana_url` are where links in alerts lead; `dead_man_url` is a service outside that calls
    somebody when the dead-man's switch falls silent.
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
    definitions: str = ""
    alerts: dict[str, AlertOverride] = {}
    slos: dict[str, AlertOverride] = {}
    detectors: dict[str, DetectorOverride] = {}
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


def load(path: str | Path) -> Settings:
    """The settings of a file. Raises SettingsError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file: write one with `watchkeeper config example > {path}`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def secrets_of(settings: Settings) -> list[Secret]:
    """Every secret that the settings name."""
    otlp = settings.push.otlp if settings.push is not None else None
    write = settings.push.remote_write if settings.push is not None else None
    places = (*settings.targets, settings.store.prometheus, settings.alertmanager, settings.access, otlp, write)
    found = [getattr(place, name, None) for place in places for name in ("password", "bearer")]
    found += otlp.headers.values() if otlp is not None else ()
    return [secret for secret in found if secret is not None]


def parse(text: str, path: str = "watchkeeper.yaml") -> Settings:
    """The settings of a YAML text; relative paths in it are relative to the directory of `path`. Raises
    SettingsError.
    """
    document = read_document(text, path)
    value = {} if document.value is None else document.value
    if not isinstance(value, Mapping):
        raise SettingsError(f"{path}:1: expected settings such as `targets:`, found {_shown(value)}")
    try:
        settings = msgspec.convert(anchored(value, Path(path).parent, Settings().data), Settings, dec_hook=_decode)
        settings.listener  # noqa: B018  an address that cannot be read must fail here, with its line
    except msgspec.ValidationError as error:
        raise SettingsError(_located(str(error), document)) from None
    except SettingsError as error:
        raise SettingsError(f"{path}:{document.line(('listen',))}: {error}") from None
    return settings


def _decode(kind: type, value: object) -> object:
    if kind is Seconds:
        if not isinstance(value, str):
            raise ValueError(f"expected a duration with a unit, such as {value}s or 5m, found {_shown(value)}")
        try:
            seconds = parse_duration(value)
        except DefinitionError as error:
            raise ValueError(str(error)) from None
        if seconds <= 0:
            raise ValueError(f"expected a duration longer than 0, found {value!r}")
        return Seconds(seconds)
    raise NotImplementedError(kind)


def _located(message: str, document: Document) -> str:
    """One line of msgspec's message: path:line, the place in the file, what was found, what is allowed."""
    text, _, where = message.partition(" - at `")
    steps = _steps(where.rstrip("`"), document)
    if text.startswith(("Object contains unknown field", "Object missing required field")):
        name = text.split("`")[1]
        owner = _struct_at(steps)
        fields = owner.__struct_fields__ if owner else ()
        place = _place((*steps, name))
        if "unknown" in text:
            from difflib import get_close_matches

            near = get_close_matches(name, fields, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]}?" if near else ""
            line = document.line((*steps, name))
            return f"{document.path}:{line}: unknown key {place}; allowed: {', '.join(fields)}.{hint}"
        return f"{document.path}:{document.line(steps)}: {place} is missing: it is required"
    found = document.at(steps)
    place = _place(steps) or "the settings"
    text = text.replace("`", "")
    if text.startswith("Expected"):
        text = f"e{text[1:]}".partition(", got")[0]
        # A password that was written here must not stand in a log for it.
        text += f", found {type(found).__name__}" if _secret(steps) else f", found {_shown(found)}"
        text += ": write {file: PATH} or {env: NAME}" if _secret(steps) else ""
    elif text.startswith("Invalid enum value"):
        text = f"{_shown(found)} is not allowed here: allowed are {', '.join(_literals(steps)) or 'others'}"
    return f"{document.path}:{document.line(steps)}: {place}: {text}"


def _secret(steps: Place) -> bool:
    return bool(steps) and (steps[-1] in ("password", "bearer") or "headers" in steps)


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r}" if not isinstance(value, dict | list) else f"a {type(value).__name__}"


def _place(steps: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def _steps(path: str, document: Document) -> Place:
    """`$.targets[0].name` as ("targets", 0, "name").

    For a key of a dictionary msgspec says `[...]`: the entry that fails by itself is looked for.
    """
    steps: Place = ()
    for part in path.removeprefix("$").replace("[", ".[").split("."):
        if part == "[":  # the first third of "[...]"
            entries = document.at(steps)
            kind = _field_type((*steps, "*"))
            steps = (*steps, next((key for key, value in entries.items() if not _converts(value, kind)), "*"))
        elif part.startswith("["):
            steps = (*steps, int(part[1:-1]))
        elif part and part != "]":
            steps = (*steps, part)
    return steps


def _converts(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, dec_hook=_decode)
    except msgspec.ValidationError:
        return False
    return True


def _field_type(steps: Place) -> Any:
    import typing

    kind: Any = Settings
    for step in steps:
        options = [option for option in typing.get_args(kind) if option is not type(None) and option is not Ellipsis]
        if isinstance(step, int):
            kind = options[0] if options else object
        elif typing.get_origin(kind) is dict:
            kind = options[-1]
        else:
            struct = next((k for k in (kind, *options) if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)
            if struct is not None:
                kind = typing.get_type_hints(struct).get(step, object)
            else:
                kind = options[-1] if options else object
    return kind


def _struct_at(steps: Place) -> type[msgspec.Struct] | None:
    import typing

    kind = _field_type(steps)
    candidates = (kind, *typing.get_args(kind))
    return next((k for k in candidates if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)


def _literals(steps: Place) -> list[str]:
    import typing

    kind = _field_type(steps)
    found = [value for option in (kind, *typing.get_args(kind)) for value in typing.get_args(option)]
    return [str(value) for value in found if isinstance(value, str)]
