"""What every command that stays in the foreground does: log lines, and an end when somebody asks for it."""

from __future__ import annotations

import logging
import signal
import threading

__all__ = ["configure_logging", "stop_event"]


def stop_event() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def configure_logging(level: int = logging.INFO) -> None:
    """One line an event on standard error: time, level, part, message."""
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    logging.getLogger("urllib3").setLevel(logging.ERROR)
