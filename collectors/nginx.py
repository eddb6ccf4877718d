"""NGINX: the page of stub_status, one GET a read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.description import Collector
from collectors.families import Family, single
from collectors.http import CA_FILE, HttpReader, ca_file
from watchkeeper.errors import TargetError
from watchkeeper.systems import nginx as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "parse"]

# The page has four lines of numbers; its third line may have more of them in builds with other modules.
_PAGE = re.compile(
    r"\s*Active connections:\s+(?P<active>\d+)\s*\n"
    r"\s*server accepts handled requests\b[^\n]*\n"
    r"\s*(?P<accepted>\d+)\s+(?P<handled>\d+)\s+(?P<requests>\d+)\b[^\n]*\n"
    r"\s*Reading:\s+(?P<reading>\d+)\s+Writing:\s+(?P<writing>\d+)\s+Waiting:\s+(?P<waiting>\d+)"
)
_FIELDS = {
    "accepted": s.NGINX_CONNECTIONS_ACCEPTED,
    "active": s.NGINX_CONNECTIONS_ACTIVE,
    "handled": s.NGINX_CONNECTIONS_HANDLED,
    "reading": s.NGINX_CONNECTIONS_READING,
    "waiting": s.NGINX_CONNECTIONS_WAITING,
    "writing": s.NGINX_CONNECTIONS_WRITING,
    "requests": s.NGINX_HTTP_REQUESTS_TOTAL,
}
# The page has about a hundred characters; what is longer is another page.
_LIMIT = 64 * 1024


def parse(text: str) -> list[Family]:
    """The families of a status page. Raises TargetError when it is none."""
    found = _PAGE.match(text)
    if found is None:
        raise TargetError(
            f"this is no stub_status page: {text[:60]!r}: give the url of a location with `stub_status;` in it"
        )
    values = [single(signal, float(found[name])) for name, signal in _FIELDS.items()]
    return [*values, single(s.NGINX_UP, 1.0)]


class NginxSession:
    """One kept connection: it counts as one active and one writing in what it reads, as the exporter's does."""

    def __init__(self, target: Target) -> None:
        self._http = HttpReader(target, target.url or COLLECTOR.default_url)
        url = self._http.url
        self._path = (url.path or urlsplit(COLLECTOR.default_url).path) + (f"?{url.query}" if url.query else "")

    def read(self, deadline: float) -> Sequence[Family]:
        text = self._http.get(self._path, deadline, limit=_LIMIT).decode("utf-8", errors="replace")
        try:
            return parse(text)
        except TargetError as error:
            raise TargetError(f"{self._http.where(self._path)}: {error}") from None

    def abort(self) -> None:
        self._http.abort()

    def close(self) -> None:
        self._http.close()


COLLECTOR = Collector(
    system="nginx",
    open=NginxSession,
    login="none",
    stands="beside",
    check=ca_file,
    up=s.NGINX_UP,
    schemes=("http", "https"),
    default_url="http://127.0.0.1:80/stub_status",
    options=(CA_FILE,),
)
