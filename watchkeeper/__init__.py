"""Watchkeeper: one typed catalogue of signals that collects, draws, alerts, detects and guides."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
