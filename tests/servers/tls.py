"""A certificate authority made for a test, and small web servers with or without its certificates."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Authority", "Certificate", "Page", "Site", "available", "serve"]


def available() -> str | None:
    """Why no certificate can be made here, or None."""
    return None if shutil.which("openssl") else "openssl is not installed"


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and its key."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS for a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


class Authority:
    """Signs certificates; `file` is its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.file = directory / "ca.pem"
        made, subject = self._made("ca"), "/O=Watchkeeper/CN=Test authority"
        _openssl("req", "-x509", "-key", made.key, "-days", "30", "-subj", subject, "-out", made.file)

    def issue(self, *names: str, days: int = 10) -> Certificate:
        """A certificate for names such as `DNS:localhost` or `IP:127.0.0.1`; one of -1 days has expired."""
        made = self._made(f"server-{len(list(self._directory.iterdir()))}")
        request, extensions = made.file.with_suffix(".csr"), made.file.with_suffix(".ext")
        extensions.write_text("subjectAltName=" + ",".join(names))
        subject = "/C=CH/O=Example, Inc/OU=Unit/CN=localhost"
        _openssl("req", "-new", "-key", made.key, "-subj", subject, "-out", request)
        signing = ("-CA", self.file, "-CAkey", self._directory / "ca.key", "-CAcreateserial", "-days", str(days))
        _openssl("x509", "-req", "-in", request, *signing, "-extfile", extensions, "-out", made.file)
        return made

    def _made(self, name: str) -> Certificate:
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", made.key)
        return made


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)


@dataclass
class Page:
    """What a path answers; `drip` are the seconds before each byte of the body."""

    body: bytes = b"hello world"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    drip: float = 0.0


@dataclass
class Site:
    """A running server; `requests` are (method, path, headers) in the order in which they came."""

    port: int
    scheme: str
    requests: list[tuple[str, str, dict[str, str]]]

    def url(self, path: str = "/", host: str = "localhost") -> str:
        """The address of a page."""
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextlib.contextmanager
def serve(pages: dict[str, Page], certificate: Certificate | None = None, host: str = "127.0.0.1") -> Iterator[Site]:
    """Serve pages by their path, over TLS when there is a certificate."""
    requests: list[tuple[str, str, dict[str, str]]] = []
    stop = threading.Event()
    context = certificate.context() if certificate else None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))  # unread, it would reset the connection
            requests.append((self.command, self.path, dict(self.headers.items())))
            page = pages.get(self.path, Page(b"no such page", 404))
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if page.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(page.body), page.body))
                return
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            if page.drip:
                for byte in page.body:
                    if stop.wait(page.drip):
                        break
                    self.wfile.write(bytes([byte]))
            elif self.command != "HEAD":
                self.wfile.write(page.body)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def finish_request(self, request: Any, client_address: Any) -> None:
            with contextlib.suppress(OSError):  # clients that refuse the certificate, or go away
                if context is None:
                    super().finish_request(request, client_address)
                    return
                with context.wrap_socket(request, server_side=True) as secure:
                    super().finish_request(secure, client_address)

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Site(server.server_address[1], "https" if certificate else "http", requests)
        finally:
            stop.set()
            server.shutdown()
            thread.join()
