"""One process writes a state file; the other is told who, and loses nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from detectors.holding import Holding
from tests.detectors.engines import START, TOOL, engine, healthy
from tests.detectors.series import FakeStore, Sink
from watchkeeper.errors import StoreError


def test_a_second_holder_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "data" / "detectors.state"
    first = Holding(path, "watchkeeper serve")
    said = rf"detectors\.state: watchkeeper serve \(process {os.getpid()} on .+\) keeps .* stop that one, or give"
    with pytest.raises(StoreError, match=said) as refused:
        Holding(path, "watchkeeper detect --follow")
    assert "\n" not in str(refused.value) and refused.value.exit_code == 3
    first.release()
    first.release()
    Holding(path, "watchkeeper detect --follow").release()


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    code = (
        "import os, signal, sys; from pathlib import Path; from detectors.holding import Holding; "
        "held = Holding(Path(sys.argv[1]), 'watchkeeper up'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert "watchkeeper up" in path.with_name("detectors.state.lock").read_text()
    Holding(path, "watchkeeper serve").release()


def test_a_lock_that_says_nothing_or_nonsense_is_told_as_another_process(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    held = Holding(path, "watchkeeper serve")
    path.with_name("detectors.state.lock").write_bytes(b"\x1b[2J\n")
    with pytest.raises(StoreError, match="another process keeps"):
        Holding(path, "watchkeeper up")
    held.release()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=re.escape("set `data` to a directory that can be written")):
        Holding(tmp_path / "file" / "detectors.state", "watchkeeper up")


def test_an_engine_that_is_refused_leaves_what_the_first_has_learned(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    store = FakeStore({TOOL: healthy})
    first = engine(store, Sink(), state_path=path, holder="watchkeeper serve")
    first.warm_up(START)
    first.save()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="watchkeeper serve"):
        engine(store, Sink(), state_path=path, holder="watchkeeper detect --follow")
    assert path.read_bytes() == before
    first.stop()
    after = engine(store, Sink(), state_path=path, holder="watchkeeper detect --follow")
    assert after.watches["test.latency"].place == first.watches["test.latency"].place
    after.stop()


def test_what_is_held_no_more_is_written_no_more(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    found = engine(FakeStore({TOOL: healthy}), Sink(), state_path=path, holder="watchkeeper serve")
    found.stop()
    path.unlink(missing_ok=True)
    found.save()
    found.stop()
    assert not path.exists()
