"""Elasticsearch's official client with requests of our own: its own read answers of any size and have no deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from watchkeeper.clock import monotonic

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["Ask", "client"]

Ask = Callable[[str, bytes | None], tuple[int, bytes]]
"""Gives the status and the body of the answer to a path (with its query) and a body; what it raises, the client does.

The method and the headers of the request are its own: those of the client name the client's major version, and a server
of another one refuses them.
"""


def client(address: str, ask: Ask) -> Elasticsearch:
    """A client that asks `ask` alone, once for each call, for paths that begin with that of `address`.

    `address` has a port, and neither user nor password. Closing the client does not close what `ask` holds.
    """
    from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders
    from elastic_transport._node import NodeApiResponse  # what perform_request returns; exported nowhere else
    from elasticsearch import Elasticsearch

    class Node(BaseNode):
        _CLIENT_META_HTTP_CLIENT = ("wk", "1")

        def perform_request(
            self,
            method: str,
            target: str,
            body: bytes | None = None,
            headers: HttpHeaders | None = None,
            request_timeout: Any = None,
        ) -> NodeApiResponse:
            begun = monotonic()
            status, answer = ask(self.path_prefix + target, body)
            # The client refuses servers that do not say this, forks among them, since their APIs may differ. What we
            # ask of them is the same.
            said = HttpHeaders({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})
            return NodeApiResponse(ApiResponseMeta(status, "1.1", said, monotonic() - begun, self.config), answer)

        def close(self) -> None:
            pass

    return Elasticsearch(address, node_class=Node, max_retries=0, retry_on_timeout=False, meta_header=False)
