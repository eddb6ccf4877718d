"""Records: what a line of a log says, whatever its format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FORMATS", "Record", "continues", "level_of", "parse"]

FORMATS = ("auto", "plain", "json", "cri", "docker")

# RFC 3339 time, stream, P(artial) or F(ull), text: the design proposal "CRI: Log management" of Kubernetes.
_CRI = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) ([FP])(?::\S*)? ?(.*)", re.DOTALL)
# A level as programs write it, near the beginning: `[ERROR]`, `level=error`, `ERROR:`; klog's `E0102 03:04:05`.
_LEVEL = re.compile(
    r"\b(?:level=|lvl=|severity=)?\"?"
    r"(trace|debug|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|alert|emerg|emergency|panic)\b",
    re.IGNORECASE,
)
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
# Before the level stand at most a time, a host and a name.
_WITHIN = 100
# Words in lower case are prose unless they are marked as a level.
_MARKED = re.compile(r"[\[=:\"<|]")
_NAMES = {
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
_KLOG_NAMES = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_LEVEL_FIELDS = ("level", "severity", "levelname", "lvl", "log.level", "severityText", "PRIORITY")
_TEXT_FIELDS = ("message", "msg", "MESSAGE", "event", "body", "log")


@dataclass(frozen=True, slots=True)
class Record:
    """A level (one of `watchkeeper.systems.logs.LEVELS`) and the text; `partial` when the rest of it follows."""

    level: str
    text: str
    partial: bool = False


def parse(line: str, form: str = "auto") -> Record:
    """The record of a line in one of `FORMATS`; a container's wrapping is taken off first."""
    if form in ("auto", "cri") and (match := _CRI.match(line)):
        inner = parse(match[2], "auto" if form == "auto" else "plain")
        return Record(inner.level, inner.text, match[1] == "P")
    if form in ("auto", "json", "docker") and line.startswith("{"):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict):
            if isinstance(log := value.get("log"), str) and "stream" in value:
                inner = parse(log.rstrip("\n"), "auto" if form == "auto" else "plain")
                return Record(inner.level, inner.text, not log.endswith("\n"))
            return of_fields(value)
    return Record(level_of(line), line)


def of_fields(value: Mapping[str, Any]) -> Record:
    """The record of a structured one."""
    text = next((value[name] for name in _TEXT_FIELDS if isinstance(value.get(name), str)), "")
    level = next((value[name] for name in _LEVEL_FIELDS if name in value), None)
    if isinstance(level, str) and level.isdecimal():
        level = int(level)
    if isinstance(level, int) and not isinstance(level, bool):
        return Record(_numbered(level), text)
    if isinstance(level, str):
        return Record(_NAMES.get(level.lower(), "unknown"), text)
    return Record(level_of(text), text)


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
    head = text[:_WITHIN]
    for found in _LEVEL.finditer(head):
        word = found[1]
        before, after = head[max(0, found.start(1) - 1) : found.start(1)], head[found.end(1) : found.end(1) + 1]
        if word.isupper() or _MARKED.match(before) or _MARKED.match(after) or after == "]":
            return _NAMES[word.lower()]
    return "unknown"


def continues(line: str) -> bool:
    """Whether a line belongs to the record before it: stack traces are indented, or say so."""
    return line[:1] in (" ", "\t", "}", ")") or line.startswith(("Caused by:", "Traceback (", "... "))
