"""Alertmanager's configuration: who is told what, what is silent while something graver is known, the dead man."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.rules import dump

__all__ = ["Routing", "alertmanager_config", "alertmanager_file"]


@dataclass(frozen=True, slots=True)
class Routing:
    """What an installation decides of its routing.

    `webhook_url` is where Watchkeeper listens; `owners` maps an owner to a webhook that is told besides; `dead_man_url`
    is a service outside that calls somebody when it hears nothing (empty: nobody does). `credentials_file` holds a
    bearer token for the webhook.
    """

    webhook_url: str = "http://127.0.0.1:8787/webhooks/alertmanager"
    owners: tuple[tuple[str, str], ...] = ()
    dead_man_url: str = ""
    credentials_file: str = ""


def alertmanager_file(routing: Routing) -> dict[str, bytes]:
    """The configuration file by its path below the output directory."""
    return {"alertmanager/alertmanager.yaml": dump(alertmanager_config(routing))}


def alertmanager_config(routing: Routing) -> dict[str, Any]:
    """The configuration as plain values."""
    webhook = _webhook(routing.webhook_url, routing.credentials_file)
    dead_man = [_webhook(routing.dead_man_url) | {"send_resolved": False}] if routing.dead_man_url else []
    return {
        "route": {
            "receiver": "watchkeeper",
            "group_by": ["alertname", "system", "instance"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": [
                # First, and alone: a watchdog that also opened incidents would be silenced by whoever it annoys.
                {
                    "receiver": "dead-man",
                    "matchers": ['alertname="DeadMan"'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "1m",
                },
                {"receiver": "nobody", "matchers": ['severity="info"']},
                *(
                    {"receiver": f"owner-{owner}", "matchers": [f'owner="{owner}"'], "continue": True}
                    for owner, _ in sorted(routing.owners)
                ),
                {
                    "receiver": "watchkeeper",
                    "matchers": ['severity="critical"'],
                    "group_wait": "0s",
                    "repeat_interval": "1h",
                },
            ],
        },
        "inhibit_rules": [
            # What is known to be down explains its warnings. Without an instance it would silence the cause of a
            # symptom.
            {
                "source_matchers": ['severity="critical"', 'instance=~".+"'],
                "target_matchers": ['severity="warning"', 'instance=~".+"'],
                "equal": ["system", "instance"],
            },
            # Of one SLO the fastest burn speaks.
            {
                "source_matchers": ['severity="critical"', 'slo=~".+"'],
                "target_matchers": ['severity="warning"', 'slo=~".+"'],
                "equal": ["slo"],
            },
        ],
        "receivers": [
            {"name": "watchkeeper", "webhook_configs": [webhook]},
            {"name": "dead-man", **({"webhook_configs": dead_man} if dead_man else {})},
            {"name": "nobody"},
            *({"name": f"owner-{owner}", "webhook_configs": [_webhook(url)]} for owner, url in sorted(routing.owners)),
        ],
    }


def _webhook(url: str, credentials_file: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"url": url, "send_resolved": True}
    if credentials_file:
        made["http_config"] = {"authorization": {"type": "Bearer", "credentials_file": credentials_file}}
    return made
