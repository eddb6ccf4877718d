"""The kinds of steps, by name."""

from __future__ import annotations

from collections.abc import Mapping

from runbooks.kinds.base import Kind, Parsed
from runbooks.kinds.http import HTTP
from runbooks.kinds.logs import LOGS
from runbooks.kinds.manual import MANUAL
from runbooks.kinds.metrics import PROMQL, QUERY
from runbooks.kinds.programs import PYTHON, SH
from runbooks.kinds.sql import SQL

__all__ = ["KINDS", "Kind", "Parsed"]

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (PROMQL, QUERY, SQL, HTTP, LOGS, SH, PYTHON, MANUAL)}
