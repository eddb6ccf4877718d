"""What every command that stays in the foreground does: log lines, and an end when somebody asks for it."""

from __future__ import annotations

import logging
import queue
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.settings import LogSettings

__all__ = ["configure_logging", "on_hangup", "stop_event"]


def stop_event() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    # A handler runs in the main thread, which may be inside the event's own lock just then: it only puts a word into a
    # queue that may be put into from anywhere, and a thread that waits for it sets the event.
    words: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait() -> None:
        words.get()
        stop.set()

    def end(number: int, _: object) -> None:
        words.put(number)

    threading.Thread(target=wait, name="stop", daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return stop


def on_hangup(call: Callable[[], None]) -> None:
    """Call something at SIGHUP, which would end the process otherwise; it must do no more than set a flag."""
    signal.signal(signal.SIGHUP, lambda *_: call())


def configure_logging(settings: LogSettings | None = None, *, level: int = logging.INFO) -> None:
    """One line an event on standard error, as `log` of the settings has it, or for people from `level` on without them;
    may be called again with others.
    """
    from watchkeeper.app.logs import ConsoleFormatter, JsonFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings is not None and settings.format == "json" else ConsoleFormatter())
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one.formatter, ConsoleFormatter | JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level if settings is None else settings.level.upper())
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("elastic_transport", "pymongo"):  # a line for each request, which targets' own lines say better
        logging.getLogger(name).setLevel(logging.ERROR)
