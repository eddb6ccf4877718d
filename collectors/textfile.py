"""The textfile mode: the exposition as a file for node_exporter's textfile collector, replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from watchkeeper.disk import replacing
from watchkeeper.errors import SettingsError, WatchkeeperError

__all__ = ["TextfileError", "check_textfile", "write_textfile"]


class TextfileError(WatchkeeperError):
    """The file for node_exporter cannot be written."""

    exit_code = 3


def check_textfile(path: str | Path) -> Path:
    """The path; raises SettingsError when node_exporter would not look at it."""
    path = Path(path)
    if path.suffix != ".prom":
        raise SettingsError(
            f"push.textfile: node_exporter reads only files that end in .prom: name {path} {path.stem}.prom",
            place=("push", "textfile"),
        )
    return path


def write_textfile(path: Path, text: bytes) -> None:
    """Replace the file: a reader sees the old text or the new, never a part. Raises TextfileError.

    The file is readable for all (0644), since node_exporter runs as another user.
    """
    # Not .prom: a reader that lists the directory now takes it for nothing of its own. Two of us may write there.
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with replacing(path, beside=beside) as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
    except OSError as error:
        raise TextfileError(f"{path}: cannot be written: {error.strerror}") from None
