"""The example platform: real processes, declared metrics, faults that show and go."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.agent_platform import FAULTS, INSTANCES, Platform, PlatformError, launch
from examples.agent_platform.workload import TOOLS
from tests.examples.conftest import PACE, SEED, Scrape, Window, observe, scrape
from tests.servers import free_port, postgresql, redis, wait_until
from tests.servers.http import get_json, post
from watchkeeper.signals import Histogram
from watchkeeper.systems import resilience, traces, web_vitals
from watchkeeper.systems.agent_platform import SIGNALS

TOOL = "gen_ai_execute_tool_duration_seconds"
CALL = "gen_ai_client_operation_duration_seconds"
WORKFLOW = "gen_ai_workflow_duration_seconds"


def _tokens_per_call(window: Window, agent: str) -> float:
    return window.mean("gen_ai_client_token_usage", gen_ai_token_type="input", gen_ai_agent_name=agent)


def test_each_process_is_a_target(platform: Platform) -> None:
    assert tuple(target.name for target in platform.targets) == INSTANCES
    assert {target.system for target in platform.targets} == {"agent_platform"}


def test_every_declared_metric_is_emitted_and_every_emitted_one_declared(platform: Platform, healthy: Window) -> None:
    own = {signal.name: signal.kind for signal in SIGNALS}
    # The instrumentation exposes more families; the platform uses spans, and none of the other patterns.
    more = {signal.name: signal.kind for signal in (*traces.SIGNALS, *resilience.SIGNALS, *web_vitals.SIGNALS)}
    assert own.items() <= healthy.last.kinds.items() <= (own | more).items()
    base = {
        sample[0].removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for sample in healthy.last.samples
    }
    assert set(own) <= base <= set(own) | {signal.name for signal in traces.SIGNALS}


def test_every_series_has_exactly_the_declared_labels(healthy: Window) -> None:
    declared: dict[str, set[str]] = {}
    for item in SIGNALS:
        if isinstance(item, Histogram):
            declared |= {part.name: set(part.labels) for part in (item.bucket, item.count, item.sum)}
        else:
            declared[item.name] = set(item.labels)
    assert {name: {label for label, _ in pairs} for name, _, pairs in healthy.last.samples} == declared


def test_a_task_goes_all_the_way(platform: Platform) -> None:
    body = json.dumps({"workflow": "software_unit_verification"}).encode()
    task = json.loads(post(f"{platform.gateway_url}/tasks", body))["id"]
    url = f"{platform.gateway_url}/tasks/{task}"
    wait_until(lambda: get_json(url)["state"] == "done", seconds=20, what="the task to be done")


@pytest.mark.parametrize("body", [b"{}", b'{"workflow": "nonsense"}', b"[]"])
def test_the_gateway_refuses_what_it_does_not_know(platform: Platform, body: bytes) -> None:
    with pytest.raises(OSError, match=r"400 .*workflow is one of"):
        post(f"{platform.gateway_url}/tasks", body)


@pytest.mark.long
def test_it_takes_little_of_the_machine(healthy: Window) -> None:
    seconds = healthy.last.time - healthy.first.time
    assert healthy.gain("process_cpu_seconds_total") / seconds < 0.4
    assert healthy.last.total("process_resident_memory_bytes") < 400e6


def test_it_is_healthy_without_a_fault(healthy: Window) -> None:
    assert healthy.error_ratio(WORKFLOW) < 0.03
    assert healthy.last.total("watchkeeper_queue_depth") < 5
    assert healthy.gain("watchkeeper_gen_ai_unpriced_calls_total") == 0
    assert 0.01 < healthy.cost_per_task < 0.1


@pytest.mark.long
def test_tool_latency_slows_one_tool_and_goes(platform: Platform, healthy: Window) -> None:
    platform.inject("tool-latency", 8.0)

    def ratios(window: Window) -> dict[str, float]:
        names = [tool.name for tool in TOOLS if window.gain(TOOL + "_count", gen_ai_tool_name=tool.name) >= 5]
        return {
            name: window.mean(TOOL, gen_ai_tool_name=name) / healthy.mean(TOOL, gen_ai_tool_name=name) for name in names
        }

    struck = observe(platform, lambda window: max(ratios(window).values(), default=0) > 4)
    assert sum(ratio > 2.5 for ratio in ratios(struck).values()) == 1
    platform.clear()
    observe(
        platform,
        # What ran when the fault ended is in the first window too; so many calls later it does not matter.
        lambda window: window.gain(TOOL + "_count") >= 60 and max(ratios(window).values()) < 2.5,
    )


@pytest.mark.long
def test_token_blowup_makes_one_agent_dear(platform: Platform, healthy: Window) -> None:
    platform.inject("token-blowup", 5.0)
    agents = ("requirements_analyst", "test_engineer")
    struck = observe(platform, lambda window: window.tasks >= 60)
    ratios = [_tokens_per_call(struck, agent) / _tokens_per_call(healthy, agent) for agent in agents]
    assert max(ratios) > 3
    assert min(ratios) < 1.5
    assert struck.cost_per_task > 1.5 * healthy.cost_per_task
    platform.clear()
    observe(platform, lambda w: w.tasks >= 60 and w.cost_per_task < 1.3 * healthy.cost_per_task)


@pytest.mark.long
def test_error_burst_fails_calls_and_tasks(platform: Platform) -> None:
    platform.inject("error-burst", 0.4)
    struck = observe(platform, lambda window: window.tasks >= 60)
    assert struck.error_ratio(TOOL) > 0.2
    assert struck.error_ratio(CALL) > 0.2
    assert struck.error_ratio(WORKFLOW) > 0.2
    platform.clear()
    observe(platform, lambda window: window.tasks >= 60 and window.error_ratio(WORKFLOW) < 0.1)


@pytest.mark.long
def test_queue_backlog_grows_and_drains(platform: Platform) -> None:
    platform.inject("queue-backlog", 6.0)

    def state(seen: Scrape) -> tuple[float, float]:
        return seen.total("watchkeeper_queue_depth"), seen.total("watchkeeper_queue_oldest_message_age_seconds")

    observe(platform, lambda window: state(window.last)[0] > 60 and state(window.last)[1] > 10)
    platform.clear()
    observe(platform, lambda window: state(window.last)[0] < 5 and state(window.last)[1] < 1, seconds=30)


@pytest.mark.long
def test_memory_leak_grows_the_worker_and_is_given_back(platform: Platform) -> None:
    before = scrape(platform).total("process_resident_memory_bytes", instance="worker")
    platform.inject("memory-leak", 20.0)

    def grown(window: Window) -> float:
        return window.last.total("process_resident_memory_bytes", instance="worker") - before

    observe(platform, lambda window: grown(window) > 100e6)
    platform.clear()
    observe(platform, lambda window: grown(window) < 20e6, seconds=10)


@pytest.mark.long
def test_load_surge_is_borne(platform: Platform, healthy: Window) -> None:
    platform.inject("load-surge", 2.2)
    struck = observe(platform, lambda window: window.tasks >= 200, seconds=60)
    seconds = struck.last.time - struck.first.time
    usual = healthy.tasks / (healthy.last.time - healthy.first.time)
    assert struck.tasks / seconds > 1.4 * usual
    assert struck.mean(WORKFLOW) < 1.25 * healthy.mean(WORKFLOW)
    assert struck.error_ratio(WORKFLOW) < 0.03
    assert struck.cost_per_task < 1.25 * healthy.cost_per_task
    assert struck.last.total("watchkeeper_queue_depth") < 10
    assert struck.last.total("watchkeeper_queue_oldest_message_age_seconds") < 1


def test_nothing_tells_that_a_fault_is_on(platform: Platform) -> None:
    def visible() -> tuple[set[str], str]:
        logs = "".join(path.read_text() for path in sorted(platform.directory.glob("*.log")))
        names = {f"{name} {sorted(label for label, _ in pairs)}" for name, _, pairs in scrape(platform).samples}
        return names, logs

    before = visible()
    platform.inject("load-surge")
    observe(platform, lambda window: window.tasks >= 10)
    after = visible()
    assert after == before
    assert not [word for fault in FAULTS for word in (fault, fault.replace("-", "_")) if word in after[1]]


def test_an_unknown_fault_is_refused(platform: Platform) -> None:
    with pytest.raises(PlatformError, match="no fault 'earthquake': choose one of tool-latency, "):
        platform.inject("earthquake")


def test_magnitudes_are_random_by_the_seed(tmp_path: Path) -> None:
    first, second, other = (Platform(tmp_path, seed) for seed in (1, 1, 2))
    drawn = [[p.inject(fault) for fault in FAULTS] for p in (first, second, other)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from examples.agent_platform import launch\n"
        f"platform = launch(Path({str(tmp_path)!r}), pace=20, seed=1)\n"
        "print(*[p.pid for p in platform._processes.values()], flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert len(pids) == len(INSTANCES) + 2
    wait_until(lambda: not any(_runs(pid) for pid in pids), seconds=10, what="the processes to end")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_database_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    dsn = f"postgresql://nobody@127.0.0.1:{free_port()}/tasks"
    with pytest.raises(PlatformError, match=r"gateway did not start: .*RecordsError.*[Cc]onnection"):
        launch(tmp_path, pace=PACE, seed=SEED, postgresql_dsn=dsn)


@pytest.mark.long
def test_redis_and_postgresql_are_used_when_they_are_given(
    redis_server: redis.RedisServer, postgresql_server: postgresql.PostgreSQLServer, tmp_path: Path
) -> None:
    dsn = postgresql_server.create_database("agent_platform")
    with launch(tmp_path, pace=PACE, seed=SEED, redis_url=redis_server.url, postgresql_dsn=dsn) as platform:
        assert "broker" not in platform.alive()
        observe(platform, lambda window: window.tasks >= 10)
        statistics = redis_server.command("INFO", "commandstats")
        query = "SELECT count(*) FROM agent_platform_tasks WHERE state = 'done'"
        done = int(postgresql_server.execute(query, database="agent_platform"))
    assert "cmdstat_lpush" in statistics
    assert "cmdstat_brpop" in statistics
    assert done >= 10


def test_the_command_runs_it_and_prints_the_addresses() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.agent_platform", "--seconds", "0", "--inject", "tool-latency"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert [line.split()[0].rstrip(":") for line in done.stdout.splitlines()] == ["tasks", *INSTANCES]


def test_resident_memory_is_what_the_processes_expose(platform: Platform) -> None:
    exposed = scrape(platform)
    for instance, value in platform.resident().items():
        seen = exposed.total("process_resident_memory_bytes", instance=instance)
        assert math.isclose(seen, value, rel_tol=0.1)
