"""Logs: formats, levels, rotation, templates and their novelty, the journal."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.logs import COLLECTOR, LogsSession
from collectors.logs_files import LINE_BYTES, Files
from collectors.logs_records import level_of, parse
from collectors.logs_services import OTHER, Services, service_of_file, service_of_unit
from collectors.logs_templates import Templates, masked
from examples.servers.process import find_program, wait_until
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


# --- Files ------------------------------------------------------------------------------------------------------------


def test_records_are_counted_by_level_and_traces_are_one(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text(f"INFO started\nERROR failed\n{TRACE}ValueError: no\nhello\n")
    session = _session(tmp_path / "*.log")
    records = _values(_read(session), "logs_records_total")
    assert records == {("shop", "info"): 1, ("shop", "error"): 1, ("shop", "unknown"): 1}
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


def test_a_file_that_is_renamed_within_the_pattern_is_not_read_twice(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = _session(tmp_path / "shop.log*")
    _read(session)
    log.rename(tmp_path / "shop.log.1")
    log.write_text("INFO 2\n")
    (tmp_path / "shop.log.link").symlink_to(log)
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_what_is_written_after_a_rotation_to_the_old_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    with log.open("w") as writer:
        session = _session(log)
        _read(session)
        log.rename(tmp_path / "old")
        _read(session)
        writer.write("INFO before its writer has noticed\n")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1}
    session.close()


def _open_handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_deleted_file_is_let_go_though_it_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its space is free again only then: an operator who deletes a log wants it."""
    monkeypatch.setattr("collectors.logs_files.READ_BYTES", 10)
    log, clock, before = tmp_path / "shop.log", [0.0], _open_handles()
    with log.open("w") as writer:
        files = Files(str(log), from_beginning=True, clock=lambda: clock[0])
        list(files.read())
        log.unlink()
        lost = 0
        for _ in range(10):
            writer.write("INFO again and again\n")
            writer.flush()
            clock[0] += 10
            lost += sum(chunk.lost for chunk in files.read())
    assert _open_handles() == before
    assert 0 < lost < 210


def test_what_a_truncation_takes_before_it_was_read_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.logs_files.READ_BYTES", 90)
    log = tmp_path / "shop.log"
    log.write_text("INFO 123\n" * 30)
    session = _session(log)
    _read(session)
    log.write_text("")
    found = _read(session)
    assert _values(found, "logs_lost_bytes_total") == {("shop",): 180}
    assert _values(found, "logs_unread_bytes") == {}
    session.close()


def test_a_read_ends_in_time_and_the_next_one_goes_on(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.log").write_text("INFO x\n")
    ticks = iter(range(1000))
    files = Files(str(tmp_path / "*.log"), from_beginning=True, clock=lambda: float(next(ticks)))
    seen: list[str] = []
    turns = 0
    while len(seen) < 9 and turns < 100:
        turns += 1
        seen += [Path(chunk.path).name for chunk in files.read(until=float(next(ticks)) + 6)]
    assert turns > 1
    assert sorted(seen) == [f"{number}.log" for number in range(9)]
    files.close()


def test_a_pipe_does_not_block_and_a_directory_is_no_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "sub.log").mkdir()
    (tmp_path / "cart.log").write_text("INFO x\n")
    session = _session(tmp_path / "**")
    found = _read(session)
    assert _values(found, "logs_unreadable_sources") == {("pipe",): 1}
    assert _values(found, "logs_records_total") == {("cart", "info"): 1}
    session.close()


def test_more_files_than_may_be_open_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.logs_files.HELD_FILES", 5)
    before = _open_handles()
    for number in range(40):
        (tmp_path / f"{number}.log").write_text("INFO x\n")
    session = _session(tmp_path / "*.log", service="all")
    for round_ in range(1, 4):
        assert _values(_read(session), "logs_records_total") == {("all", "info"): 40 * round_}
        assert _open_handles() - before <= 5
        for number in range(40):
            with (tmp_path / f"{number}.log").open("a") as file:
                file.write("INFO y\n")
    session.close()
    assert _open_handles() == before


