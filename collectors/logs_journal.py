"""The journal of systemd, through journalctl: its files have no other stable reader."""

from __future__ import annotations

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

    def read(self, deadline: float) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Each entry written since the last call, as its fields and its size in bytes; at most what one read of a file
        gives.

        Raises TargetError when journalctl cannot be run, refuses, or does not answer in time.
        """
        if not self.cursor and not self._from_beginning:
            self.cursor = self._end(deadline)
            if self.cursor:
                return
        after = [f"--after-cursor={self.cursor}"] if self.cursor else []
        process = self._started(["--output=json", f"--output-fields={_FIELDS}", *after])
        size = 0
        try:
            for line in process.stdout or ():
                entry = json.loads(line)
                self.cursor = entry.get("__CURSOR", self.cursor)
                yield entry, len(line)
                size += len(line)
                if size > READ_BYTES:
                    return
                if monotonic() > deadline:
                    return
            if process.wait(max(0.1, deadline - monotonic())) != 0:
                raise TargetError(f"journalctl: {_complaint(process)}")
        except subprocess.TimeoutExpired:
            raise TargetError("journalctl: no answer in time") from None
        except ValueError as error:
            raise TargetError(f"journalctl: {error}") from None
        finally:
            self.abort()

    def abort(self) -> None:
        """End a journalctl that is running."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _end(self, deadline: float) -> str:
        process = self._started(["--lines=1", "--output=json", f"--output-fields={_FIELDS}"])
        try:
            out, _ = process.communicate(timeout=max(0.1, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            raise TargetError("journalctl: no answer in time") from None
        finally:
            self.abort()
        cursor: str = json.loads(out.splitlines()[-1]).get("__CURSOR", "") if out.strip() else ""
        return cursor

    def _started(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        command = ["journalctl", "--no-pager", "--quiet", "--all", *self._arguments, *arguments]
        try:
            self._process = subprocess.Popen(  # noqa: S603  a list of arguments, and no shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise TargetError("journalctl is not installed: it comes with systemd") from None
        except OSError as error:
            raise TargetError(f"journalctl: {error.strerror}") from None
        return self._process


def _complaint(process: subprocess.Popen[bytes]) -> str:
    text = process.stderr.read(500).decode(errors="replace") if process.stderr is not None else ""
    return " ".join(text.split()) or f"it ended with code {process.returncode}"
