"""Logs: what a line says, and its template."""

from __future__ import annotations

import json
import time

import pytest

from collectors.logs_records import level_of, parse
from collectors.logs_templates import Templates, masked

# --- What a line says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, level",
    [
        ("2026-01-02 03:04:05,678 ERROR app: no such table", "error"),
        ("[warn] disk almost full", "warning"),
        ("level=error msg=failed", "error"),
        ("INFO: 10.0.0.1 - GET /", "info"),
        ("E0102 03:04:05.678901       1 controller.go:114] sync failed", "error"),
        ("2026-01-02T03:04:05Z FATAL: the database system is starting up", "critical"),
        ("the error page was shown", "unknown"),
        ("GET /error 200", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_level_of_a_plain_line(line: str, level: str) -> None:
    assert level_of(line) == level


@pytest.mark.parametrize(
    "value, level",
    [
        ({"level": "warn", "msg": "x"}, "warning"),
        ({"severity": "ERROR", "message": "x"}, "error"),
        ({"level": 50, "msg": "pino"}, "error"),
        ({"PRIORITY": "3", "MESSAGE": "journal"}, "error"),
        ({"level": 6, "msg": "syslog"}, "info"),
        ({"level": "strange", "msg": "x"}, "unknown"),
        ({"msg": "ERROR: in the text"}, "error"),
    ],
)
def test_the_level_of_a_structured_record(value: dict[str, object], level: str) -> None:
    assert parse(json.dumps(value)).level == level


def test_a_containers_wrapping_is_taken_off() -> None:
    assert parse('2026-01-02T03:04:05.6Z stderr F {"level":"error","msg":"no"}').text == "no"
    assert parse('{"log":"ERROR no\\n","stream":"stderr","time":"2026-01-02T03:04:05Z"}').level == "error"


def test_a_wrapping_is_taken_off_once() -> None:
    head = "2026-01-02T03:04:05Z stdout F "
    assert parse(head * 2000 + "x").text == head * 1999 + "x"


@pytest.mark.parametrize("line", ["{not json} ERROR", '{"a":' * 20_000, '["ERROR"]'])
def test_what_only_looks_like_json_is_text(line: str) -> None:
    assert parse(line).text == line


def test_a_level_beyond_reason_is_no_level() -> None:
    assert parse(json.dumps({"level": "9" * 6000, "msg": "x"})).level == "unknown"


# --- Templates --------------------------------------------------------------------------------------------------------


def test_what_varies_by_its_looks_is_masked() -> None:
    text = 'user 42 of 10.0.0.7 got "a b" from /var/lib/x.db as 550e8400-e29b-41d4-a716-446655440000 in 3.5ms'
    assert masked(text) == "user <*> of <*>.<*>.<*>.<*> got <*> from <*> as <*> in <*>.<*>"


def test_texts_that_differ_in_a_word_become_one_template() -> None:
    templates = Templates()
    assert templates.add("user alice logged in")[1]
    template, new = templates.add("user bob logged in")
    assert not new
    assert template.text == "user <*> logged in"
    assert templates.add("user alice logged in") == (template, False)
    assert template.count == 3


def test_an_apostrophe_is_no_quote() -> None:
    assert masked("can't open it, won't retry: 'a b'") == "can't open it, won't retry: <*>"


def test_a_time_and_a_level_do_not_make_texts_alike() -> None:
    head = "2026-01-02 03:04:05,678 ERROR"
    templates = Templates()
    texts = (f"{head} app: no such table", f"{head} app: cannot reach db", f"{head} app: no such file")
    assert [templates.add(text)[1] for text in texts] == [True, True, False]
    assert templates.add("2026-01-02 03:04:05,678 INFO app: no such table")[1]


def test_texts_of_two_words_stay_apart() -> None:
    templates = Templates()
    assert [templates.add(text)[1] for text in ("connection refused", "connection reset")] == [True, True]


@pytest.mark.parametrize("text", ["", "7", "7 8 9", "ERROR 7"])
def test_a_text_that_says_nothing_is_new_once(text: str) -> None:
    templates = Templates()
    assert templates.add(text)[1]
    templates.cache.clear()
    assert not templates.add(text)[1]


# Each of these takes the square of its length, or worse, where a pattern tries again from every character.
@pytest.mark.parametrize(
    "unit", ["a.", "1", "a", "/", "/a", '"', "'a", "-", "0x", "://", "a@", "a@a.", "=", "a://", "é1"]
)
def test_a_pattern_takes_time_in_proportion_to_the_text(unit: str) -> None:
    def seconds(length: int) -> float:
        # What each pattern needs to be tried at all stands behind, where it helps none of them to match.
        text = unit * (length // len(unit)) + "!g ) \" ' :// @ / - ("
        times = []
        for _ in range(3):
            begun = time.process_time()
            masked(text)
            level_of(text)
            times.append(time.process_time() - begun)
        return min(times)

    # Sixteen times the text would take 256 times as long.
    assert seconds(20_000) < 64 * max(seconds(1_250), 0.0005)


def test_another_length_or_beginning_is_another_template() -> None:
    templates = Templates()
    assert [templates.add(text)[1] for text in ("a b c", "a b", "x b c")] == [True, True, True]


def test_memory_is_bounded_and_the_oldest_gives_way() -> None:
    templates = Templates(limit=10)
    for number in range(100):
        templates.add(" ".join(f"w{chr(97 + number % 26)}{'x' * (number // 26)}" for _ in range(number + 1)))
    assert len(templates) == 10
    templates.add("the first again")
    for _ in range(3):
        assert not templates.add("the first again")[1]


def test_templates_survive_a_restart() -> None:
    old, new = Templates(), Templates()
    old.add("user 1 logged in")
    new.restore(json.loads(json.dumps(old.state())))
    assert not new.add("user 2 logged in")[1]
