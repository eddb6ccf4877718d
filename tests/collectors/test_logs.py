"""Logs: formats, levels, rotation, templates and their novelty, the journal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.logs import COLLECTOR, LogsSession
from collectors.logs_files import LINE_BYTES, Files
from collectors.logs_records import level_of, parse
from collectors.logs_templates import Templates, masked
from examples.servers.process import find_program
from tests.collectors.helpers import by_name, check_declared, target
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.systems import logs as s

TRACE = """Traceback (most recent call last):
  File "app.py", line 3, in <module>
    raise ValueError("no")
"""


def _session(pattern: Path, **options: object) -> LogsSession:
    options.setdefault("from", "beginning")
    options.setdefault("learn", "0s")
    return LogsSession(target("app", "logs", f"file://{pattern}", options=options))


def _read(session: LogsSession) -> dict[str, Family]:
    return by_name(session.read(monotonic() + 10))


def _values(families: dict[str, Family], name: str) -> dict[tuple[str, ...], float]:
    """The samples of a family that are not 0, by their label values."""
    return {tuple(value for _, value in pairs): number for _, pairs, number in families[name].points if number}


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


def test_what_only_looks_like_json_is_text() -> None:
    assert parse("{not json} ERROR").text == "{not json} ERROR"


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


# --- Files ------------------------------------------------------------------------------------------------------------


def test_records_are_counted_by_level_and_traces_are_one(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text(f"INFO started\nERROR failed\n{TRACE}ValueError: no\nhello\n")
    session = _session(tmp_path / "*.log")
    records = _values(_read(session), "logs_records_total")
    assert records == {("shop", "info"): 1, ("shop", "error"): 1, ("shop", "unknown"): 2}
    session.close()


def test_only_what_is_appended_is_read_and_half_a_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO old\n")
    session = _session(log, **{"from": "end"})
    assert _values(_read(session), "logs_records_total") == {}
    with log.open("a") as file:
        file.write("INFO new\nINFO ha")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1}
    with log.open("a") as file:
        file.write("lf\n")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_rotation_by_renaming_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = _session(log)
    _read(session)
    with log.open("a") as file:
        file.write("INFO written before the rotation\n")
    log.rename(tmp_path / "shop.log.1")
    log.write_text("INFO written after it\n")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 3}
    session.close()


def test_rotation_by_truncation_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO one long line before\n")
    session = _session(log)
    _read(session)
    log.write_text("INFO x\n")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_a_deleted_file_is_read_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = _session(log)
    _read(session)
    with log.open("a") as file:
        file.write("INFO last words\n")
    log.unlink()
    found = _read(session)
    assert _values(found, "logs_records_total") == {("shop", "info"): 2}
    assert _values(found, "logs_sources") == {}
    session.close()


def test_a_file_larger_than_one_read_is_read_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.logs_files.READ_BYTES", 100)
    log = tmp_path / "shop.log"
    log.write_text("INFO 123\n" * 30)
    session = _session(log)
    found = _read(session)
    assert _values(found, "logs_records_total")["shop", "info"] == 11
    assert _values(found, "logs_unread_bytes") == {("shop",): 170}
    session.close()


def test_the_name_of_a_container_is_the_service(tmp_path: Path) -> None:
    directory = tmp_path / "containers"
    directory.mkdir()
    (directory / f"cart-7d9f_shop_cart-{'0' * 64}.log").write_text(
        "2026-01-02T03:04:05Z stdout P ERROR it\n2026-01-02T03:04:05Z stdout F  failed\n"
    )
    session = _session(directory / "*.log")
    assert _values(_read(session), "logs_records_total") == {("cart", "error"): 1}
    session.close()


def test_a_line_that_is_too_long_or_no_text_is_dropped_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_bytes(b"x" * (LINE_BYTES + 1) + b"\n\xff\xfe\nINFO fine\n")
    session = _session(log)
    found = _read(session)
    assert _values(found, "logs_dropped_records_total") == {("shop", "too_long"): 1, ("shop", "not_text"): 1}
    assert _values(found, "logs_records_total") == {("shop", "info"): 1}
    session.close()


def test_the_length_of_an_endless_line_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    files = Files(str(log), from_beginning=True)
    log.write_bytes(b"x" * (3 * LINE_BYTES))
    (chunk,) = files.read()
    assert chunk.dropped == {"too_long": 1}
    assert files.state()[str(log)][1] == 3 * LINE_BYTES
    files.close()


def test_a_file_that_may_not_be_read_is_a_number_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "shop.log").symlink_to(tmp_path / "shop.log")  # a loop, which root cannot open either
    (tmp_path / "cart.log").write_text("INFO x\n")
    session = _session(tmp_path / "*.log")
    found = _read(session)
    assert _values(found, "logs_unreadable_sources") == {("shop",): 1}
    assert _values(found, "logs_records_total") == {("cart", "info"): 1}
    session.close()


# --- Novelty ----------------------------------------------------------------------------------------------------------


def test_a_new_template_is_counted_and_shown_once(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("")
    session = _session(log)
    _read(session)
    with log.open("a") as file:
        file.write("ERROR order 17 failed\nERROR order 18 failed\n")
    found = _read(session)
    assert _values(found, "logs_new_templates_total") == {("shop", "error"): 1}
    assert set(_values(found, "logs_template_first_seen_timestamp_seconds")) == {
        ("shop", "error", "ERROR order <*> failed")
    }
    session.close()


def test_nothing_is_new_while_it_learns(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("ERROR a\nINFO b c\n")
    session = _session(log, learn="1h")
    found = _read(session)
    assert _values(found, "logs_templates") == {("shop",): 2}
    assert _values(found, "logs_new_templates_total") == {}
    session.close()


def test_a_restart_neither_forgets_nor_reads_twice(tmp_path: Path) -> None:
    log, state = tmp_path / "shop.log", tmp_path / "state.json"
    log.write_text("ERROR order 1 failed\n")
    first = _session(log, state=str(state))
    _read(first)
    first.close()
    with log.open("a") as file:
        file.write("ERROR order 2 failed\n")
    second = _session(log, state=str(state))
    found = _read(second)
    assert _values(found, "logs_records_total") == {("shop", "error"): 1}
    assert _values(found, "logs_new_templates_total") == {}
    second.close()


@pytest.mark.parametrize("text", ["", "{", '{"version": 99}', "[]"])
def test_a_state_that_cannot_be_read_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path / "shop.log").write_text("INFO x\n")
    session = _session(tmp_path / "shop.log", state=str(tmp_path / "state.json"))
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1}
    session.close()


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="option format is 'xml': auto, plain"):
        _session(tmp_path / "x", format="xml")


# --- The journal ------------------------------------------------------------------------------------------------------


def test_the_journal_is_read_from_a_cursor(tmp_path: Path) -> None:
    writer = find_program("systemd-journal-remote", under=["/lib/systemd", "/usr/lib/systemd"])
    if writer is None or find_program("journalctl") is None:
        pytest.skip("systemd-journal-remote is not installed (Debian package systemd-journal-remote)")

    def write(number: int, *entries: tuple[str, str]) -> None:
        text = ""
        for index, (priority, message) in enumerate(entries):
            stamp = f"{1_700_000_000_000_000 + number * 1000 + index}"
            text += f"__REALTIME_TIMESTAMP={stamp}\n__MONOTONIC_TIMESTAMP={stamp}\n_BOOT_ID={'1' * 32}\n"
            text += f"PRIORITY={priority}\nMESSAGE={message}\n_SYSTEMD_UNIT=shop.service\n\n"
        command = [str(writer), "--output", str(tmp_path / "all.journal"), "-"]
        subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=30)

    write(1, ("6", "started"))
    options = {"learn": "0s", "units": ["shop.service"]}
    session = LogsSession(target("j", "logs", f"journald://{tmp_path}", options=options))
    assert _values(_read(session), "logs_records_total") == {}
    write(2, ("3", "order 1 failed"), ("6", "order 2 done"))
    assert _values(_read(session), "logs_records_total") == {("shop", "error"): 1, ("shop", "info"): 1}
    session.close()


def test_a_journal_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    session = LogsSession(target("j", "logs", "journald:///"))
    with pytest.raises(TargetError, match="journalctl is not installed"):
        session.read(monotonic() + 5)


# --- What is declared -------------------------------------------------------------------------------------------------


def test_every_signal_is_emitted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_bytes(b"ERROR x\n\xff\n")
    (tmp_path / "cart.log").symlink_to(tmp_path / "cart.log")
    session = _session(tmp_path / "*.log")
    families = session.read(monotonic() + 10)
    check_declared(families, s.SIGNALS)
    assert {one.name for one in families if one.points} == {signal.name for signal in s.SIGNALS}
    assert COLLECTOR.system == s.SYSTEM.key
    session.close()
