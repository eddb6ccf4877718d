"""PostgreSQL: the statistics views, over one persistent read-only connection.

A role that holds `pg_monitor` and nothing else is enough. A statement that the role may not run, or that the server's
version does not have, costs its own signals alone; an optional or custom one that fails or is slow, too.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors import options
from collectors.description import Collector, ConnectionEndedError, redact
from collectors.families import Family, family, single
from collectors.kept import KeptConnection
from collectors.postgresql_address import Address, address_of
from collectors.postgresql_families import Builder, idle_family, settings_families
from collectors.postgresql_optional import OPTIONAL, row_limits
from collectors.postgresql_protocol import Answer, Connection, Question, ServerError
from collectors.postgresql_queries import CustomQuery, custom_queries
from collectors.postgresql_statements import IDLE_STATEMENT, SERVER_STATEMENT, SETTINGS_STATEMENT, STATEMENTS, Statement
from collectors.problems import in_words
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.systems.postgresql_server import PG_STATIC, PG_UP
from watchkeeper.systems.postgresql_tables import PG_QUERY_ERRORS_TOTAL

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_log = logging.getLogger("watchkeeper.collectors")

# SQLSTATE classes of a statement that this server or role will not run, however often it is asked: not supported, no
# such schema, syntax or rights, not in the state that it needs (PostgreSQL manual, Error Codes).
_REFUSED = ("0A", "3F", "42", "55000")
# An optional statement may take this share of the time that is left but for a margin, so that the read ends in time.
_SHARE = 0.8
_MARGIN_SECONDS = 0.15
_LEAST_SECONDS = 0.01


class PostgreSQLSession(KeptConnection[Connection]):
    """One connection: autocommit, read-only, with a statement and lock timeout, `application_name=watchkeeper`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._address: Address | None = None
        self._builders: dict[str, Builder] = {}
        self._identity: list[Family] = []
        self._settings: list[Family] = []
        self._loaded: bytes | None = None
        self._stale = True
        self._standby = False
        self._refused: set[str] = set()
        self._errors: dict[str, int] = {}
        self._logged: set[str] = set()
        self._options = _options(target)
        self._kept: dict[str, tuple[float, list[Family]]] = {}

    def read(self, deadline: float) -> Sequence[Family]:
        kept = self._connection
        if kept is not None:
            kept.answered = False
        try:
            connection = kept or self._connect(deadline)
            out = [single(PG_UP, 1.0), *self._identity, *self._core(connection, deadline)]
            out += self._optional(connection, deadline)
        except (ServerError, TargetError, OSError) as error:
            failed = f"PostgreSQL at {self._where}: {_explained(error, self._address)}"
            if kept is not None and _has_ended(kept, error):
                raise ConnectionEndedError(failed) from None
            raise TargetError(failed) from None
        except (ValueError, LookupError, struct.error):
            raise TargetError(f"PostgreSQL at {self._where}: it sent an answer that cannot be read") from None
        if self._errors:
            out.append(family(PG_QUERY_ERRORS_TOTAL, [((key,), count) for key, count in self._errors.items()]))
        return out

    @property
    def inline(self) -> bool:
        """Whether a read may run in the thread of the scrape: it is connected, and `abort` ends it."""
        return self._connection is not None

    @property
    def _where(self) -> str:
        return self._address.name if self._address is not None else "its url"

    def _connect(self, deadline: float) -> Connection:
        self._address = address_of(self._target, COLLECTOR.default_url)
        connection = Connection.open(self._address, deadline, application="watchkeeper")
        self._connection = connection
        # It may be another server, or version, than before, and an operator may have granted what was refused.
        self._builders, self._loaded, self._stale = {}, None, True
        self._refused.clear()
        (identity,) = connection.ask([Question("SELECT version(), current_setting('server_version_num')")], deadline)
        if isinstance(identity, ServerError):
            raise identity
        if not self._options.pooler:
            self._bound(connection, deadline)
        text, number = [(cell or b"").decode(errors="replace") for cell in identity.rows()[0]]
        short = f"{int(number) // 10_000}.{int(number) % 10_000}.0"
        self._identity = [family(PG_STATIC, [((self._address.name, short, text), 1.0)])]
        for statement in OPTIONAL:
            if self._wants(statement):
                self._errors.setdefault(statement.key, 0)
        for query in self._options.custom:
            self._errors.setdefault(query.name, 0)
        return connection

    def _bound(self, connection: Connection, deadline: float) -> None:
        """Limit what the session may do; after the login, as poolers refuse such settings in the start-up message."""
        milliseconds = str(max(1, round(self._target.timeout * 1000)))
        settings = {
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "default_transaction_read_only": "on",
        }
        if connection.version >= 11:
            settings["jit"] = "off"
        if connection.version >= 14:
            # Not every platform can notice a client that went away: a server that cannot says so, and that is all.
            settings["client_connection_check_interval"] = "1s"
        asked = [Question(f"SELECT set_config('{name}', '{value}', false)") for name, value in settings.items()]
        answers = list(connection.ask(asked, deadline, apart=True))
        if isinstance(answers[0], ServerError):
            raise answers[0]

    def _wants(self, statement: Statement) -> bool:
        version = self._connection.version if self._connection is not None else 0
        on = not statement.option or self._options.rows[statement.option] > 0
        return on and statement.minimum <= version < statement.below and statement.key not in self._refused

    def _question(self, statement: Statement) -> Question:
        limit = self._options.rows[statement.option] if statement.option else 0
        sql = statement.sql.replace("{limit}", str(limit))
        return Question(sql, "" if self._options.pooler else statement.key)

    def _core(self, connection: Connection, deadline: float) -> list[Family]:
        """What every read asks, in one round trip; a second one when a statement was refused or settings changed."""
        asked = [statement for statement in STATEMENTS if self._wants(statement)]
        out: list[Family] = []
        apart = False
        while asked:
            done = 0
            # The answers first: they are taken to their end.
            for answer, statement in zip(self._ask(connection, asked, deadline, apart), asked, strict=False):
                done += 1
                if isinstance(answer, ServerError):
                    self._refuse(statement, answer)
                else:
                    out += self._families(statement, answer)
            # Behind one that was refused nothing was answered: ask the rest so that none depends on another.
            asked, apart = asked[done:], True
        if self._stale:
            (answer,) = self._ask(connection, [SETTINGS_STATEMENT], deadline, False)
            if isinstance(answer, ServerError):
                self._refuse(SETTINGS_STATEMENT, answer)
            else:
                self._settings = settings_families(answer, self._where)
            self._stale = False
        return out + self._settings

    def _ask(
        self, connection: Connection, statements: Sequence[Statement], deadline: float, apart: bool
    ) -> Iterator[Answer | ServerError]:
        questions = [self._question(one) for one in statements]
        if not self._options.pooler:
            return connection.ask(questions, deadline, apart=apart)
        seconds = max(_LEAST_SECONDS, deadline - monotonic())
        parts = [part for question in questions for part in _transaction(question, seconds)]
        return iter(list(connection.ask(parts, deadline, apart=True))[2::4])

    def _families(self, statement: Statement, answer: Answer) -> list[Family]:
        if statement is SERVER_STATEMENT:
            row = dict(zip(answer.columns, answer.rows()[0], strict=True))
            # The server says when its settings were loaded: nothing else changes them for an open session.
            if row["loaded"] != self._loaded:
                self._loaded, self._stale = row["loaded"], True
            self._standby = row["replication_is_replica"] == b"1"
        if statement is IDLE_STATEMENT:
            return [idle_family(answer)]
        builder = self._builders.get(statement.key)
        if builder is None:
            builder = self._builders[statement.key] = Builder(statement, self._where)
        return builder.families(answer)

    def _optional(self, connection: Connection, deadline: float) -> list[Family]:
        """What an option adds: each in a transaction of its own, with a time limit that leaves the read whole."""
        out: list[Family] = []
        for statement in OPTIONAL:
            if self._wants(statement):
                answer = self._bounded(connection, self._question(statement), statement.key, deadline)
                if answer is not None:
                    out += self._families(statement, answer)
                    self._logged.discard(statement.key)
        for query in self._options.custom:
            if not (query.primary_only and self._standby):
                out += self._of_query(connection, query, deadline)
        return out

    def _of_query(self, connection: Connection, query: CustomQuery, deadline: float) -> list[Family]:
        at = monotonic()
        kept = self._kept.get(query.name)
        if kept is not None and at - kept[0] < query.seconds:
            return kept[1]
        answer = self._bounded(connection, Question(query.sql, rows=self._target.max_series), query.name, deadline)
        if answer is None:
            return []
        try:
            families = query.families(answer, self._where)
        except ValueError as error:
            self._failed(query.name, str(error))
            return []
        self._logged.discard(query.name)
        if query.seconds:
            self._kept[query.name] = (at, families)
        return families

    def _bounded(self, connection: Connection, question: Question, key: str, deadline: float) -> Answer | None:
        seconds = min(self._options.limit, (deadline - monotonic() - _MARGIN_SECONDS) * _SHARE)
        if seconds < _LEAST_SECONDS:
            self._failed(key, "the other statements left no time for it")
            return None
        answer = list(connection.ask(_transaction(question, seconds), deadline, apart=True))[2]
        if isinstance(answer, ServerError):
            self._failed(key, _explained(answer))
            return None
        return answer

    def _failed(self, key: str, message: str) -> None:
        self._errors[key] = self._errors.get(key, 0) + 1
        self._warn(key, message)

    def _refuse(self, statement: Statement, error: ServerError) -> None:
        """Leave a statement out until the next connection: a server does not change its mind, an operator may."""
        if not error.code.startswith(_REFUSED):
            raise error
        self._refused.add(statement.key)
        self._failed(statement.key, str(error))

    def _warn(self, key: str, message: str) -> None:
        """One line, once for each statement until it is answered again."""
        if key not in self._logged:
            self._logged.add(key)
            _log.warning("target %s: %s is not read: %s", self._target.name, key, redact(message, self._target))


