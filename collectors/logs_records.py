"""Records: what a line of a log says, whatever its format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FORMATS", "LEVEL_NAMES", "Record", "continues", "level_of", "of_fields", "parse"]

FORMATS = ("auto", "plain", "json", "cri", "docker")

# RFC 3339 time, stream, P(artial) or F(ull), text: the design proposal "CRI: Log management" of Kubernetes.
_CRI = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)? ?(.*)", re.DOTALL)
# A level as programs write it, near the beginning: `[ERROR]`, `level=error`, `ERROR:`; klog's `E0102 03:04:05`.
_LEVEL = re.compile(
    r"\b(?:level=|lvl=|severity=)?\"?"
    r"(trace|debug|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|alert|emerg|emergency|panic)\b",
    re.IGNORECASE,
)
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
# Before the level stand at most a time, a host and a name.
_WITHIN = 100
# Most lines differ from one that was looked at lately in their numbers alone, which name no level.
_NUMBERS = re.compile(r"\d+")
_CACHE = 4096
_seen: dict[str, str] = {}
# Words in lower case are prose unless they are marked as a level.
_MARKED = re.compile(r"[\[=:\"<|]")
LEVEL_NAMES = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "information": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "err": "error",
    "severe": "error",
    "fatal": "critical",
    "critical": "critical",
    "crit": "critical",
    "alert": "critical",
    "emerg": "critical",
    "emergency": "critical",
    "panic": "critical",
}
_CONTINUES = frozenset((" ", "\t", "}", ")"))
_CONTINUES_WITH = (
    "Caused by:",
    "During handling of the above exception,",
    "The above exception was the direct cause",
    "... ",
)
_KLOG_NAMES = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_LEVEL_FIELDS = ("level", "severity", "levelname", "lvl", "log.level", "severityText", "PRIORITY")
_TEXT_FIELDS = ("message", "msg", "MESSAGE", "event", "body", "log")


@dataclass(frozen=True, slots=True)
class Record:
    """A level (one of `watchkeeper.systems.logs.LEVELS`) and the text.

    `partial` when the rest of it follows in the same `stream`; `structured` when it is a record by its form, so that no
    line before it can be its beginning.
    """

    level: str
    text: str
    partial: bool = False
    stream: str = ""
    structured: bool = False


def parse(line: str, form: str = "auto") -> Record:
    """The record of a line in one of `FORMATS`; a container's wrapping is taken off first, once."""
    if form in ("auto", "cri") and (match := _CRI.match(line)):
        return _unwrapped(match[3], match[1], match[2] == "P")
    if form == "plain" or not line.startswith("{"):
        return Record(level_of(line), line)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Record(level_of(line), line)  # it only looks like JSON, or is nested beyond reason
    if not isinstance(value, dict):
        return Record(level_of(line), line)
    log, stream = value.get("log"), value.get("stream")
    if form != "json" and isinstance(log, str) and isinstance(stream, str):
        return _unwrapped(log.rstrip("\n"), stream, not log.endswith("\n"))
    return of_fields(value)


def _unwrapped(text: str, stream: str, partial: bool) -> Record:
    """What a container has written: JSON or plain, and no wrapping again."""
    if partial:
        return Record("unknown", text, True, stream)
    inner = parse(text, "json")
    return Record(inner.level, inner.text, False, stream, inner.structured)


def of_fields(value: Mapping[str, Any]) -> Record:
    """The record of a structured one."""
    text = next((value[name] for name in _TEXT_FIELDS if isinstance(value.get(name), str)), "")
    level = next((value[name] for name in _LEVEL_FIELDS if name in value), None)
    if isinstance(level, str) and level.isdecimal() and len(level) <= 3:
        level = int(level)
    if isinstance(level, int) and not isinstance(level, bool):
        return Record(_numbered(level), text, structured=True)
    if isinstance(level, str):
        return Record(LEVEL_NAMES.get(level.lower(), "unknown"), text, structured=True)
    return Record(level_of(text), text, structured=True)


def _numbered(level: int) -> str:
    """Syslog has 0 to 7, the worst first; Bunyan, pino and Python have tens, the worst last."""
    if level <= 7:
        return ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")[max(0, level)]
    if level <= 20:
        return "debug"
    return "info" if level <= 30 else "warning" if level <= 40 else "error" if level <= 50 else "critical"


def level_of(text: str) -> str:
    """The level that a plain text names near its beginning, else `unknown`."""
    if match := _KLOG.match(text):
        return _KLOG_NAMES[match[1]]
    head = _NUMBERS.sub("0", text[:_WITHIN])
    found = _seen.get(head)
    if found is None:
        if len(_seen) >= _CACHE:
            _seen.clear()
        found = _seen[head] = _named(head)
    return found


def _named(head: str) -> str:
    for found in _LEVEL.finditer(head):
        word = found[1]
        before, after = head[max(0, found.start(1) - 1) : found.start(1)], head[found.end(1) : found.end(1) + 1]
        if word.isupper() or _MARKED.match(before) or _MARKED.match(after) or after == "]":
            return LEVEL_NAMES[word.lower()]
    return "unknown"


def continues(line: str) -> bool:
    """Whether a line belongs to the record before it: stack traces are indented, or say so."""
    return line[:1] in _CONTINUES or line.startswith(_CONTINUES_WITH)
