"""An nginx that serves its stub_status."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.servers.process import ServerError, ServerProcess, find_program, free_port, workdir
from tests.servers import http

__all__ = ["PACKAGE", "NginxServer", "available", "run"]

PACKAGE = "nginx-light"

_CONFIG = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /stub_status {{ stub_status; {status} }}
    location / {{ return 200 "hello\\n"; }}
  }}
}}
"""


@dataclass(frozen=True)
class NginxServer:
    """A running server; `url` is its base address without a trailing slash."""

    url: str
    directory: Path
    process: ServerProcess

    @property
    def status_url(self) -> str:
        """The page of stub_status."""
        return f"{self.url}/stub_status"


def available() -> str | None:
    """Why nginx cannot be started here, or None."""
    found = find_program("nginx", under=("/usr/sbin",))
    return None if found else f"nginx is not installed (Debian package {PACKAGE})"


@contextlib.contextmanager
def run(*, status: str = "") -> Iterator[NginxServer]:
    """Start a server; `status` are further directives of the status page (`auth_basic …;`)."""
    program = find_program("nginx", under=("/usr/sbin",))
    if program is None:
        raise ServerError(available())
    port = free_port()
    with workdir("nginx") as directory:
        configuration = directory / "nginx.conf"
        configuration.write_text(_CONFIG.format(directory=directory, port=port, status=status))
        url = f"http://127.0.0.1:{port}"
        process = ServerProcess(
            "nginx",
            [program, "-p", directory, "-c", configuration],
            log=directory / "nginx.log",
            ready=lambda: http.answers(f"{url}/"),
        )
        process.start()
        try:
            yield NginxServer(url, directory, process)
        finally:
            process.stop()
