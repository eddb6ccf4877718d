"""`sh` and `python`: programs, started with an argument list and an environment, never through a shell.

They start on their own only when they declare `risk=read` and the settings allow the command.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import IO

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.errors import RenderError, StepError
from runbooks.kinds.base import MAX_TEXT, Kind, Parsed
from runbooks.records import Command, Result
from runbooks.templates import PLACEHOLDER, Source, check_templates, fill, names_in

__all__ = ["PYTHON", "SH", "PythonBody", "ShBody"]

_SHELL = re.compile(r"^(?:\|\|?|&&?|;|\d?>>?.*|<.*)$|[;|]$|\$\(|`")
_RISKS: tuple[Risk, ...] = ("read", "change", "destructive")
# What a child sees of our environment; credentials of ours stay with us.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "KUBECONFIG")


@dataclass(frozen=True, slots=True)
class ShBody:
    """Commands, run one after the other until one fails: each an argument list with placeholders."""

    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PythonBody:
    """A Python program and its SHA-256."""

    code: str
    digest: str


def _parse_sh(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = check_templates(source)
    commands = []
    text = source.text.replace("\\\n", "  ")
    for offset, line in _logical_lines(source.text):
        if line.lstrip().startswith("#"):
            continue
        words = _words(source, line, offset)
        if names_in(words[0]):
            raise source.error(f"found {words[0]}: the program itself cannot come from a label", offset)
        for word in words:
            if _SHELL.search(word):
                raise source.error(
                    f"found {word!r}: there is no shell here, so no pipe, redirection or substitution: "
                    "write a script and call it, or use a python step",
                    offset,
                )
        commands.append(tuple(words))
    if not commands:
        raise source.error("an empty sh step: write a command")
    title = text.strip().splitlines()[0][:80]
    return Parsed(body=ShBody(tuple(commands)), inputs=inputs, risks=_RISKS, title=title, must_say=True)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with continuations joined, each with the offset of its first line."""
    found: list[tuple[int, str]] = []
    pending = ""
    start = 0
    for offset, line in enumerate(text.splitlines()):
        if not pending:
            start = offset
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        if (pending + line).strip():
            found.append((start, pending + line))
        pending = ""
    if pending.strip():
        found.append((start, pending))
    return found


def _words(source: Source, line: str, offset: int) -> list[str]:
    """The words of a line; a placeholder stays in one word and is never split."""
    names = PLACEHOLDER.findall(line)
    marked = PLACEHOLDER.sub("\x00", line)
    try:
        words = shlex.split(marked)
    except ValueError as error:
        raise source.error(f"found {line.strip()!r}: {error}", offset) from None
    values = iter(names)
    return [re.sub("\x00", lambda _: f"{{{{ labels.{next(values)} }}}}", word) for word in words]


