"""Deviations as documents in Elasticsearch: one for each, which its updates and its end overwrite.

They wait in a queue on disk until the cluster has taken them, so that neither a cluster that is away nor a restart
loses one; what comes twice overwrites itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from watchkeeper.app.elastic_ecs import document, document_id, template
from watchkeeper.app.load import known_secrets, package
from watchkeeper.clock import Clock, now
from watchkeeper.deliveries import Delivery, DeliverySink
from watchkeeper.elastic import Session, reason
from watchkeeper.errors import StoreError
from watchkeeper.outbox import Outbox, Outcome, pack
from watchkeeper.posting import Answer
from watchkeeper.settings import DeviationIndex, ElasticsearchSettings, Settings
from watchkeeper.stores import Sample

__all__ = ["DocumentSink", "Documented", "documents_of"]

# An answer has some 200 bytes for each of 100 documents.
_LIMIT_BYTES = 2**20
# What an item of a bulk answer says of the moment, of our credentials, or of an index that is still to be made: the
# document is not what is wrong.
_COME_AGAIN = frozenset({401, 403, 404, 408, 429})

_log = logging.getLogger("watchkeeper.app")


class DocumentSink:
    """A DeliverySink that writes the documents of deviations; what is no deviation is passed over.

    `directory` holds the queue, below `push/`, for this process alone. `links` gives addresses for annotations that are
    missing, by detector key; `secrets` what is known to be one. Raises SpoolError when the queue cannot be used.
    """

    def __init__(
        self,
        settings: ElasticsearchSettings,
        index: DeviationIndex,
        directory: Path,
        *,
        links: Mapping[str, Mapping[str, str]] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
        clock: Clock = now,
    ) -> None:
        self._index = index.index
        self._links = links or {}
        self._secrets = secrets
        self._clock = clock
        self._templated = False
        self._session = Session(
            settings.url,
            headers=settings.credentials,
            ca_file=settings.ca_file,
            timeout=float(settings.timeout),
            limit=_LIMIT_BYTES,
        )
        self.outbox = Outbox(
            "elasticsearch",
            directory / "push" / "elasticsearch",
            index.queue_bytes,
            self.send,
            poster=self._session,
            clock=clock,
        )

    def start(self) -> None:
        """Begin to send, with what an earlier process left behind first."""
        self.outbox.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Send what waits for at most `seconds`, as far as the cluster answers; the rest stays for the next process."""
        self.outbox.stop(seconds)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Put them into the queue; never raises, since a document keeps nobody from being called. What the queue has no
        room for is counted and logged.
        """
        try:
            self._put(deliveries)
        except Exception:  # noqa: BLE001  whatever is wrong with one document, or with the disk
            _log.exception("elasticsearch: deviations have no document")

    def _put(self, deliveries: Sequence[Delivery]) -> None:
        told = [one for one in deliveries if one.kind == "deviation"]
        if not told:
            return
        redact = package("runbooks.redaction").redact
        known = tuple(self._secrets())
        lines = []
        for one in told:
            links = self._links.get(one.name, {})
            found = _redacted(document(one, links, self._clock()), lambda text: redact(text, known))
            lines += [json.dumps({"index": {"_id": document_id(one)}}), json.dumps(found, allow_nan=False)]
        self.outbox.put(pack("".join(f"{line}\n" for line in lines).encode()))

    def send(self, body: bytes) -> Outcome:
        """Write lines of the bulk API. Raises WatchkeeperError when the cluster does not answer."""
        from elasticsearch import ApiError, TransportError

        try:
            self._make_template()
            lines: Any = body.splitlines()  # which the client sends as they are
            reply = self._session.client.bulk(index=self._index, operations=lines).body
        except ApiError as error:
            return Outcome(Answer(error.meta.status, reason(error.body).encode()))
        except TransportError as error:
            raise StoreError(f"{self._session.where}: {error}") from None
        return _outcome(reply, self._session.where)

    def samples(self, at: float) -> Iterator[Sample]:
        """What becomes of the documents, under the names of what else is pushed."""
        box, mark = self.outbox, {"destination": "elasticsearch"}
        spool = box.spool
        yield Sample("watchkeeper_push_records_accepted_total", mark, float(spool.accepted), at)
        yield Sample("watchkeeper_push_records_sent_total", mark, float(box.sent), at)
        for why, count in (("full", spool.full), ("disk", spool.failed), ("refused", box.rejected)):
            yield Sample("watchkeeper_push_records_dropped_total", {**mark, "reason": why}, float(count), at)
        yield Sample("watchkeeper_push_items_rejected_total", mark, float(box.rejected_items), at)
        yield Sample("watchkeeper_push_failures_total", mark, float(box.failures), at)
        yield Sample("watchkeeper_push_queue_bytes", mark, float(spool.size), at)
        yield Sample("watchkeeper_push_queue_limit_bytes", mark, float(spool.limit), at)
        oldest = spool.oldest
        yield Sample("watchkeeper_push_queue_age_seconds", mark, 0.0 if oldest is None else at - oldest, at)
        if box.succeeded is not None:
            yield Sample("watchkeeper_push_last_success_timestamp_seconds", mark, box.succeeded, at)

    def _make_template(self) -> None:
        """Make the index template, unless there is one of that name: it may be somebody's own.

        Raises ApiError when the cluster has no time for it.
        """
        from elasticsearch import ApiError

        if self._templated:
            return
        try:
            self._session.client.indices.put_index_template(name=self._index, create=True, **template(self._index))
        except ApiError as error:
            why = reason(error.body)
            if error.meta.status in (401, 408, 429) or error.meta.status >= 500:
                raise
            if "already exists" not in why:
                text = "%s: no index template %s, so that the cluster guesses types of fields: HTTP %d: %s"
                _log.warning(text, self._session.where, self._index, error.meta.status, why)
        self._templated = True


def documents_of(
    settings: Settings, *, links: Mapping[str, Mapping[str, str]] | None = None, clock: Clock = now
) -> DocumentSink | None:
    """The sink of the settings' documents, None where they name no index for them. Raises SpoolError."""
    cluster = settings.elasticsearch
    if cluster is None or cluster.deviations is None:
        return None
    return DocumentSink(
        cluster,
        cluster.deviations,
        Path(settings.data),
        links=links,
        secrets=lambda: known_secrets(settings),
        clock=clock,
    )


