"""The document parser: Markdown with front matter and typed steps into a `Document`, each error with file and line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from runbooks.annotations import Annotations, is_step, parse_info
from runbooks.documents import Approval, Document, Prose, Risk, Section, Step
from runbooks.expectations import parse_expectation
from runbooks.front_matter import FrontMatter, parse_front_matter
from runbooks.kinds import KINDS, Kind, Parsed
from runbooks.templates import Source, check_templates
from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, DocumentError

__all__ = ["markdown", "parse"]

_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_RISKS = ("read", "change", "destructive")
_APPROVALS = ("auto", "person", "two")


@lru_cache(maxsize=1)
def markdown() -> MarkdownIt:
    """The Markdown dialect of runbooks.

    CommonMark with tables; HTML is shown as text, links are to http(s), mailto and paths.
    """
    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").use(front_matter_plugin)


def parse(text: str, *, key: str, path: str) -> Document:
    """The document of a Markdown text. Raises DocumentError for the first break of the grammar."""
    tokens = markdown().parse(text)
    if not tokens or tokens[0].type != "front_matter":
        raise DocumentError(f"{path}:1: no front matter: the file begins with a line of three hyphens and `title: …`")
    front = parse_front_matter(tokens[0].content, path)
    lines = text.splitlines()
    summary, sections = _sections(tokens[1:], lines, path, front)
    steps = [block for section in sections for block in section.blocks if isinstance(block, Step)]
    roles = _references(steps, path)
    placed = tuple(
        replace(
            section,
            blocks=tuple(replace(b, role=roles[b.id]) if isinstance(b, Step) else b for b in section.blocks),
        )
        for section in sections
    )
    return Document(
        key=key,
        title=front.title,
        path=path,
        owner=front.owner,
        systems=front.systems,
        version=front.version,
        summary=summary,
        alerts=front.alerts,
        detectors=front.detectors,
        severity=front.severity,
        inputs=front.inputs,
        scope=front.scope,
        sections=placed,
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


@dataclass
class _Open:
    """A section that is being read."""

    title: str
    line: int
    blocks: list[Prose | Step]


def _sections(
    tokens: Sequence[Token], lines: list[str], path: str, front: FrontMatter
) -> tuple[str, tuple[Section, ...]]:
    summary: list[str] = []
    found: list[_Open] = []
    seen: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "fence" and is_step(token.info):
            if token.level:
                raise DocumentError(
                    f"{path}:{_line(token)}: a step stands at the left margin, not inside a list or a quotation"
                )
            if not found:
                raise DocumentError(f"{path}:{_line(token)}: a step before the first `## ` heading: put it under one")
            step = _step(token, path, front, found[-1].title)
            if step.id in seen:
                raise DocumentError(
                    f"{path}:{step.line}: the id {step.id!r} stands twice, first on line {seen[step.id]}"
                )
            seen[step.id] = step.line
            found[-1].blocks.append(step)
        elif token.type == "heading_open" and token.level == 0 and token.tag == "h2":
            found.append(_Open(tokens[index + 1].content, _line(token), []))
        elif token.type == "heading_open" and token.level == 0 and token.tag == "h1":
            raise DocumentError(
                f"{path}:{_line(token)}: a `# ` heading: the title stands in the front matter, sections begin with ##"
            )
        elif token.level == 0 and token.map and token.nesting >= 0:
            text = "\n".join(lines[token.map[0] : token.map[1]]).rstrip()
            _check_prose(Source(path, _line(token), text), front)
            if found:
                found[-1].blocks.append(Prose(text, _line(token)))
            else:
                summary.append(text)
    sections = tuple(Section(item.title, item.line, tuple(_joined(item.blocks))) for item in found)
    return "\n\n".join(summary), sections


def _line(token: Token) -> int:
    return (token.map or [0])[0] + 1


def _check_prose(source: Source, front: FrontMatter) -> None:
    for name in check_templates(source):
        if name not in front.inputs:
            raise source.error(f"{{{{ labels.{name} }}}} is not an input; inputs: {', '.join(front.inputs) or 'none'}")


def _joined(blocks: list[Prose | Step]) -> list[Prose | Step]:
    """Neighbouring prose as one block."""
    joined: list[Prose | Step] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if isinstance(block, Prose) and isinstance(last, Prose):
            joined[-1] = Prose(f"{last.text}\n\n{block.text}", last.line)
        else:
            joined.append(block)
    return joined


def _step(token: Token, path: str, front: FrontMatter, section: str) -> Step:
    head = Source(path, _line(token), token.info)
    notes = parse_info(head, {name: kind.options for name, kind in KINDS.items()})
    kind = KINDS[notes.kind]
    values = notes.values
    if "id" not in values:
        raise head.error(f"a {notes.kind} step without id: write {{id=NAME}}")
    if not _ID.fullmatch(values["id"]):
        raise head.error(f"id={values['id']!r}: lower case letters, digits and hyphens, a letter first")
    declared = cast(Risk | None, _choice(head, values, "risk", _RISKS))
    parsed = kind.parse(Source(path, head.line + 1, token.content), values, declared)
    inputs = _inputs(head, parsed, front)
    risk = _risk(head, declared, parsed, notes.kind)
    reads = risk == "read"
    retries = _number(head, values, "retries", 0, 0, 20)
    if retries and not reads:
        raise head.error(
            f"retries={retries} on a step with risk={risk}: what changes something is never repeated by itself"
        )
    approve = _approval(head, values, risk, kind)
    return Step(
        id=values["id"],
        kind=notes.kind,
        title=values.get("title") or parsed.title,
        risk=risk,
        approve=approve,
        timeout=_seconds(head, values, "timeout", 10.0),
        retries=retries,
        wait=_seconds(head, values, "wait", 5.0),
        max_targets=_number(head, values, "max_targets", 10 if reads else 1, 1, 1000),
        on_failure=values.get("on_failure", "continue" if reads else "stop"),
        verify=values.get("verify"),
        undo=values.get("undo"),
        critical=_choice(head, values, "critical", ("true", "false")) == "true",
        end=_choice(head, values, "end", ("true", "false")) == "true",
        expect=_expect(head, notes, kind),
        role="main",
        section=section,
        line=head.line,
        source=token.content,
        body=parsed.body,
        inputs=inputs,
        options={name: values[name] for name in kind.options if name in values},
        queries=parsed.queries,
        metrics=parsed.metrics,
    )


def _inputs(head: Source, parsed: Parsed, front: FrontMatter) -> tuple[str, ...]:
    by_variable = {f"LABEL_{name.upper()}": name for name in front.inputs}
    names = tuple(by_variable.get(name, name) for name in parsed.inputs)
    for name in names:
        if name not in front.inputs:
            raise head.error(
                f"the step uses {name!r}, which is not an input; inputs: {', '.join(front.inputs) or 'none'}"
            )
    return names


def _risk(head: Source, declared: Risk | None, parsed: Parsed, kind: str) -> Risk:
    if declared is None:
        if parsed.must_say:
            raise head.error(f"a {kind} step says what it risks: write risk=read, risk=change or risk=destructive")
        return parsed.risks[0]
    if declared not in parsed.risks:
        raise head.error(f"risk={declared} does not fit this {kind} step; allowed: {', '.join(parsed.risks)}")
    return declared


def _approval(head: Source, values: Mapping[str, str], risk: Risk, kind: Kind) -> Approval:
    default = {"read": "auto", "change": "person", "destructive": "two"}[risk]
    if kind.name == "manual":
        default = "person"
    chosen = _choice(head, values, "approve", _APPROVALS) or default
    if chosen == "auto" and default != "auto":
        raise head.error(
            f"approve=auto on a {kind.name} step with risk={risk}: a person confirms it; allowed: person, two"
        )
    return cast(Approval, chosen)


def _expect(head: Source, notes: Annotations, kind: Kind) -> str | None:
    text = notes.values.get("expect")
    if text is None:
        return None
    if not kind.subjects:
        raise head.error(f"a {kind.name} step has no answer to compare: leave expect out")
    try:
        parse_expectation(text, kind.subjects)
    except ValueError as error:
        raise head.error(str(error)) from None
    return text


def _choice(head: Source, values: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    value = values.get(name)
    if value is not None and value not in allowed:
        raise head.error(f"{name}={value!r}; allowed: {', '.join(allowed)}")
    return value


def _number(head: Source, values: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise head.error(f"{name}={text!r}; allowed: a whole number from {low} to {high}")
    return int(text)


def _seconds(head: Source, values: Mapping[str, str], name: str, default: float) -> float:
    try:
        seconds = parse_duration(values[name]) if name in values else default
    except DefinitionError as error:
        raise head.error(f"{name}: {error}") from None
    if not 0 < seconds <= 3600:
        raise head.error(f"{name}={values[name]!r}; allowed: more than 0s, at most 1h")
    return seconds


def _references(steps: Sequence[Step], path: str) -> dict[str, Any]:
    """The role of each step.

    Raises DocumentError for references that lead nowhere, in a circle, or to the wrong kind of step.
    """
    order = {step.id: index for index, step in enumerate(steps)}
    roles: dict[str, Any] = {step.id: "main" for step in steps}
    for step in steps:
        for name in ("verify", "undo"):
            wanted = getattr(step, name)
            if wanted is None:
                continue
            if wanted not in order or wanted == step.id:
                raise DocumentError(
                    f"{path}:{step.line}: {name}={wanted!r} is not another step; steps: {', '.join(order)}"
                )
            if name == "verify" and not steps[order[wanted]].read_only:
                risk = steps[order[wanted]].risk
                raise DocumentError(
                    f"{path}:{step.line}: verify={wanted!r} is a {risk} step: a verification only reads"
                )
            if roles[wanted] == name == "verify":
                raise DocumentError(
                    f"{path}:{step.line}: verify={wanted!r} already belongs to an earlier step: each has its own"
                )
            if roles[wanted] not in {"main", name}:
                raise DocumentError(f"{path}:{step.line}: {wanted!r} cannot be both verify and undo")
            roles[wanted] = name
    for step in steps:
        if roles[step.id] != "main" and (step.undo or (step.verify and roles[step.id] == "verify")):
            raise DocumentError(f"{path}:{step.line}: {step.id!r} is called by another step and cannot call one itself")
        _check_on_failure(step, steps, order, roles, path)
    return roles


def _check_on_failure(
    step: Step, steps: Sequence[Step], order: Mapping[str, int], roles: Mapping[str, str], path: str
) -> None:
    if step.on_failure in {"continue", "stop"}:
        return
    word, colon, wanted = step.on_failure.partition(":")
    if word != "goto" or not colon:
        raise DocumentError(f"{path}:{step.line}: on_failure={step.on_failure!r}; allowed: continue, stop, goto:ID")
    if wanted not in order or order[wanted] <= order[step.id] or roles[wanted] != "main":
        later = [s.id for s in steps[order[step.id] + 1 :] if roles[s.id] == "main"]
        raise DocumentError(
            f"{path}:{step.line}: on_failure goes to {wanted!r}; allowed: a later step: {', '.join(later) or 'none'}"
        )
