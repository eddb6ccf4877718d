"""What the tests of the collectors share: comparing families, and targets that misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from collectors.description import Collector
from collectors.exposition import Parser
from collectors.families import Family
from watchkeeper.clock import monotonic
from watchkeeper.settings import Target
from watchkeeper.signals import Signal

__all__ = [
    "Application",
    "application",
    "by_name",
    "check_declared",
    "check_emitted",
    "compare",
    "names_of",
    "parsed",
    "read_once",
    "silent_port",
    "target",
    "value_of",
]


def target(name: str, system: str, url: str = "", **fields: object) -> Target:
    """A target with some fields set."""
    return Target(name=name, system=system, url=url, **fields)  # type: ignore[arg-type]


def read_once(collector: Collector, one: Target, seconds: float = 5.0) -> Sequence[Family]:
    """What a session says that is opened for one reading."""
    session = collector.open(one)
    try:
        return session.read(monotonic() + seconds)
    finally:
        session.close()


def parsed(text: str | bytes) -> dict[str, Family]:
    """The families of an exposition text, by name."""
    return by_name(Parser().parse(text if isinstance(text, str) else text.decode()))


def by_name(families: Iterable[Family]) -> dict[str, Family]:
    """The families of one reading by name; each may come once."""
    found: dict[str, Family] = {}
    for family in families:
        assert family.name not in found, f"{family.name} comes twice"
        found[family.name] = family
    return found


def names_of(families: Iterable[Family]) -> set[str]:
    """The families of one reading that have a sample."""
    return {name for name, one in by_name(families).items() if one.points}


def value_of(families: Iterable[Family], metric: str, /, **labels: str) -> float:
    """The first sample of a family that has these labels, beside others."""
    return next(value for _, pairs, value in by_name(families)[metric].points if labels.items() <= dict(pairs).items())


def check_declared(families: Iterable[Family], signals: Iterable[Signal], open_prefixes: tuple[str, ...] = ()) -> None:
    """One reading is as `check_emitted` has it, and everything declared is emitted or says `requires`."""
    declared = tuple(signals)
    emitted = check_emitted(families, declared, open_prefixes)
    missing = {signal.name for signal in declared if signal.requires is None} - emitted
    assert not missing, sorted(missing)


def check_emitted(
    families: Iterable[Family], signals: Iterable[Signal], open_prefixes: tuple[str, ...] = ()
) -> frozenset[str]:
    """Everything that one reading emits is declared with kind and labels, or has one of the `open_prefixes` of its
    system, and no series comes twice; gives the declared names that it emits.
    """
    declared = {signal.name: signal for signal in signals}
    emitted = {name: family for name, family in by_name(families).items() if family.points}
    for family in emitted.values():
        series = Counter((name, frozenset(pairs)) for name, pairs, _ in family.points)
        twice = [one for one, times in series.items() if times > 1]
        assert not twice, f"{twice} come twice"
    opened = {name for name in emitted.keys() - declared.keys() if name.startswith(open_prefixes)}
    emitted = {name: family for name, family in emitted.items() if name not in opened}
    unknown = emitted.keys() - declared.keys()
    assert not unknown, sorted(unknown)
    for name, family in emitted.items():
        signal = declared[name]
        assert family.kind == (signal.exposed_as or ("gauge" if signal.kind == "info" else signal.kind)), name
        suffixes, own = _DISTRIBUTIONS.get(family.kind, ((), ""))
        for point_name, pairs, _ in family.points:
            assert point_name == name or point_name.removeprefix(name) in suffixes, point_name
            assert tuple(label for label, _ in pairs if label != own) == signal.labels, (name, pairs)
    return frozenset(emitted)


# What the samples of a distribution add to its name, and the label that they have beside its own.
_DISTRIBUTIONS = {"histogram": (("_bucket", "_count", "_sum"), "le"), "summary": (("_count", "_sum"), "quantile")}


def compare(ours: Iterable[Family], theirs: str, *, newer: frozenset[str] = frozenset()) -> None:
    """Our names, kinds and label names are the exporter's; `newer` are names that only its later releases have."""
    known = parsed(theirs)
    emitted = {name: family for name, family in by_name(ours).items() if family.points}
    more = emitted.keys() - known.keys() - newer
    assert not more, sorted(more)
    for name in emitted.keys() & known.keys():
        if known[name].kind != "untyped":
            assert emitted[name].kind == known[name].kind, name
        assert _label_sets(emitted[name]) == _label_sets(known[name]), name


def _label_sets(family: Family) -> set[frozenset[str]]:
    return {frozenset(label for label, value in pairs if value) for _, pairs, _ in family.points}


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@dataclass
class Application:
    """An application with a `/metrics` whose text and behaviour a test sets; `requests` counts."""

    url: str = ""
    text: str = "requests_total 1\n"
    status: int = 200
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    encoding: str = ""
    body: bytes | None = None


@contextlib.contextmanager
def application(**settings: object) -> Iterator[Application]:
    """A running application; its gate is open unless the test closes it."""
    state = Application(**settings)  # type: ignore[arg-type]
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            state.headers = dict(self.headers.items())
            state.gate.wait(10)
            with contextlib.suppress(OSError):
                self.send_response(state.status)
                if state.encoding:
                    self.send_header("Content-Encoding", state.encoding)
                self.end_headers()
                self.wfile.write(state.text.encode() if state.body is None else state.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128  # many may come at once, and a refused one comes again a second later

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()
