from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from watchkeeper.app.foreground import configure_logging
from watchkeeper.app.logs import ConsoleFormatter, JsonFormatter
from watchkeeper.settings import LogSettings


def _record(message: str, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("watchkeeper.collectors", logging.WARNING, "here", 1, message, (), None)
    record.created = 1_700_000_000.25
    record.__dict__.update(fields)
    return record


def test_a_line_is_one_json_object() -> None:
    line = JsonFormatter().format(_record('target "a"\nis down', target="a"))
    assert "\n" not in line
    assert json.loads(line) == {
        "ts": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "watchkeeper.collectors",
        "msg": 'target "a"\nis down',
        "target": "a",
    }


def test_a_traceback_is_part_of_the_object() -> None:
    try:
        raise ValueError("at postgresql://me:hunter2@db/x")
    except ValueError as error:
        line = JsonFormatter().format(_record("failed", exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in line and "hunter2" not in line
    assert "ValueError" in json.loads(line)["error"]


@pytest.mark.parametrize(
    "text, clean",
    [
        ("redis://:hunter2@cache:6379/0 is down", "redis://:***@cache:6379/0 is down"),
        ("postgresql://me:hunter2@db/x and amqp://you:hunter2@q", "postgresql://me:***@db/x and amqp://you:***@q"),
        ("host=db password=hunter2 user=me", "host=db password=*** user=me"),
        ("Password = 'hunter 2' user=me", "Password = *** user=me"),
        ("postgresql://u:p@ss@h/db refused", "postgresql://u:***@h/db refused"),
        ("postgresql://u:p/a@ss@h/db refused", "postgresql://u:***@h/db refused"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("http://host:8080/a@b is fine", "http://host:8080/a@b is fine"),
        ("target a: connection refused", "target a: connection refused"),
    ],
)
@pytest.mark.parametrize("formatter", [ConsoleFormatter(), JsonFormatter()])
def test_passwords_are_left_out(formatter: logging.Formatter, text: str, clean: str) -> None:
    assert clean in formatter.format(_record(text))


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_new_settings_replace_the_old_ones(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging()
    configure_logging(LogSettings(format="json", level="error"))
    logging.getLogger("watchkeeper.test").warning("not this")
    logging.getLogger("watchkeeper.test").error("this")
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["msg"] for line in lines] == ["this"]
