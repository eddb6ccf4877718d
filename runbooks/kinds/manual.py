"""`manual`: something that a person does and then confirms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.kinds.base import Kind, Parsed, never, nothing_to_run
from runbooks.records import Command
from runbooks.templates import Source, check_templates, fill, names_in

__all__ = ["MANUAL", "ManualBody"]


@dataclass(frozen=True, slots=True)
class ManualBody:
    """Markdown with placeholders."""

    text: str


def _parse(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = check_templates(source)
    if not source.text.strip():
        raise source.error("an empty manual step: write what the person does")
    title = source.text.strip().splitlines()[0][:80]
    return Parsed(
        body=ManualBody(source.text.strip()), inputs=inputs, risks=("change", "read", "destructive"), title=title
    )


def _render(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: ManualBody = step.body
    known = {name: values.get(name, "?") for name in names_in(body.text)}
    text = fill(body.text, known, str)
    return Command("manual", text, {"text": text})


MANUAL = Kind(name="manual", parse=_parse, render=_render, execute=nothing_to_run, automatic=never)
