"""The running sidecar: listener, reloads and push around its targets, until it is told to stop.

It must stay small: nothing is imported here that its targets do not need, click neither.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from watchkeeper.app.foreground import configure_logging, on_hangup, stop_event
from watchkeeper.app.load import DEFAULT_SETTINGS, load_settings, package
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, WatchkeeperError
from watchkeeper.settings import Listener, Settings, Target

__all__ = ["Remarks", "reader_left", "run"]

_log = logging.getLogger("watchkeeper.app")

# A thread that computes is interrupted after this, so that a scrape waits no longer for its turn.
_SWITCH_SECONDS = 0.0005
# What listener and push together may take at the end, and what is left for the push in any case.
_STOP_SECONDS, _LEAST_PUSH_SECONDS = 6.0, 1.0


def run(config: str | None, listen: str | None, once: bool, names: tuple[str, ...]) -> int:
    """Expose the targets of the settings until SIGTERM or SIGINT, or once; scrapes that are under way are answered.

    Gives the exit code: with `once`, 3 when a target could not be read. Raises SettingsError and ListenError.
    """
    settings = load_settings(config, required=True, purpose="sidecar")
    targets = _chosen(settings, names)
    runtime = package("collectors.runtime")
    if once:
        runtime.check_labels(targets)
        return _once(runtime.Sidecar(targets))
    return _serve(settings, runtime.Sidecar(targets), config or DEFAULT_SETTINGS, listen, names)


def _chosen(settings: Settings, names: tuple[str, ...]) -> tuple[Target, ...]:
    known = {target.name: target for target in settings.targets}
    for name in names:
        if name not in known:
            raise SettingsError(f"no target is named {name!r}: the settings have {', '.join(known) or 'none'}")
    if not known:
        raise SettingsError("the settings have no targets: see `watchkeeper config example --for sidecar`")
    return tuple([known[name] for name in names]) or settings.targets


class Remarks(logging.Handler):
    """Keeps what the log would say while targets are read once, beside whether they are up: parts that failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def __enter__(self) -> Remarks:
        logging.getLogger("watchkeeper").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("watchkeeper").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        # That a target is down has its name with it, and is said as the error.
        if not hasattr(record, "target"):
            self.lines.append(record.getMessage())

    def tell(self) -> None:
        """Write them to stderr, a line each."""
        for line in self.lines:
            sys.stderr.write(f"watchkeeper: {line}\n")


def reader_left() -> None:
    """End in peace where `| head` has read enough: what is still buffered goes nowhere."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _once(sidecar: Any) -> int:
    with Remarks() as remarks:
        try:
            text = sidecar.scrape()
            errors = sidecar.errors()
        finally:
            sidecar.close()
    for name, error in errors.items():
        sys.stderr.write(f"watchkeeper: target {name}: {error}\n")
    remarks.tell()
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left()
    return 3 if errors else 0


def _serve(settings: Settings, sidecar: Any, path: str, listen: str | None, names: tuple[str, ...]) -> int:
    configure_logging(settings.log)
    stop = stop_event()
    address = Listener.parse(listen) if listen else settings.listener
    running: _Running
    reloader = package("collectors.reload").Reloader(path, lambda new: running.apply(new))
    on_hangup(reloader.request)  # before it answers: who sees that it runs may send the signal, which would end it
    running = _Running(settings, sidecar, address, names)
    sidecar.sources = (*sidecar.sources, reloader.families)
    try:
        reloader.start()
        sys.setswitchinterval(_SWITCH_SECONDS)
        # What start-up has made stays: the collector of garbage need not look at it again.
        gc.freeze()
        gc.enable()
        where = f"{running.server.scheme}://{address.host}:{running.server.port}/metrics"
        count = len(sidecar.targets)
        text = f"exposing {count} {'target' if count == 1 else 'targets'} on {where}"
        if settings.log.format == "json":
            _log.info(text)  # who reads the lines expects an object in each
        else:
            sys.stderr.write(f"{text}\n")
        stop.wait()
    finally:
        reloader.stop()
        running.close()
    return 0


class _Running:
    """The parts that new settings change: targets, access, log, push."""

    def __init__(self, settings: Settings, sidecar: Any, address: Listener, names: tuple[str, ...]) -> None:
        self.sidecar = sidecar
        self._settings = settings
        self._address = address
        # One of the command line stays, whatever the settings say.
        self._listens_as_set = address == settings.listener
        self._names = names
        self._lock = threading.Lock()
        self._pusher: Any = None
        self._pushed = _receivers(settings)
        try:
            self.server = package("collectors.server").serve(sidecar, address.host, address.port, settings.access)
            self._push(settings)
        except BaseException:
            self.close()
            raise

    def apply(self, settings: Settings) -> None:
        """Take new settings, all or none. Raises SettingsError."""
        with self._lock:
            old = self._settings
            targets = _chosen(settings, self._names)
            package("collectors.runtime").check_labels(targets)  # and that each has a collector
            guard = None
            if settings.access != old.access:
                guard = package("collectors.access").Guard(settings.access)
            if settings.push != old.push or settings.data != old.data:
                self._push_elsewhere(settings, old)
            self.sidecar.replace(targets)
            if guard is not None:
                self.server.guard = guard
            if settings.log != old.log:
                configure_logging(settings.log)
            if self._listens_as_set and settings.listener not in (old.listener, self._address):
                _log.warning("listen: another address is taken at the next start")
            self._settings = settings

    def _push_elsewhere(self, settings: Settings, old: Settings) -> None:
        try:
            self._push(settings)
        except WatchkeeperError:
            self._push(old)
            raise

    def _push(self, settings: Settings) -> None:
        pusher, self._pusher = self._pusher, None
        if pusher is not None:
            self.sidecar.sources = tuple([one for one in self.sidecar.sources if one != pusher.families])
            pusher.stop(ended=_receivers(settings) != self._pushed)
        self._pushed = _receivers(settings)
        if settings.push is not None:
            self._pusher = package("collectors.push").Pusher(self.sidecar, settings.push, Path(settings.data))
            self.sidecar.sources = (*self.sidecar.sources, self._pusher.families)
            self._pusher.start()

    def close(self) -> None:
        """Stop all, the listener first, in some eight seconds at most."""
        begun = monotonic()
        server = getattr(self, "server", None)
        if server is not None:
            server.shutdown()
        if self._pusher is not None:
            self._pusher.stop(max(_LEAST_PUSH_SECONDS, _STOP_SECONDS - (monotonic() - begun)))
        self.sidecar.close()


def _receivers(settings: Settings) -> tuple[object, ...]:
    """Where series are pushed to: they end when that changes, and go on when only the interval or so does."""
    push = settings.push
    if push is None:
        return ()
    otlp, written = push.otlp, push.remote_write
    return settings.data, otlp and otlp.url, written and written.url, push.textfile
