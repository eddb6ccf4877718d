"""Target labels: what a scrape adds to every series, declared once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["TARGET_LABELS", "known_target_labels", "using_target_labels"]

TARGET_LABELS = frozenset({"cluster", "instance", "job", "namespace", "pod"})
"""The target labels that queries may name; the settings say which of them exist in an installation (default: job and
instance), and `watchkeeper check` compares."""

_EXTRA: ContextVar[frozenset[str]] = ContextVar("extra_target_labels", default=frozenset())


def known_target_labels() -> frozenset[str]:
    """The target labels, with those that the settings add while a user's definitions are loaded."""
    return TARGET_LABELS | _EXTRA.get()


@contextmanager
def using_target_labels(labels: Iterable[str]) -> Iterator[None]:
    """Let the definitions that are loaded in this block name further target labels."""
    token = _EXTRA.set(frozenset(labels))
    try:
        yield
    finally:
        _EXTRA.reset(token)
