"""The settings: one `watchkeeper.yaml`, decoded into typed, frozen structs.

`load(path)` gives `Settings`. An error names path, line, what was found and what is allowed. Durations are written
with a unit (`15s`) and are seconds here. Secrets stand in files or the environment, never in the settings.
"""

from __future__ import annotations

from watchkeeper.settings.calendars import CalendarSettings, Deploy, Holidays, Maintenance, Planned
from watchkeeper.settings.elasticsearch import DeviationIndex, ElasticsearchSettings, LogFieldNames
from watchkeeper.settings.parts import (
    AlertmanagerSettings,
    AlertOverride,
    DaskTls,
    DetectorOverride,
    DetectSettings,
    Listener,
    Prometheus,
    RunbookSettings,
    StoreSettings,
    Target,
)
from watchkeeper.settings.reading import Settings, load, parse, receivers, secret_places, secrets_of
from watchkeeper.settings.sidecar import (
    Access,
    LogSettings,
    OtlpPush,
    PushSettings,
    RemoteWrite,
    Tls,
    TraceSettings,
)
from watchkeeper.settings.values import Seconds, Secret

__all__ = [
    "Access",
    "AlertOverride",
    "AlertmanagerSettings",
    "DaskTls",
    "DetectSettings",
    "CalendarSettings",
    "Deploy",
    "DetectorOverride",
    "DeviationIndex",
    "ElasticsearchSettings",
    "Holidays",
    "Listener",
    "LogFieldNames",
    "LogSettings",
    "Maintenance",
    "OtlpPush",
    "Planned",
    "Prometheus",
    "PushSettings",
    "RemoteWrite",
    "RunbookSettings",
    "Seconds",
    "Secret",
    "Settings",
    "StoreSettings",
    "Target",
    "Tls",
    "TraceSettings",
    "load",
    "parse",
    "receivers",
    "secret_places",
    "secrets_of",
]
