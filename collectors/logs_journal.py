"""The journal of systemd, through journalctl: its files have no other stable reader."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.logs_files import READ_BYTES
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError

__all__ = ["Journal"]

_FIELDS = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER,__CURSOR"


class Journal:
    """The entries after a cursor; from the end at first, unless the state knows better."""

    def __init__(self, arguments: Sequence[str], *, from_beginning: bool, cursor: str = "") -> None:
        self._arguments = tuple(arguments)
        self._from_beginning = from_beginning
        self.cursor = cursor
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, deadline: float, until: float | None = None) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Each entry written since the last call, as its fields and its size in bytes; at most what one read of a file
        gives, and until `until` (seconds of the monotonic clock): the rest comes at the next call.

        Raises TargetError when journalctl cannot be run, refuses, or does not answer in time.
        """
        if not self.cursor and not self._from_beginning:
            self.cursor = self._end(deadline)
            if not self.cursor:
                self._from_beginning = True  # it is empty: whatever comes is new
            return
        after = [f"--after-cursor={self.cursor}"] if self.cursor else []
        with self._started(["--output=json", f"--output-fields={_FIELDS}", *after]) as process:
            size = 0
            for line in process.stdout or ():
                entry = _entry(line)
                self.cursor = entry.get("__CURSOR", self.cursor)
                yield entry, len(line)
                size += len(line)
                if size > READ_BYTES or monotonic() > (until or deadline):
                    return
            _check(process, deadline)

    def abort(self) -> None:
        """End a journalctl that is running: the read in another thread ends then."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def _end(self, deadline: float) -> str:
        """The cursor of the last entry, empty when there is none."""
        with self._started(["--lines=1", "--output=json", f"--output-fields={_FIELDS}"]) as process:
            lines = list(process.stdout or ())
            _check(process, deadline)
        return str(_entry(lines[-1]).get("__CURSOR", "")) if lines else ""

    @contextlib.contextmanager
    def _started(self, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        command = ["journalctl", "--no-pager", "--quiet", "--all", *self._arguments, *arguments]
        try:
            process = subprocess.Popen(  # noqa: S603  a list of arguments, and no shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise TargetError("journalctl is not installed: it comes with systemd") from None
        except OSError as error:
            raise TargetError(f"journalctl: {error.strerror}") from None
        self._process = process
        try:
            yield process
        finally:
            self._process = None
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def _check(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Raise TargetError when a journalctl that has said everything does not end well."""
    try:
        code = process.wait(max(0.1, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        raise TargetError("journalctl: no answer in time") from None
    if code < 0:
        raise TargetError("journalctl: no answer in time")  # it was ended by `abort`
    if code > 0:
        text = process.stderr.read(500).decode(errors="replace") if process.stderr is not None else ""
        raise TargetError(f"journalctl: {' '.join(text.split()) or f'it ended with code {code}'}")


def _entry(line: bytes) -> dict[str, Any]:
    """The fields of an entry. Raises TargetError for what is no JSON object."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TargetError("journalctl: a line of its output is no JSON object")
    message = found.get("MESSAGE")
    if isinstance(message, list):  # a text that is not UTF-8 comes as its bytes
        with contextlib.suppress(ValueError, TypeError):
            found["MESSAGE"] = bytes(message).decode(errors="replace")
    return found
