"""The shipped documents: right, complete, and answered by the shipped queries."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import watchkeeper.systems
from runbooks.context import Context
from runbooks.documents import Document, Step
from runbooks.kinds import KINDS
from runbooks.kinds.metrics import QueryBody
from runbooks.library import SHIPPED, load
from runbooks.parser import parse
from watchkeeper.queries import Query, narrowed
from watchkeeper.stores.embedded import EmbeddedStore

LIBRARY = load([SHIPPED])
_SYSTEMS = sorted(path.stem for path in Path(watchkeeper.systems.__path__[0]).glob("[a-z]*.py"))
QUERIES: dict[str, Query] = {
    named.key: named.query
    for system in _SYSTEMS
    for named in getattr(importlib.import_module(f"watchkeeper.systems.{system}"), "QUERIES", ())
}
STEPS = [(document, step) for document in LIBRARY.values() for step in document.steps]
ids = [f"{document.key}/{step.id}" for document, step in STEPS]


def test_no_document_breaks_the_grammar() -> None:
    assert LIBRARY.problems == ()
    assert len(LIBRARY) >= 20


@pytest.mark.parametrize("document", LIBRARY.values(), ids=lambda document: document.key)
def test_a_document_begins_with_answers_and_ends_with_whom_to_call(document: Document) -> None:
    assert document.summary
    assert document.sections[-1].title == "Escalation"
    assert document.steps[0].approve == "auto"
    assert len([step for step in document.steps if step.kind == "query" and step.role == "main"]) >= 3
    assert any(not step.read_only for step in document.steps)


@pytest.mark.parametrize("document", LIBRARY.values(), ids=lambda document: document.key)
def test_nothing_that_waits_comes_before_an_answer_that_need_not(document: Document) -> None:
    main = [step for step in document.steps if step.role == "main"]
    waits = [step.approve != "auto" or step.kind in {"sh", "python"} for step in main]
    assert waits == sorted(waits)


@pytest.mark.parametrize("document, step", STEPS, ids=ids)
def test_a_condition_narrows_the_query_that_it_stands_on(document: Document, step: Step) -> None:
    if step.kind != "query" or not isinstance(step.body, QueryBody):
        return
    query = QUERIES[step.body.text]
    for label, _ in step.body.where:
        assert narrowed(query, {label: "x"}) != query, f"{step.body.text} has no label {label}"


def test_every_query_step_is_answered_by_a_store() -> None:
    """Without samples: what a query cannot be asked is an error, what is not there is `no data`."""
    store = EmbeddedStore(None)
    context = Context(store=store, bills=store, lookup=QUERIES.__getitem__)
    for document, step in STEPS:
        if step.kind == "query":
            command = KINDS["query"].render(step, dict.fromkeys(document.inputs, "x"), context)
            result, _ = KINDS["query"].execute(command, step, context, 5.0)
            assert result.summary == "no data", (document.key, step.id)
    store.close()


def test_the_example_in_the_format_description_is_right() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "runbook-format.md").read_text()
    example = page.split("````markdown\n")[1].split("````")[0]
    assert [step.id for step in parse(example, key="redis/memory-high", path="example.md").steps] == [
        "used",
        "purge",
        "used-after",
    ]


@pytest.mark.parametrize("document, step", STEPS, ids=ids)
def test_a_command_takes_no_instance_for_a_host(document: Document, step: Step) -> None:
    """Several targets of one system are told apart by `instance: NAME`, which no client can connect to."""
    if step.kind in {"sh", "python", "http"}:
        assert "labels.instance" not in step.source
