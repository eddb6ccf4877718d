"""`sql`: one statement to a named PostgreSQL target, in a read-only transaction unless a person approved a change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.errors import NotConfigured, RenderError, StepError
from runbooks.kinds.base import MAX_ROWS, Kind, Parsed, bounded, target_inputs, target_of
from runbooks.records import Command, Result
from runbooks.templates import PLACEHOLDER, Source, check_templates, names_in

__all__ = ["SQL", "SqlBody"]

_READING = re.compile(r"(?:select|with|show|values|table|explain)\b", re.IGNORECASE)
# Functions that act although the transaction is read-only (PostgreSQL 17, sections 9.27 and 9.28, and
# dblink, large objects).
_ACTING = re.compile(
    r"\b(pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_rotate_logfile|pg_log_backend_memory_contexts|pg_switch_wal|"
    r"pg_create_restore_point|pg_promote|pg_wal_replay_(?:pause|resume)|pg_drop_replication_slot|"
    r"pg_create_(?:physical|logical)_replication_slot|pg_logical_emit_message|pg_backup_(?:start|stop)|pg_stat_reset\w*|"
    r"pg_(?:try_)?advisory\w*|set_config|pg_notify|lo_\w+|dblink\w*|pg_read_file|pg_read_binary_file|pg_ls_dir)\s*\(",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$([A-Za-z_]*)\$.*?\$\1\$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SqlBody:
    """A statement with placeholders."""

    text: str


def _parse(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = target_inputs(source, options, check_templates(source))
    text = source.text.strip().removesuffix(";").rstrip()
    if not text:
        raise source.error("an empty sql step: write a statement")
    if "target" not in options:
        raise source.error("a sql step needs target=NAME, the database of the settings that it asks", -1)
    for match in _LITERAL.finditer(source.text):
        if PLACEHOLDER.search(match[0]):
            raise source.error_at(
                "a label stands inside quotes: leave the quotes out, values are bind parameters", match.start()
            )
    bare = _LITERAL.sub(
        lambda match: " " * len(match[0]) if "\n" not in match[0] else "\n" * match[0].count("\n"), text
    )
    if ";" in bare:
        raise source.error("found ';': a sql step is one statement")
    acting = _ACTING.search(bare)
    reading = bool(_READING.match(bare.lstrip())) and acting is None
    if risk == "read" and not reading:
        found = f"{acting[1]}()" if acting else f"{bare.split()[0] if bare.split() else text!r}"
        raise source.error(
            f"found {found}: a read step begins with SELECT, WITH, SHOW, VALUES, TABLE or EXPLAIN "
            "and calls nothing that acts"
        )
    risks: tuple[Risk, ...] = ("read", "change", "destructive") if reading else ("change", "destructive")
    title = " ".join(text.split())[:80]
    return Parsed(body=SqlBody(text), inputs=inputs, risks=risks, title=title)


def _render(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: SqlBody = step.body
    missing = [name for name in step.inputs if name not in values]
    if missing:
        raise RenderError(f"the incident has no usable label {missing[0]}")
    target = target_of(step, values) or ""
    if target not in context.sql:
        known = ", ".join(sorted(context.sql)) or "none"
        raise NotConfigured(f"the database {target} is not configured; known: {known}")
    text = PLACEHOLDER.sub(lambda match: f"%({match[1]})s", body.text.replace("%", "%%"))
    parameters = {name: values[name] for name in names_in(body.text)}
    shown = body.text + "".join(f"\n-- {name} = {value!r}" for name, value in parameters.items())
    payload = {"target": target, "text": text, "parameters": parameters, "write": not step.read_only}
    return Command("sql", shown, payload, target)


def _execute(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    try:
        import psycopg
    except ModuleNotFoundError:
        raise StepError("sql steps need the driver: pip install 'watchkeeper[postgresql]'") from None
    payload = command.payload
    write = bool(payload["write"])
    try:
        conninfo = context.sql[payload["target"]]()
        connection = psycopg.connect(conninfo, connect_timeout=max(2, int(seconds)), application_name="watchkeeper")
    except psycopg.Error as error:
        raise StepError(f"{payload['target']}: no connection: {_first_line(error)}") from None
    try:
        with connection:
            connection.read_only = not write
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            # prepare=True makes the driver use the extended protocol, in which a second statement is an error.
            cursor = connection.execute(payload["text"], payload["parameters"], prepare=True)
            columns = tuple(column.name for column in cursor.description or ())
            found = cursor.fetchmany(MAX_ROWS + 1) if columns else []
            status = cursor.statusmessage or ""
    except psycopg.OperationalError as error:
        cancelled = isinstance(error, psycopg.errors.QueryCanceled)
        raise StepError(f"{payload['target']}: {_first_line(error)}", unknown=write and not cancelled) from None
    except psycopg.Error as error:
        raise StepError(f"{payload['target']}: {_first_line(error)}") from None
    rows = tuple(tuple(_plain(value) for value in row) for row in found[:MAX_ROWS])
    summary = f"{len(rows)} row{'s' if len(rows) != 1 else ''}" if columns else status
    return Result(summary=summary, columns=columns, rows=rows, truncated=len(found) > MAX_ROWS), None


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n", 1)[0].split()) or type(error).__name__


def _plain(value: Any) -> str | float | int | bool | None:
    from decimal import Decimal

    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    return bounded(str(value))[0][:2000]


def _allowed(step: Step, command: Command, context: Context) -> bool:
    return step.read_only and not command.payload["write"]


SQL = Kind(
    name="sql",
    parse=_parse,
    render=_render,
    execute=_execute,
    automatic=_allowed,
    subjects=("value", "rows"),
    options=frozenset({"target"}),
)