def _transaction(question: Question, seconds: float) -> list[Question]:
    """A question in a read-only transaction with a time limit, which leave nothing in the session."""
    limit = f"SELECT set_config('statement_timeout', '{round(seconds * 1000)}', true)"
    return [Question("BEGIN READ ONLY"), Question(limit), question, Question("COMMIT")]


@dataclass(frozen=True, slots=True)
class _Options:
    """What a target asks for: queries of its own, rows of each optional statement, seconds that one may take."""

    custom: Sequence[CustomQuery]
    rows: Mapping[str, int]
    limit: float
    pooler: bool


def _options(target: Target) -> _Options:
    return _Options(
        custom_queries(target),
        row_limits(target),
        options.duration(target, "query_timeout", "1s"),
        options.flag(target, "pooler"),
    )


def _has_ended(connection: Connection, error: Exception) -> bool:
    """Whether a connection that was kept was dead before anything of this read was answered: its end says nothing.

    An errno tells the system's report of a peer that is gone from the end of our own patience.
    """
    if connection.answered or (isinstance(error, TimeoutError) and not error.errno):
        return False
    return error.fatal if isinstance(error, ServerError) else isinstance(error, OSError)


def _explained(error: Exception, address: Address | None = None) -> str:
    """The server's words, or what to do where that is known."""
    if isinstance(error, OSError):
        return in_words(error, address.host if address is not None else "")
    if not isinstance(error, ServerError):
        return str(error)
    known = {
        "28P01": "it refused the user or the password",
        "53300": "it has no connection left for this role",
        "57014": "a statement took longer than its limit, and was cut off",
    }
    return known.get(error.code) or " ".join(str(error).split())


COLLECTOR = Collector(
    system="postgresql",
    open=PostgreSQLSession,
    login="user",
    stands="beside",
    check=_options,
    up=PG_UP,
    schemes=("postgresql", "postgres"),
    default_url="postgresql://127.0.0.1:5432/postgres",
    options=(
        ("tables", "true, or a number: pg_stat_user_tables of the 100 (or so many) largest tables of the database"),
        ("bloat", "true, or a number: estimates for the 100 (or so many) largest tables and indexes"),
        ("statements", "true, or a number: pg_stat_statements, the 100 (or so many) that took most time"),
        ("process_idle", "true: how long idle connections have been idle, by application, as a histogram"),
        ("queries", "custom queries, as postgres_exporter's queries.yaml has them"),
        ("query_timeout", "how long a custom or optional statement may take (default 1s)"),
        ("pooler", "true behind a pooler in transaction mode: nothing is prepared or set in the session"),
    ),
)
