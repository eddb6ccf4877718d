"""The tables of the trace store, and opening them.

`traces` has a line for each trace, `visits` one for each service in it, which is what searches read; `chunks` hold the
spans as they came, packed, several of one trace when they arrived in several requests.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from watchkeeper.errors import StoreError

__all__ = ["PAGE_BYTES", "connect", "reader"]

PAGE_BYTES = 8192
_VERSION = 1
_BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE traces (
    id INTEGER PRIMARY KEY,
    trace BLOB NOT NULL UNIQUE,
    first REAL NOT NULL,       -- start of the first span and end of the last, seconds since the epoch
    last REAL NOT NULL,
    received REAL NOT NULL,    -- when a span of it last arrived, by the clock of this machine
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    service TEXT NOT NULL,     -- of the root, or of the first span while there is none
    name TEXT NOT NULL,
    rooted INTEGER NOT NULL,
    kept TEXT NOT NULL DEFAULT 'all'
) STRICT;
CREATE INDEX traces_first ON traces (first);
CREATE INDEX traces_kept ON traces (kept, received);
CREATE TABLE visits (
    trace INTEGER NOT NULL,
    service TEXT NOT NULL,
    first REAL NOT NULL,
    seconds REAL NOT NULL,     -- the longest span of the service
    errors INTEGER NOT NULL,
    operations TEXT NOT NULL,  -- names of spans, each between two line feeds
    PRIMARY KEY (trace, service)
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_service ON visits (service, first);
CREATE TABLE chunks (
    trace INTEGER NOT NULL,
    digest BLOB NOT NULL,      -- of the ids of its spans: what a sender sends again is there already
    data BLOB NOT NULL,
    UNIQUE (trace, digest)
) STRICT;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open for writing, and make the tables where there are none.

    A commit is synced to disk before it returns (WAL, synchronous=FULL). Raises StoreError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {_VERSION};COMMIT;")
        elif version != _VERSION:
            connection.close()
            raise StoreError(
                f"{path}: it was written by another version of Watchkeeper (format {version}, here {_VERSION}): "
                "move it away, traces are only kept for a while"
            )
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: the trace store cannot be opened: {error}") from None
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """Open for reading alone, while another process may write. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path}: there is no trace store: `watchkeeper up` makes it, and takes spans at /v1/traces")
    # Without its -wal nobody writes, and a reader may not be allowed to make one.
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?{mode}", uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
        )
        connection.execute("SELECT 1 FROM traces LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: the trace store cannot be read: {error}") from None
    return connection
