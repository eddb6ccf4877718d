"""Run the example platform alone: `python -m examples.agent_platform [--inject FAULT]`, ended by Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from examples.agent_platform import FAULTS, PlatformError, launch

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Start it, print the addresses, wait; 1 and a line on standard error when it does not start or a process ends."""
    parser = argparse.ArgumentParser(prog="python -m examples.agent_platform", description=__doc__)
    parser.add_argument("--pace", type=float, default=20.0, help="model seconds in a real second (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="decides the workload and the faults (default: 1)")
    parser.add_argument("--redis-url", help="a Redis for the queue (default: a process of its own)")
    parser.add_argument("--postgresql-dsn", help="a PostgreSQL for the records of tasks (default: memory)")
    parser.add_argument("--otlp-endpoint", help="where traces go, such as http://127.0.0.1:4318 (default: nowhere)")
    parser.add_argument("--inject", choices=sorted(FAULTS), help="a fault to switch on after the start")
    parser.add_argument("--magnitude", type=float, help="how strong the fault is (default: random)")
    parser.add_argument("--seconds", type=float, help="end after this time (default: on Ctrl-C)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="agent-platform-") as directory:
        try:
            platform = launch(
                Path(directory),
                pace=options.pace,
                seed=options.seed,
                redis_url=options.redis_url,
                postgresql_dsn=options.postgresql_dsn,
                otlp_endpoint=options.otlp_endpoint,
            )
        except PlatformError as error:
            print(error, file=sys.stderr)  # noqa: T201 - a command line of its own
            return 1
        with platform:
            print(f"tasks: POST {platform.gateway_url}/tasks")  # noqa: T201
            for target in platform.targets:
                print(f"{target.name:13} {target.url}")  # noqa: T201
            sys.stdout.flush()
            if options.inject:
                platform.inject(options.inject, options.magnitude)
            deadline = time.monotonic() + options.seconds if options.seconds is not None else float("inf")
            try:
                while time.monotonic() < deadline:
                    time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))
                    if dead := [name for name, alive in platform.alive().items() if not alive]:
                        print(f"{', '.join(dead)} ended by itself", file=sys.stderr)  # noqa: T201
                        return 1
            except KeyboardInterrupt:
                pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
