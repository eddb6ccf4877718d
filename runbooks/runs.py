"""A run: how it begins, and how one of its steps is rendered and executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runbooks.context import Context
from runbooks.documents import Document, Step
from runbooks.errors import RenderError, StepError
from runbooks.expectations import parse_expectation
from runbooks.journal import Writes
from runbooks.kinds import KINDS
from runbooks.records import AlertRecord, Command, Incident, Result, Run, StepRecord
from runbooks.redaction import redact_result
from watchkeeper.errors import WatchkeeperError

__all__ = ["answer_of", "begin", "bindings_of", "execute", "is_automatic", "render"]

_ALWAYS_READING = frozenset({"promql", "query", "logs", "sql", "http"})


def begin(writes: Writes, incident: Incident, document: Document, context: Context, by: str) -> str:
    """Store a new run of a document for an incident, all its steps pending; its id."""
    bindings, problems = bindings_of(document, writes.alerts(incident.id), incident.labels)
    number = 1 + len(writes.runs(incident.id))
    run = Run(
        id=f"{incident.id}.{number}",
        incident_id=incident.id,
        runbook=document.key,
        digest=document.digest,
        status="running",
        bindings=bindings,
        problems=problems,
        started_at=writes.at,
        started_by=by,
    )
    records = [_record(run, position, step, context) for position, step in enumerate(document.steps)]
    writes.add_run(run, document, records)
    text = f"run {run.id} of {document.key}"
    writes.event(incident.id, "run_started", text, by=by, run_id=run.id)
    for name, reason in problems.items():
        writes.event(incident.id, "note", f"input {name}: {reason}: steps that need it fail", run_id=run.id)
    return run.id


def _record(run: Run, position: int, step: Step, context: Context) -> StepRecord:
    try:
        automatic = is_automatic(step, render(step, run, context), context)
    except WatchkeeperError:
        automatic = step.read_only and step.approve == "auto" and step.kind in _ALWAYS_READING
    return StepRecord(
        run_id=run.id,
        step_id=step.id,
        position=position,
        kind=step.kind,
        title=step.title,
        section=step.section,
        risk=step.risk,
        role=step.role,
        automatic=automatic,
        status="pending",
        approvals_needed=0 if automatic else (2 if step.approve == "two" else 1),
    )


def bindings_of(
    document: Document, alerts: Sequence[AlertRecord], labels: Mapping[str, str]
) -> tuple[tuple[dict[str, str], ...], dict[str, str]]:
    """The validated label values of the alerts that fire, each distinct set once, and why an input is not usable."""
    firing = [alert.labels for alert in alerts if alert.status == "firing"] or [labels]
    problems: dict[str, str] = {}
    found: list[dict[str, str]] = []
    for source in firing:
        binding: dict[str, str] = {}
        for name, declared in document.inputs.items():
            value = source.get(name) or declared.default
            if value is None:
                continue
            if declared.pattern.fullmatch(value):
                binding[name] = value
            else:
                problems[name] = f"the value {value[:80]!r} does not match {declared.pattern.pattern!r}"
        if binding not in found:
            found.append(binding)
    for name, declared in document.inputs.items():
        if declared.required and name not in problems and not any(name in binding for binding in found):
            problems[name] = "the incident has no such label"
    return tuple(sorted(found, key=lambda binding: sorted(binding.items()))), problems


def render(step: Step, run: Run, context: Context) -> tuple[Command, ...]:
    """The exact commands of a step, one for each target. Raises RenderError."""
    for name in step.inputs:
        if name in run.problems:
            raise RenderError(f"input {name}: {run.problems[name]}")
    commands: list[Command] = []
    for values in _targets(step, run.bindings):
        command = KINDS[step.kind].render(step, values, context)
        if command not in commands:
            commands.append(command)
    if len(commands) > step.max_targets:
        raise RenderError(f"the step would touch {len(commands)} targets, max_targets is {step.max_targets}")
    return tuple(commands)


def _targets(step: Step, bindings: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The distinct values of the step's inputs; a set that another one contains is left out."""
    sets: list[dict[str, str]] = []
    for binding in bindings:
        values = {name: binding[name] for name in step.inputs if name in binding}
        if values not in sets:
            sets.append(values)
    return [one for one in sets if not any(one.items() < other.items() for other in sets)] or [{}]


def is_automatic(step: Step, commands: Sequence[Command], context: Context) -> bool:
    """Whether the rules let the step start on its own.

    It only reads, nobody is asked for, and its kind allows each command.
    """
    if not step.read_only or step.approve != "auto":
        return False
    return all(KINDS[step.kind].automatic(step, command, context) for command in commands)


def execute(step: Step, commands: Sequence[Command], context: Context) -> Result:
    """Execute the commands of a step one after the other; redacted and bounded. Raises StepError."""
    results: list[Result] = []
    for done, command in enumerate(commands):
        try:
            result = _one(step, command, context)
        except StepError as error:
            before = f"{done} of {len(commands)} targets done; " if done else ""
            if before:
                raise StepError(f"{before}{error}", unknown=error.unknown) from None
            raise
        except WatchkeeperError as error:
            raise StepError(str(error)) from None
        results.append(result)
    merged = results[0] if len(results) == 1 else _merged(commands, results)
    return redact_result(merged, context.secrets())


def _one(step: Step, command: Command, context: Context) -> Result:
    kind = KINDS[step.kind]
    result, status = kind.execute(command, step, context, step.timeout)
    if step.expect is not None:
        missed = parse_expectation(step.expect, kind.subjects).miss(result, status)
        if missed is not None:
            raise _MissedError(missed, result)
    elif status is not None and step.kind in {"sh", "python"} and status != 0:
        raise _MissedError(result.summary, result)
    return result


class _MissedError(StepError):
    """A step that was answered, but not as expected: the answer is kept."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def answer_of(error: StepError, context: Context) -> Result | None:
    """The answer that a failed step had all the same."""
    result = getattr(error, "result", None)
    return None if result is None else redact_result(result, context.secrets())


def _merged(commands: Sequence[Command], results: Sequence[Result]) -> Result:
    names = [command.target or command.text.splitlines()[0] for command in commands]
    columns = results[0].columns
    same = all(result.columns == columns for result in results) and bool(columns)
    rows = tuple((name, *row) for name, result in zip(names, results, strict=True) for row in result.rows)
    texts = [f"{name}:\n{result.text}" for name, result in zip(names, results, strict=True) if result.text]
    return Result(
        summary=f"{len(results)} targets: " + "; ".join(result.summary for result in results)[:500],
        columns=("target", *columns) if same else (),
        rows=rows if same else (),
        text="\n".join(texts),
        series=tuple(series for result in results for series in result.series),
        unit=results[0].unit,
        truncated=any(result.truncated for result in results),
    )
