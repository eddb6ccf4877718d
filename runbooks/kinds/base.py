"""What a kind of step is: how its body is parsed, rendered and executed. One frozen description for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.records import Command, Result
from runbooks.templates import Source, check_templates, fill

__all__ = ["MAX_ROWS", "MAX_TEXT", "Kind", "Parsed", "bounded", "never", "nothing_to_run", "target_inputs", "target_of"]

MAX_TEXT = 64 * 1024
MAX_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A parsed body: the kind's own form, the inputs it uses, the risks it may declare (the first is the default).

    `must_say` is True where the risk has no default.
    """

    body: Any
    inputs: tuple[str, ...]
    risks: tuple[Risk, ...]
    title: str
    must_say: bool = False
    queries: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of step.

    `parse(source, options, risk)` raises DocumentError. `render(step, values, context)` gives the exact
    command for one set of values and raises RenderError. `execute(command, step, context, seconds)` gives
    the result and the status for `expect`, and raises StepError, or any other WatchkeeperError for a
    definite failure. `automatic(step, command, context)` says whether the rules let it start on its own.
    """

    name: str
    parse: Callable[[Source, Mapping[str, str], Risk | None], Parsed]
    render: Callable[[Step, Mapping[str, str], Context], Command]
    execute: Callable[[Command, Step, Context, float], tuple[Result, int | None]]
    automatic: Callable[[Step, Command, Context], bool]
    subjects: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()


def never(step: Step, command: Command, context: Context) -> bool:
    """A rule: always wait for a person."""
    return False


def nothing_to_run(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    """For kinds that a person carries out."""
    raise AssertionError(f"a {step.kind} step has nothing to run")


def target_inputs(source: Source, options: Mapping[str, str], inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs of a body and of the annotation `target`, which may be the value of a label."""
    named = Source(source.path, source.line - 1, options.get("target", ""))
    return tuple(dict.fromkeys((*inputs, *check_templates(named))))


def target_of(step: Step, values: Mapping[str, str]) -> str | None:
    """The name in the annotation `target`: a key into the settings, whatever the value of a label is."""
    text = step.options.get("target")
    return None if text is None else fill(text, values, str)


def bounded(text: str) -> tuple[str, bool]:
    """The text cut to what the journal keeps, and whether it was cut."""
    return (text, False) if len(text) <= MAX_TEXT else (text[:MAX_TEXT], True)
