"""The Helm chart and the Kustomize component, made from the same container as everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from collectors.deploy import kubernetes
from collectors.deploy.plan import Plan
from collectors.forms import DISCOVERIES
from watchkeeper import __version__
from watchkeeper.yaml import dump

__all__ = ["helm_chart", "kustomize_component"]

# Stand-ins that survive YAML unquoted, and what they become. Only functions of Go's own templates are used, so that the
# chart can be rendered and tested without Helm.
_VALUES = {
    "WKNAME": "{{ .Release.Name }}",
    "WKNAMESPACE": "{{ .Release.Namespace }}",
    "WKIMAGE": "{{ .Values.image }}",
    "WKSECRET": "{{ .Values.secret }}",
}
# Keys before and after what is there on a condition, and the line that each becomes.
_END = "{{- end }}"
_LINES = {"WKANNOTATIONS": '{{- if eq .Values.discovery "annotations" }}', "WKEND": _END}
_MONITOR = '{{- if eq .Values.discovery "podmonitor" }}'


def helm_chart(plan: Plan) -> Mapping[str, str]:
    """The files of a chart that deploys `collect` with settings from its values, by path."""
    template = replace(
        plan,
        name="wkname",
        secret="WKSECRET",  # noqa: S106
        namespace="WKNAMESPACE",
        image="WKIMAGE",
        discovery="annotations",
    )
    values = {
        "image": plan.image,
        "discovery": plan.discovery,
        "secret": plan.secret or f"watchkeeper-{plan.name}",
        "settings": plan.settings(),
    }
    config = kubernetes.config_map(template)
    config["data"] = {"watchkeeper.yaml": "WKSETTINGS"}
    chart = {
        "apiVersion": "v2",
        "name": "watchkeeper-collect",
        "description": "Reads databases, brokers and caches and exposes their signals to Prometheus.",
        "type": "application",
        "version": _semantic(__version__),
        "appVersion": __version__,
        "kubeVersion": ">=1.29.0-0",
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["image", "discovery", "settings", "secret"],
        "additionalProperties": False,
        "properties": {
            "image": {"type": "string", "minLength": 1, "description": "Image with tag or digest."},
            "discovery": {"enum": list(DISCOVERIES), "description": "One, never both."},
            "secret": {"type": "string", "minLength": 1, "description": "A Secret with the key `password`."},
            "settings": {"type": "string", "minLength": 1, "description": "The text of watchkeeper.yaml."},
            "global": {"type": "object"},
        },
    }
    return {
        "Chart.yaml": dump(chart),
        "values.yaml": _commented_values(values),
        "values.schema.json": json.dumps(schema, indent=2) + "\n",
        "templates/configmap.yaml": _templated(dump(config)).replace(
            "WKSETTINGS", '{{ printf "%q" .Values.settings }}'
        ),
        "templates/deployment.yaml": _templated(dump(_deployment(template))),
        "templates/podmonitor.yaml": f"{_MONITOR}\n{_templated(dump(kubernetes.pod_monitor(template)))}{_END}\n",
    }


def _semantic(version: str) -> str:
    """A version as Helm wants it: three numbers, with what follows them behind a hyphen."""
    numbers = version.split("+")[0]
    digits = [part for part in numbers.split(".") if part.isdecimal()]
    return ".".join([*digits, "0", "0", "0"][:3])


def _commented_values(values: Mapping[str, str]) -> str:
    comments = {
        "image": "Image with tag or digest.",
        "discovery": "podmonitor (Prometheus operator), annotations (prometheus.io/*), or none: never two of them.",
        "secret": "An existing Secret whose key `password` is the password of the target.",
        "settings": "The text of watchkeeper.yaml; it must listen on all addresses, on the port of the template.",
    }
    parts = []
    for key, comment in comments.items():
        text = values[key]
        body = "|\n" + "".join(f"  {line}\n" for line in text.splitlines()) if "\n" in text else f"{text}\n"
        parts.append(f"# {comment}\n{key}: {body}")
    return "".join(parts)


def _deployment(plan: Plan) -> kubernetes.Manifest:
    """The deployment with what its values decide: a secret that need not be there, annotations between stand-ins."""
    found = kubernetes.deployment(plan)
    pod = found["spec"]["template"]
    for volume in pod["spec"]["volumes"]:
        if secret := volume.get("secret"):
            mode = secret.pop("defaultMode")
            secret |= {"optional": True, "defaultMode": mode}  # not every system has a password
    annotations = pod["metadata"].pop("annotations")
    pod["metadata"] |= {"WKANNOTATIONS": None, "annotations": annotations, "WKEND": None}
    return found


def _templated(text: str) -> str:
    text = text.replace("watchkeeper-wkname", "watchkeeper-WKNAME").replace(": wkname\n", ": WKNAME\n")
    for name, line in _LINES.items():
        text = text.replace(f"{name}: null\n", f"{line}\n")
    for name in sorted(_VALUES, key=len, reverse=True):
        text = text.replace(name, _VALUES[name])
    return text


def kustomize_component(plan: Plan) -> Mapping[str, str]:
    """The files of a component that adds the sidecar to every workload with the label, by path."""
    selector = f"{kubernetes.LABEL}={plan.name}"
    resources = ["podmonitor.yaml"] if plan.discovery == "podmonitor" else []
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        **({"resources": resources} if resources else {}),
        # The generated name ends in a hash of the settings, so that changed settings restart the pods.
        "configMapGenerator": [{"name": plan.object_name, "files": ["watchkeeper.yaml"]}],
        "patches": [
            {"path": f"{kind.lower()}.yaml", "target": {"kind": kind, "labelSelector": selector}}
            for kind in ("StatefulSet", "Deployment")
        ],
    }
    files = {
        "kustomization.yaml": dump(component),
        "watchkeeper.yaml": plan.settings(),
        "statefulset.yaml": dump(kubernetes.sidecar_patch(plan, "StatefulSet", "any")),
        "deployment.yaml": dump(kubernetes.sidecar_patch(plan, "Deployment", "any")),
    }
    if resources:
        files["podmonitor.yaml"] = dump(kubernetes.pod_monitor(plan))
    return files
