"""`watchkeeper trace` as a person types it: against a console, and on the data directory alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.runbooks.console.support import Running
from tests.runbooks.console.traced import EVIL, OTHER, TRACE, example, traced
from tests.traces.support import span, trace
from watchkeeper.app.waterfall import print_list, print_waterfall
from watchkeeper.traces import Span, TraceStore, TraceSummary, waterfall


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with traced(tmp_path_factory.mktemp("traces")) as (found, _):
        yield found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory whose data directory has traces, and whose console does not run."""
    found = tmp_path_factory.mktemp("stopped")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (found / "watchkeeper.yaml").write_text(f"listen: 127.0.0.1:{port}\ndata: data\n")
    store = TraceStore(found / "data" / "traces.sqlite")
    store.start()
    store.add(example())
    store.stop()
    return found


def run(*arguments: str, cwd: Path, width: int = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from watchkeeper.app.cli import main; main()", "trace", *arguments]
    environment = {**os.environ, "COLUMNS": str(width), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False, env=environment, encoding="utf-8"
    )


def test_a_trace_of_a_running_console(console: Running, tmp_path: Path) -> None:
    done = run(TRACE[:10], "--url", console.server.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 s, 2 failed, 6 spans of" in done.stdout
    assert "✗ POST /tools/search" in done.stdout
    assert "status 503" in done.stdout
    assert "1,200 in, 80 out tokens · cost unknown" in done.stdout
    assert "\x1b" not in done.stdout, "no colours where nobody sees them"
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


def test_a_list_of_a_running_console(console: Running, tmp_path: Path) -> None:
    done = run("--slow", "--since", "1h", "--url", console.server.url, cwd=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [TRACE[:16], OTHER[:16]]
    done = run("--errors", "--json", "--url", console.server.url, cwd=tmp_path)
    assert [one["trace_id"] for one in json.loads(done.stdout)] == [TRACE]


def test_the_data_directory_is_read_where_no_console_answers(directory: Path) -> None:
    done = run(TRACE, cwd=directory)
    assert done.returncode == 0, done.stderr
    assert "no console answers at http://127.0.0.1:" in done.stderr
    assert "POST /tasks" in done.stdout


def test_a_data_directory_can_be_named(directory: Path, tmp_path: Path) -> None:
    done = run("--service", "tools", "--data", str(directory / "data"), "--json", cwd=tmp_path)
    assert [one["trace_id"] for one in json.loads(done.stdout)] == [TRACE]


def test_the_json_of_a_trace_has_what_the_waterfall_found(directory: Path) -> None:
    found = json.loads(run(TRACE, "--json", "--data", "data", cwd=directory).stdout)
    assert found["critical_path"][0]["name"] == "POST /tools/search"
    assert found["spans"][0]["own_seconds"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "arguments,code,message",
    [
        (["xyz"], 2, "'xyz' is no trace id: it is 32 hex digits"),
        ([TRACE, "--slow"], 2, "not both"),
        (["--longer", "5"], 2, "did you mean 5s?"),
        (["--url", "http://127.0.0.1:1"], 3, "http://127.0.0.1:1: no console answers there"),
        ([], 3, "start `watchkeeper up`, or name a console with --url"),
        (["--data", "nowhere"], 3, "`watchkeeper up` makes it"),
    ],
)
def test_a_mistake_is_one_line_and_says_what_to_type(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        (tmp_path / "watchkeeper.yaml").write_text(f"listen: 127.0.0.1:{free.getsockname()[1]}\ndata: data\n")
        done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_no_such_trace_says_what_lists_them(console: Running, directory: Path, tmp_path: Path) -> None:
    for done in (
        run("eeee", "--url", console.server.url, cwd=tmp_path),
        run("eeee", "--data", "data", cwd=directory),
    ):
        assert done.returncode == 1
        assert "there is no trace eeee" in done.stderr
        assert "`watchkeeper trace --slow`" in done.stderr


def test_something_else_that_answers_is_told(tmp_path: Path, console: Running) -> None:
    done = run("--slow", "--url", console.server.url + "/library", cwd=tmp_path)
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr


def drawn(spans: list[Span], width: int, *, encoding: str = "utf-8", limit: int = 100) -> list[str]:
    class Out(StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override]
            return encoding

    out = Out()
    screen = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    print_waterfall(screen, waterfall(trace(*spans)), limit=limit)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [30, 40, 63, 80, 200])
def test_every_line_fits_the_width(width: int) -> None:
    deep = [span(f"a rather long name of span {n}", n / 10, 1, id=n, parent=n - 1) for n in range(1, 40)]
    assert all(len(line) <= width for line in drawn(deep, width))


def test_the_critical_path_is_drawn_with_another_sign() -> None:
    spans = [span("root", 0, 10, id=1), span("waited for", 5, 5, id=2, parent=1), span("aside", 0, 5, id=3, parent=1)]
    lines = drawn([*spans, span("longer", 0, 5.0001, id=4, parent=1)], 100)
    bars = {line.split("  ")[1 if line.startswith(" ") else 0].strip(): line for line in lines}
    assert "█" in bars["waited for"]
    assert "░" not in bars["waited for"]
    assert set(bars["aside"]) & {"█", "░"} == {"░"}


def test_a_terminal_without_utf_8_has_signs_too() -> None:
    text = "\n".join(
        drawn([span("root", 0, 2, id=1, error="boom"), span("in", 0, 1, id=2, parent=1)], 80, encoding="ascii")
    )
    assert "! root" in text
    assert "#" in text
    assert "█" not in text


def test_what_is_odd_about_a_span_stands_below_it() -> None:
    call = span("call", 10, 2, id=1, kind="client")
    serve = span("serve", 0.25, 1, id=2, parent=1, kind="server", service="far")
    text = "\n".join(drawn([call, serve, span("x", id=3, parent=9)], 100))
    assert "It is shown 10.3 s later than it says: its clock disagrees with its caller's." in text
    assert "Its parent is not here: it was not sent, was lost, or comes late." in text


def test_nothing_that_a_span_says_moves_the_cursor() -> None:
    lines = drawn([span("\x1b[2Jgone\r\n", 0, 1, id=1, error="\x1b]0;title\x07")], 80)
    assert "\x1b" not in "".join(lines)
    assert len(lines) < 12


def test_markup_in_a_name_is_text() -> None:
    assert any("[red]not red[/red]" in line for line in drawn([span("[red]not red[/red]", 0, 1, id=1)], 80))


def test_a_list_fits_the_width() -> None:
    out = StringIO()
    one = TraceSummary(trace_id=TRACE, service=EVIL, name=EVIL, start=0, seconds=1, spans=3, errors=1, services=(EVIL,))
    print_list(Console(file=out, width=60, highlight=False, markup=False), [one])
    assert max(map(len, out.getvalue().splitlines())) <= 60


def test_more_spans_than_wanted_are_told() -> None:
    spans = [span(f"s{n}", n, 1, id=n) for n in range(1, 11)]
    assert drawn(spans, 80, limit=4)[-1] == "… 6 more spans: --spans 10 shows all"
