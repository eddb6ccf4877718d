"""Saves and restores what detectors have learned: one file, versioned, replaced as a whole."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from detectors.budget import Budget
from detectors.deviations import Deviation
from detectors.watch import Watch
from watchkeeper.disk import replacing

__all__ = ["LATER", "VALUES", "VERSION", "Restored", "restore_state", "save_state"]

VERSION = 3
_HEADER = "header"
_log = logging.getLogger("watchkeeper.detectors")

VALUES = ("at", "observed", "expected", "lower", "upper", "score", "stage", "excess", "worst", "worst_expected")
"""What is saved of an open deviation besides its labels and since when it lasts."""
LATER: Mapping[str, Any] = {"peers": 0, "kind": "", "beside": "", "view": -1}
"""What else is saved, and what it is in a state that was saved before there was such a thing."""
_OPEN = (*VALUES, *LATER, "untold")
_ENDED = (*VALUES, *LATER, "ended", "ended_by")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was open: the deviations, the leaders of groups that have ended before their groups, and the groups.

    A state that was saved before there were groups has none.
    """

    open: Sequence[Mapping[str, Any]] = field(default=())
    heads: Sequence[Mapping[str, Any]] = field(default=())
    groups: Sequence[Mapping[str, Any]] = field(default=())


def save_state(
    path: Path,
    watches: Sequence[Watch],
    deviations: Sequence[Deviation],
    *,
    heads: Sequence[Deviation] = (),
    groups: Sequence[Mapping[str, Any]] = (),
    budget: Budget | None = None,
) -> None:
    """Write the state in the place of the old one; a crash leaves one of them whole. Raises OSError."""
    arrays: dict[str, Any] = {}
    header: dict[str, Any] = {"version": VERSION, "watches": [], "groups": list(groups)}
    header["budget"] = None if budget is None else budget.state()
    for number, watch in enumerate(watches):
        with watch.lock:
            header["watches"].append(
                {"shape": watch.shape, "place": watch.place, "labels": [dict(labels) for labels in watch.labels]}
            )
            for name, array in watch.detector.arrays().items():
                arrays[f"{number}/{name}"] = array.copy()
    header["open"] = [_plain(deviation, _OPEN) for deviation in deviations]
    header["heads"] = [_plain(deviation, _ENDED) for deviation in heads]
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def _plain(deviation: Deviation, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(deviation, name) for name in ("since", *names)}
    return {"detector": deviation.detector.key, "labels": dict(deviation.labels), **values}


def restore_state(path: Path, watches: Sequence[Watch], budget: Budget | None = None) -> Restored:
    """Put a saved state back into the `budget` and the detectors whose shape is still the same; what was open.

    A file that is missing, cut short or of another version is logged in one line, and everything begins anew.
    """
    if not path.exists():
        return Restored()
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            header = json.loads(bytes(file[_HEADER]))
            if header["version"] != VERSION:
                _log.warning("%s: state of version %s, expected %d: learning anew", path, header["version"], VERSION)
                return Restored()
            if budget is not None and header["budget"] is not None:
                budget.restore(header["budget"])
            saved = {entry["shape"]: (number, entry) for number, entry in enumerate(header["watches"])}
            restored = set()
            for watch in watches:
                number, entry = saved.get(watch.shape, (-1, None))
                if entry is not None and entry["place"] is not None and _fill(watch, number, entry, file):
                    restored.add(watch.declared.key)
            found, heads = (
                [entry for entry in header.get(name, ()) if entry["detector"] in restored] for name in ("open", "heads")
            )
            return Restored(found, heads, header.get("groups", ()))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("%s: not a state file that can be read (%s): learning anew", path, error)
        return Restored()


def _fill(watch: Watch, number: int, entry: dict[str, Any], file: Any) -> bool:
    labels = entry["labels"]
    arrays = {name: file[f"{number}/{name}"] for name in watch.detector.arrays()}
    if any(array.shape[-1] != len(labels) for array in arrays.values()):
        _log.warning("%s: saved state does not fit its own labels: learning anew", watch.declared.key)
        return False
    watch.put(int(entry["place"]), labels, arrays)
    return True
