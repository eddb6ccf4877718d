"""One plan in the form that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collectors.deploy import elsewhere, kubernetes
from collectors.deploy.packages import helm_chart, kustomize_component
from collectors.deploy.plan import Plan
from watchkeeper.yaml import dump

__all__ = ["documents", "files", "manifest"]


def documents(plan: Plan, workload: Mapping[str, Any] | tuple[str, str]) -> Sequence[Mapping[str, Any]]:
    """The Kubernetes objects of a plan; `workload` is one to add the sidecar to, or the kind and name of one."""
    objects: list[Mapping[str, Any]] = [kubernetes.config_map(plan)]
    if plan.form == "deployment":
        objects.append(kubernetes.deployment(plan))
    elif isinstance(workload, tuple):
        objects.append(kubernetes.sidecar_patch(plan, *workload))
    else:
        objects.append(kubernetes.with_sidecar(plan, dict(workload)))
    if plan.discovery == "podmonitor":
        objects.append(kubernetes.pod_monitor(plan))
    return objects


def manifest(plan: Plan, *, workload: Mapping[str, Any] | tuple[str, str] | None = None, address: str = "") -> str:
    """The text of a plan whose form is one file.

    A native sidecar without a workload is the part of a StatefulSet that has the plan's name. Raises SettingsError.
    """
    if plan.form == "compose":
        return elsewhere.compose(plan)
    if plan.form == "systemd":
        return elsewhere.systemd(plan)
    if plan.form == "prometheus":
        return elsewhere.prometheus(plan, address or f"127.0.0.1:{plan.port}")
    found = documents(plan, workload or ("StatefulSet", plan.name))
    return "---\n".join(dump(one) for one in found)


def files(plan: Plan) -> Mapping[str, str]:
    """The files of a plan whose form is a directory (`helm`, `kustomize`), by path."""
    return helm_chart(plan) if plan.form == "helm" else kustomize_component(plan)
