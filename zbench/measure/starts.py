"""How far apart the ranks of a world began their rounds, by the clocks that they have. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zbench.measure.bench import Timing


def starts(timings: Sequence[Timing]) -> dict[str, Any] | None:
    """Of one burst, from every rank's stamps; None where there are none, or one rank's.

    Whether the clocks agree is not known here: the case `clocks` tells, see `judge.clocks`.
    """
    stamps = [timing.stamps_ns for timing in timings if timing.stamps_ns is not None]
    if len(stamps) < 2:
        return None
    began, ended = (np.stack([each[:, i] for each in stamps]) for i in (0, 1))
    apart = np.ptp(began, axis=0)
    return {
        "skew_p50_ns": float(np.median(apart)),
        "skew_max_ns": float(apart.max()),
        "span_p50_ns": float(np.median(ended.max(axis=0) - began.min(axis=0))),
    }
