"""What commands share: the settings, the definitions, the runbooks. Packages are imported by name, when asked."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchkeeper.errors import SettingsError
from watchkeeper.settings import Settings, load, secrets_of

if TYPE_CHECKING:
    from watchkeeper.catalogue import Catalogue
    from watchkeeper.declarations import Definitions
    from watchkeeper.findings import Finding

__all__ = [
    "DEFAULT_SETTINGS",
    "Everything",
    "known_secrets",
    "load_everything",
    "load_library",
    "load_settings",
    "package",
]

DEFAULT_SETTINGS = "watchkeeper.yaml"


def package(name: str) -> Any:
    """A module of the five packages, imported by name: the arrows of the design point to `watchkeeper`, never from
    it.
    """
    return importlib.import_module(name)


def load_settings(path: str | None, *, required: bool = False, purpose: str = "up") -> Settings:
    """The settings of a file; without one, those of ./watchkeeper.yaml, or the defaults where none is required.

    `purpose` is the example that is offered in place of a missing file. Raises SettingsError.
    """
    if path is not None or required or Path(DEFAULT_SETTINGS).exists():
        return load(path or DEFAULT_SETTINGS, purpose)
    return Settings()


def known_secrets(settings: Settings) -> list[str]:
    """Every secret that the settings name, as it is now: for who takes them out of texts."""
    found = []
    for secret in secrets_of(settings):
        try:
            found.append(secret.resolve())
        except SettingsError:
            continue  # a missing secret cannot leak; who needs it reports it
    return found


def load_library(settings: Settings) -> Any:
    """The shipped runbooks and those of the settings: a mapping with `problems`."""
    library = package("runbooks.library")
    return library.load([library.SHIPPED, *(Path(path) for path in settings.runbooks.library)])


@dataclass(frozen=True, slots=True)
class Everything:
    """All definitions, the catalogue with the settings applied, the library, and what could not be loaded."""

    settings: Settings
    definitions: Definitions
    catalogue: Catalogue
    library: Any
    findings: Sequence[Finding]


def load_everything(settings: Settings, *, runbooks: bool = True) -> Everything:
    """Load definitions and runbooks; what cannot be loaded becomes a finding and the rest goes on.

    Without `runbooks` the library is empty, which is half the time: for commands that answer at once and open none.
    """
    # Not at the top: the sidecar and `config` have no need of the catalogue, which takes longest to import.
    from watchkeeper.catalogue import Catalogue
    from watchkeeper.loading import load_definitions

    library = load_library(settings) if runbooks else {}
    loaded = load_definitions(
        directory=Path(settings.definitions) if settings.definitions else None,
        runbooks=tuple(library.values()),
        target_labels=settings.target_labels,
    )
    problems = [_document_finding(problem) for problem in getattr(library, "problems", ())]
    catalogue = Catalogue.of(loaded.definitions).with_settings(settings)
    return Everything(settings, loaded.definitions, catalogue, library, (*loaded.findings, *problems))


def _document_finding(problem: Exception) -> Finding:
    """A DocumentError's text begins with `path:line: `."""
    from watchkeeper.findings import Finding

    place, _, message = str(problem).partition(": ")
    path, _, line = place.rpartition(":")
    if not line.isdecimal():
        return Finding("error", "document", str(problem), place, 0)
    return Finding("error", "document", message, path, int(line))
