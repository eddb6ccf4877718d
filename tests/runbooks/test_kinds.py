"""The kinds of steps against real things: programs, an HTTP server, PostgreSQL, log files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from examples.servers.postgresql import PostgreSQLServer
from runbooks.context import Context, DirectoryLogs
from runbooks.documents import Step
from runbooks.errors import NotConfigured, RenderError, StepError
from runbooks.kinds import KINDS
from runbooks.records import Result
from runbooks.redaction import redact
from runbooks.render import html_sections, result_text
from tests.runbooks.support import document, step
from watchkeeper.clock import monotonic


def one_step(info: str, body: str) -> Step:
    return document(step(info, body)).steps[0]


def run(one: Step, context: Context, values: dict[str, str] | None = None) -> tuple[Result, int | None]:
    kind = KINDS[one.kind]
    return kind.execute(kind.render(one, values or {}, context), one, context, one.timeout)


# Programs


def test_commands_run_one_after_the_other_until_one_fails() -> None:
    result, status = run(one_step("sh {id=a risk=read}", "echo one\nfalse\necho two"), Context())
    assert (status, result.text) == (1, "one\n")


def test_a_program_sees_its_labels_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_PASSWORD", "hunter2")
    result, _ = run(
        one_step("sh {id=a risk=read}", "env --null {{ labels.instance }}=1"), Context(), {"instance": "r1"}
    )
    names = {part.partition("=")[0] for part in result.text.split("\0")}
    assert "LABEL_INSTANCE" in names
    assert "OUR_PASSWORD" not in names


def test_a_program_that_is_not_there_is_a_plain_failure() -> None:
    with pytest.raises(StepError, match="no-such-program: No such file") as caught:
        run(one_step("sh {id=a risk=change}", "no-such-program"), Context())
    assert not caught.value.unknown


def test_a_program_that_takes_too_long_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\nchild.wait()"
    )
    with pytest.raises(StepError, match="no end after"):
        run(one_step("python {id=a risk=read timeout=700ms}", code), Context())
    deadline = monotonic() + 10
    while monotonic() < deadline and _alive(int(pid.read_text())):
        pass
    assert not _alive(int(pid.read_text()))


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_output_is_bounded() -> None:
    result, status = run(one_step("python {id=a risk=read}", "print('x' * 5_000_000)"), Context())
    assert status == 0
    assert result.truncated
    assert len(result.text) == 64 * 1024


def test_a_program_with_rights_of_its_own_group() -> None:
    result, _ = run(one_step("python {id=a risk=read}", "import os\nprint(os.getpgrp())"), Context())
    assert int(result.text) != os.getpgrp()


# HTTP


class _Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, str, str | None]]] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.seen.append((self.command, self.path, body, self.headers.get("Authorization")))
        status = {"/gone": 404, "/elsewhere": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/secret")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"state":"well"}')

    do_GET = do_POST = _answer  # noqa: N815  the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[str]:
    """A small HTTP server; its address."""
    _Handler.seen.clear()
    httpd = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_get_of_an_allowed_host(server: str) -> None:
    one = one_step("http {id=a}", f"GET http://{server}/tools/{{{{ labels.instance }}}}\nAccept: application/json")
    result, status = run(one, Context(http_hosts=(server,)), {"instance": "a b"})
    assert status == 200
    assert result.text == '{\n  "state": "well"\n}'
    assert _Handler.seen == [("GET", "/tools/a%20b", "", None)]


def test_a_host_that_is_not_allowed_is_never_asked(server: str) -> None:
    with pytest.raises(RenderError, match="not on the allow-list"):
        run(one_step("http {id=a}", f"GET http://{server}/"), Context(http_hosts=("127.0.0.1:1", "example.org")))
    assert _Handler.seen == []


def test_an_endpoint_keeps_its_credentials_out_of_the_command(server: str) -> None:
    context = Context(endpoints={"gateway": f"http://me:h%C3%BCnter%E2%82%AC2@{server}/api/"})
    one = one_step("http {id=a target=gateway}", 'POST /tasks\n\n{"n": 1}')
    command = KINDS["http"].render(one, {}, context)
    assert "nter" not in repr(command)
    run(one, context)
    assert _Handler.seen == [("POST", "/api/tasks", '{"n": 1}', "Basic bWU6aMO8bnRlcuKCrDI=")]


def test_a_redirect_is_not_followed(server: str) -> None:
    _, status = run(one_step("http {id=a}", f"GET http://{server}/elsewhere"), Context(http_hosts=(server,)))
    assert status == 302
    assert len(_Handler.seen) == 1


def test_an_error_status_is_a_failure(server: str) -> None:
    with pytest.raises(StepError, match="answered 404"):
        run(one_step("http {id=a}", f"GET http://{server}/gone"), Context(http_hosts=(server,)))


def test_nobody_listening_is_a_definite_failure_even_of_a_change() -> None:
    context = Context(endpoints={"gateway": "http://127.0.0.1:9"})
    with pytest.raises(StepError, match="no connection") as caught:
        run(one_step("http {id=a target=gateway}", "POST /x"), context)
    assert not caught.value.unknown


def test_an_endpoint_that_is_not_configured_says_which_are() -> None:
    with pytest.raises(NotConfigured, match="gateway is not configured; known: none"):
        run(one_step("http {id=a target=gateway}", "GET /x"), Context())


# PostgreSQL


@pytest.fixture
def database(postgresql_server: PostgreSQLServer) -> Context:
    """A context that reaches a database of our own."""
    name = "runbooks"
    if postgresql_server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "":
        postgresql_server.create_database(name)
    dsn = postgresql_server.dsn_for(database=name)
    postgresql_server.execute("DROP TABLE IF EXISTS notes; CREATE TABLE notes (text text)", database=name)
    return Context(sql={"db": lambda: dsn})


def test_sql_answers_with_columns_and_rows(database: Context) -> None:
    one = one_step("sql {id=a target=db}", "SELECT {{ labels.instance }} AS name, 7 % 4 AS rest, NULL AS nothing")
    result, _ = run(one, database, {"instance": "x'; --"})
    assert result.columns == ("name", "rest", "nothing")
    assert result.rows == (("x'; --", 3, None),)


def test_sql_that_reads_cannot_write(database: Context) -> None:
    one = one_step("sql {id=a target=db}", "WITH new AS (INSERT INTO notes VALUES ('x') RETURNING 1) SELECT * FROM new")
    with pytest.raises(StepError, match="read-only transaction"):
        run(one, database)


def test_sql_cannot_leave_its_transaction_even_past_the_parser(database: Context) -> None:
    from dataclasses import replace

    from runbooks.kinds.sql import SqlBody

    one = one_step("sql {id=a target=db}", "SELECT 1")
    escaped = replace(one, body=SqlBody("SELECT 1; COMMIT; INSERT INTO notes VALUES ('x')"))
    with pytest.raises(StepError, match="multiple commands"):
        run(escaped, database)


def test_sql_is_stopped_at_its_timeout(database: Context) -> None:
    with pytest.raises(StepError, match="statement timeout"):
        run(one_step("sql {id=a target=db timeout=200ms}", "SELECT pg_sleep(30)"), database)


def test_approved_sql_writes(database: Context) -> None:
    run(one_step("sql {id=a risk=change target=db}", "INSERT INTO notes VALUES ('kept')"), database)
    result, _ = run(one_step("sql {id=a target=db}", "SELECT text FROM notes"), database)
    assert result.rows == (("kept",),)


def test_a_database_that_is_away_is_a_plain_failure_without_its_password() -> None:
    context = Context(sql={"db": lambda: "postgresql://me:hunter2@127.0.0.1:9/x"})
    with pytest.raises(StepError, match="db: no connection") as caught:
        run(one_step("sql {id=a target=db}", "SELECT 1"), context)
    assert "hunter2" not in str(caught.value)


# Logs


@pytest.fixture
def logs(tmp_path: Path) -> Context:
    """Two services with logs."""
    (tmp_path / "worker.log").write_text(
        "".join(f"line {n} {'ERROR' if n % 10 == 0 else 'fine'}\n" for n in range(100))
    )
    (tmp_path / "secret.txt").write_text("hidden")
    return Context(logs=DirectoryLogs(directory=tmp_path))


def test_the_last_lines_that_match(logs: Context) -> None:
    result, _ = run(one_step("logs {id=a}", "service worker\nmatch error\nlines 3"), logs)
    assert result.text == "line 70 ERROR\nline 80 ERROR\nline 90 ERROR"
    assert result.truncated


@pytest.mark.parametrize("service", ["../secret", "secret.txt", "/etc/passwd", "worker.log"])
def test_a_service_is_a_name_and_never_a_path(logs: Context, service: str) -> None:
    with pytest.raises(NotConfigured, match="known are worker"):
        run(one_step("logs {id=a}", "service {{ labels.instance }}"), logs, {"instance": service})


# Showing


def test_a_page_of_a_document() -> None:
    found = document(
        "Look at {{ labels.instance }} and <b>.\n\n" + step("query {id=a}", "redis.depth") + "## Diagnosis\n"
    )
    sections = html_sections(found, {"instance": "<i>"})
    assert [section.anchor for section in sections] == ["diagnosis", "diagnosis-2"]
    assert getattr(sections[0].blocks[0], "html", "") == "<p>Look at &lt;i&gt; and &lt;b&gt;.</p>\n"


def test_a_table_as_text() -> None:
    result = Result(summary="", columns=("tool", "value"), rows=(("search", 1.23456), ("x", None)))
    assert result_text(result) == "tool    value\nsearch  1.235\nx       -"


@pytest.mark.parametrize(
    "text, kept",
    [
        ("password=swordfish", "password=[redacted]"),
        ('{"api_key": "abcdef123456"}', '{"api_key": [redacted]}'),
        ("Authorization: Bearer abcdef.ghijkl", "Authorization: Bearer [redacted]"),
        ("redis://me:hunter2@host/0", "redis://me:[redacted]@host/0"),
        ("redis://me:hunt@er2@host/0", "redis://me:[redacted]@host/0"),
        ("password: swordfish", "password: [redacted]"),
        ("key AKIAABCDEFGHIJKLMNOP end", "key [redacted] end"),
        ("input_tokens: 512, token_count=7", "input_tokens: 512, token_count=7"),
        ("nothing here", "nothing here"),
    ],
)
def test_what_looks_like_a_secret_is_redacted(text: str, kept: str) -> None:
    assert redact(text) == kept
