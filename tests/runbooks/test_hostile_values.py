"""Labels are hostile: whatever a value is, it stays data in a command line, a query, a URL, a body and a page."""

from __future__ import annotations

import json
import string
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.context import Context
from runbooks.documents import Document, Step
from runbooks.errors import RenderError
from runbooks.kinds import KINDS
from runbooks.parser import parse
from runbooks.records import Command
from runbooks.render import html_prose
from tests.runbooks.support import FixedStore, lookup, step

# Nothing is refused by the pattern here, so that the escapes alone have to hold.
FRONT = """---
title: T
owner: platform
systems: [redis]
inputs:
  x: '(?s:.*)'
---

## S

"""

hostile = st.one_of(
    st.text(min_size=1, max_size=40),
    st.text(alphabet="\"'`\\${}()[];|&<>\n\r\t #*?~!=%/.-" + string.ascii_letters, min_size=1, max_size=30),
    st.sampled_from(
        [
            '"; rm -rf /; "',
            "$(touch /tmp/x)",
            "`id`",
            '"} or vector(1) #',
            "x'; DROP TABLE y; --",
            "../../admin",
            "<script>alert(1)</script>",
            "[a](javascript:alert(1))",
            "{{ labels.x }}",
            "--output=/etc/passwd",
            ".*",
        ]
    ),
)
CONTEXT = Context(
    store=FixedStore(),
    lookup=lookup,
    http_hosts=("example.org",),
    endpoints={"gateway": "http://127.0.0.1:8000"},
    sql={"db": lambda: ""},
)


def only_step(text: str) -> Step:
    found: Document = parse(FRONT + text, key="redis/x", path="redis/x.md")
    return found.steps[0]


def rendered(one: Step, value: str) -> Command:
    return KINDS[one.kind].render(one, {"x": value}, CONTEXT)


SH = only_step(step("sh {id=a risk=read}", "echo --to={{ labels.x }} 'and {{ labels.x }}' end"))
PYTHON = only_step(step("python {id=a risk=read}", 'import os\nprint(os.environ["LABEL_X"])'))
EQUAL = only_step(step("promql {id=a}", 'sum(up{job="{{ labels.x }}"}) by (job)'))
REGEX = only_step(step("promql {id=a}", 'sum(up{job=~"a-{{ labels.x }}.*"}) by (job)'))
QUERY = only_step(step("query {id=a}", "redis.depth\nwhere instance = {{ labels.x }}"))
SQL = only_step(
    step("sql {id=a target=db}", "SELECT * FROM pg_stat_activity WHERE datname = {{ labels.x }} AND 7 % 2 = 1")
)
HTTP = only_step(step("http {id=a}", "GET http://example.org/tools/{{ labels.x }}/state?name={{ labels.x }}&all=1"))
BODY = only_step(step("http {id=a target=gateway}", 'POST /x\n\n{"tool": "a {{ labels.x }} b", "n": 1}'))


@given(hostile)
def test_a_value_is_part_of_one_argument(value: str) -> None:
    if "\x00" in value:
        with pytest.raises(RenderError):
            rendered(SH, value)
        return
    command = rendered(SH, value)
    assert command.payload["commands"] == [["echo", f"--to={value}", f"and {value}", "end"]]
    assert command.payload["environment"] == {"LABEL_X": value}


@given(hostile)
def test_a_value_is_never_part_of_a_program(value: str) -> None:
    if "\x00" not in value:
        assert rendered(PYTHON, value).payload["code"] == 'import os\nprint(os.environ["LABEL_X"])\n'


@given(st.text(min_size=0, max_size=20))
def test_a_value_never_becomes_an_option(value: str) -> None:
    one = only_step(step("sh {id=a risk=read}", "cat {{ labels.x }}"))
    with pytest.raises(RenderError, match="hyphen"):
        rendered(one, "-" + value.replace("\x00", ""))


def _matcher(text: str) -> tuple[str, str, str]:
    tree = promql_parser.parse(text)
    assert isinstance(tree, promql_parser.AggregateExpr)
    selector = tree.expr
    assert isinstance(selector, promql_parser.VectorSelector)
    assert selector.name == "up"
    found = selector.matchers.matchers
    assert len(found) == 1
    return found[0].name, str(found[0].op), found[0].value


@given(hostile)
def test_a_value_in_promql_is_the_value_of_one_matcher(value: str) -> None:
    name, _, found = _matcher(rendered(EQUAL, value).text)
    assert (name, found) == ("job", value)


@given(hostile)
def test_a_value_in_a_regular_expression_of_promql_matches_itself_alone(value: str) -> None:
    import re

    name, _, found = _matcher(rendered(REGEX, value).text)
    assert name == "job"
    assert re.fullmatch(found, f"a-{value}-tail", re.DOTALL)
    assert not re.fullmatch(found, f"a-x{value}-tail", re.DOTALL) or value.startswith("x")


@given(hostile)
def test_a_value_in_a_named_query_is_the_value_of_one_matcher(value: str) -> None:
    tree = promql_parser.parse(rendered(QUERY, value).text)
    assert isinstance(tree, promql_parser.VectorSelector)
    assert [(one.name, one.value) for one in tree.matchers.matchers] == [("instance", value)]


@given(hostile)
def test_a_value_in_sql_is_a_parameter(value: str) -> None:
    payload = rendered(SQL, value).payload
    assert payload["text"] == "SELECT * FROM pg_stat_activity WHERE datname = %(x)s AND 7 %% 2 = 1"
    assert payload["parameters"] == {"x": value}


@given(hostile)
def test_a_value_in_a_url_stays_in_its_place(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    if value in {".", ".."}:
        with pytest.raises(RenderError, match="dots"):
            rendered(HTTP, value)
        return
    parts = urlsplit(rendered(HTTP, value).payload["url"])
    assert (parts.scheme, parts.netloc, parts.fragment) == ("http", "example.org", "")
    _, tools, segment, state = parts.path.split("/")
    assert (tools, unquote(segment), state) == ("tools", value, "state")
    name, rest = parts.query.split("&")
    assert (unquote(name), rest) == (f"name={value}", "all=1")


@given(hostile)
def test_a_value_in_a_json_body_stays_in_its_string(value: str) -> None:
    assert json.loads(rendered(BODY, value).payload["body"]) == {"tool": f"a {value} b", "n": 1}


class _Tags(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(hostile)
def test_a_value_in_prose_is_text(value: str) -> None:
    tags = _Tags()
    tags.feed(html_prose("Look at **{{ labels.x }}** and `{{ labels.x }}` now.", {"x": value}))
    tags.close()
    assert tags.tags == ["p", "strong", "code"]
    assert tags.text.rstrip("\n").replace("\r\n", "\n") == f"Look at {value} and {value} now.".replace("\r\n", "\n")


def test_html_and_scripts_in_a_document_are_shown_as_text() -> None:
    html = html_prose("<script>x</script> [a](javascript:x) ![b](data:text/html,x)", {})
    assert "<script" not in html
    assert "javascript:" not in html.replace("(javascript:x)", "")
    assert "<a" not in html
