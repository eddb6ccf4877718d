from __future__ import annotations

import gzip
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from collectors.runtime import Sidecar
from collectors.server import MAX_SCRAPES, Server, serve
from tests.collectors.helpers import Application, application, silent_port, target
from tests.servers import http, wait_until
from tests.servers.prometheus import PrometheusServer
from watchkeeper.errors import ListenError, SettingsError
from watchkeeper.settings import Seconds


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


@pytest.fixture
def server(app: Application) -> Iterator[Server]:
    sidecar = Sidecar([target("app", "shop", app.url), target("other", "shop", app.url, labels={"instance": "other"})])
    running = serve(sidecar, port=0)
    yield running
    running.shutdown()
    sidecar.close()


def _url(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_metrics_are_served(server: Server) -> None:
    assert 'requests_total{instance="other"} 1.0' in http.get_text(_url(server, "/metrics"))


def test_probe_serves_one_target(server: Server) -> None:
    text = http.get_text(_url(server, "/probe?target=app"))
    assert "requests_total 1.0" in text and "other" not in text


def test_an_unknown_target_is_404_with_one_line(server: Server) -> None:
    with pytest.raises(OSError, match=r"404 no target is named 'nobody': there are app, other$"):
        http.get_text(_url(server, "/probe?target=nobody"))


def test_a_probe_without_target_is_400(server: Server) -> None:
    with pytest.raises(OSError, match="400 name one target"):
        http.get_text(_url(server, "/probe"))


def test_another_path_is_404(server: Server) -> None:
    with pytest.raises(OSError, match="404 there is no /metric: try /metrics"):
        http.get_text(_url(server, "/metric"))


def test_health_does_not_depend_on_targets(server: Server, app: Application) -> None:
    app.status = 500
    assert http.get_text(_url(server, "/healthz")) == "ok\n"
    assert http.get_text(_url(server, "/readyz")) == "ready\n"


def test_the_index_lists_targets_with_their_state(server: Server, app: Application) -> None:
    assert "/probe?target=app  shop  not read yet" in http.get_text(_url(server, "/"))
    http.get_text(_url(server, "/probe?target=app"))
    app.status = 500
    http.get_text(_url(server, "/probe?target=other"))
    text = http.get_text(_url(server, "/"))
    assert "/probe?target=app  shop  up\n" in text
    assert "/probe?target=other  shop  down: " in text and "it answered 500" in text


def test_the_listener_says_what_it_answered(server: Server) -> None:
    with pytest.raises(OSError, match="404"):
        http.get_text(_url(server, "/nowhere"))
    http.get_text(_url(server, "/metrics"))
    text = http.get_text(_url(server, "/metrics"))
    assert 'watchkeeper_listener_requests_total{code="200"} 1.0' in text
    assert 'watchkeeper_listener_requests_total{code="404"} 1.0' in text
    assert "watchkeeper_listener_scrapes_in_flight 1.0" in text
    assert "watchkeeper_listener_" not in http.get_text(_url(server, "/probe?target=app"))


def test_shutdown_may_come_twice(server: Server) -> None:
    server.shutdown()
    server.shutdown()


def test_the_answer_is_packed_when_asked(server: Server) -> None:
    request = urllib.request.Request(_url(server, "/metrics"), headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=5) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"requests_total" in gzip.decompress(response.read())


def test_prometheus_is_answered_before_its_timeout() -> None:
    with silent_port() as port:
        sidecar = Sidecar([target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(60))])
        server = serve(sidecar, port=0)
        request = urllib.request.Request(_url(server, "/metrics"))
        request.add_header("X-Prometheus-Scrape-Timeout-Seconds", "1.0")
        with urllib.request.urlopen(request, timeout=1.0) as response:
            assert b"redis_up 0.0" in response.read()
        server.shutdown()
        sidecar.close()


@pytest.mark.long
def test_prometheus_takes_everything(server: Server, prometheus_server: Callable[..., PrometheusServer]) -> None:
    job = f"{{job_name: sidecar, static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]}}"
    prometheus = prometheus_server(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n")
    prometheus.wait_for('watchkeeper_target_up{target="other"} == 1')
    lines = http.get_text(_url(server, "/metrics")).splitlines()
    samples = prometheus.wait_for("scrape_samples_post_metric_relabeling")[0]["value"][1]
    assert int(samples) == sum(not line.startswith("#") for line in lines)


def test_health_is_answered_while_many_scrapes_hang(server: Server, app: Application) -> None:
    app.gate.clear()
    scrapes = [
        threading.Thread(target=http.get_text, args=(_url(server, "/metrics"),)) for _ in range(MAX_SCRAPES // 2)
    ]
    for scrape in scrapes:
        scrape.start()
    wait_until(lambda: app.requests == 2)
    assert http.get_text(_url(server, "/healthz")) == "ok\n"
    app.gate.set()
    for scrape in scrapes:
        scrape.join()


def test_a_port_in_use_is_one_clear_line(server: Server) -> None:
    with pytest.raises(ListenError, match=rf"cannot listen on 127.0.0.1:{server.port}: the port is in use"):
        serve(Sidecar([]), port=server.port)


def test_targets_that_would_collide_are_refused_at_the_start(app: Application) -> None:
    with pytest.raises(SettingsError, match="same series"):
        serve(Sidecar([target("a", "shop", app.url), target("b", "shop", app.url)]), port=0)


def test_shutdown_lets_the_running_scrape_end(app: Application) -> None:
    sidecar = Sidecar([target("app", "shop", app.url)])
    server = serve(sidecar, port=0)
    app.gate.clear()
    answers: list[str] = []
    scrape = threading.Thread(target=lambda: answers.append(http.get_text(_url(server, "/metrics"))))
    scrape.start()
    wait_until(lambda: app.requests == 1)
    end = threading.Thread(target=server.shutdown)
    end.start()
    wait_until(lambda: not server.ready)
    app.gate.set()
    end.join()
    scrape.join()
    sidecar.close()
    assert "requests_total 1.0" in answers[0]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)
