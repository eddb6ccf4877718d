"""`http`: one request to an endpoint of the settings or an allow-listed host; redirects are not followed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from runbooks.context import Context
from runbooks.documents import Risk, Step
from runbooks.errors import NotConfigured, RenderError, StepError
from runbooks.kinds.base import MAX_TEXT, Kind, Parsed, target_inputs, target_of
from runbooks.records import Command, Result
from runbooks.templates import PLACEHOLDER, Source, check_templates, escape_json, fill
from watchkeeper.credentials import authorization

__all__ = ["HTTP", "HttpBody"]

_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (\S.*)")
_HEADER = re.compile(r"([A-Za-z0-9-]+):\s*(.*)")
# Headers that would change where the request goes or how its body is framed.
_FORBIDDEN = frozenset({"host", "content-length", "transfer-encoding", "connection", "authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class HttpBody:
    """A request: `url` is a path where `target` names an endpoint, else absolute."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str


def _parse(source: Source, options: Mapping[str, str], risk: Risk | None) -> Parsed:
    inputs = target_inputs(source, options, check_templates(source))
    head, _, body = source.text.strip("\n").partition("\n\n")
    lines = head.splitlines() or [""]
    match = _REQUEST.fullmatch(lines[0].strip())
    if match is None:
        raise source.error(f"found {lines[0]!r}: the first line is METHOD URL, for example GET /healthz")
    method, url = match.groups()
    _check_url(source, url, "target" in options)
    headers = []
    for offset, line in enumerate(lines[1:], start=1):
        header = _HEADER.fullmatch(line.strip())
        if header is None:
            raise source.error(
                f"found {line!r}: expected a header NAME: VALUE, or an empty line before the body", offset
            )
        if header[1].lower() in _FORBIDDEN:
            raise source.error(f"the header {header[1]} cannot be set in a document", offset)
        if PLACEHOLDER.search(header[2]):
            raise source.error(f"a label cannot stand in the header {header[1]}", offset)
        headers.append((header[1], header[2]))
    if body and method in {"GET", "HEAD"}:
        raise source.error(f"a {method} request has no body", len(lines) + 1)
    if PLACEHOLDER.search(body):
        _check_json(Source(source.path, source.line + len(lines) + 1, body))
    risks: tuple[Risk, ...] = ("read",) if method in {"GET", "HEAD"} else ("change", "destructive")
    title = f"{method} {url}" if len(url) < 70 else f"{method} {url[:69]}…"
    return Parsed(body=HttpBody(method, url, tuple(headers), body), inputs=inputs, risks=risks, title=title)


def _check_url(source: Source, url: str, relative: bool) -> None:
    plain = PLACEHOLDER.sub("x", url)
    if any(char.isspace() for char in plain):
        raise source.error(f"found {url!r}: a URL has no spaces")
    if relative:
        if not plain.startswith("/") or plain.startswith("//"):
            raise source.error(f"found {url!r}: with target= the URL is a path that begins with one /")
        return
    parts = urlsplit(plain)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise source.error(f"found {url!r}: write http(s)://HOST/PATH, or a path and target=NAME")
    if parts.username is not None:
        raise source.error("a URL in a document holds no credentials")
    authority = url.split("/", 3)[2]
    if PLACEHOLDER.search(authority):
        raise source.error(f"found {authority!r}: a label cannot be part of the host")


def _check_json(source: Source) -> None:
    """Values may stand inside strings of a JSON body only."""
    try:
        json.loads(PLACEHOLDER.sub("x", source.text))
    except ValueError:
        raise source.error("a body with labels must be JSON, with the labels inside double quotes") from None
    for match in PLACEHOLDER.finditer(source.text):
        before = re.sub(r"\\.", "", source.text[: match.start()])
        if before.count('"') % 2 == 0:
            raise source.error_at(f'{match[0]} stands outside a string: write "{match[0]}"', match.start())


def _render(step: Step, values: Mapping[str, str], context: Context) -> Command:
    body: HttpBody = step.body
    url = fill(body.url, values, _percent)
    path = urlsplit(url).path if step.options.get("target") is None else url.split("?", 1)[0]
    if any(part in {".", ".."} for part in path.split("/")):
        raise RenderError(f"{url!r}: a value makes a path of dots, which would lead elsewhere")
    name = target_of(step, values)
    if name is not None:
        if name not in context.endpoints:
            known = ", ".join(sorted(context.endpoints)) or "none"
            raise NotConfigured(f"the endpoint {name} is not configured; known: {known}")
        base, _ = _split_credentials(context.endpoints[name])
        url = base.rstrip("/") + url
    _check_allowed(url, name, context)
    text = fill(body.body, values, escape_json)
    headers = dict(body.headers)
    if text and "content-type" not in {header.lower() for header in headers}:
        headers["Content-Type"] = "application/json"
    payload = {"method": body.method, "url": url, "headers": headers, "body": text, "endpoint": name}
    shown = f"{body.method} {url}" + (f"\n\n{text}" if text else "")
    return Command("http", shown, payload, name or urlsplit(url).netloc)


def _percent(value: str) -> str:
    return quote(value, safe="")


def _split_credentials(url: str) -> tuple[str, str | None]:
    """A base URL without its user and password, and these.

    They are not part of a command, which is stored and shown.
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), credentials if at else None


def _check_allowed(url: str, name: str | None, context: Context) -> None:
    if name is not None:
        return
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname not in context.http_hosts and f"{parts.hostname}:{port}" not in context.http_hosts:
        raise RenderError(
            f"{parts.hostname}:{port} is not on the allow-list: add it to runbooks.http_hosts in the settings"
        )


def _execute(command: Command, step: Step, context: Context, seconds: float) -> tuple[Result, int | None]:
    import urllib3

    payload = command.payload
    headers = dict(payload["headers"])
    if payload["endpoint"] is not None:
        _, credentials = _split_credentials(context.endpoints.get(payload["endpoint"], ""))
        if credentials is not None:
            user, _, password = credentials.partition(":")
            headers |= authorization(unquote(user), unquote(password))
    timeout = urllib3.Timeout(total=seconds)
    try:
        with urllib3.PoolManager(num_pools=1, retries=False) as pool:
            answer = pool.request(
                payload["method"],
                payload["url"],
                headers=headers,
                body=payload["body"].encode() or None,
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            data = answer.read(MAX_TEXT + 1, decode_content=True) or b""
            answer.release_conn()
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
        raise StepError(f"{_host(payload['url'])}: no connection: {type(error).__name__}") from None
    except urllib3.exceptions.HTTPError as error:
        raise StepError(f"{_host(payload['url'])}: {type(error).__name__}", unknown=not step.read_only) from None
    status = int(answer.status)
    text = _shown(data[:MAX_TEXT], answer.headers.get("Content-Type", ""))
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    summary = f"{status} {answer.reason or ''}".strip() + (f": {first[:120]}" if first and len(text) < 2000 else "")
    if step.expect is None and status >= 400:
        raise StepError(f"{_host(payload['url'])} answered {summary}")
    return Result(summary=summary, text=text, truncated=len(data) > MAX_TEXT), status


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _shown(data: bytes, content_type: str) -> str:
    text = data.decode("utf-8", errors="replace")
    if "json" in content_type:
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text
    return text


def _allowed(step: Step, command: Command, context: Context) -> bool:
    return step.read_only and command.payload["method"] in {"GET", "HEAD"}


HTTP = Kind(
    name="http",
    parse=_parse,
    render=_render,
    execute=_execute,
    automatic=_allowed,
    subjects=("status",),
    options=frozenset({"target"}),
)
