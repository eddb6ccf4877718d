"""Searches of Elasticsearch through its official client: one at a time, within a deadline, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from watchkeeper.elastic import Session, reason
from watchkeeper.errors import SettingsError, StoreError
from watchkeeper.posting import PostError

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
        self._session = Session(url, headers=headers, ca_file=ca_file, timeout=timeout, limit=_LIMIT_BYTES)
        self._timeout = timeout

    @property
    def where(self) -> str:
        """The address as errors name it: without user and password."""
        return self._session.where

    def search(self, index: str, **body: Any) -> Mapping[str, Any]:
        """The whole answer to a search of an index, a data stream, or a pattern of them.

        Raises StoreError when there is none, a missing secret among the reasons, and when it is one of some shards
        only: what is missing is not nothing.
        """
        from elasticsearch import ApiError, TransportError
        from elasticsearch.exceptions import SerializationError

        try:
            found = self._session.client.search(
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
            raise StoreError(f"{self.where}/{index}: HTTP {error.meta.status}: {reason(error.body)}") from None
        except PostError as error:
            raise StoreError(str(error)) from None
        except (TransportError, SettingsError) as error:
            raise StoreError(f"{self.where}: {error}") from None
        except (KeyError, TypeError, AttributeError):
            raise StoreError(f"{self.where}: it does not answer like Elasticsearch") from None
        if not whole:
            raise StoreError(f"{self.where}/{index}: it answered in part only: shards failed, or took too long")
        return dict(found)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()
