"""Kubernetes: the container, the native sidecar, the deployment, and how Prometheus finds them."""

from __future__ import annotations

import copy
from typing import Any

from collectors.deploy.plan import CONFIG_DIR, SECRET_DIR, Plan
from watchkeeper.errors import SettingsError
from watchkeeper.yaml import Block

__all__ = [
    "LABEL",
    "PORT_NAME",
    "config_map",
    "container",
    "deployment",
    "pod_monitor",
    "sidecar_patch",
    "with_sidecar",
]

LABEL = "watchkeeper.dev/collect"
"""The pod label that PodMonitors select by."""

PORT_NAME = "watchkeeper"
"""A name of its own: `metrics` is often taken by the application."""

_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")

Manifest = dict[str, Any]


def container(plan: Plan, *, native: bool) -> Manifest:
    """The container; `native` makes it a native sidecar (Kubernetes 1.29): an init container that keeps running.

    It has no readiness probe: a sidecar's readiness counts for its pod, and a database must stay in service when
    nobody watches it. Health says that the process works, never that its target does.
    """
    mounts = [{"name": _volume("config"), "mountPath": CONFIG_DIR, "readOnly": True}]
    if plan.secret:
        mounts.append({"name": _volume("secret"), "mountPath": SECRET_DIR, "readOnly": True})
    found: Manifest = {
        "name": "watchkeeper",
        "image": plan.image,
        "args": ["collect", "--config", f"{CONFIG_DIR}/watchkeeper.yaml"],
        "ports": [{"name": PORT_NAME, "containerPort": plan.port, "protocol": "TCP"}],
        # The application's containers start when this has passed, so it must not wait for them.
        "startupProbe": _probe("/readyz", period=1, failures=60),
        "livenessProbe": _probe("/healthz", period=20, failures=3),
        "resources": {
            "requests": {"cpu": plan.cpu_request, "memory": f"{plan.memory_request}Mi"},
            "limits": {"memory": f"{plan.memory_limit}Mi"},
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": plan.uid,
            "runAsGroup": plan.uid,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": mounts,
    }
    if native:
        return {"name": found.pop("name"), "image": found.pop("image"), "restartPolicy": "Always", **found}
    return found


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _volume(what: str) -> str:
    return f"watchkeeper-{what}"


def _volumes(plan: Plan) -> list[Manifest]:
    volumes: list[Manifest] = [{"name": _volume("config"), "configMap": {"name": plan.object_name}}]
    if plan.secret:
        # Readable by the unprivileged user; no other container mounts it. A rotated secret appears in the file.
        volumes.append({"name": _volume("secret"), "secret": {"secretName": plan.secret, "defaultMode": 0o444}})
    return volumes


def _metadata(plan: Plan) -> Manifest:
    labels = {
        "app.kubernetes.io/name": "watchkeeper",
        "app.kubernetes.io/instance": plan.name,
        "app.kubernetes.io/component": "collector",
    }
    found: Manifest = {"name": plan.object_name}
    if plan.namespace:
        found["namespace"] = plan.namespace
    return {**found, "labels": labels}


def _pod_metadata(plan: Plan) -> Manifest:
    found: Manifest = {"labels": {LABEL: plan.name}}
    if plan.discovery == "annotations":
        found["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(plan.port),
            "prometheus.io/path": "/metrics",
        }
    return found


def config_map(plan: Plan) -> Manifest:
    """The settings."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(plan),
        "data": {"watchkeeper.yaml": Block(plan.settings())},
    }


def pod_monitor(plan: Plan) -> Manifest:
    """How the Prometheus operator finds the pods: by label, and the port by its name.

    A PodMonitor and no ServiceMonitor: a service's ports are looked up among the ordinary containers of a pod, where a
    native sidecar is not.
    """
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": _metadata(plan),
        "spec": {
            "selector": {"matchLabels": {LABEL: plan.name}},
            "podMetricsEndpoints": [
                {
                    "port": PORT_NAME,
                    "path": "/metrics",
                    "interval": "15s",
                    "scrapeTimeout": "10s",
                    # A target's own labels count, such as the instance of each of several databases.
                    "honorLabels": True,
                },
            ],
        },
    }


def sidecar_patch(plan: Plan, kind: str, name: str) -> Manifest:
    """The part of a workload that the sidecar adds, for `kubectl apply --server-side` or Kustomize.

    Raises SettingsError for a kind without a pod template.
    """
    _check_kind(kind)
    metadata: Manifest = {"name": name}
    if plan.namespace:
        metadata["namespace"] = plan.namespace
    pod = {"initContainers": [container(plan, native=True)], "volumes": _volumes(plan)}
    found: Manifest = {"apiVersion": "v1" if kind == "Pod" else "apps/v1", "kind": kind, "metadata": metadata}
    if kind == "Pod":
        return {**found, "metadata": {**metadata, **_pod_metadata(plan)}, "spec": pod}
    return {**found, "spec": {"template": {"metadata": _pod_metadata(plan), "spec": pod}}}


def with_sidecar(plan: Plan, workload: Manifest) -> Manifest:
    """A workload with the sidecar in it; one that has it already gets the new one in its place.

    Raises SettingsError for a kind without a pod template.
    """
    kind = str(workload.get("kind"))
    _check_kind(kind)
    found = copy.deepcopy(workload)
    template = found if kind == "Pod" else found.setdefault("spec", {}).setdefault("template", {})
    metadata = template.get("metadata") or {}
    for key, values in _pod_metadata(plan).items():
        metadata[key] = {**(metadata.get(key) or {}), **values}
    template["metadata"] = metadata
    spec = template.get("spec") or {}
    spec["initContainers"] = _replaced(spec.get("initContainers"), [container(plan, native=True)])
    spec["volumes"] = _replaced(spec.get("volumes"), _volumes(plan))
    template["spec"] = spec
    return found


def _check_kind(kind: str) -> None:
    if kind not in _KINDS:
        raise SettingsError(f"a {kind} has no pod to add a sidecar to: {', '.join(_KINDS)} have")


def _replaced(old: list[Manifest] | None, new: list[Manifest]) -> list[Manifest]:
    names = {one["name"] for one in new}
    # First, for init containers start in order and the sidecar waits for nothing.
    return [*new, *(one for one in old or () if one.get("name") not in names)]


def deployment(plan: Plan) -> Manifest:
    """A deployment of its own, for a target without a pod to stand beside (a managed database).

    One replica, replaced before the new one starts: two would read the target twice and double every series.
    """
    selector = {"app.kubernetes.io/name": "watchkeeper", "app.kubernetes.io/instance": plan.name}
    metadata = _pod_metadata(plan)
    metadata["labels"] = {**selector, **metadata["labels"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(plan),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": metadata,
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [container(plan, native=False)],
                    "volumes": _volumes(plan),
                },
            },
        },
    }
