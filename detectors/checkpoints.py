"""Checkpoints: what detectors had learned some hours ago, so that the last hours can be judged anew without all of
history before them.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

__all__ = ["EVERY", "checkpoint_before", "keep_checkpoint"]

EVERY = 6 * 3_600.0
"""Seconds between two of them: as much as is judged anew where somebody asks for an explanation."""
# One that is old enough for a question of now, and the next one that will be.
_KEPT = 2
_log = logging.getLogger("watchkeeper.detectors")


def keep_checkpoint(path: Path, at: float, *, every: float = EVERY) -> None:
    """Keep the state that was just saved in a file beside it, where the last was kept `every` seconds ago or before.

    Costs no copy where the file system has links; a disk that refuses is logged.
    """
    found = [one for one in _found(path) if one[0] <= at]
    if found and at - found[-1][0] < every:
        return
    try:
        target = path.with_name(f"{path.name}.{int(at)}")
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        for then, old in _found(path):
            if then > at or old not in [target, *(file for _, file in found[-_KEPT + 1 :])]:
                old.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s: no checkpoint is kept: %s", path, error.strerror)


def checkpoint_before(path: Path, at: float) -> Path | None:
    """The newest that was kept at a time or before; None where there is none."""
    return next((file for then, file in reversed(_found(path)) if then <= at), None)


def _found(path: Path) -> list[tuple[int, Path]]:
    """All of them with their times, the oldest first."""
    files = path.parent.glob(f"{path.name}.*") if path.parent.is_dir() else ()
    return sorted((int(one.suffix[1:]), one) for one in files if one.suffix[1:].isdigit())
