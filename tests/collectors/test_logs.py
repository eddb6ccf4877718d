"""Logs: novelty of templates, the journal, and what is declared."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from collectors.logs import COLLECTOR, LogsSession
from examples.servers.process import find_program, wait_until
from tests.collectors.helpers import check_declared, names_of, target
from tests.collectors.log_reading import read, session_of, values
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.systems import logs as s

# --- Novelty ----------------------------------------------------------------------------------------------------------


def test_a_new_template_is_counted_and_shown_once(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("")
    session = session_of(log)
    read(session)
    with log.open("a") as file:
        file.write("ERROR order 17 failed\nERROR order 18 failed\n")
    found = read(session)
    assert values(found, "logs_new_templates_total") == {("shop", "error"): 1}
    assert set(values(found, "logs_template_first_seen_timestamp_seconds")) == {
        ("shop", "error", "ERROR order <*> failed")
    }
    session.close()


def test_nothing_is_new_while_it_learns(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("ERROR a\nINFO b c\n")
    session = session_of(log, learn="1h")
    found = read(session)
    assert values(found, "logs_templates") == {("shop",): 2}
    assert values(found, "logs_new_templates_total") == {}
    session.close()


def test_a_restart_neither_forgets_nor_reads_twice(tmp_path: Path) -> None:
    log, state = tmp_path / "shop.log", tmp_path / "state.json"
    log.write_text("ERROR order 1 failed\n")
    first = session_of(log, state=str(state))
    read(first)
    first.close()
    with log.open("a") as file:
        file.write("ERROR order 2 failed\n")
    second = session_of(log, state=str(state))
    found = read(second)
    assert values(found, "logs_records_total") == {("shop", "error"): 1}
    assert values(found, "logs_new_templates_total") == {}
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
    session = session_of(tmp_path / "shop.log", state=str(tmp_path / "state.json"))
    assert values(read(session), "logs_records_total") == {("shop", "info"): 1}
    session.close()


def test_a_state_that_cannot_be_written_does_not_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collectors.logs._SAVE_SECONDS", -1.0)
    directory = tmp_path / "state"
    directory.mkdir()
    (tmp_path / "shop.log").write_text("INFO x\n")
    session = session_of(tmp_path / "shop.log", state=str(directory / "state.json"))
    directory.rmdir()
    caplog.set_level("WARNING")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 1}
    read(session)
    assert caplog.text.count("cannot write") == 1
    directory.mkdir()
    read(session)
    assert (directory / "state.json").stat().st_mode & 0o777 == 0o600
    session.close()


def test_a_state_without_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no directory to write into"):
        session_of(tmp_path / "x", state=str(tmp_path / "none" / "state.json"))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"from": "middle"}, "option from is 'middle'"),
        ({"templates": 0}, "option templates is 0"),
        ({"templates": "many"}, "option templates is 'many'"),
        ({"learn": "soon"}, "option learn is 'soon': write a duration"),
        ({"units": 5}, "option units is 5"),
        ({"service": 5}, "option service is 5"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        session_of(tmp_path / "x", **options)


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(SettingsError, match="the path begins with /"):
        LogsSession(target("app", "logs", "file://var/log/app.log"))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="option format is 'xml': allowed: auto, plain"):
        session_of(tmp_path / "x", format="xml")


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
    assert values(read(session), "logs_records_total") == {}
    write(2, ("3", "order 1 failed"), ("6", "order 2 done"))
    assert values(read(session), "logs_records_total") == {("shop", "error"): 1, ("shop", "info"): 1}
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
    assert values(read(session), "logs_records_total") == {}
    entry = {"__CURSOR": "c1", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "cron", "MESSAGE": [110, 195]}
    (tmp_path / "entries").write_text(json.dumps(entry) + "\n")
    assert values(read(session), "logs_records_total") == {("cron", "error"): 1}


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
    session = session_of(tmp_path / "*.log")
    families = session.read(monotonic() + 10)
    check_declared(families, s.SIGNALS)
    assert names_of(families) == {signal.name for signal in s.SIGNALS}
    assert COLLECTOR.system == s.SYSTEM.key
    session.close()


def test_a_pattern_that_matches_nothing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = session_of(tmp_path / "*.log")
    read(session)
    found = read(session)
    pairs = (("service", f"{tmp_path}/*.log"),)
    assert found["logs_sources"].points == [("logs_sources", pairs, 0.0)]
    assert [record.getMessage() for record in caplog.records] == [f"target app: no file matches {tmp_path}/*.log"]
    (tmp_path / "shop.log").write_text("INFO a\n")
    assert values(read(session), "logs_sources") == {("shop",): 1.0}
    session.close()