def _render_sh(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: ShBody = step.body
    argvs = [[_argument(word, values) for word in words] for words in body.commands]
    environment = _environment(step, values)
    return Command(
        "sh",
        "\n".join(shlex.join(argv) for argv in argvs),
        {"commands": argvs, "environment": environment},
        _target(values, step),
    )


def _argument(word: str, values: Mapping[str, str]) -> str:
    filled = fill(word, values, _no_control)
    if filled.startswith("-") and not word.startswith("-"):
        raise RenderError(f"the value of {word} begins with a hyphen: it would be read as an option")
    return filled


def _no_control(value: str) -> str:
    if "\x00" in value:
        raise RenderError("a value with a NUL byte cannot be an argument")
    return value


def _environment(step: Step, values: Mapping[str, str]) -> dict[str, str]:
    return {f"LABEL_{name.upper()}": _no_control(values[name]) for name in step.inputs if name in values}


def _target(values: Mapping[str, str], step: Step) -> str:
    return ", ".join(f"{name}={values[name]}" for name in step.inputs if name in values)


def _parse_python(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    code = source.text
    for match in PLACEHOLDER.finditer(code):
        name = match[1]
        raise source.error_at(f'found {match[0]}: read os.environ["LABEL_{name.upper()}"] instead', match.start())
    try:
        compile(code, source.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise source.error(f"not Python: {error.msg}", (error.lineno or 1) - 1) from None
    if not code.strip():
        raise source.error("an empty python step: write a program")
    used = tuple(dict.fromkeys(re.findall(r"""["']LABEL_([A-Z0-9_]+)["']""", code)))
    body = PythonBody(code, hashlib.sha256(code.encode()).hexdigest())
    title = code.strip().splitlines()[0].lstrip("# ")[:80]
    return Parsed(body=body, inputs=tuple(f"LABEL_{name}" for name in used), risks=_RISKS, title=title, must_say=True)


def _render_python(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: PythonBody = step.body
    return Command(
        "python",
        body.code,
        {"code": body.code, "environment": _environment(step, values)},
        _target(values, step),
    )


def _execute(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    payload = command.payload
    if command.kind == "python":
        argvs = [[sys.executable, "-I", "-c", payload["code"]]]
    else:
        argvs = payload["commands"]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | payload["environment"]
    deadline = monotonic() + seconds
    output, truncated, status = "", False, 0
    for argv in argvs:
        text, cut, status = _run(argv, environment, context, deadline - monotonic(), step)
        output += text
        truncated = truncated or cut
        if status != 0:
            break
    result = Result(
        summary=f"exit status {status}" + (f": {output.strip().splitlines()[-1][:160]}" if output.strip() else ""),
        text=output[:MAX_TEXT],
        truncated=truncated or len(output) > MAX_TEXT,
    )
    return result, status


def _run(
    argv: list[str], environment: Mapping[str, str], context: Context, seconds: float, step: Step
) -> tuple[str, bool, int]:
    changes = not step.read_only
    try:
        process = subprocess.Popen(  # noqa: S603  an argument list, approved or allow-listed, without a shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=context.directory,
            start_new_session=True,
        )
    except OSError as error:
        raise StepError(f"{argv[0]}: {error.strerror}") from None
    with process:
        try:
            text, cut = _read(process, process.stdout, monotonic() + seconds)
        except TimeoutError:
            raise StepError(f"{argv[0]}: no end after {step.timeout:g} s, stopped", unknown=changes) from None
        finally:
            _kill(process)
    return text, cut, process.returncode


def _read(process: subprocess.Popen[bytes], stream: IO[bytes] | None, deadline: float) -> tuple[str, bool]:
    """The output, bounded.

    A process that writes more is drained, one that does not end in time is stopped (TimeoutError).
    """
    import selectors

    if stream is None:
        raise StepError("no output pipe")
    chunks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left = deadline - monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            chunk = os.read(stream.fileno(), 65_536)
            if not chunk:
                break
            if size < MAX_TEXT:
                chunks.append(chunk)
            size += len(chunk)
    try:
        process.wait(max(0.0, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return b"".join(chunks).decode("utf-8", errors="replace"), size > MAX_TEXT


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started (its session's group)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _allowed(step: Step, command: Command, context: Context) -> bool:
    if not step.read_only:
        return False
    if command.kind == "python":
        digest = hashlib.sha256(command.payload["code"].encode()).hexdigest()
        return f"sha256:{digest}" in context.commands
    beginnings = [shlex.split(entry) for entry in context.commands if not entry.startswith("sha256:")]
    return all(
        any(argv[: len(start)] == start for start in beginnings if start) for argv in command.payload["commands"]
    )


SH = Kind(name="sh", parse=_parse_sh, render=_render_sh, execute=_execute, automatic=_allowed, subjects=("status",))
PYTHON = Kind(
    name="python",
    parse=_parse_python,
    render=_render_python,
    execute=_execute,
    automatic=_allowed,
    subjects=("status",),
)
