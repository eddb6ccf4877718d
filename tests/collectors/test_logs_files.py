"""Logs: files that grow, rotate, vanish, cannot be read, or are too large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.logs_files import LINE_BYTES, Files
from collectors.logs_records import parse
from collectors.logs_services import OTHER, Services, service_of_file, service_of_unit
from tests.collectors.log_reading import TRACE, read, session_of, values

# --- Files ------------------------------------------------------------------------------------------------------------


def test_records_are_counted_by_level_and_traces_are_one(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text(f"INFO started\nERROR failed\n{TRACE}ValueError: no\nhello\n")
    session = session_of(tmp_path / "*.log")
    records = values(read(session), "logs_records_total")
    assert records == {("shop", "info"): 1, ("shop", "error"): 1, ("shop", "unknown"): 1}
    session.close()


def test_only_what_is_appended_is_read_and_half_a_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO old\n")
    session = session_of(log, **{"from": "end"})
    assert values(read(session), "logs_records_total") == {}
    with log.open("a") as file:
        file.write("INFO new\nINFO ha")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 1}
    with log.open("a") as file:
        file.write("lf\n")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_rotation_by_renaming_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = session_of(log)
    read(session)
    with log.open("a") as file:
        file.write("INFO written before the rotation\n")
    log.rename(tmp_path / "shop.log.1")
    log.write_text("INFO written after it\n")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 3}
    session.close()


def test_rotation_by_truncation_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO one long line before\n")
    session = session_of(log)
    read(session)
    log.write_text("INFO x\n")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_a_deleted_file_is_read_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = session_of(log)
    read(session)
    with log.open("a") as file:
        file.write("INFO last words\n")
    log.unlink()
    found = read(session)
    assert values(found, "logs_records_total") == {("shop", "info"): 2}
    assert values(found, "logs_sources") == {}
    session.close()


def test_a_file_that_is_renamed_within_the_pattern_is_not_read_twice(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("INFO 1\n")
    session = session_of(tmp_path / "shop.log*")
    read(session)
    log.rename(tmp_path / "shop.log.1")
    log.write_text("INFO 2\n")
    (tmp_path / "shop.log.link").symlink_to(log)
    assert values(read(session), "logs_records_total") == {("shop", "info"): 2}
    session.close()


def test_what_is_written_after_a_rotation_to_the_old_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    with log.open("w") as writer:
        session = session_of(log)
        read(session)
        log.rename(tmp_path / "old")
        read(session)
        writer.write("INFO before its writer has noticed\n")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 1}
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
    session = session_of(log)
    read(session)
    log.write_text("")
    found = read(session)
    assert values(found, "logs_lost_bytes_total") == {("shop",): 180}
    assert values(found, "logs_unread_bytes") == {}
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
    session = session_of(tmp_path / "**")
    found = read(session)
    assert values(found, "logs_unreadable_sources") == {("pipe",): 1}
    assert values(found, "logs_records_total") == {("cart", "info"): 1}
    session.close()


def test_more_files_than_may_be_open_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.logs_files.HELD_FILES", 5)
    before = _open_handles()
    for number in range(40):
        (tmp_path / f"{number}.log").write_text("INFO x\n")
    session = session_of(tmp_path / "*.log", service="all")
    for round_ in range(1, 4):
        assert values(read(session), "logs_records_total") == {("all", "info"): 40 * round_}
        assert _open_handles() - before <= 5
        for number in range(40):
            with (tmp_path / f"{number}.log").open("a") as file:
                file.write("INFO y\n")
    session.close()
    assert _open_handles() == before


def test_a_character_that_is_cut_costs_no_record(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_bytes("INFO Müller\n".encode("latin-1") + "ERROR Müller".encode()[:8] + b" is cut\n")
    session = session_of(log)
    found = read(session)
    assert values(found, "logs_records_total") == {("shop", "info"): 1, ("shop", "error"): 1}
    session.close()


def test_pieces_of_two_streams_are_not_mixed(tmp_path: Path) -> None:
    lines = ("stdout P INFO one ", "stderr P ERROR two ", "stdout F and its end", "stderr F and its end")
    (tmp_path / "shop.log").write_text("".join(f"2026-01-02T03:04:05Z {line}\n" for line in lines))
    session = session_of(tmp_path / "*.log")
    assert values(read(session), "logs_records_total") == {("shop", "info"): 1, ("shop", "error"): 1}
    session.close()


def test_a_record_that_never_ends_costs_no_memory(tmp_path: Path) -> None:
    piece = f"2026-01-02T03:04:05Z stdout P {'x' * 16_000}\n"
    (tmp_path / "shop.log").write_text(piece * 40)
    session = session_of(tmp_path / "*.log")
    assert values(read(session), "logs_dropped_records_total")["shop", "too_long"] > 0
    assert sum(len(text) for source in session._sources.values() for text in source.partial.values()) <= LINE_BYTES
    session.close()


def test_a_trace_alone_is_an_error_that_its_last_line_names(tmp_path: Path) -> None:
    (tmp_path / "job.log").write_text(f"INFO begun\n{TRACE}ValueError: no\nINFO ended\n")
    session = session_of(tmp_path / "*.log")
    found = read(session)
    assert values(found, "logs_records_total") == {("job", "info"): 2, ("job", "error"): 1}
    texts = {key[2] for key in values(found, "logs_template_first_seen_timestamp_seconds")}
    assert "ValueError: no" in texts
    session.close()


def test_a_structured_record_that_begins_with_a_blank_counts(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text('{"level":"error","msg":"  indented"}\n')
    session = session_of(tmp_path / "*.log")
    assert values(read(session), "logs_records_total") == {("shop", "error"): 1}
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
    session = session_of(log)
    found = read(session)
    assert values(found, "logs_records_total")["shop", "info"] == 11
    assert values(found, "logs_unread_bytes") == {("shop",): 170}
    session.close()


def test_the_name_of_a_container_is_the_service(tmp_path: Path) -> None:
    directory = tmp_path / "containers"
    directory.mkdir()
    (directory / f"cart-7d9f_shop_cart-{'0' * 64}.log").write_text(
        "2026-01-02T03:04:05Z stdout P ERROR it\n2026-01-02T03:04:05Z stdout F  failed\n"
    )
    session = session_of(directory / "*.log")
    assert values(read(session), "logs_records_total") == {("cart", "error"): 1}
    session.close()


def test_a_line_that_is_too_long_or_no_text_is_dropped_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_bytes(b"x" * (LINE_BYTES + 1) + b"\n\xff\xfe\nINFO fine\n")
    session = session_of(log)
    found = read(session)
    assert values(found, "logs_dropped_records_total") == {("shop", "too_long"): 1, ("shop", "not_text"): 1}
    assert values(found, "logs_records_total") == {("shop", "info"): 1}
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
    session = session_of(tmp_path / "*.log")
    found = read(session)
    assert values(found, "logs_unreadable_sources") == {("shop",): 1}
    assert values(found, "logs_records_total") == {("cart", "info"): 1}
    session.close()
