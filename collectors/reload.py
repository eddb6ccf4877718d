"""New settings for a running sidecar: on SIGHUP, and when their file changes.

Settings that cannot be read or used leave the old ones in force, with one line in the log and a signal at 0.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from collectors.families import Family, single
from watchkeeper.clock import Clock, now
from watchkeeper.errors import WatchkeeperError
from watchkeeper.settings import Settings, load
from watchkeeper.systems.watchkeeper_signals import (
    WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,
    WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL,
)

__all__ = ["POLL_SECONDS", "Reloader"]

_log = logging.getLogger("watchkeeper.collectors")

# One stat of a file; a mounted ConfigMap takes a minute to arrive anyway.
POLL_SECONDS = 3.0
# Who writes a file in place, not beside it, has written all of it when it has not changed for so long.
_SETTLE_SECONDS = 0.2
_SETTLE_LOOKS = 10


class Reloader:
    """Watches a settings file and hands new settings to `apply`, which raises WatchkeeperError to refuse them all.

    Made when the settings that are in force have just been read.
    """

    def __init__(
        self, path: str | Path, apply: Callable[[Settings], None], *, poll: float = POLL_SECONDS, clock: Clock = now
    ) -> None:
        self._path = Path(path)
        self._apply = apply
        self._poll = poll
        self._clock = clock
        self._successful = True
        self._succeeded = clock()
        self._stamp = self._stamped()
        self._content = self._read()
        self._asked = False
        self._stopping = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, after a reload that is under way."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def request(self) -> None:
        """Have the settings read again soon, changed or not; may be called by a signal handler."""
        self._asked = True
        self._wake.set()

    def families(self) -> Sequence[Family]:
        """Whether the last reload succeeded, and when one last did."""
        return [
            single(WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL, float(self._successful)),
            single(WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, self._succeeded),
        ]

    def check(self) -> None:
        """Reload when that was asked for, or the file's content is another."""
        asked, self._asked = self._asked, False
        stamp = self._stamped()
        if not asked and stamp == self._stamp:
            return
        self._stamp = self._settled(stamp)
        content = self._read()
        if not asked and content == self._content:
            return
        self._content = content
        self._reload()

    def _reload(self) -> None:
        try:
            self._apply(load(self._path))
        except WatchkeeperError as error:
            self._successful = False
            _log.error("the settings were not taken, the old ones stay in force: %s", error)
        except Exception:  # noqa: BLE001  whatever is wrong with new settings must not end the old ones
            self._successful = False
            _log.exception("the settings were not taken, the old ones stay in force")
        else:
            self._successful = True
            self._succeeded = self._clock()
            _log.info("the settings were read again")

    def _settled(self, stamp: object) -> object:
        """The stamp of a file that nobody is writing, so that half of it is not taken for the whole."""
        for _ in range(_SETTLE_LOOKS):
            # `stop` and `request` set what the loop waits on; they must still find it set.
            time.sleep(_SETTLE_SECONDS)
            before, stamp = stamp, self._stamped()
            if stamp == before or self._stopping:
                break
        return stamp

    def _stamped(self) -> object:
        try:
            status = os.stat(self._path)  # noqa: PTH116  every few seconds
        except OSError:
            return None
        # ctime: a file that may be read again has the same time, size and number as when it could not.
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None  # not as an empty one

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._poll)
            self._wake.clear()
            if not self._stopping:
                self.check()
