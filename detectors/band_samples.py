"""What a judgement says as metrics, with which Grafana draws the band (`watchkeeper.systems.detectors`)."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from detectors.watch import Judgement, Watch
from watchkeeper.stores import Sample

__all__ = ["band_samples"]


def band_samples(watch: Watch, judgement: Judgement, at: float, untold: Collection[int]) -> list[Sample]:
    """Expectation, band, score and state of each series that has them; the columns that are `untold` do not deviate."""
    tick = judgement.tick
    samples = []
    for c, labels in enumerate(watch.labels):
        if not np.isfinite(judgement.observed[c]) or not np.isfinite(tick.expected[c]):
            continue
        mark = {**labels, "detector": watch.declared.key}
        for name, value in (
            ("expected", tick.expected[c]),
            ("lower", tick.lower[c]),
            ("upper", tick.upper[c]),
            ("score", tick.score[c]),
            ("deviating", float(tick.deviating[c] and c not in untold)),
        ):
            samples.append(Sample(f"watchkeeper_detector_{name}", mark, float(value), at))
    return samples
