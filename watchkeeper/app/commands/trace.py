"""`watchkeeper trace`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import click

from watchkeeper.app.load import load_settings
from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, SettingsError, StoreError
from watchkeeper.settings import Settings
from watchkeeper.trace_ids import beginning_of
from watchkeeper.traces import Search, Trace, TraceNotFound, TraceStore, TraceSummary, waterfall
from watchkeeper.traces.store import FILE
from watchkeeper.traces.wire import summary_from_json, summary_to_json, trace_from_json, trace_to_json

__all__ = ["command"]

_SECONDS = 10.0
_LIST = "`watchkeeper trace --slow` and `--errors` list what there is"


class _Source(Protocol):
    def trace(self, wanted: str) -> Trace: ...
    def search(self, asked: Search) -> list[TraceSummary]: ...


class _File:
    """The data directory, read while its owner may be writing."""

    def __init__(self, directory: Path) -> None:
        self._store = TraceStore(directory / FILE)

    def trace(self, wanted: str) -> Trace:
        try:
            trace = self._store.trace(self._store.resolve(wanted))
        except TraceNotFound as error:
            raise TraceNotFound(f"{self._store.path}: {error}: {_LIST}") from None
        if trace is None:
            raise TraceNotFound(f"{self._store.path}: there is no trace {wanted} any more")
        return trace

    def search(self, asked: Search) -> list[TraceSummary]:
        return self._store.search(asked)


class _Unreachable(StoreError):  # noqa: N818  it says what happened
    """No console answers."""


class _Console:
    """A running console, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def _get(self, path: str) -> Any:
        import urllib3

        urllib3.disable_warnings()
        try:
            answer = urllib3.request("GET", self.url + path, timeout=_SECONDS, retries=False)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise _Unreachable(f"{self.url}: no console answers there: {_short(reason)}") from None
        except ValueError as error:
            raise SettingsError(f"--url {self.url}: {error}: write it as http://127.0.0.1:8787") from None
        try:
            found = json.loads(answer.data)
        except ValueError:
            raise StoreError(f"{self.url}: answers {answer.status}, and not as a Watchkeeper console does") from None
        if answer.status == 404:
            text = str(found.get("error", "not found")) if isinstance(found, dict) else "not found"
            raise TraceNotFound(f"{self.url}: {text.partition('; ')[0]}: {_LIST}")
        if answer.status != 200:
            raise StoreError(f"{self.url}: answers {answer.status}: {str(found)[:200]}")
        return found

    def trace(self, wanted: str) -> Trace:
        return trace_from_json(self._get(f"/api/traces/{quote(wanted, safe='')}"))

    def search(self, asked: Search) -> list[TraceSummary]:
        words = {
            "service": asked.service,
            "operation": asked.operation,
            "seconds": asked.seconds or "",
            "errors": "1" if asked.errors else "",
            "from": asked.start or "",
            "order": asked.order,
            "limit": asked.limit,
        }
        found = self._get(f"/api/traces?{urlencode({name: value for name, value in words.items() if value})}")
        return [summary_from_json(one) for one in found.get("traces", [])]


def _short(error: object) -> str:
    text = " ".join(str(error).split())
    return text.rpartition(": ")[2] or text


@click.command()
@click.argument("id", required=False)
@click.option("--slow", is_flag=True, help="List the slowest first.")
@click.option("--errors", is_flag=True, help="List those with an error.")
@click.option("--service", metavar="NAME", default="", help="List those that this service takes part in.")
@click.option("--operation", metavar="TEXT", default="", help="List those with a span whose name holds this.")
@click.option("--longer", metavar="DURATION", help="List those that took at least this (500ms, 2s).")
@click.option("--since", metavar="DURATION", help="List those that began within this time (15m, 2h).")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many are listed.")
@click.option("--spans", type=click.IntRange(1, 10_000), default=300, show_default=True, help="How many are drawn.")
@click.option("--json", "as_json", is_flag=True, help="The trace, or the list, as JSON.")
@click.option("--url", metavar="URL", help="The console (default: `console_url` or `listen` of the settings).")
@click.option("--data", metavar="DIR", help="Read this data directory instead.")
@click.option("--config", "-c", metavar="FILE", help="Settings (default: ./watchkeeper.yaml where it exists).")
def command(
    id: str | None,
    slow: bool,
    errors: bool,
    service: str,
    operation: str,
    longer: str | None,
    since: str | None,
    limit: int,
    spans: int,
    as_json: bool,
    url: str | None,
    data: str | None,
    config: str | None,
) -> int:
    """Print the waterfall of the trace ID (or what an id begins with), or list traces.

    A running console is asked; where none answers, the data directory is read. What failed is marked and says why; the
    critical path, which the whole waited for, is drawn solid. Exit code 1 when there is no such trace.

    \b
    Examples:
      watchkeeper trace --slow --since 15m
      watchkeeper trace 4bf92f3577b34da6
    """
    listing = slow or errors or service or operation or longer or since
    if id is not None and listing:
        raise click.UsageError("give an ID, or what to list, not both")
    wanted = beginning_of(id or "")
    if id is not None and not wanted:
        raise click.UsageError(f"{id!r} is no trace id: it is 32 hex digits, or what they begin with")
    asked = Search(
        service=service,
        operation=operation,
        seconds=_duration(longer, "--longer") or 0.0,
        errors=errors,
        start=None if since is None else time.time() - (_duration(since, "--since") or 0.0),
        order="slowest" if slow else "newest",
        limit=limit,
    )
    settings = load_settings(config)
    if id is not None:
        _show(_ask(settings, url, data, lambda source: source.trace(wanted)), as_json, spans)
        return 0
    return _list(_ask(settings, url, data, lambda source: source.search(asked)), as_json)


def _duration(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except DefinitionError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _ask(settings: Settings, url: str | None, data: str | None, question: Any) -> Any:
    """Ask what is named; else the console, and the data directory where no console answers."""
    if data is not None:
        return question(_File(Path(data)))
    console = _Console(url or settings.console_url or _local(settings.listen))
    try:
        return question(console)
    except _Unreachable as error:
        directory = Path(settings.data)
        if url is not None:
            raise
        if not (directory / FILE).exists():
            raise StoreError(
                f"{error}; and there are no traces in {directory}: start `watchkeeper up`, or name a console with --url"
            ) from None
        click.echo(f"no console answers at {console.url}: read from {directory}", err=True)
        return question(_File(directory))


def _local(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{host}:{port}"


def _show(trace: Trace, as_json: bool, spans: int) -> None:
    found = waterfall(trace)
    if as_json:
        click.echo(json.dumps(trace_to_json(found), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from watchkeeper.app.waterfall import print_waterfall

    print_waterfall(Console(highlight=False, markup=False, emoji=False), found, limit=spans)


def _list(found: list[TraceSummary], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([summary_to_json(one) for one in found], indent=2, ensure_ascii=False))
        return 0
    if not found:
        click.echo("no trace fits", err=True)
        return 1
    from rich.console import Console

    from watchkeeper.app.waterfall import print_list

    print_list(Console(highlight=False, markup=False, emoji=False), found)
    return 0
