"""Where a pusher sends: an OTLP receiver, a receiver of remote write, a text file for node_exporter."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from collectors import otlp, remote_write
from collectors.encoding import Encoder, merge
from collectors.loop import Memory
from collectors.otlp import Part
from collectors.textfile import TextfileError, check_textfile, write_textfile
from watchkeeper.errors import WatchkeeperError
from watchkeeper.outbox import Outbox, pack, unpack
from watchkeeper.systems.watchkeeper_signals import UP

if TYPE_CHECKING:
    from collectors.lanes import Reading
    from watchkeeper.settings import OtlpPush, RemoteWrite
    from watchkeeper.stores import Sample

__all__ = ["Counts", "Destination", "Otlp", "RemoteWriteTo", "Round", "Textfile"]

_log = logging.getLogger("watchkeeper.collectors")


class Round(NamedTuple):
    """One reading of all targets: when it began, what it gave, and what this process says of itself."""

    at: float
    readings: Sequence[Reading]
    parts: Sequence[Part]


class Destination(Protocol):
    """Where rounds go."""

    name: str

    def start(self) -> None: ...

    def write(self, found: Round) -> None: ...

    def stop(self, seconds: float, at: float | None) -> None:
        """End; `at` is the time of the end when the series end with it, None when another process goes on."""

    def counts(self) -> Counts: ...


class Counts(NamedTuple):
    """What a destination says of its work."""

    accepted: int
    sent: int
    dropped: Mapping[str, int]
    rejected_items: int
    failures: int
    succeeded: float | None
    outbox: Outbox | None


class Otlp:
    """Sends OTLP; the state of the streams stands in the record that was made with it."""

    name = "otlp"

    def __init__(self, settings: OtlpPush, directory: Path, limit: int) -> None:
        poster = otlp.poster(settings)
        self._outbox = Outbox(self.name, directory, limit, otlp.sender(poster), poster=poster)
        try:
            self._encoder = otlp.Encoder(delta=settings.temporality == "delta", state=self._last_state())
        except BaseException:
            self._outbox.stop(0)
            raise

    def _last_state(self) -> bytes:
        record = self._outbox.spool.newest()
        try:
            return unpack(record)[1] if record is not None else b""
        except WatchkeeperError as error:
            _log.error("otlp: all series begin anew: %s", error)
            return b""

    def start(self) -> None:
        self._outbox.start()

    def write(self, found: Round) -> None:
        body, state = self._encoder.encode(found.parts, found.at)
        if self._outbox.put(pack(body, state)):
            self._encoder.accept()

    def stop(self, seconds: float, at: float | None) -> None:
        if at is not None:
            body, state = self._encoder.encode((), at)
            if body:
                self._outbox.put(pack(body, state))
        self._outbox.stop(seconds)

    def counts(self) -> Counts:
        return _counts(self._outbox)


class RemoteWriteTo:
    """Sends samples by remote write, with a stale marker for each series that is gone."""

    name = "remote_write"

    def __init__(self, settings: RemoteWrite, directory: Path, limit: int) -> None:
        poster = remote_write.poster(settings)
        self._outbox = Outbox(self.name, directory, limit, remote_write.sender(poster), poster=poster)
        self._memories: dict[str, Memory] = {}

    def start(self) -> None:
        self._outbox.start()

    def write(self, found: Round) -> None:
        old = self._memories
        before = {name: memory.series for name, memory in old.items()}
        kept = {}
        for part in found.parts:
            known = old.get(part.name)
            kept[part.name] = known if known is not None and known.extra == part.labels else Memory(part.labels)
        samples = [sample for part in found.parts for sample in kept[part.name].samples(part.families, found.at)]
        for name, memory in old.items():
            if kept.get(name) is not memory:  # the target is no longer there, or has other labels
                samples += memory.samples((), found.at)
        if self._put(samples):
            self._memories = kept
        else:
            # The markers are lost with the record: they are due again.
            for name, memory in old.items():
                memory.series = before[name]

    def _put(self, samples: Sequence[Sample]) -> bool:
        return not samples or self._outbox.put(pack(remote_write.write_request(samples)))

    def stop(self, seconds: float, at: float | None) -> None:
        if at is not None:
            self._put([sample for memory in self._memories.values() for sample in memory.samples((), at)])
        self._outbox.stop(seconds)

    def counts(self) -> Counts:
        return _counts(self._outbox)


class Textfile:
    """Writes the exposition into a file for node_exporter."""

    name = "textfile"

    def __init__(self, path: str) -> None:
        self._path = check_textfile(path)
        self._encoders: dict[str, Encoder] = {}
        self._written = self._failed = 0
        self._succeeded: float | None = None
        self._error = False

    def start(self) -> None:
        """Nothing to begin."""

    def write(self, found: Round) -> None:
        # The labels are those of /metrics: job and instance come from the scrape of node_exporter, and `up` would be
        # taken for its own.
        targets = {reading.target.name: tuple(sorted(reading.target.labels.items())) for reading in found.readings}
        encoders = {}
        for part in found.parts:
            known, extra = self._encoders.get(part.name), targets.get(part.name, ())
            encoders[part.name] = known if known is not None and known.extra == extra else Encoder(extra)
        parts = [([one for one in part.families if one.name != UP.name], encoders[part.name]) for part in found.parts]
        self._encoders = encoders
        try:
            write_textfile(self._path, merge(parts))
        except TextfileError as error:
            self._failed += 1
            if not self._error:
                _log.error("textfile: %s", error)
            self._error = True
            return
        self._written += 1
        self._succeeded = found.at
        self._error = False

    def stop(self, seconds: float, at: float | None) -> None:
        # What is not read any more must not be shown as if it were.
        if at is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def counts(self) -> Counts:
        accepted = self._written + self._failed
        return Counts(accepted, self._written, {"disk": self._failed}, 0, self._failed, self._succeeded, None)


def _counts(outbox: Outbox) -> Counts:
    spool = outbox.spool
    dropped = {"full": spool.full, "disk": spool.failed, "refused": outbox.rejected}
    return Counts(
        spool.accepted, outbox.sent, dropped, outbox.rejected_items, outbox.failures, outbox.succeeded, outbox
    )
