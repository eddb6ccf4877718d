"""Elasticsearch: statistics over its HTTP API, through elasticsearch-py, whose requests `HttpReader` makes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from collectors import elasticsearch_replies as replies
from collectors.description import Collector
from collectors.families import Family, family, single
from collectors.http import CA_FILE, HttpReader, ca_file
from collectors.options import flag, one_of, text, texts, whole, wrong
from watchkeeper import elastic
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.systems.elasticsearch_cluster import (
    ELASTICSEARCH_CLUSTER_HEALTH_UP,
    ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS,
)

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

T = TypeVar("T")

_log = logging.getLogger("watchkeeper.collectors")

_DEFAULT_URL = "http://127.0.0.1:9200"
# What a part beside the cluster's health may use of the time, so that one that hangs costs its own signals alone.
_SHARE = 0.8
# Of a large cluster these are a fifth of the answer; the list of HTTP clients alone can be longer than the rest.
_NODE_FIELDS = [
    "cluster_name",
    *(
        f"nodes.*.{key}"
        for key in (
            "name",
            "host",
            "roles",
            "attributes",
            "http.current_open",
            "indices",
            "os",
            "process",
            "jvm",
            "thread_pool",
            "fs",
            "transport",
            "breakers",
            "indexing_pressure",
        )
    ),
]
_INDEX_FIELDS = ["indices.*.primaries", "indices.*.total"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a scrape: its name, as the exporter calls the collector, and what it asks."""

    name: str
    ask: Callable[[ElasticsearchSession, str], Sequence[Family]]


class ElasticsearchSession:
    """One client with one kept connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._options = _options(target)
        self._reader = HttpReader(target, _base(target))
        self._deadline = 0.0
        self._failed: set[str] = set()
        self._complete = True
        url = self._reader.url
        address = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path.rstrip('/')}"
        self._client = elastic.client(address, self._get)

    def read(self, deadline: float) -> Sequence[Family]:
        begun = monotonic()
        self._deadline = deadline
        health = self._asked(lambda: _mapping(self._client.cluster.health(timeout=_seconds(deadline))))
        cluster = str(health.get("cluster_name", ""))
        found = [single(ELASTICSEARCH_CLUSTER_HEALTH_UP, 1.0), *replies.cluster_health(health)]
        self._deadline = begun + _SHARE * (deadline - begun)
        success = [(("cluster_health",), 1.0)]
        for part in (_INFO, _NODES, *self._options.parts):
            self._complete = True
            found += self._tried(part.name, partial(part.ask, self, cluster)) or ()
            success.append(((part.name,), float(self._complete)))
        return [*found, family(ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS, success)]

    def abort(self) -> None:
        self._reader.abort()

    def close(self) -> None:
        self._client.close()
        self._reader.close()

    def _tried(self, what: str, ask: Callable[[], T]) -> T | None:
        """What is asked, None when it was refused or there was no time left; the log says why, once.

        The part that it belongs to is not complete then.
        """
        try:
            if monotonic() >= self._deadline:
                raise TargetError("the parts before it took the time of the scrape")
            found = self._asked(ask)
        except TargetError as error:
            if what not in self._failed:
                _log.warning("target %s: %s is left out: %s", self._target.name, what, error)
            self._failed.add(what)
            self._complete = False
            return None
        self._failed.discard(what)
        return found

    def _asked(self, ask: Callable[[], T]) -> T:
        from elasticsearch import ApiError, TransportError
        from elasticsearch.exceptions import SerializationError

        try:
            return ask()
        except SerializationError:
            raise TargetError(f"{self._reader.where('')}: its answer is no JSON") from None
        except (ApiError, TransportError) as error:
            raise TargetError(f"{self._reader.where('')}: {error}") from None
        except (AttributeError, TypeError, ValueError, LookupError) as error:
            # A proxy or another server in its place answers JSON of another form.
            raise TargetError(
                f"{self._reader.where('')}: it does not answer like Elasticsearch ({type(error).__name__})"
            ) from None

    def _get(self, path: str, body: bytes | None) -> tuple[int, bytes]:
        """The answer to a GET: the statistics that are read here need no body."""
        headers = {"Accept": "application/json"}
        if self._options.api_key and (password := self._target.password) is not None:
            headers["Authorization"] = f"ApiKey {password.resolve()}"
        return 200, self._reader.get(path, self._deadline, headers=headers)

    def info(self, cluster: str) -> Sequence[Family]:
        return replies.cluster_info(_mapping(self._client.info()))

    def nodes(self, cluster: str) -> Sequence[Family]:
        node = "_local" if self._options.nodes == "local" else None
        wait = _seconds(self._deadline)
        return replies.nodes(_mapping(self._client.nodes.stats(node_id=node, filter_path=_NODE_FIELDS, timeout=wait)))

    def indices(self, cluster: str) -> Sequence[Family]:
        stats = _mapping(self._client.indices.stats(index=self._options.pattern, filter_path=_INDEX_FIELDS))
        found = replies.indices(stats, cluster, self._options.limit)
        kept = {value for one in found for _, pairs, _ in one.points for name, value in pairs if name == "index"}
        known = _mapping(self._client.indices.get_alias(index=self._options.pattern))
        return [*found, *replies.aliases(known, cluster, kept)]

    def slm(self, cluster: str) -> Sequence[Family]:
        return replies.slm(_mapping(self._client.slm.get_stats()), _mapping(self._client.slm.get_status()))

    def ilm(self, cluster: str) -> Sequence[Family]:
        explained = _mapping(self._client.ilm.explain_lifecycle(index=self._options.pattern))
        return replies.ilm(explained, _mapping(self._client.ilm.get_status()), self._options.limit)

    def data_streams(self, cluster: str) -> Sequence[Family]:
        return replies.data_streams(_mapping(self._client.indices.data_streams_stats(name="*")), self._options.limit)

    def shards(self, cluster: str) -> Sequence[Family]:
        rows = self._client.cat.shards(format="json", h="index,shard,prirep,state,node").body
        return replies.shards(rows, cluster)  # type: ignore[arg-type]  # a list, because of format

    def snapshots(self, cluster: str) -> Sequence[Family]:
        repositories = sorted(_mapping(self._client.snapshot.get_repository()))[: self._options.limit]
        found = {}
        for name in repositories:
            reply = self._tried(f"the snapshot repository {name}", partial(self._snapshots, name))
            if reply is not None:
                found[name] = reply
            elif monotonic() >= self._deadline:
                break
        return replies.snapshots(found)

    def _snapshots(self, repository: str) -> Mapping[str, Any]:
        return _mapping(self._client.snapshot.get(repository=repository, snapshot="_all"))

    def health_report(self, cluster: str) -> Sequence[Family]:
        return replies.health_report(_mapping(self._client.health_report()))


_INFO = Part("cluster_info", ElasticsearchSession.info)
_NODES = Part("nodes", ElasticsearchSession.nodes)
# Each asks more of the cluster than the parts above; the exporter has them off as well.
_OPTIONAL = {
    part.name: part
    for part in (
        Part("indices", ElasticsearchSession.indices),
        Part("slm", ElasticsearchSession.slm),
        Part("ilm", ElasticsearchSession.ilm),
        Part("data_streams", ElasticsearchSession.data_streams),
        Part("shards", ElasticsearchSession.shards),
        Part("snapshots", ElasticsearchSession.snapshots),
        Part("health_report", ElasticsearchSession.health_report),
    )
}


def _base(target: Target) -> str:
    """The target's url with the port that Elasticsearch listens on; https without one is a hosted cluster, on 443."""
    url = urlsplit(target.url or _DEFAULT_URL)
    port = "" if url.port else (":443" if url.scheme == "https" else ":9200")
    return url._replace(netloc=url.netloc + port, query="", fragment="").geturl()


