"""The front matter of a runbook: typed values from YAML, each error with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from runbooks.documents import Input
from watchkeeper.declarations import Severity
from watchkeeper.errors import DocumentError, SettingsError
from watchkeeper.yaml import Document as Yaml
from watchkeeper.yaml import Place, read_document

__all__ = ["FrontMatter", "parse_front_matter"]

_KEYS = ("title", "owner", "systems", "version", "alerts", "detectors", "severity", "inputs", "scope")
_INPUT_KEYS = ("pattern", "default", "required", "description")
_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values of the front matter."""

    title: str
    owner: str
    systems: tuple[str, ...]
    version: str
    alerts: tuple[str, ...]
    detectors: tuple[str, ...]
    severity: Severity | None
    inputs: Mapping[str, Input]
    scope: tuple[str, ...]


def parse_front_matter(text: str, path: str) -> FrontMatter:
    """The front matter of the YAML text that follows the first line of a file. Raises DocumentError."""
    try:
        yaml = read_document("\n" + text, path)  # the line of the three hyphens
    except SettingsError as error:
        raise DocumentError(str(error)) from None
    if not isinstance(yaml.value, dict):
        raise DocumentError(f"{path}:1: the front matter is not a mapping: write `title: …` and `owner: …`")
    reader = _Reader(yaml)
    reader.known((), _KEYS)
    inputs = reader.inputs()
    scope = reader.texts("scope")
    for index, name in enumerate(scope):
        if name not in inputs:
            raise reader.error(
                ("scope", index), f"scope names {name!r}, which is not an input; inputs: {_list(inputs)}"
            )
    severity = reader.text("severity", required=False) or None
    if severity is not None and severity not in _SEVERITIES:
        raise reader.error(("severity",), f"severity is {severity!r}; allowed: {', '.join(_SEVERITIES)}")
    systems = reader.texts("systems")
    if not systems:
        raise reader.error(("systems",), "systems is missing: write the systems that the runbook is about")
    return FrontMatter(
        title=reader.text("title"),
        owner=reader.text("owner"),
        systems=systems,
        version=str(yaml.value.get("version", 1)),
        alerts=reader.texts("alerts"),
        detectors=reader.texts("detectors"),
        severity=severity,
        inputs=inputs,
        scope=scope,
    )


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


@dataclass(frozen=True, slots=True)
class _Reader:
    yaml: Yaml

    def error(self, place: Place, message: str) -> DocumentError:
        return DocumentError(f"{self.yaml.path}:{self.yaml.line(place)}: {message}")

    def known(self, place: Place, allowed: tuple[str, ...]) -> None:
        for key in self.yaml.at(place):
            if key not in allowed:
                near = get_close_matches(str(key), allowed, n=1, cutoff=0.6)
                hint = f". Did you mean {near[0]}?" if near else ""
                raise self.error((*place, key), f"unknown key {key!r}; allowed: {', '.join(allowed)}{hint}")

    def text(self, key: str, *, required: bool = True) -> str:
        value = self.yaml.at((key,))
        if value is None and not required:
            return ""
        if value is None:
            raise self.error((), f"{key} is missing")
        if not isinstance(value, str) or not value.strip():
            raise self.error((key,), f"{key} is {value!r}: expected a text")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.yaml.at((key,))
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error((key,), f"{key} is {value!r}: expected a list of texts, for example [redis]")
        return tuple(value)

    def inputs(self) -> dict[str, Input]:
        value = self.yaml.at(("inputs",))
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(("inputs",), "inputs is not a mapping: write `LABEL: 'REGULAR EXPRESSION'`")
        found: dict[str, Input] = {}
        for name, spec in value.items():
            if not _LABEL.fullmatch(name):
                raise self.error(("inputs", name), f"input {name!r} is not a label name")
            if name.upper() in {other.upper() for other in found}:
                raise self.error(("inputs", name), f"input {name!r} differs from another one in case only")
            found[name] = self._input(name, spec)
        return found

    def _input(self, name: str, spec: Any) -> Input:
        place: Place = ("inputs", name)
        if isinstance(spec, str):
            spec = {"pattern": spec}
        elif isinstance(spec, dict):
            self.known(place, _INPUT_KEYS)
        if not isinstance(spec, dict) or not isinstance(spec.get("pattern"), str):
            raise self.error(place, f"input {name}: expected a regular expression, or a mapping with pattern")
        try:
            pattern = re.compile(spec["pattern"])
        except re.error as error:
            raise self.error(place, f"input {name}: not a regular expression: {error}") from None
        default, required = spec.get("default"), spec.get("required", False)
        if default is not None and (not isinstance(default, str) or not pattern.fullmatch(default)):
            raise self.error(place, f"input {name}: the default {default!r} does not match {pattern.pattern!r}")
        if not isinstance(required, bool):
            raise self.error(place, f"input {name}: required is {required!r}; allowed: true, false")
        return Input(name, pattern, default, required, str(spec.get("description", "")))
