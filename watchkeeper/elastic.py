"""Elasticsearch's official client with requests of our own: its own read answers of any size and have no deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchkeeper.clock import monotonic
from watchkeeper.posting import Poster

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["Ask", "Session", "client", "reason"]

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


class Session:
    """The client of one cluster for what is asked by POST, which is all of it that is asked here; used by one thread,
    aborted by another.

    `headers` gives what says who asks (`Authorization`, an API key among them) and is called for each request;
    `timeout` is in seconds, for a request as a whole; of an answer `limit` bytes are read. What the client raises has
    no secret in it, PostError comes when no answer does, and SettingsError when a secret is missing.
    """

    def __init__(
        self, url: str, *, headers: Callable[[], Mapping[str, str]], ca_file: str, timeout: float, limit: int
    ) -> None:
        parts = urlsplit(url)
        port = "" if parts.port else (":443" if parts.scheme == "https" else ":9200")
        self._base = parts._replace(netloc=parts.netloc + port, path=parts.path.rstrip("/"), query="", fragment="")
        self._headers, self._ca_file, self._timeout, self._limit = headers, ca_file, timeout, limit
        self._posters: dict[str, Poster] = {}
        self._aborted = False
        self.client = client(self._origin, self._post)

    @property
    def where(self) -> str:
        """The address as errors name it: without user and password."""
        return f"{self._origin}{self._base.path}"

    def abort(self) -> None:
        """Make a request in another thread fail now, and every later one."""
        self._aborted = True
        for poster in list(self._posters.values()):
            poster.abort()

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()
        for poster in self._posters.values():
            poster.close()

    @property
    def _origin(self) -> str:
        return f"{self._base.scheme}://{self._base.netloc.rpartition('@')[2]}"

    def _post(self, target: str, body: bytes | None) -> tuple[int, bytes]:
        """The answer to a POST of a target. One poster, with its kept connection, for each path that is asked."""
        poster = self._posters.get(target)
        if poster is None:
            poster = self._posters[target] = Poster(
                self._base.geturl() + target,
                headers=self._headers,
                ca_file=self._ca_file,
                timeout=self._timeout,
                limit=self._limit,
            )
        if self._aborted:
            poster.abort()
        answer = poster.post(body or b"{}", {"Content-Type": "application/json", "Accept": "application/json"})
        return answer.status, answer.body


def reason(body: Any) -> str:
    """What an answer, or an item of one, says is wrong, in one line."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return " ".join(f"{error.get('type', 'error')}: {error.get('reason', '')}".split())[:300]
    return " ".join(str(error or "").split())[:300] or "it says no more"
