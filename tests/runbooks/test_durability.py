"""What survives a crash: a process is killed in the middle, and another takes over."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runbooks.support import document, firing, new_engine, only_incident, started, step, step_of, until_run
from watchkeeper.clock import monotonic

_ROOT = Path(__file__).resolve().parents[2]
_VICTIM = """
import sys, threading
from pathlib import Path
from tests.runbooks.support import document, firing, new_engine, started, until_step

directory, text = Path(sys.argv[1]), Path(sys.argv[2]).read_text()
with started(new_engine(directory, document(text), commands=("sh",))) as engine:
    engine.deliver([firing(source="manual")])
    if "risk=change" in text:
        record = until_step(engine, "act", "waiting_approval")
        engine.approve(record.run_id, "act", "ada", record.command_hash)
    threading.Event().wait()
"""


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: a step that opens it for writing stops there, and the test learns that it has begun."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def killed_in(tmp_path: Path, pipe: Path, text: str) -> None:
    """Run an engine in a process of its own and kill that once its step holds the pipe open."""
    (tmp_path / "document").write_text(text)
    command = [sys.executable, "-c", _VICTIM, str(tmp_path), str(tmp_path / "document")]
    with subprocess.Popen(command, cwd=_ROOT) as victim:
        try:
            reader = os.open(pipe, os.O_RDONLY)  # returns when the step opens the other end
            assert os.read(reader, 5) == b"begun"
        finally:
            victim.kill()
            victim.wait()
    assert victim.returncode == -signal.SIGKILL
    os.close(reader)


@pytest.fixture
def command(tmp_path: Path, pipe: Path) -> Iterator[str]:
    """A command that leaves a mark, and the first time says that it has begun and takes for ever.

    The killed engine's child goes on, as it does in life: it is ended here, by the id that it wrote down.
    """
    marks, group, script = tmp_path / "marks", tmp_path / "group", tmp_path / "script"
    script.write_text(
        f"echo x >> {marks}\ntest -e {group} && exit 0\necho $$ > {group}\necho begun > {pipe}\nsleep 600\n"
    )
    yield f"sh {script}"
    with contextlib.suppress(OSError):
        os.killpg(int(group.read_text()), signal.SIGKILL)


def test_a_change_that_was_interrupted_is_not_run_again(tmp_path: Path, pipe: Path, command: str) -> None:
    marks = tmp_path / "marks"
    text = step("sh {id=act risk=change timeout=5m}", command)
    killed_in(tmp_path, pipe, text)
    with started(new_engine(tmp_path, document(text))) as engine:
        until_run(engine, "waiting")
        assert step_of(engine, "act").status == "outcome_unknown"
        assert marks.read_text() == "x\n"
        engine.decide(step_of(engine, "act").run_id, "act", "failed", "ada")
        until_run(engine, "failed")
    assert marks.read_text() == "x\n"


def test_a_read_step_that_was_interrupted_is_run_again(tmp_path: Path, pipe: Path, command: str) -> None:
    marks = tmp_path / "marks"
    text = step("sh {id=act risk=read timeout=5m}", command)
    killed_in(tmp_path, pipe, text)
    with started(new_engine(tmp_path, document(text), commands=("sh",))) as engine:
        until_run(engine, "succeeded")
        assert step_of(engine, "act").attempt == 2
    assert marks.read_text() == "x\nx\n"


def test_what_was_delivered_is_there_after_a_kill(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from tests.runbooks.support import document, firing, new_engine, READ
engine = new_engine(Path({str(tmp_path)!r}), document(READ))
engine.deliver([firing()])
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=_ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with started(new_engine(tmp_path, document(step("query {id=read}", "redis.depth")))) as engine:
        assert only_incident(engine)
        until_run(engine, "succeeded")


def test_a_commit_is_synced_before_deliver_returns(tmp_path: Path) -> None:
    """strace is not everywhere, so the setting that makes SQLite sync at every commit is looked at."""
    engine = new_engine(tmp_path)
    with engine.journal.reading() as view:
        connection = view._connection
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.journal.close()


def test_a_failed_commit_is_an_error_of_deliver(tmp_path: Path) -> None:
    from watchkeeper.errors import JournalError

    engine = new_engine(tmp_path)
    blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    blocker.execute("DROP TABLE wk_deliveries")
    blocker.close()
    with pytest.raises(JournalError, match="cannot be written"):
        engine.deliver([firing()])
    assert engine.journal.incidents() == []
    engine.journal.close()


def test_stopping_is_quick_and_loses_nothing(tmp_path: Path) -> None:
    text = step("query {id=read}", "redis.depth") + step("manual {id=call}", "Call.")
    engine = new_engine(tmp_path, document(text))
    begun = monotonic()
    with started(engine):
        engine.deliver([firing()])
        until_run(engine, "waiting")
    assert monotonic() - begun < 8
    with started(new_engine(tmp_path, document(text))) as again:
        record = step_of(again, "call")
        again.confirm(record.run_id, "call", "ada")
        until_run(again, "succeeded")
