"""What an HTTP server is shown of who asks."""

from __future__ import annotations

import base64

__all__ = ["authorization"]


def authorization(user: str = "", password: str = "", bearer: str = "") -> dict[str, str]:
    """The header of basic (user and password) or bearer authentication; none when all are empty.

    User and password are sent as UTF-8, as RFC 7617 (2.1) prefers it.
    """
    if bearer:
        return {"Authorization": f"Bearer {bearer}"}
    if not user and not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