def _mapping(response: Any) -> Mapping[str, Any]:
    body = response.body
    if not isinstance(body, Mapping):
        raise TypeError
    return body


def _seconds(deadline: float) -> str:
    """How long the server itself may take, for its `timeout` parameter."""
    return f"{max(1, int((deadline - monotonic()) * 1000))}ms"


@dataclass(frozen=True, slots=True)
class Options:
    """What to read, and how much of it."""

    parts: tuple[Part, ...]
    nodes: str
    limit: int
    pattern: str
    api_key: bool


def _options(target: Target) -> Options:
    ca_file(target)  # the reader uses it
    chosen = texts(target, "collect", example="slm, snapshots")
    if unknown := [name for name in chosen if name not in _OPTIONAL]:
        raise wrong(target, "collect", f"{unknown[0]!r} is no part: allowed: {', '.join(_OPTIONAL)}")
    api_key = flag(target, "api_key")
    if api_key and target.password is None:
        raise wrong(target, "api_key", "write the key as password: {file: PATH}")
    return Options(
        parts=tuple(part for name, part in _OPTIONAL.items() if name in chosen),
        nodes=one_of(target, "nodes", ("local", "all")),
        limit=whole(target, "limit", 100),
        pattern=text(target, "index_pattern", "_all", example="logs-*"),
        api_key=api_key,
    )


COLLECTOR = Collector(
    system="elasticsearch",
    open=ElasticsearchSession,
    check=_options,
    login="user",
    stands="beside",
    up=ELASTICSEARCH_CLUSTER_HEALTH_UP,
    schemes=("http", "https"),
    default_url=_DEFAULT_URL,
    options=(
        ("collect", f"a list of further parts to read: {', '.join(_OPTIONAL)} (default: none)"),
        ("nodes", "local for the node that answers, all for every node of the cluster (default: local)"),
        ("limit", "at most so many indices, data streams and repositories, the largest first (default: 100)"),
        ("index_pattern", "the indices that indices and ilm are about, such as logs-* (default: _all)"),
        ("api_key", "true: the password is an encoded API key"),
        CA_FILE,
    ),
)
