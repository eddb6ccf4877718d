"""Webhook bodies into deliveries."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from runbooks.errors import WebhookError
from watchkeeper.deliveries import Delivery, fingerprint

__all__ = ["MAX_BODY", "alertmanager"]

MAX_BODY = 8 * 1024 * 1024
"""Bodies of more bytes are refused."""

_LIBRARY = "/library/"
_KIND = "watchkeeper_kind"


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    status: str = ""
    annotations: dict[str, str] = {}
    startsAt: str = ""  # noqa: N815  the names of the sender
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815
    fingerprint: str = ""


class _Body(msgspec.Struct):
    version: str
    alerts: list[_Alert]
    status: str = "firing"
    truncatedAlerts: int = 0  # noqa: N815
    commonAnnotations: dict[str, str] = {}  # noqa: N815


def alertmanager(body: bytes) -> list[Delivery]:
    """The deliveries of an Alertmanager webhook, version 4, in the order of its alerts.

    Raises WebhookError with one line that says what is wrong. A body without the status of the single alert
    (Alertmanager before 0.16) takes the group's; one without fingerprint gets ours, over the labels.
    `truncatedAlerts` is handed on as annotation `truncated_alerts` of the first delivery. Alerts that carry
    the label `watchkeeper_kind="deviation"` are deviations that came through Alertmanager; the label is taken off.
    """
    if len(body) > MAX_BODY:
        raise WebhookError(f"the body has {len(body)} bytes, allowed are {MAX_BODY}: lower max_alerts of the webhook")
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise WebhookError("the body is nested too deeply for an Alertmanager webhook") from None
    if not isinstance(decoded, dict) or "alerts" not in decoded or "version" not in decoded:
        found = ", ".join(sorted(map(str, decoded))[:8]) if isinstance(decoded, dict) else type(decoded).__name__
        raise WebhookError(
            f"not an Alertmanager webhook: expected an object with version and alerts, found {found or 'nothing'}"
        )
    try:
        payload = msgspec.convert(decoded, _Body)
    except msgspec.ValidationError as error:
        raise WebhookError(f"not an Alertmanager webhook: {error}") from None
    if payload.version != "4":
        raise WebhookError(f"an Alertmanager webhook of version {payload.version!r}: expected '4'")
    found_alerts = [_delivery(payload, index, alert) for index, alert in enumerate(payload.alerts)]
    if payload.truncatedAlerts and found_alerts:
        first = found_alerts[0]
        annotations = {**first.annotations, "truncated_alerts": str(payload.truncatedAlerts)}
        found_alerts[0] = replace(first, annotations=annotations)
    return found_alerts


def _delivery(payload: _Body, index: int, alert: _Alert) -> Delivery:
    status = alert.status or payload.status
    if status not in {"firing", "resolved"}:
        raise WebhookError(f"alerts[{index}].status is {status!r}: expected firing or resolved")
    starts = _time(alert.startsAt, f"alerts[{index}].startsAt")
    if starts is None:
        raise WebhookError(f"alerts[{index}].startsAt is missing")
    labels = _plain(alert.labels)
    kind = labels.pop(_KIND, "alert")
    annotations = _plain(alert.annotations)
    annotations.pop("truncated_alerts", None)
    runbook = _runbook(annotations, labels)
    if runbook:
        annotations["runbook"] = runbook
    return Delivery(
        source="alertmanager",
        kind="deviation" if kind == "deviation" else "alert",
        status="firing" if status == "firing" else "resolved",
        labels=labels,
        annotations=annotations,
        starts_at=starts,
        ends_at=_time(alert.endsAt, f"alerts[{index}].endsAt") if status == "resolved" else None,
        fingerprint=alert.fingerprint or fingerprint(labels),
        generator_url=alert.generatorURL,
    )


def _plain(values: Mapping[str, str]) -> dict[str, str]:
    """Without NUL characters, which no database keeps in a text."""
    return {name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in values.items()}


def _runbook(annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """The library key: annotation or label `runbook`, or the end of a `runbook_url` after `/library/`."""
    if key := annotations.get("runbook") or labels.get("runbook"):
        return key
    try:
        path = urlsplit(annotations.get("runbook_url", "")).path
    except ValueError:  # no URL, for example a template that was not filled in: no reason to lose the whole group
        return ""
    return unquote(path.partition(_LIBRARY)[2].strip("/")) if _LIBRARY in path else ""


def _time(text: str, where: str) -> float | None:
    """Seconds since the epoch; None for Go's zero time, which Alertmanager sends for 'not yet'."""
    if not text or text.startswith("0001-01-01"):
        return None
    try:
        when: Any = msgspec.convert(text, datetime.datetime, strict=False)
    except msgspec.ValidationError:
        raise WebhookError(f"{where} is {text[:60]!r}: expected a time as in RFC 3339") from None
    if when.tzinfo is None:
        raise WebhookError(f"{where} is {text[:60]!r}: expected a time with its zone")
    return float(when.timestamp())
