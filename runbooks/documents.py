"""What a runbook document is, once parsed: front matter, sections, prose and typed steps as frozen values.

`runbooks.parser.parse` makes them; `docs/runbook-format.md` describes the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from watchkeeper.declarations import RunbookStep, Severity

__all__ = ["Approval", "Document", "Input", "OnFailure", "Prose", "Risk", "Role", "Section", "Step"]

Risk = Literal["read", "change", "destructive"]
Approval = Literal["auto", "person", "two"]
Role = Literal["main", "verify", "undo"]
"""When a step runs: at its place, or when a step that names it in `verify` or `undo` calls for it."""

OnFailure = str
"""`continue`, `stop`, or `goto:ID`."""


@dataclass(frozen=True, slots=True)
class Input:
    """A label of the incident that steps may use.

    A value must match the whole `pattern`, else nothing that uses it is run.
    """

    name: str
    pattern: re.Pattern[str]
    default: str | None = None
    required: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One typed step; `body` is the kind's own parsed form, `source` the text as written, `line` that of the fence."""

    id: str
    kind: str
    title: str
    risk: Risk
    approve: Approval
    timeout: float
    retries: int
    wait: float
    max_targets: int
    on_failure: OnFailure
    verify: str | None
    undo: str | None
    critical: bool
    end: bool
    expect: str | None
    role: Role
    section: str
    line: int
    source: str
    body: Any
    inputs: tuple[str, ...]
    options: Mapping[str, str]
    queries: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    @property
    def read_only(self) -> bool:
        """Whether the step cannot change anything."""
        return self.risk == "read"


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown between steps, as written, with the line it starts on."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the second level and what stands under it, in reading order."""

    title: str
    line: int
    blocks: tuple[Prose | Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A runbook. `key` is its path in the library without suffix, `digest` the SHA-256 of its text."""

    key: str
    title: str
    path: str
    owner: str
    systems: tuple[str, ...]
    version: str
    summary: str
    alerts: tuple[str, ...]
    detectors: tuple[str, ...]
    severity: Severity | None
    inputs: Mapping[str, Input]
    scope: tuple[str, ...]
    sections: tuple[Section, ...]
    text: str
    digest: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in reading order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Step))

    @property
    def heads(self) -> tuple[RunbookStep, ...]:
        """What the catalogue checks of each step."""
        return tuple(RunbookStep(s.id, s.kind, s.line, s.queries, s.metrics) for s in self.steps)

    def step(self, step_id: str) -> Step:
        """The step with an id; raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
