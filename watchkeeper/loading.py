"""Definitions: found by walking packages, and a user's own directory.

A definition module has constants with fixed names (`SYSTEM`, `QUERIES`, `DASHBOARD`, `ALERTS`, `SLOS`,
`DETECTORS`). Where each definition stands in its file is read from the source, so that a finding can name the line.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from watchkeeper.declarations import (
    SLO,
    Alert,
    Dashboard,
    Definitions,
    Detector,
    NamedQuery,
    RunbookHead,
    System,
)
from watchkeeper.errors import WatchkeeperError
from watchkeeper.findings import Finding
from watchkeeper.labels import using_target_labels

__all__ = ["PACKAGES", "Loaded", "load_definitions"]

PACKAGES = ("watchkeeper.systems", "dashboards", "alerts", "detectors")
"""Where shipped definitions stand; imported by name, so that a package that is not installed is a finding and no
crash.
"""

# The constants of a definition module, the class of their items, and the field of Definitions that collects them.
_CONSTANTS: tuple[tuple[str, type, str], ...] = (
    ("SYSTEM", System, "systems"),
    ("QUERIES", NamedQuery, "queries"),
    ("DASHBOARD", Dashboard, "dashboards"),
    ("ALERTS", Alert, "alerts"),
    ("SLOS", SLO, "slos"),
    ("DETECTORS", Detector, "detectors"),
)
_KINDS = {
    "System": "system",
    "NamedQuery": "query",
    "Dashboard": "dashboard",
    "Panel": "panel",
    "Alert": "alert",
    "SLO": "slo",
    "Detector": "detector",
    "Counter": "signal",
    "Gauge": "signal",
    "Histogram": "signal",
    "Summary": "signal",
    "Info": "signal",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found, and what could not be loaded."""

    definitions: Definitions
    findings: tuple[Finding, ...]


def load_definitions(
    packages: Sequence[str] = PACKAGES,
    *,
    directory: Path | None = None,
    runbooks: Sequence[RunbookHead] = (),
    target_labels: Iterable[str] = (),
) -> Loaded:
    """All definitions of the packages and of a user's directory.

    A module that cannot be imported becomes a finding at the line that failed, and the rest is loaded.
    """
    found: dict[str, list[Any]] = {field: [] for _, _, field in _CONSTANTS}
    places: dict[tuple[str, str], tuple[str, int]] = {}
    findings: list[Finding] = []
    with using_target_labels(target_labels):
        for module, problem in (*_modules(packages), *_user_modules(directory)):
            if problem is not None:
                findings.append(problem)
            if module is None:
                continue
            _collect(module, found, findings)
            for place, at in _places(module).items():
                places.setdefault(place, at)
    for head in runbooks:
        places[("runbook", head.key)] = (head.path, 1)
    definitions = Definitions(
        systems=tuple(found["systems"]),
        queries=tuple(found["queries"]),
        dashboards=tuple(found["dashboards"]),
        alerts=tuple(found["alerts"]),
        slos=tuple(found["slos"]),
        detectors=tuple(found["detectors"]),
        runbooks=tuple(runbooks),
        places=places,
    )
    return Loaded(definitions, tuple(findings))


def _collect(module: ModuleType, found: dict[str, list[Any]], findings: list[Finding]) -> None:
    for name, kind, field in _CONSTANTS:
        value = getattr(module, name, None)
        if value is None:
            continue
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, kind):
                found[field].append(item)
            else:
                what = f"{name} holds {item!r}: it holds {kind.__name__} values"
                findings.append(Finding("error", "wrong-definition", what, _file(module), 1))


def _modules(packages: Sequence[str]) -> Iterator[tuple[ModuleType | None, Finding | None]]:
    for package in packages:
        parent, problem = _import(package)
        if parent is None:
            yield None, problem
            continue
        for info in sorted(pkgutil.iter_modules(parent.__path__), key=lambda info: info.name):
            if not info.ispkg and not info.name.startswith("_") and _defines(info, package):
                yield _import(f"{package}.{info.name}")


def _defines(info: pkgutil.ModuleInfo, package: str) -> bool:
    """Whether a module has one of the constants: machinery beside definitions need not be imported."""
    spec = importlib.util.find_spec(f"{package}.{info.name}")
    if spec is None or spec.origin is None:
        return False
    text = Path(spec.origin).read_text(encoding="utf-8")
    return any(f"\n{name}" in text for name, _, _ in _CONSTANTS)


def _user_modules(directory: Path | None) -> Iterator[tuple[ModuleType | None, Finding | None]]:
    if directory is None:
        return
    if not directory.is_dir():
        what = f"{directory}: no such directory: `definitions` in the settings names a directory of Python files"
        yield None, Finding("error", "definitions-missing", what, str(directory), 0)
        return
    # A private name, so that a file called redis.py is never taken for the library, nor found by accident.
    prefix = "_watchkeeper_definitions_" + hashlib.blake2b(str(directory.resolve()).encode(), digest_size=4).hexdigest()
    for path in sorted(directory.rglob("*.py")):
        name = ".".join((prefix, *path.relative_to(directory).with_suffix("").parts))
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # noqa: BLE001  a user's file may raise anything
            del sys.modules[name]
            yield None, _failure(error, str(path))
        else:
            yield module, None


def _import(name: str) -> tuple[ModuleType | None, Finding | None]:
    try:
        return importlib.import_module(name), None
    except Exception as error:  # noqa: BLE001  a definition may raise anything; the rest is still checked
        spec = importlib.util.find_spec(name) if "." not in name or name.rpartition(".")[0] in sys.modules else None
        return None, _failure(error, (spec.origin if spec else None) or name)


def _failure(error: Exception, path: str) -> Finding:
    """A finding at the line of the definition file that failed."""
    line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == path:
            line = frame.lineno or 0
    text = str(error) if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"
    return Finding("error", "not-loadable", " ".join(text.split()), path, line)


def _file(module: ModuleType) -> str:
    return module.__file__ or module.__name__


def _places(module: ModuleType) -> dict[tuple[str, str], tuple[str, int]]:
    """Where definitions and their fields stand: (kind, key) and (kind, key#field) to (file, line)."""
    path = _file(module)
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}
    places: dict[tuple[str, str], tuple[str, int]] = {}
    _visit(tree, "", path, places)
    return places


def _visit(node: ast.AST, dashboard: str, path: str, places: dict[tuple[str, str], tuple[str, int]]) -> None:
    if isinstance(node, ast.Call):
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        kind = _KINDS.get(name)
        key = _key(node) if kind else None
        if kind and key:
            if kind == "panel":
                key = f"{dashboard}/{key}"
            elif kind == "dashboard":
                dashboard = key
            places.setdefault((kind, key), (path, node.lineno))
            for keyword in node.keywords:
                if keyword.arg:
                    places.setdefault((kind, f"{key}#{keyword.arg}"), (path, keyword.value.lineno))
    for child in ast.iter_child_nodes(node):
        _visit(child, dashboard, path, places)


def _key(call: ast.Call) -> str | None:
    candidates = [keyword.value for keyword in call.keywords if keyword.arg in {"key", "name"}] or call.args[:1]
    for candidate in candidates:
        if isinstance(candidate, ast.Constant) and isinstance(candidate.value, str):
            return candidate.value
    return None
