"""Deviations to Alertmanager's API, so that routing, silences and inhibition hold for them as for alerts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import urllib3

from watchkeeper.deliveries import Delivery
from watchkeeper.errors import StoreError
from watchkeeper.settings import AlertmanagerSettings
from watchkeeper.tls import client_context

__all__ = ["KIND_LABEL", "AlertmanagerSink"]

KIND_LABEL = "watchkeeper_kind"

# Alertmanager resolves an alert by itself this long after it was last sent; it is sent again four times as often.
_LASTS = 240.0


class AlertmanagerSink:
    """A DeliverySink over `POST /api/v2/alerts`; `deliver` returns when Alertmanager has answered 200.

    Raises StoreError when `ca_file` cannot be used.
    """

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/") + "/api/v2/alerts"
        try:
            context = client_context(settings.ca_file)
        except OSError as error:
            why = error.strerror or error
            raise StoreError(f"alertmanager.ca_file: {settings.ca_file}: no certificates can be read: {why}") from None
        self._pool = urllib3.PoolManager(
            ssl_context=context, timeout=float(settings.timeout), retries=urllib3.Retry(2, backoff_factor=0.2)
        )

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Send them. Raises StoreError with Alertmanager's own words when it refuses."""
        body = json.dumps([_alert(delivery) for delivery in deliveries]).encode()
        try:
            headers = {"Content-Type": "application/json", **self._settings.credentials()}
            answer = self._pool.request("POST", self._url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(f"Alertmanager at {self._settings.url} does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            text = " ".join(answer.data.decode(errors="replace").split())[:200]
            raise StoreError(f"Alertmanager at {self._settings.url} answered {answer.status}: {text}")


def _alert(delivery: Delivery) -> dict[str, Any]:
    ends = delivery.ends_at if delivery.status == "resolved" else datetime.now(UTC).timestamp() + _LASTS
    return {
        # The webhook that comes back has no field for it, and a deviation is shown with its band.
        "labels": dict(delivery.labels) | ({KIND_LABEL: "deviation"} if delivery.kind == "deviation" else {}),
        "annotations": {name: value for name, value in delivery.annotations.items() if value},
        "startsAt": _time(delivery.starts_at),
        "endsAt": _time(ends if ends is not None else delivery.starts_at),
        "generatorURL": delivery.generator_url,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
