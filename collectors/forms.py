"""The forms in which a sidecar is deployed and found: their names alone, for a command line that has to be quick."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["DISCOVERIES", "FORMS", "Discovery", "Form"]

Form = Literal["native-sidecar", "deployment", "compose", "systemd", "prometheus", "helm", "kustomize"]
FORMS: tuple[Form, ...] = get_args(Form)

Discovery = Literal["podmonitor", "annotations", "none"]
DISCOVERIES: tuple[Discovery, ...] = get_args(Discovery)
