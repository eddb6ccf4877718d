"""PostgreSQL: how its signals are declared, with the names and labels of postgres_exporter."""

from __future__ import annotations

from watchkeeper.borrowed import Borrowed

__all__ = ["DATABASE", "ORIGIN", "SERVER", "TABLE", "counter", "gauge"]

ORIGIN = "postgres_exporter"

SERVER = ("server",)
DATABASE = ("datid", "datname", "server")
TABLE = ("datname", "schemaname", "relname")


_names = Borrowed("pg_", ORIGIN, SERVER)
gauge, counter = _names.gauge, _names.counter
