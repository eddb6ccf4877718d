"""What the settings say of an Elasticsearch: whose logs and spans are watched, and where deviations are written."""

from __future__ import annotations

from typing import Literal

import msgspec

from watchkeeper.settings.receivers import Receiver
from watchkeeper.settings.values import Seconds, Secret

__all__ = ["DeviationIndex", "ElasticsearchSettings", "LogFieldNames"]

_FORBIDDEN = frozenset(' "*\\<|,>/?#:')


class LogFieldNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How log documents call what is read of them; by default as ECS does. All but `time` and `message` must be
    keywords.
    """

    time: str = "@timestamp"
    service: str = "service.name"
    level: str = "log.level"
    message: str = "message"


class DeviationIndex(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The index of the documents of deviations; what the cluster has not taken waits in a queue of `queue_bytes` on
    disk (under `data`).
    """

    index: str = "watchkeeper-deviations"
    queue_bytes: int = 16 * 2**20

    def __post_init__(self) -> None:
        # https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create, path parameters
        name = self.index
        if not name or name != name.lower() or name[0] in "-_+." or _FORBIDDEN & set(name) or len(name.encode()) > 255:
            raise ValueError(
                f"index: {name!r} is no name of an index: lower case, without {' '.join(sorted(_FORBIDDEN - {' '}))} "
                "and spaces, not beginning with - _ + ."
            )
        if self.queue_bytes < 2**16:
            raise ValueError(f"queue_bytes is {self.queue_bytes}: it is at least 65536 (64 KiB)")


class ElasticsearchSettings(Receiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An Elasticsearch that holds logs and spans of services, and may take the documents of deviations.

    `logs` and `traces` are indices, data streams or patterns of them; what is empty is not read. `api_key` is the
    encoded key. With `categories` the cluster makes the templates of messages (`categorize_text`). `history` is how far
    back is read at the start, `lateness` how long a document may take to be searchable, in seconds.
    """

    api_key: Secret | None = None
    logs: str = "logs-*"
    traces: str = "traces-*"
    spans: Literal["ecs", "otel"] = "ecs"
    log_fields: LogFieldNames = LogFieldNames()
    categories: bool = False
    history: Seconds = Seconds(86_400)
    lateness: Seconds = Seconds(60)
    deviations: DeviationIndex | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.api_key is not None and (self.user or self.password or self.bearer):
            raise ValueError("either api_key, or user and password, or bearer: not several")
        if not self.logs and not self.traces and self.deviations is None:
            raise ValueError("elasticsearch is for nothing: write logs, traces or deviations")

    @property
    def is_read(self) -> bool:
        """Whether logs or spans of it are watched."""
        return bool(self.logs or self.traces)

    def credentials(self) -> dict[str, str]:
        """Those of every receiver, or the API key."""
        if self.api_key is not None:
            return {"Authorization": f"ApiKey {self.api_key.resolve()}"}
        return super().credentials()
