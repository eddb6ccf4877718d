"""The one exception tree.

    WatchkeeperError                 exit code 1, unless a branch below says otherwise
    ├── DefinitionError              2   a definition (signal, query, dashboard, alert …) is wrong
    │   ├── SignalError                  a signal breaks a naming rule
    │   ├── UnitError                    units do not fit
    │   └── QueryError                   a query cannot be written that way
    ├── SettingsError                2   watchkeeper.yaml, or a secret that it names, is wrong
    ├── DocumentError                2   a runbook document breaks the grammar
    ├── StoreError                   3   a store cannot answer
    │   └── UnsupportedQuery             the embedded store refuses what it cannot do like Prometheus
    ├── TargetError                  3   a target cannot be read
    ├── JournalError                 3   the run journal cannot be read or written
    └── ListenError                  3   an address cannot be listened on

The command line turns each into one line on standard error and the exit code; a traceback is a bug.
"""

from __future__ import annotations

__all__ = [
    "DefinitionError",
    "DocumentError",
    "JournalError",
    "ListenError",
    "QueryError",
    "SettingsError",
    "SignalError",
    "StoreError",
    "TargetError",
    "UnitError",
    "UnsupportedQuery",
    "WatchkeeperError",
]


class WatchkeeperError(Exception):
    """Everything that Watchkeeper itself raises on purpose; the text is one line for a person."""

    exit_code = 1


class DefinitionError(WatchkeeperError):
    """A definition is wrong; raised where it is written."""

    exit_code = 2


class SignalError(DefinitionError):
    """A signal breaks a naming rule."""


class UnitError(DefinitionError):
    """Two units do not fit together."""


class QueryError(DefinitionError):
    """A query cannot be written that way; the message says what to write instead."""


class SettingsError(WatchkeeperError):
    """The settings are wrong; the message gives path, line, what was found and what is allowed.

    `place` are the keys and indices that lead to the mistake, empty when who raises it does not know: within its target
    for what a collector refuses, from the top of the settings for all else.
    """

    exit_code = 2

    def __init__(self, message: str, *, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class DocumentError(WatchkeeperError):
    """A runbook document breaks the grammar; the message gives file and line."""

    exit_code = 2


class StoreError(WatchkeeperError):
    """A store cannot answer."""

    exit_code = 3


class UnsupportedQuery(StoreError):  # noqa: N818  it says what the query is, like Python's StopIteration
    """The embedded store refuses a query that it cannot answer the way Prometheus does."""


class TargetError(WatchkeeperError):
    """A target cannot be read; secrets are redacted before the text is made."""

    exit_code = 3


class JournalError(WatchkeeperError):
    """The run journal cannot be read or written."""

    exit_code = 3


class ListenError(WatchkeeperError):
    """An address cannot be listened on."""

    exit_code = 3
