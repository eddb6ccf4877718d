"""Searches of Elasticsearch through its official client: one at a time, within a deadline, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchkeeper import elastic
from watchkeeper.errors import StoreError
from watchkeeper.posting import Poster, PostError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["Searcher"]

# A page of a thousand buckets is a quarter of a megabyte.
_LIMIT_BYTES = 20 * 2**20


class Searcher:
    """Asks one cluster; used by one thread at a time.

    `headers` gives what says who asks (`Authorization`, an API key among them) and is called for each request;
    `timeout` is in seconds, for a request as a whole, and is told to the cluster too, so that it leaves off as well.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        ca_file: str = "",
        timeout: float = 10.0,
    ) -> None:
        parts = urlsplit(url)
        port = "" if parts.port else (":443" if parts.scheme == "https" else ":9200")
        self._base = parts._replace(netloc=parts.netloc + port, path=parts.path.rstrip("/"), query="", fragment="")
        self._headers, self._ca_file, self._timeout = headers, ca_file, timeout
        self._posters: dict[str, Poster] = {}
        self._client: Elasticsearch | None = None

    @property
    def where(self) -> str:
        """The address as errors name it: without user and password."""
        return f"{self._base.scheme}://{self._base.netloc.rpartition('@')[2]}{self._base.path}"

    def search(self, index: str, **body: Any) -> Mapping[str, Any]:
        """The whole answer to a search of an index, a data stream, or a pattern of them.

        Raises StoreError when there is none, and when it is one of some shards only: what is missing is not nothing.
        """
        from elasticsearch import ApiError, TransportError
        from elasticsearch.exceptions import SerializationError

        if self._client is None:
            address = f"{self._base.scheme}://{self._base.netloc.rpartition('@')[2]}"
            self._client = elastic.client(address, self._post)
        try:
            found = self._client.search(
                index=index,
                ignore_unavailable=True,
                allow_no_indices=True,
                timeout=f"{max(1, int(self._timeout * 900))}ms",
                **body,
            ).body
            whole = not found["timed_out"] and not found["_shards"]["failed"]
        except SerializationError:
            limit = _LIMIT_BYTES // 2**20
            raise StoreError(f"{self.where}: its answer is no JSON, or larger than {limit} MiB") from None
        except ApiError as error:
            raise StoreError(f"{self.where}/{index}: HTTP {error.meta.status}: {_reason(error.body)}") from None
        except PostError as error:
            raise StoreError(str(error)) from None
        except TransportError as error:
            raise StoreError(f"{self.where}: {error}") from None
        except (KeyError, TypeError, AttributeError):
            raise StoreError(f"{self.where}: it does not answer like Elasticsearch") from None
        if not whole:
            raise StoreError(f"{self.where}/{index}: it answered in part only: shards failed, or took too long")
        return dict(found)

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._client.close()
        for poster in self._posters.values():
            poster.close()

    def _post(self, target: str, body: bytes | None) -> tuple[int, bytes]:
        """The answer to a POST of a target. One poster, with its kept connection, for each path that is asked."""
        poster = self._posters.get(target)
        if poster is None:
            poster = self._posters[target] = Poster(
                self._base.geturl() + target,
                headers=self._headers,
                ca_file=self._ca_file,
                timeout=self._timeout,
                limit=_LIMIT_BYTES,
            )
        answer = poster.post(body or b"{}", {"Content-Type": "application/json", "Accept": "application/json"})
        return answer.status, answer.body


def _reason(body: Any) -> str:
    """What an answer says is wrong, in one line."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return " ".join(f"{error.get('type', 'error')}: {error.get('reason', '')}".split())[:300]
    return " ".join(str(error or "").split())[:300] or "it says no more"
