"""What sessions have in common that keep one connection of ours from read to read."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

__all__ = ["KeptConnection"]


class _Connection(Protocol):
    def abort(self) -> None: ...
    def close(self) -> None: ...


C = TypeVar("C", bound=_Connection)


class KeptConnection(Generic[C]):
    """The base of such a session: `_connection` is None until it is connected, and again once it is closed."""

    _connection: C | None = None

    def abort(self) -> None:
        """Make a read in another thread fail now."""
        connection = self._connection
        if connection is not None:
            connection.abort()

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