def test_a_character_that_is_cut_costs_no_record(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_bytes("INFO Müller\n".encode("latin-1") + "ERROR Müller".encode()[:8] + b" is cut\n")
    session = _session(log)
    found = _read(session)
    assert _values(found, "logs_records_total") == {("shop", "info"): 1, ("shop", "error"): 1}
    session.close()


def test_pieces_of_two_streams_are_not_mixed(tmp_path: Path) -> None:
    lines = ("stdout P INFO one ", "stderr P ERROR two ", "stdout F and its end", "stderr F and its end")
    (tmp_path / "shop.log").write_text("".join(f"2026-01-02T03:04:05Z {line}\n" for line in lines))
    session = _session(tmp_path / "*.log")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1, ("shop", "error"): 1}
    session.close()


def test_a_record_that_never_ends_costs_no_memory(tmp_path: Path) -> None:
    piece = f"2026-01-02T03:04:05Z stdout P {'x' * 16_000}\n"
    (tmp_path / "shop.log").write_text(piece * 40)
    session = _session(tmp_path / "*.log")
    assert _values(_read(session), "logs_dropped_records_total")["shop", "too_long"] > 0
    assert sum(len(text) for source in session._sources.values() for text in source.partial.values()) <= LINE_BYTES
    session.close()


def test_a_trace_alone_is_an_error_that_its_last_line_names(tmp_path: Path) -> None:
    (tmp_path / "job.log").write_text(f"INFO begun\n{TRACE}ValueError: no\nINFO ended\n")
    session = _session(tmp_path / "*.log")
    found = _read(session)
    assert _values(found, "logs_records_total") == {("job", "info"): 2, ("job", "error"): 1}
    texts = {key[2] for key in _values(found, "logs_template_first_seen_timestamp_seconds")}
    assert "ValueError: no" in texts
    session.close()


def test_a_structured_record_that_begins_with_a_blank_counts(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text('{"level":"error","msg":"  indented"}\n')
    session = _session(tmp_path / "*.log")
    assert _values(_read(session), "logs_records_total") == {("shop", "error"): 1}
    session.close()


@pytest.mark.parametrize(
    "path, service",
    [
        ("/var/log/app.log", "app"),
        ("/var/log/app.log.1", "app"),
        ("/var/log/app-20260102.log", "app"),
        ("/var/log/app.log-2026-01-02", "app"),
        ("/var/log/app.2026-01-02.7.log", "app"),
        ("/var/log/syslog", "syslog"),
        ("/var/log/pods/shop_cart-1_uid/cart/0.log", "cart"),
    ],
)
def test_the_service_of_a_file(path: str, service: str) -> None:
    assert service_of_file(path) == service


@pytest.mark.parametrize(
    "unit, service",
    [
        ("shop.service", "shop"),
        ("getty@tty1.service", "getty"),
        ("session-45.scope", "session"),
        ("run-r7f.service", "run"),
        ("cron", "cron"),
    ],
)
def test_the_service_of_a_unit(unit: str, service: str) -> None:
    assert service_of_unit(unit) == service


def test_services_are_bounded_and_make_place_when_they_are_gone() -> None:
    services = Services(1000)
    names = [f"s{number}" for number in range(300)]
    for name in names:
        services.named(name, 0.0).add(parse(f"ERROR {name} failed"), 0.0, 0.0)
    assert len(services) == 201
    assert services[OTHER].records["error"] == 100
    assert sum(one.templates.limit for one in services.values()) <= 201 * 50
    assert services.named("new", 10_000.0) is services["new"]
    assert len(services) == 1


def test_a_burst_of_new_templates_is_shown_in_part() -> None:
    service = Services(1000).named("shop", 0.0)
    for number in range(5000):
        service.add(parse(f"ERROR {'x' * (number % 400 + 1)} {'y' * (number // 400)} z"), number / 10, 0.0)
    assert len(service.shown) <= 200
    service.trim(500.0)
    assert len(service.shown) == 20


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
    assert sum(sum(chunk.dropped.values()) for chunk in files.read()) == 1
    assert files.state()[str(log)][1] == 3 * LINE_BYTES
    with log.open("ab") as file:
        file.write(b"its end\nnext\n")
    # The end of the line is no line of its own.
    assert [line for chunk in files.read() for line in chunk.lines] == [b"next"]
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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"version": 99}',
        "[]",
        '{"version": 1, "files": {}}',
        '{"version": 1, "files": [], "services": {}}',
        '{"version": 1, "files": {"/x": "y"}, "services": {"a": {"since": 0, "templates": [["cut"]]}}}',
        '{"version": 1, "files": {}, "services": {"a": {"templates": []}}}',
        '{"version": 1, "files": {}, "services": []}',
    ],
)
def test_a_state_that_cannot_be_read_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path / "shop.log").write_text("INFO x\n")
    session = _session(tmp_path / "shop.log", state=str(tmp_path / "state.json"))
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1}
    session.close()


