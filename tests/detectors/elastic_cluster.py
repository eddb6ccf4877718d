"""A server that answers searches as Elasticsearch does, over documents in memory, and takes some: no more of it than is
asked here.

It checks what it is asked as strictly as it understands it: an unknown clause is a 400, as there.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = Mapping[str, Any]


@dataclass
class Cluster:
    """A running server; `indices` may be added to meanwhile. `broken` answers 503, `partial`: a shard has failed.

    `written` are the documents of its indices by their ids, `bulks` the bodies that wrote them, `templates` the index
    templates. `refuses` gives the status and the type of error of a document that is not taken, by its id.
    """

    url: str = ""
    indices: dict[str, list[Document]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    broken: bool = False
    partial: bool = False
    written: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    bulks: list[bytes] = field(default_factory=list)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: Callable[[str], tuple[int, str] | None] = lambda _: None
    no_templates: bool = False

    def answer(self, path: str, query: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to a POST."""
        if self.broken:
            return 503, _error(503, "unavailable", "no master")
        if path.endswith("/_bulk"):
            self.bulks.append(raw)
            return 200, self.bulk(path.removeprefix("/").removesuffix("/_bulk"), raw)
        if path.startswith("/_index_template/"):
            name = path.removeprefix("/_index_template/")
            if self.no_templates:
                return 403, _error(403, "security_exception", "action [indices:admin/index_template/put] is forbidden")
            if query == "create=true" and name in self.templates:
                return 400, _error(400, "illegal_argument_exception", f"index template [{name}] already exists")
            self.templates[name] = json.loads(raw)
            return 200, {"acknowledged": True}
        body = json.loads(raw)
        index = path.removeprefix("/").removesuffix("/_search")
        self.asked.append((index, body))
        try:
            return 200, self.search(index, body)
        except (ValueError, KeyError, AssertionError) as error:
            return 400, _error(400, "parsing_exception", str(error))

    def bulk(self, index: str, raw: bytes) -> dict[str, Any]:
        """Takes what the lines say, one by one."""
        assert raw.endswith(b"\n")
        lines = [json.loads(line) for line in raw.splitlines()]
        items = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            ((kind, head),) = action.items()
            assert kind == "index"
            status, result = 201, {}
            if (refused := self.refuses(head["_id"])) is not None:
                status, why = refused
                result = {"error": {"type": why, "reason": "because"}}
            else:
                own = self.written.setdefault(index, {})
                status = 200 if head["_id"] in own else 201
                own[head["_id"]] = source
            items.append({"index": {"_index": index, "_id": head["_id"], "status": status, **result}})
        return {"took": 1, "errors": any("error" in item["index"] for item in items), "items": items}

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        found = [d for d in self.indices.get(index, []) if _fits(d, body["query"])]
        reply: dict[str, Any] = {
            "took": 1,
            "timed_out": False,
            "_shards": {"total": 2, "successful": 2 - self.partial, "skipped": 0, "failed": int(self.partial)},
            "hits": {"max_score": None, "hits": _hits(found, body)},
        }
        if index in self.indices and "aggs" in body:
            reply["aggregations"] = _aggregations(found, body["aggs"])
        return reply


def _error(status: int, kind: str, why: str) -> dict[str, Any]:
    return {"error": {"type": kind, "reason": why}, "status": status}


def _fits(document: Document, query: Mapping[str, Any]) -> bool:
    ((kind, clause),) = query.items()
    if kind == "bool":
        return all(_fits(document, part) for part in clause["filter"])
    ((name, wanted),) = clause.items()
    if kind == "range":
        assert wanted["format"] == "epoch_millis"
        return bool(wanted["gte"] <= document[name] * 1_000 < wanted["lt"])
    if kind == "term":
        return bool(document.get(name) == wanted)
    if kind == "terms":
        return document.get(name) in wanted
    raise ValueError(f"unknown query [{kind}]")


def _hits(found: list[Document], body: dict[str, Any]) -> list[dict[str, Any]]:
    if not body.get("size"):
        return []
    ((time, order),) = body["sort"][0].items()
    rows = sorted(found, key=lambda d: d[time], reverse=order == "desc")[: body["size"]]
    names = [one if isinstance(one, str) else one["field"] for one in body["fields"]]
    return [
        {"_index": "i", "_id": str(n), "_score": None, "fields": {k: [_shown(k, d[k])] for k in names if k in d}}
        for n, d in enumerate(rows)
    ]


def _shown(name: str, value: Any) -> Any:
    return str(round(value * 1_000)) if name == "@timestamp" else value


def _aggregations(found: list[Document], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _aggregation(found, one) for name, one in wanted.items()}


def _aggregation(found: list[Document], one: Mapping[str, Any]) -> dict[str, Any]:
    parts = one.get("aggs", {})
    if "filter" in one:
        return {"doc_count": sum(_fits(d, one["filter"]) for d in found)}
    if "composite" in one:
        return _composite(found, one["composite"], parts)
    groups: dict[str, list[Document]] = {}
    if "terms" in one:
        for d in found:
            if (value := d.get(one["terms"]["field"])) is not None:
                groups.setdefault(value, []).append(d)
        ordered = sorted(groups.items(), key=lambda item: -len(item[1]))[: one["terms"]["size"]]
        return {"buckets": [{"key": k, "doc_count": len(ds), **_aggregations(ds, parts)} for k, ds in ordered]}
    if "categorize_text" in one:
        for d in found:
            key = " ".join(re.findall(r"\b[A-Za-z]+\b", d[one["categorize_text"]["field"]]))
            groups.setdefault(key, []).append(d)
        return {
            "buckets": [
                {"doc_count": len(ds), "key": k, "regex": ".*", "max_matching_length": 9} for k, ds in groups.items()
            ]
        }
    raise ValueError(f"unknown aggregation {sorted(one)}")


def _composite(found: list[Document], one: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    sources = [next(iter(source.items())) for source in one["sources"]]

    def key(d: Document) -> tuple[Any, ...]:
        values: list[Any] = []
        for _, source in sources:
            ((kind, of),) = source.items()
            if kind == "date_histogram":
                interval = int(of["fixed_interval"].removesuffix("ms"))
                values.append(int(d[of["field"]] * 1_000 // interval * interval))
            else:
                values.append(d.get(of["field"]))
        return tuple(values)

    groups: dict[tuple[Any, ...], list[Document]] = {}
    for d in found:
        groups.setdefault(key(d), []).append(d)

    def order(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple((value is not None, value) for value in values)

    keys = sorted(groups, key=order)
    names = [name for name, _ in sources]
    if (after := one.get("after")) is not None:
        keys = [k for k in keys if order(k) > order(tuple(after[name] for name in names))]
    keys = keys[: one["size"]]
    buckets = [
        {"key": dict(zip(names, k, strict=True)), "doc_count": len(groups[k]), **_aggregations(groups[k], parts)}
        for k in keys
    ]
    return {"buckets": buckets, **({"after_key": buckets[-1]["key"]} if buckets else {})}


@contextlib.contextmanager
def cluster(**indices: list[Document]) -> Iterator[Cluster]:
    """A cluster of these indices on a free loopback port."""
    state = Cluster(indices=dict(indices))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            path, _, query = self.path.partition("?")
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, reply = state.answer(path, query, raw)
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-elastic-product", "Elasticsearch")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