class Documented:
    """A DeliverySink that writes the documents of deviations beside what another does with them."""

    def __init__(self, sink: DeliverySink, documents: DocumentSink) -> None:
        self._sink, self._documents = sink, documents

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver them to both. Raises what the other raises: all are delivered again then, and documents overwrite
        themselves.
        """
        self._documents.deliver(deliveries)
        self._sink.deliver(deliveries)


def _outcome(reply: Any, where: str) -> Outcome:
    """What a bulk answer means: some documents may be refused for good, and some for now, when all are sent again."""
    items = reply.get("items") if isinstance(reply, Mapping) else None
    if not isinstance(items, list):
        raise StoreError(f"{where}: it does not answer like Elasticsearch")
    refused = []
    for item in items:
        result = item.get("index") if isinstance(item, Mapping) else None
        if not isinstance(result, Mapping) or not isinstance(result.get("status"), int):
            raise StoreError(f"{where}: it does not answer like Elasticsearch")
        status = result["status"]
        if status in _COME_AGAIN or status >= 500:
            return Outcome(Answer(503, f"a document: HTTP {status}: {reason(result)}".encode()))
        if status >= 300:
            refused.append(reason(result))
    return Outcome(Answer(200), len(refused), refused[0] if refused else "")


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(one, redact) for name, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, redact) for one in value]
    return redact(value) if isinstance(value, str) else value
