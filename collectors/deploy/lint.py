"""The linter of sidecar manifests: it knows the traps that a schema does not see.

Every rule has a code; docs/deployment.md says of each why it is one. What the linter cannot see in the given files (a
Service that is elsewhere) it says nothing about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from collectors.deploy.check import mistakes
from watchkeeper.errors import SettingsError
from watchkeeper.findings import Finding
from watchkeeper.settings import parse, secret_places
from watchkeeper.yaml import Document, Place, read_document, read_documents

__all__ = ["RULES", "lint"]

RULES: Mapping[str, str] = {
    "readiness-tied-to-target": "a probe asks the target (/metrics, /probe, its port): a sick one takes its pod down",
    "not-native": "an init container without restartPolicy: Always never ends, and the pod never starts",
    "not-collect": "the arguments of the image do not name its command `collect`: the container ends at once",
    "path-unmounted": "no volume is mounted where the settings, or a secret that they name, are looked for",
    "port-unmatched": "a port name of a monitor or service names no port: nothing is scraped, and nothing complains",
    "endpoints-of-init-container": "a service finds no named port of an init container: use a PodMonitor",
    "selector-unmatched": "a monitor selects by a label that no pod here carries",
    "cpu-limit": "a CPU limit throttles the sidecar, and scrapes come late or not at all",
    "no-memory-limit": "without a memory limit a mistake in the sidecar takes memory from its target",
    "two-discoveries": "annotations and a monitor together: every series twice",
    "loopback-in-pod": "the settings listen on loopback: Prometheus cannot reach it from outside the pod",
    "port-differs": "the settings listen on another port than the container declares",
    "secret-in-manifest": "a password stands in the manifest: use a secret as a file",
    "runs-as-root": "runAsNonRoot is not set, or the user is root",
    "writable-root": "readOnlyRootFilesystem is not set",
    "privileges": "capabilities are not dropped, or privileges may be gained",
    "image-not-pinned": "the image has no tag, or `latest`: the same manifest means something else tomorrow",
}

_WORKLOADS = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "Pod": (),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}
_SCRAPE = "prometheus.io/scrape"
# In the user part of an address, or as a field of a connection text; `$(NAME)` and `${NAME}` are filled in elsewhere.
_PASSWORD = re.compile(r"://[^/@\s:]*:(?!\$[({])[^/@\s]+@|\bpassword=(?!\$[({])[^\s&]", re.IGNORECASE)
# What Helm fills in; a legend in a ConfigMap may have braces of its own.
_TEMPLATE = re.compile(
    r"\{\{-?\s*(\.(Values|Release|Chart|Capabilities|Files|Template)\b|(if|include|range|with|template|define|end)\b[^{]*-?\}\})"
)
_REFERENCE = re.compile(r"\$[({][^)}]*[)}]")
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN")
# These name a file or an object, not a secret itself.
_SECRET_REFERENCES = ("_FILE", "_PATH", "_DIR", "_NAME")


@dataclass(frozen=True)
class _Pod:
    """A pod template: where its metadata and spec are in which document."""

    document: Document
    root: Place

    @property
    def metadata(self) -> Mapping[str, Any]:
        return _mapping(self.document.at((*self.root, "metadata")))

    @property
    def labels(self) -> Mapping[str, Any]:
        return _mapping(self.metadata.get("labels"))

    def containers(self, key: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        place = (*self.root, "spec", key)
        for index, one in enumerate(_list(self.document.at(place))):
            yield (*place, index), _mapping(one)

    def sidecars(self) -> Iterator[tuple[Place, Mapping[str, Any], bool]]:
        """The containers that run `watchkeeper collect`, and whether each is an init container."""
        for key in ("initContainers", "containers"):
            for place, one in self.containers(key):
                if _collects(one):
                    yield place, one, key == "initContainers"

    def ports(self, key: str) -> set[str]:
        return {
            str(port.get("name")) for _, one in self.containers(key) for port in map(_mapping, _list(one.get("ports")))
        }


def _words(container: Mapping[str, Any], *keys: str) -> list[str]:
    return [str(word) for key in keys for word in _list(container.get(key))]


def _misspelt(container: Mapping[str, Any]) -> str:
    """What stands where the arguments of our image should begin with `collect`; empty where they may mean another."""
    image = str(container.get("image")).rpartition("/")[2]
    args = _words(container, "args")
    if not args or "collect" in args or _list(container.get("command")) or not image.startswith("watchkeeper"):
        return ""
    return args[0] if args[0].startswith("-") or get_close_matches(args[0], ["collect"]) else ""


def _collects(container: Mapping[str, Any]) -> bool:
    words = _words(container, "command", "args")
    image = str(container.get("image")).rpartition("/")[2]
    if not words:
        return image.startswith("watchkeeper")  # what our image does by itself
    return bool(_misspelt(container)) or (
        "collect" in words and ("watchkeeper" in image or any("watchkeeper" in word for word in words))
    )


def lint(text: str, path: str) -> list[Finding]:
    """The findings of a file of Kubernetes manifests, in the order of its lines. Raises SettingsError for what is no
    YAML, for a template, for a file without a Kubernetes object, and for a List, whose items would be passed over.
    """
    if _TEMPLATE.search(text):
        raise SettingsError(f"{path}: a Helm template: render it first with helm template")
    read = read_documents(text, path)
    documents = [document for document in read if isinstance(document.value, dict) and "kind" in document.value]
    if any(document.value is not None for document in read) and not documents:
        raise SettingsError(f"{path}: no Kubernetes object here: {_other(read)}")
    for document in documents:
        if document.value.get("kind") == "List":
            raise SettingsError(f"{path}:{document.line(())}: a List: write its items as documents between ---")
    pods = [_pod(document) for document in documents if document.value.get("kind") in _WORKLOADS]
    monitors = [d for d in documents if d.value.get("kind") in {"PodMonitor", "ServiceMonitor"}]
    services = [d for d in documents if d.value.get("kind") == "Service"]
    found: list[Finding] = []
    for pod in pods:
        for place, container, init in pod.sidecars():
            found += _container(pod, place, container, init)
            found += _listening(pod, place, container, documents)
    for monitor in monitors:
        found += _monitor(monitor, pods, services)
    for service in services:
        found += _service(service, pods)
    return sorted(set(found), key=lambda finding: (finding.line, finding.code))


def _other(documents: Sequence[Document]) -> str:
    if any(isinstance(document.value, dict) and "services" in document.value for document in documents):
        return "it looks like a Compose file, which is not looked at"
    return "every one has apiVersion and kind"


def _pod(document: Document) -> _Pod:
    return _Pod(document, _WORKLOADS[document.value["kind"]])


def _finding(
    document: Document, place: Place, code: str, advice: str, severity: Literal["error", "warning"] = "error"
) -> Finding:
    return Finding(severity, code, f"{RULES[code]}: {advice}", document.path, document.line(place))


def _container(pod: _Pod, place: Place, one: Mapping[str, Any], init: bool) -> Iterator[Finding]:
    document = pod.document
    own = {str(value) for port in map(_mapping, _list(one.get("ports"))) for value in port.values()}
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        if (step := _asks_target(_mapping(one.get(probe)), own)) is not None:
            advice = "ask /healthz (liveness) or /readyz (start-up), and have no readiness probe"
            yield _finding(document, (*place, probe, *step), "readiness-tied-to-target", advice)
    if init and one.get("restartPolicy") != "Always":
        yield _finding(document, place, "not-native", "add restartPolicy: Always (Kubernetes 1.29)")
    limits = _mapping(_mapping(one.get("resources")).get("limits"))
    if "cpu" in limits:
        where = (*place, "resources", "limits", "cpu")
        yield _finding(document, where, "cpu-limit", "keep the request, drop the limit", "warning")
    if "memory" not in limits:
        yield _finding(
            document, (*place, "resources"), "no-memory-limit", "96Mi is enough for a few targets", "warning"
        )
    if (word := _misspelt(one)) != "":
        yield _finding(document, (*place, "args", 0), "not-collect", f"collect in place of {word}, or before it")
    config = _config(one)
    if config.startswith("/") and not _mounted(one, config):
        # It may be in an image of one's own.
        yield _finding(document, (*place, "args"), "path-unmounted", f"--config {config}", "warning")
    yield from _security(pod, place, one)
    image = str(one.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in image and tag in {"", "latest"}:
        yield _finding(document, (*place, "image"), "image-not-pinned", f"{image or 'no image'}", "warning")
    for key, values in (("args", _list(one.get("args"))), ("command", _list(one.get("command")))):
        for index, value in enumerate(values):
            if _has_password(str(value)):
                yield _finding(document, (*place, key, index), "secret-in-manifest", "password: {file: PATH}")
    for index, variable in enumerate(map(_mapping, _list(one.get("env")))):
        name, value = str(variable.get("name", "")).upper(), str(variable.get("value") or "")
        named = any(word in name for word in _SECRET_NAMES) and not name.endswith(_SECRET_REFERENCES)
        if _has_password(value) or (named and _REFERENCE.sub("", value)):
            yield _finding(document, (*place, "env", index), "secret-in-manifest", "mount a Secret as a file")


def _config(container: Mapping[str, Any]) -> str:
    """The file of the settings that a container is told, or that of our image."""
    words = _words(container, "command", "args")
    for index, word in enumerate(words):
        if word in {"--config", "-c"} and words[index + 1 :]:
            return words[index + 1]
        if word.startswith("--config="):
            return word.removeprefix("--config=")
    return "" if words else "/etc/watchkeeper/watchkeeper.yaml"


def _mounted(container: Mapping[str, Any], path: str) -> bool:
    mounts = [str(mount.get("mountPath", "")) for mount in map(_mapping, _list(container.get("volumeMounts")))]
    return any(PurePosixPath(path).is_relative_to(mount) for mount in mounts if mount)


def _asks_target(probe: Mapping[str, Any], own: set[str]) -> Place | None:
    """The part of a probe that asks more than the sidecar itself; `own` are its ports, by name and number."""
    http = _mapping(probe.get("httpGet"))
    if urlsplit(str(http.get("path", ""))).path in {"/metrics", "/probe"}:
        return ("httpGet", "path")
    for kind in ("httpGet", "tcpSocket", "grpc"):
        port = _mapping(probe.get(kind)).get("port")
        if own and port is not None and str(port) not in own:
            return (kind, "port")
    command = " ".join(str(word) for word in _list(_mapping(probe.get("exec")).get("command")))
    return ("exec",) if "/metrics" in command or "/probe" in command else None


def _security(pod: _Pod, place: Place, one: Mapping[str, Any]) -> Iterator[Finding]:
    document = pod.document
    of_pod = _mapping(document.at((*pod.root, "spec", "securityContext")))
    context = _mapping(one.get("securityContext"))
    where = (*place, "securityContext")
    if not (context.get("runAsNonRoot") or (of_pod.get("runAsNonRoot") and "runAsNonRoot" not in context)):
        yield _finding(document, where, "runs-as-root", "runAsNonRoot: true", "warning")
    elif context.get("runAsUser", of_pod.get("runAsUser")) == 0:
        yield _finding(document, (*where, "runAsUser"), "runs-as-root", "runAsUser: 65532")
    if context.get("readOnlyRootFilesystem") is not True:
        yield _finding(document, where, "writable-root", "readOnlyRootFilesystem: true", "warning")
    dropped = _list(_mapping(context.get("capabilities")).get("drop"))
    if "ALL" not in dropped or context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        advice = "capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false"
        yield _finding(document, where, "privileges", advice, "warning")


def _listening(pod: _Pod, place: Place, one: Mapping[str, Any], documents: Sequence[Document]) -> Iterator[Finding]:
    """Compare the settings, where their ConfigMap is in the same file, with the ports of the container."""
    volumes = {
        str(volume.get("name")): str(_mapping(volume.get("configMap")).get("name"))
        for volume in map(_mapping, _list(pod.document.at((*pod.root, "spec", "volumes"))))
    }
    mounted = {volumes.get(str(mount.get("name"))) for mount in map(_mapping, _list(one.get("volumeMounts")))}
    declared = {port.get("containerPort") for port in map(_mapping, _list(one.get("ports")))}
    for document in documents:
        if document.value.get("kind") != "ConfigMap":
            continue
        if _mapping(document.value.get("metadata")).get("name") not in mounted:
            continue
        for key, text in _mapping(document.value.get("data")).items():
            where: Place = ("data", key)
            if not str(key).endswith((".yaml", ".yml")):
                continue
            if _has_password(str(text)):
                yield _finding(document, where, "secret-in-manifest", "password: {file: PATH}")
            try:
                settings = parse(str(text), key)
                listener, lines = settings.listener, read_document(str(text), key)
            except SettingsError as error:
                yield Finding("error", "settings", str(error), document.path, document.line(where))
                continue
            for at, message in mistakes(settings, files=False):
                message = f"{key}:{lines.line(at)}: {message}"
                yield Finding("error", "settings", message, document.path, document.line(where))
            for at, secret in secret_places(settings):
                if secret.file is not None and secret.file.startswith("/") and not _mounted(one, secret.file):
                    advice = f"{key}:{lines.line(at)}: {secret.file}"
                    yield _finding(document, where, "path-unmounted", advice)
            if listener.host in {"127.0.0.1", "localhost", "::1"}:
                yield _finding(document, where, "loopback-in-pod", f"listen: 0.0.0.0:{listener.port}")
            if declared and listener.port not in declared:
                ports = ", ".join(str(port) for port in sorted(filter(None, declared)))
                yield _finding(document, where, "port-differs", f"{listener.port} there, {ports} in the container")


def _monitor(monitor: Document, pods: Sequence[_Pod], services: Sequence[Document]) -> Iterator[Finding]:
    spec = _mapping(monitor.value.get("spec"))
    if _mapping(spec.get("selector")).get("matchExpressions"):
        return  # it may select anything
    wanted = _mapping(_mapping(spec.get("selector")).get("matchLabels"))
    if monitor.value.get("kind") == "PodMonitor":
        chosen = [pod for pod in pods if wanted.items() <= pod.labels.items()]
        if pods and not chosen:
            yield _finding(monitor, ("spec", "selector"), "selector-unmatched", _pairs(wanted))
        known = {name for pod in chosen for key in ("initContainers", "containers") for name in pod.ports(key)}
        key = "podMetricsEndpoints"
    else:
        behind = [
            s for s in services if wanted.items() <= _mapping(_mapping(s.value.get("metadata")).get("labels")).items()
        ]
        chosen = [pod for pod in pods for service in behind if _selected(service, pod)]
        known = {str(port.get("name")) for s in behind for port in map(_mapping, _list(s.at(("spec", "ports"))))}
        key = "endpoints"
    for index, endpoint in enumerate(map(_mapping, _list(spec.get(key)))):
        port = endpoint.get("port")
        if chosen and port is not None and str(port) not in known:
            where: Place = ("spec", key, index, "port")
            yield _finding(monitor, where, "port-unmatched", f"{port!r}: there is {', '.join(sorted(known)) or 'none'}")
    for pod in chosen:
        annotations = _mapping(pod.metadata.get("annotations"))
        if str(annotations.get(_SCRAPE, "")).lower() == "true":
            where = (*pod.root, "metadata", "annotations", _SCRAPE)
            yield _finding(pod.document, where, "two-discoveries", f"remove {_SCRAPE} or the monitor")


def _service(service: Document, pods: Sequence[_Pod]) -> Iterator[Finding]:
    for index, port in enumerate(map(_mapping, _list(service.at(("spec", "ports"))))):
        target = port.get("targetPort")
        if not isinstance(target, str):
            continue
        for pod in pods:
            if not _selected(service, pod) or target in pod.ports("containers"):
                continue
            where = ("spec", "ports", index, "targetPort")
            if target in pod.ports("initContainers"):
                yield _finding(service, where, "endpoints-of-init-container", f"{target!r} is the port of one")
            else:
                known = ", ".join(sorted(pod.ports("containers"))) or "none"
                yield _finding(service, where, "port-unmatched", f"{target!r}: the containers have {known}")


def _selected(service: Document, pod: _Pod) -> bool:
    selector = _mapping(service.at(("spec", "selector")))
    return bool(selector) and selector.items() <= pod.labels.items()


def _has_password(text: str) -> bool:
    return bool(_PASSWORD.search(text))


def _pairs(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items()) or "no label"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
