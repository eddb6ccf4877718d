"""The document parser: what it makes of a document, and every way to break the grammar, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.documents import Prose, Step
from runbooks.library import SHIPPED, load
from runbooks.parser import parse
from tests.runbooks.support import document, step
from watchkeeper.declarations import RunbookHead
from watchkeeper.errors import DocumentError

# Ten lines of front matter and heading: the first step's fence stands on line 15.
HEAD = """---
title: Redis is full
owner: platform
systems: [redis]
scope: [instance]
inputs:
  instance: '[a-z0-9]+'
  queue: {pattern: '[a-z]+', default: tasks}
---

What it is about.

## Diagnosis

"""


def failure(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse(text, key="redis/full", path="redis/full.md")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_document_has_head_summary_sections_and_steps() -> None:
    text = (
        HEAD + "Look at {{ labels.instance }}.\n\n" + step("query {id=a}", "redis.depth") + "```sh\nan example\n```\n"
    )
    found = parse(text, key="redis/full", path="redis/full.md")
    assert (found.title, found.owner, found.systems, found.scope) == (
        "Redis is full",
        "platform",
        ("redis",),
        ("instance",),
    )
    assert found.summary == "What it is about."
    assert [section.title for section in found.sections] == ["Diagnosis"]
    prose, only, example = found.sections[0].blocks
    assert isinstance(prose, Prose)
    assert isinstance(only, Step)
    assert isinstance(example, Prose)
    assert (prose.line, only.line) == (15, 17)


def test_a_document_is_what_the_catalogue_wants() -> None:
    head: RunbookHead = document(step("query {id=a}", "redis.depth") + step("promql {id=b}", 'up{job="x"}'))
    assert [(one.id, one.kind, one.queries, one.metrics) for one in head.heads] == [
        ("a", "query", ("redis.depth",), ()),
        ("b", "promql", (), ("up",)),
    ]


def test_defaults_follow_the_risk() -> None:
    found = document(step("query {id=a}", "redis.depth") + step("sh {id=b risk=destructive}", "rm x"))
    read, destructive = found.steps
    assert (read.risk, read.approve, read.on_failure, read.max_targets) == ("read", "auto", "continue", 10)
    assert (destructive.approve, destructive.on_failure, destructive.max_targets) == ("two", "stop", 1)


def test_annotations_with_spaces_and_escapes() -> None:
    found = document(
        step(r'query {id=a title="How \"full\" is it?" timeout=1m30s retries=2 wait=5s critical=true}', "redis.depth")
    )
    only = found.steps[0]
    assert (only.title, only.timeout, only.retries, only.wait, only.critical) == (
        'How "full" is it?',
        90.0,
        2,
        5.0,
        True,
    )


def test_words_of_a_command_are_split_as_a_shell_does_and_labels_stay_in_one() -> None:
    found = document(step("sh {id=a risk=read}", "ping -c 1 'a b' \\\n  --to={{ labels.instance }}\n# no command\ndf"))
    assert found.steps[0].body.commands == (("ping", "-c", "1", "a b", "--to={{ labels.instance }}"), ("df",))


def test_the_lines_of_a_document_with_windows_line_ends_are_right() -> None:
    assert failure((HEAD + step("qury {id=a}", "x")).replace("\n", "\r\n")).startswith("redis/full.md:15:")


@pytest.mark.parametrize(
    "fence, line, message",
    [
        (
            "```qury {id=a}\nx\n```",
            15,
            "unknown kind of step 'qury'; allowed: promql, query, sql, http, logs, sh, python, manual. "
            "Did you mean query?",
        ),
        ("```query {id=a colour=red}\nx\n```", 15, "unknown annotation 'colour'"),
        ("```query {id=a id=b}\nx\n```", 15, "the annotation id stands twice"),
        ('```query {id=a title="open}\nx\n```', 15, "annotations are name=value"),
        ("```query {id=a\nx\n```", 15, "write KIND {id=… name=value}"),
        ("```query {title=x}\nredis.depth\n```", 15, "without id"),
        ("```query {id=A}\nredis.depth\n```", 15, "lower case letters"),
        (
            "```query {id=a}\nredis.depth\n```\n\n```query {id=a}\nredis.depth\n```",
            19,
            "the id 'a' stands twice, first on line 15",
        ),
        ("```query {id=a timeout=10}\nredis.depth\n```", 15, "did you mean 10s?"),
        ("```query {id=a timeout=2h}\nredis.depth\n```", 15, "at most 1h"),
        ("```query {id=a retries=many}\nredis.depth\n```", 15, "a whole number from 0 to 20"),
        (
            "```query {id=a risk=change}\nredis.depth\n```",
            15,
            "risk=change does not fit this query step; allowed: read",
        ),
        ("```query {id=a risk=some}\nredis.depth\n```", 15, "allowed: read, change, destructive"),
        ("```query {id=a critical=yes}\nredis.depth\n```", 15, "allowed: true, false"),
        ('```query {id=a expect="about 3"}\nredis.depth\n```', 15, "is not a comparison"),
        ('```query {id=a expect="status == 200"}\nredis.depth\n```', 15, "allowed here: value, rows"),
        ('```manual {id=a expect="< 1"}\ndo it\n```', 15, "has no answer to compare"),
        ("```query {id=a on_failure=goto:b}\nredis.depth\n```", 15, "allowed: a later step"),
        ("```query {id=a on_failure=panic}\nredis.depth\n```", 15, "allowed: continue, stop, goto:ID"),
        ("```query {id=a verify=b}\nredis.depth\n```", 15, "verify='b' is not another step"),
        ("```manual {id=a verify=b}\ndo\n```\n\n```manual {id=b}\ndo\n```", 15, "a verification only reads"),
        ("```manual {id=a approve=auto}\ndo\n```", 15, "a person confirms it"),
        ("```sh {id=a risk=change retries=1}\nls\n```", 15, "never repeated by itself"),
        ("```sh {id=a}\nls\n```", 15, "says what it risks"),
        ("```sh {id=a risk=read}\n\nls | wc\n```", 17, "there is no shell here"),
        ("```sh {id=a risk=read}\necho $(id)\n```", 16, "there is no shell here"),
        ("```sh {id=a risk=read}\nls > file\n```", 16, "there is no shell here"),
        ("```sh {id=a risk=read}\n{{ labels.instance }} x\n```", 16, "the program itself cannot come from a label"),
        ("```sh {id=a risk=read}\necho 'open\n```", 16, "No closing quotation"),
        ("```sh {id=a risk=read}\n# nothing\n```", 16, "an empty sh step"),
        (
            "```sh {id=a risk=read}\necho {{ labels.other }}\n```",
            15,
            "the step uses 'other', which is not an input; inputs: instance, queue",
        ),
        ("```sh {id=a risk=read}\necho {{ .Name }}\n```", 16, "found {{ .Name }}"),
        ("```python {id=a risk=read}\nx = 1\ndef (\n```", 17, "not Python"),
        (
            "```python {id=a risk=read}\nx = '{{ labels.instance }}'\n```",
            16,
            'read os.environ["LABEL_INSTANCE"] instead',
        ),
        ("```query {id=a}\nnot a key\n```", 16, "the first line is the key of a named query"),
        ("```query {id=a}\nredis.depth\nwhere instance\n```", 17, "allowed are where LABEL = VALUE"),
        ("```query {id=a}\nredis.depth\nrange 30\n```", 17, "did you mean 30s?"),
        ("```query {id=a}\n```", 16, "an empty query step"),
        ("```promql {id=a}\nsum(rate(x[5m])\n```", 16, "PromQL"),
        ("```promql {id=a}\nup{job={{ labels.instance }}}\n```", 16, "outside double quotes"),
        ('```promql {id=a}\n{job="x"}\n```', 16, "without a metric name"),
        ("```sql {id=a}\nSELECT 1\n```", 15, "needs target=NAME"),
        ("```sql {id=a target=db}\nSELECT 1; SELECT 2\n```", 16, "one statement"),
        ("```sql {id=a risk=read target=db}\nDELETE FROM x\n```", 16, "a read step begins with SELECT"),
        ("```sql {id=a risk=read target=db}\nSELECT pg_terminate_backend(1)\n```", 16, "pg_terminate_backend()"),
        ("```sql {id=a target=db}\nSELECT '{{ labels.instance }}'\n```", 16, "leave the quotes out"),
        ("```http {id=a}\nFETCH http://x/\n```", 16, "the first line is METHOD URL"),
        ("```http {id=a}\nGET /path\n```", 16, "write http(s)://HOST/PATH"),
        ("```http {id=a target=t}\nGET http://x/\n```", 16, "the URL is a path"),
        ("```http {id=a}\nGET http://{{ labels.instance }}/\n```", 16, "a label cannot be part of the host"),
        ("```http {id=a}\nGET http://me:pw@x/\n```", 16, "no credentials"),
        ("```http {id=a}\nGET http://x/\nHost: y\n```", 17, "cannot be set"),
        ("```http {id=a}\nGET http://x/\n\nbody\n```", 18, "has no body"),
        ("```http {id=a risk=read}\nPOST http://x/\n```", 15, "risk=read does not fit"),
        ('```http {id=a}\nPOST http://x/\n\n{"a": {{ labels.instance }}}\n```', 18, "inside double quotes"),
        ("```logs {id=a}\nlines 10\n```", 16, "without service"),
        ("```logs {id=a}\nservice x\nlines 0\n```", 17, "allowed are service NAME"),
        ("- a list\n\n  ```query {id=a}\n  redis.depth\n  ```", 17, "at the left margin"),
        ("# Title", 15, "the title stands in the front matter"),
        ("Look at {{ labels.other }}.", 15, "is not an input"),
    ],
)
def test_a_broken_step_is_an_error_at_its_line(fence: str, line: int, message: str) -> None:
    found = failure(HEAD + fence + "\n")
    assert found.startswith(f"redis/full.md:{line}: ")
    assert message in found


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ("---\ntitle", "title", 1, "no front matter"),
        ("owner: platform\n", "", 2, "owner is missing"),
        ("owner: platform", "ovner: platform", 3, "unknown key 'ovner'"),
        ("title: Redis is full", "title: [a]", 2, "expected a text"),
        ("systems: [redis]", "systems: redis", 4, "expected a list of texts"),
        ("scope: [instance]", "scope: [pod]", 5, "scope names 'pod', which is not an input; inputs: instance, queue"),
        ("'[a-z0-9]+'", "'[a-z'", 7, "not a regular expression"),
        ("  instance: '", "  in-stance: '", 7, "is not a label name"),
        ("default: tasks", "default: TASKS", 8, "does not match"),
        ("{pattern:", "{patern:", 8, "unknown key 'patern'"),
        ("owner: platform", "owner: platform\nseverity: loud", 4, "allowed: info, warning, critical"),
        ("owner: platform", "owner: platform\nowner: other", 4, "'owner' stands twice"),
        ("owner: platform", "owner: [", 5, "not YAML"),
        ("## Diagnosis\n", "```query {id=a}\nredis.depth\n```\n", 13, "before the first `## ` heading"),
    ],
)
def test_a_broken_head_is_an_error_at_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in HEAD
    found = failure(HEAD.replace(old, new, 1))
    assert found.startswith(f"redis/full.md:{line}: ")
    assert message in found


def test_one_broken_document_is_reported_and_the_rest_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "good.md").write_text(HEAD)
    (tmp_path / "redis" / "broken.md").write_text(HEAD + step("qury {id=a}", "x"))
    (tmp_path / "redis" / "Bad Name.md").write_text(HEAD)
    found = load([tmp_path, tmp_path / "nowhere"])
    assert list(found) == ["redis/good"]
    assert [str(problem).split(": ")[1][:24] for problem in found.problems] == [
        "the file's place gives t",
        "unknown kind of step 'qu",
        "no such directory of run",
    ]


def test_a_later_directory_replaces_a_shipped_document(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "down.md").write_text(HEAD)
    assert load([SHIPPED, tmp_path])["redis/down"].title == "Redis is full"
