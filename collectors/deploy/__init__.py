"""Deployment: the manifests of a sidecar in every form from one plan, and a linter that knows their traps."""

from __future__ import annotations

from collectors.deploy.lint import lint
from collectors.deploy.manifests import files, manifest
from collectors.deploy.plan import Plan, plan_for

__all__ = ["Plan", "files", "lint", "manifest", "plan_for"]
