"""Two processes with one `data` directory: the second is refused in one line, whichever command it is."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.test_detect_follow import following
from tests.servers import free_port
from tests.servers.prometheus import PrometheusServer
from watchkeeper.app.cli import main


@pytest.mark.server
@pytest.mark.long
def test_serve_beside_follow_is_refused_and_follow_goes_on(
    tmp_path: Path, prometheus_server: Callable[..., PrometheusServer], capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus = prometheus_server()
    config = tmp_path / "watchkeeper.yaml"
    config.write_text(f"data: {tmp_path}/data\nstore: {{prometheus: {{url: '{prometheus.url}'}}}}\n")
    with following(config, f"127.0.0.1:{free_port()}") as process:
        for words in (["serve"], ["detect", "--follow"]):
            with pytest.raises(SystemExit) as ended:
                main([*words, "--config", str(config), "--listen", f"127.0.0.1:{free_port()}"])
            assert ended.value.code == 3
            (said,) = [line for line in capsys.readouterr().err.splitlines() if "detectors.state" in line]
            assert f"watchkeeper detect --follow (process {process.pid} on " in said
            assert said.endswith("stop that one, or give this one a `data` directory of its own")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert (tmp_path / "data" / "detectors.state").exists()