def test_a_state_that_cannot_be_written_does_not_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collectors.logs._SAVE_SECONDS", -1.0)
    directory = tmp_path / "state"
    directory.mkdir()
    (tmp_path / "shop.log").write_text("INFO x\n")
    session = _session(tmp_path / "shop.log", state=str(directory / "state.json"))
    directory.rmdir()
    caplog.set_level("WARNING")
    assert _values(_read(session), "logs_records_total") == {("shop", "info"): 1}
    _read(session)
    assert caplog.text.count("cannot write") == 1
    directory.mkdir()
    _read(session)
    assert (directory / "state.json").stat().st_mode & 0o777 == 0o600
    session.close()


def test_a_state_without_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no directory to write into"):
        _session(tmp_path / "x", state=str(tmp_path / "none" / "state.json"))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"from": "middle"}, "option from is 'middle'"),
        ({"templates": 0}, "option templates is 0"),
        ({"templates": "many"}, "option templates is 'many'"),
        ({"learn": "soon"}, "option learn: 'soon'"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _session(tmp_path / "x", **options)


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(SettingsError, match="the path begins with /"):
        LogsSession(target("app", "logs", "file://var/log/app.log"))


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


def _journalctl(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> LogsSession:
    """A journalctl that does what a script says."""
    program = directory / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return LogsSession(target("j", "logs", "journald:///", options={"learn": "0s"}))


def test_a_journal_that_may_not_be_read_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _journalctl(tmp_path, "echo 'No journal files were opened' >&2; exit 1", monkeypatch)
    with pytest.raises(TargetError, match="journalctl: No journal files were opened"):
        session.read(monotonic() + 10)


def test_a_journalctl_that_says_something_else_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _journalctl(tmp_path, "echo garbage", monkeypatch)
    with pytest.raises(TargetError, match="no JSON object"):
        session.read(monotonic() + 10)


def test_the_first_entry_of_an_empty_journal_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _journalctl(tmp_path, f"cat {tmp_path}/entries 2>/dev/null || true", monkeypatch)
    assert _values(_read(session), "logs_records_total") == {}
    entry = {"__CURSOR": "c1", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "cron", "MESSAGE": [110, 195]}
    (tmp_path / "entries").write_text(json.dumps(entry) + "\n")
    assert _values(_read(session), "logs_records_total") == {("cron", "error"): 1}


def test_a_journalctl_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _journalctl(tmp_path, "exec sleep 60", monkeypatch)
    failed: list[str] = []

    def read() -> None:
        try:
            session.read(monotonic() + 30)
        except TargetError as error:
            failed.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    wait_until(lambda: session._journal is not None and session._journal._process is not None, what="journalctl")
    session.abort()
    thread.join(10)
    assert failed == ["journalctl: no answer in time"]


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
