"""`watchkeeper collect manifest` and `collect lint`: how a sidecar is deployed, and what is wrong with how it was."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import package
from watchkeeper.errors import SettingsError
from watchkeeper.yaml import read_documents

__all__ = ["lint_command", "manifest_command"]

_NAMES = package("collectors.forms")


@click.command("manifest")
@click.option("--for", "system", metavar="SYSTEM", required=True, help="What is observed: postgresql, redis, …")
@click.option(
    "--as", "form", type=click.Choice(_NAMES.FORMS), default=_NAMES.FORMS[0], show_default=True, help="The form."
)
@click.option("--url", default="", help="Address of the target (default: the usual port, beside it or by its name).")
@click.option("--name", default="", help="Name of the target (default: the system's).")
@click.option("--namespace", "-n", default="", help="Kubernetes namespace.")
@click.option("--workload", metavar="KIND/NAME", help="What the sidecar is added to, for kubectl apply --server-side.")
@click.option("--into", metavar="FILE", help="A workload's manifest: print it with the sidecar added.")
@click.option("--secret", default="", help="Secret with the key `password` (default: watchkeeper-NAME).")
@click.option("--image", default="", help="Image (default: watchkeeper:VERSION, which the Dockerfile makes).")
@click.option("--discovery", type=click.Choice(_NAMES.DISCOVERIES), default=_NAMES.DISCOVERIES[0], show_default=True)
@click.option("--address", default="", metavar="HOST:PORT", help="Where the sidecar listens, for --as prometheus.")
@click.option("--out", metavar="DIR", help="Directory for --as helm and --as kustomize.")
def manifest_command(**options: Any) -> int:
    """Print how to deploy a sidecar for a system; the secret is mounted as a file, and never in the manifest.

    \b
    Examples:
      watchkeeper collect manifest --for postgresql --workload statefulset/db | kubectl apply --server-side -f -
      watchkeeper collect manifest --for redis --into cache.yaml > cache-with-sidecar.yaml
      watchkeeper collect manifest --for postgresql --as deployment --url postgresql://db.example.com:5432/postgres
      watchkeeper collect manifest --for redis --as helm --out charts/watchkeeper
    """
    deploy = package("collectors.deploy")
    form = options["form"]
    if options["workload"] and options["into"]:
        raise click.UsageError(
            "--workload prints what is added to a workload, --into the whole of one: give one of them"
        )
    if options["address"]:
        _check_address(options["address"])
    image = {"image": options["image"]} if options["image"] else {}
    plan = deploy.plan_for(
        options["system"],
        form,
        name=options["name"],
        url=options["url"],
        secret=options["secret"],
        namespace=options["namespace"],
        discovery=options["discovery"],
        **image,
    )
    if form in {"helm", "kustomize"}:
        return _write(deploy.files(plan), options["out"])
    workload = _workload(options["into"], options["workload"])
    click.echo(deploy.manifest(plan, workload=workload, address=options["address"]), nl=False)
    return 0


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if (
        not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host)
        or not port.isdecimal()
        or not 0 < int(port) < 65_536
    ):
        raise SettingsError(f"--address {address!r} is not HOST:PORT, for example cache.internal:9464")


def _workload(into: str | None, named: str | None) -> Any:
    if into is not None:
        values = [document.value for document in read_documents(_text(into), into)]
        if len(values) != 1 or not isinstance(values[0], dict):
            raise SettingsError(f"--into {into}: expected one workload, found {len(values)} documents")
        return values[0]
    if named is None:
        return None
    kind, slash, name = named.partition("/")
    known = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "pod": "Pod"}
    if not slash or not name or kind.lower() not in known:
        raise SettingsError(f"--workload {named!r}: write KIND/NAME, for example statefulset/db ({', '.join(known)})")
    return known[kind.lower()], name


def _write(files: Any, out: str | None) -> int:
    if out is None:
        raise SettingsError("this form is a directory: say where with --out DIR")
    for path, text in files.items():
        target = Path(out) / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"--out: cannot write {target}: {error.strerror}") from None
        click.echo(str(target))
    return 0


@click.command("lint")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def lint_command(files: tuple[str, ...], as_json: bool) -> int:
    """Find the traps in manifests of sidecars: each finding with file and line.

    Exit code 1 when there is an error, 2 when a file cannot be read or has no Kubernetes object in it.

    \b
    Example:
      watchkeeper collect lint deploy/*.yaml
    """
    import json

    findings = []
    unread = 0
    for file in files:
        try:
            findings += package("collectors.deploy").lint(_text(file), file)
        except SettingsError as error:  # the others are looked at all the same
            click.echo(f"watchkeeper: {error}", err=True)
            unread += 1
    if not findings and not unread:
        click.echo(f"{len(files)} file{'' if len(files) == 1 else 's'}, no findings", err=True)
    for finding in findings:
        click.echo(json.dumps(finding.as_dict()) if as_json else str(finding))
    return 2 if unread else int(any(finding.severity == "error" for finding in findings))


def _text(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read: {reason}") from None
