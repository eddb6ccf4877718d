"""What the pages show, put together from the journal: plain values for the templates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runbooks.console.chart import Line, lines_chart
from runbooks.console.numbers import human
from runbooks.console.words import step_tone, step_word
from runbooks.documents import Document, Step
from runbooks.engine import Engine
from runbooks.records import FINISHED, ApprovalRecord, Incident, Result, Run, Series, StepRecord
from runbooks.render import RenderedProse, html_prose, html_sections

__all__ = [
    "IncidentRow",
    "LegendEntry",
    "ResultView",
    "RunView",
    "SectionView",
    "StepView",
    "document_view",
    "incident_row",
    "result_view",
    "run_view",
    "system_of",
    "values_of",
]

# More lines than this nobody can tell apart.
_LINES = 6
_ROWS = 50


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A line of a chart: its class, its labels, its last value."""

    number: int
    label: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """An answer as it is shown; `cells` are (text, is a number)."""

    headline: str
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[tuple[str, bool], ...], ...] = ()
    text: str = ""
    chart: str = ""
    legend: tuple[LegendEntry, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step of a run, or of a document that is only read (`record` is None).

    `source` is the step as it is written; what a person does by hand is `prose`, as safe HTML.
    """

    id: str
    kind: str
    title: str
    risk: str
    role: str
    source: str
    prose: str
    facts: tuple[str, ...]
    record: StepRecord | None = None
    result: ResultView | None = None
    approvals: tuple[ApprovalRecord, ...] = ()
    number: int = 0
    word: str = ""
    tone: str = "quiet"

    @property
    def asks(self) -> bool:
        """Whether a person has to act now."""
        return self.record is not None and self.record.status in ("waiting_approval", "outcome_unknown")


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section: prose as safe HTML, and steps, in reading order."""

    title: str
    anchor: str
    blocks: tuple[str | StepView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with its document; `next` is what waits for a person."""

    run: Run
    document: Document
    sections: tuple[SectionView, ...]
    next: StepView | None
    running: StepView | None
    ended: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """A line of the list."""

    incident: Incident
    system: str
    run: Run | None
    progress: str
    waits: bool


def incident_row(engine: Engine, incident: Incident) -> IncidentRow:
    """The line of an incident, with the state of its newest run."""
    runs = engine.journal.runs(incident.id)
    run = runs[0] if runs else None
    progress, waits = "no runbook" if incident.runbook is None else "not started", False
    if run is not None:
        steps = engine.journal.steps(run.id)
        asking = next((step for step in steps if step.status in ("waiting_approval", "outcome_unknown")), None)
        main = [step for step in steps if step.role == "main"]
        ended = sum(step.status in FINISHED for step in main)
        if asking is not None:
            word = "decide the outcome of" if asking.status == "outcome_unknown" else "waits for you:"
            progress, waits = f"{word} {asking.title}", True
        elif run.status == "running":
            progress = f"running, step {min(ended + 1, len(main))} of {len(main)}"
        else:
            progress = {"succeeded": "finished", "waiting": "waits"}.get(run.status, run.status)
    return IncidentRow(incident=incident, system=system_of(engine, incident), run=run, progress=progress, waits=waits)


def system_of(engine: Engine, incident: Incident) -> str:
    """The system of an incident: its label, or that of its runbook."""
    found = incident.labels.get("system")
    if not found and incident.runbook is not None and incident.runbook in engine.library:
        found = ", ".join(engine.library[incident.runbook].systems)
    return found or ""


def run_view(engine: Engine, run: Run) -> RunView:
    """A run with everything that its page shows."""
    document = engine.document(run.id)
    records = {record.step_id: record for record in engine.journal.steps(run.id)}
    sections = _sections(engine, document, values_of(run), records)
    steps = [block for section in sections for block in section.blocks if isinstance(block, StepView)]
    return RunView(
        run=run,
        document=document,
        sections=sections,
        next=next((step for step in steps if step.asks), None),
        running=next((step for step in steps if step.record and step.record.status == "running"), None),
        ended=sum(step.record is not None and step.record.status in FINISHED for step in steps),
        total=len(steps),
    )


def document_view(engine: Engine, document: Document) -> tuple[SectionView, ...]:
    """A document of the library, without a run."""
    return _sections(engine, document, {}, {})


def _sections(
    engine: Engine, document: Document, values: Mapping[str, str], records: Mapping[str, StepRecord]
) -> tuple[SectionView, ...]:
    number, sections = 0, []
    for section in html_sections(document, values):
        blocks: list[str | StepView] = []
        for block in section.blocks:
            if isinstance(block, RenderedProse):
                blocks.append(block.html)
            else:
                number += 1
                blocks.append(_step_view(engine, block.step, values, records.get(block.step.id), number))
        sections.append(SectionView(section.title, section.anchor, tuple(blocks)))
    return tuple(sections)


def _step_view(
    engine: Engine, step: Step, values: Mapping[str, str], record: StepRecord | None, number: int
) -> StepView:
    return StepView(
        id=step.id,
        kind=step.kind,
        title=step.title if record is None else record.title,
        risk=step.risk,
        role=step.role,
        source=step.source,
        prose=html_prose(step.source, values) if step.kind == "manual" else "",
        facts=_facts(step),
        record=record,
        result=None if record is None or record.result is None else result_view(record.result, step.id),
        approvals=_approvals(engine, record),
        number=number,
        word="" if record is None else step_word(record),
        tone="quiet" if record is None else step_tone(record),
    )


def _facts(step: Step) -> tuple[str, ...]:
    told = (("expects", step.expect), ("checked by", step.verify), ("undone by", step.undo))
    return (*(f"{word} {value}" for word, value in told if value), *(["critical"] if step.critical else []))


def _approvals(engine: Engine, record: StepRecord | None) -> tuple[ApprovalRecord, ...]:
    if record is None or (record.risk == "read" and record.automatic):
        return ()
    return tuple(engine.journal.approvals(record.run_id, record.step_id))


def values_of(run: Run) -> dict[str, str]:
    """The input values of a run as prose shows them: several of one input are joined by commas."""
    return {name: ", ".join(values) for name, values in run.inputs.items()}


def result_view(result: Result, prefix: str) -> ResultView:
    """An answer with human units, and a chart where it has series."""
    unit = result.unit
    if result.series:
        return _series_view(result, prefix)
    rows = result.rows[:_ROWS]
    value_column = len(result.columns) - 1 if unit or (result.columns and result.columns[-1] == "value") else -1
    cells = tuple(
        tuple(_cell(value, unit if index == value_column else "") for index, value in enumerate(row)) for row in rows
    )
    columns = result.columns
    # A column without a word, and the metric's name where it is one and the same, say nothing.
    empty = {
        i
        for i in range(len(columns) - 1)
        if all(row[i][0] == "" for row in cells)
        or (columns[i] == "__name__" and len({row[i][0] for row in cells}) == 1)
    }
    if cells and empty:
        columns = tuple(name for i, name in enumerate(columns) if i not in empty)
        cells = tuple(tuple(cell for i, cell in enumerate(row) if i not in empty) for row in cells)
    headline = result.summary
    if value_column >= 0 and rows:
        highest = rows[0][-1]
        if isinstance(highest, int | float):
            headline = (
                human(float(highest), unit)
                if len(rows) == 1
                else f"highest {human(float(highest), unit)} of {len(rows)}"
            )
    return ResultView(
        headline=headline,
        columns=columns,
        cells=cells,
        text="" if result.text.strip() and headline.endswith(result.text.strip()) else result.text,
        more=_more(len(result.rows) - len(rows), "rows", result.truncated),
    )


def _series_view(result: Result, prefix: str) -> ResultView:
    shown = result.series[:_LINES]
    names = _telling(result.series)
    labels = [_label(series, names) for series in shown]
    lines = [Line(label or "value", series.points) for label, series in zip(labels, shown, strict=True)]
    last = [_last(series) for series in shown]
    legend = tuple(
        LegendEntry(number, label, human(value, result.unit))
        for number, (label, value) in enumerate(zip(labels, last, strict=True))
    )
    known = [value for value in last if value is not None]
    text = human(max(known), result.unit) if known else result.summary
    return ResultView(
        headline=f"now {text}" if len(shown) == 1 else f"highest now {text}",
        chart=lines_chart(lines, result.unit, title=result.summary, prefix=f"answer-{prefix}"),
        legend=legend,
        more=_more(len(result.series) - len(shown), "series", result.truncated),
    )


def _telling(series: Iterable[Series]) -> list[str]:
    """The labels that tell the series apart."""
    rows = [one.labels for one in series]
    names = sorted({name for labels in rows for name in labels})
    return [name for name in names if len({labels.get(name) for labels in rows}) > 1]


def _label(series: Series, names: Sequence[str]) -> str:
    values = [series.labels.get(name, "") for name in names]
    if not names:  # the only one: all that is known of it
        values = [value for name, value in series.labels.items() if name != "__name__"]
    return ", ".join(value for value in values if value)


def _last(series: Series) -> float | None:
    return next((value for _, value in reversed(series.points) if value is not None and math.isfinite(value)), None)


def _cell(value: str | float | int | bool | None, unit: str) -> tuple[str, bool]:
    if value is None:
        return ("unknown" if unit else "", False)
    if isinstance(value, bool):
        return ("yes" if value else "no", False)
    if isinstance(value, int | float):
        return (human(float(value), unit), True)
    return (value, False)


def _more(left: int, what: str, truncated: bool) -> str:
    if left > 0:
        return f"{left} more {what} are not shown"
    return "The answer was cut: there is more." if truncated else ""
