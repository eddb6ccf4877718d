"""What stands in a reply: objects of JSON and documents of BSON alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["at"]


def at(reply: Any, path: str) -> Any:
    """What stands at a dotted path, None when nothing does."""
    for key in path.split("."):
        reply = reply.get(key) if isinstance(reply, Mapping) else None
    return reply
