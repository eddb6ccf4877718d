"""`logs`: the last lines of a service. It can change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.errors import NotConfigured, StepError
from runbooks.kinds.base import Kind, Parsed, bounded
from runbooks.records import Command, Result
from runbooks.templates import Source, check_templates, fill, names_in

__all__ = ["LOGS", "LogsBody"]

_MAX_LINES = 1000


@dataclass(frozen=True, slots=True)
class LogsBody:
    """A logs step: the service, texts of which a line must hold one, and how many lines."""

    service: str
    match: tuple[str, ...]
    lines: int


def _parse(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = check_templates(source)
    service = ""
    match: list[str] = []
    count = 50
    for offset, line in source.lines():
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if word == "service" and rest and not service:
            service = rest
        elif word == "match" and rest:
            match.append(rest)
        elif word == "lines" and rest.isdecimal() and 1 <= int(rest) <= _MAX_LINES:
            count = int(rest)
        else:
            allowed = f"service NAME (once), match TEXT, lines 1..{_MAX_LINES}"
            raise source.error(f"found {line.strip()!r}: allowed are {allowed}", offset)
    if not service:
        raise source.error("a logs step without service: write `service NAME`")
    title = f"Log of {service}" if not names_in(service) else "Log"
    return Parsed(body=LogsBody(service, tuple(match), count), inputs=inputs, risks=("read",), title=title)


def _render(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: LogsBody = step.body
    if context.logs is None:
        raise NotConfigured("no logs are configured: name them in the settings under runbooks.logs")
    service = fill(body.service, values, str)
    known = context.logs.services()
    if service not in known:
        raise NotConfigured(f"no log of the service {service}: known are {', '.join(known) or 'none'}")
    match = [fill(text, values, str) for text in body.match]
    text = f"last {body.lines} lines of {service}" + (f" with {' or '.join(match)}" if match else "")
    return Command("logs", text, {"service": service, "match": match, "lines": body.lines}, service)


def _execute(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    payload = command.payload
    if context.logs is None:
        raise StepError("no logs are configured")
    answer = context.logs.tail(payload["service"], payload["match"], payload["lines"])
    text, cut = bounded("\n".join(answer.lines))
    count = len(answer.lines)
    rows = tuple((line,) for line in answer.lines) if step.expect else ()
    summary = f"{count} lines" + (", older ones left out" if answer.truncated else "") if count else "no such line"
    return Result(summary=summary, rows=rows, text=text, truncated=cut or answer.truncated), None


def _always(step: Step, command: Command, context: Context) -> bool:
    return True


LOGS = Kind(name="logs", parse=_parse, render=_render, execute=_execute, automatic=_always, subjects=("rows",))
