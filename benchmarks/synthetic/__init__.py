"""Labelled synthetic series, and what a detector makes of them: `python -m benchmarks.synthetic`."""

from __future__ import annotations

from benchmarks.synthetic.faults import KINDS, Kind, Label
from benchmarks.synthetic.scores import Detect, Factory, KindScore, by_week, onsets_of, score
from benchmarks.synthetic.series import LAWS, START, Fleet, injected, suite

__all__ = [
    "KINDS",
    "LAWS",
    "START",
    "Detect",
    "Factory",
    "Fleet",
    "Kind",
    "KindScore",
    "Label",
    "by_week",
    "injected",
    "onsets_of",
    "score",
    "suite",
]
