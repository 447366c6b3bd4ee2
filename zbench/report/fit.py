"""The alpha-beta model of a message: t(n) = alpha + n / beta (Hockney, Parallel Computing 20, 1994)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_POINTS = 3
"""Two parameters need a third point before the fit says anything about how well it fits."""


@dataclass(frozen=True)
class AlphaBeta:
    alpha_ns: float
    """Time of an empty message."""
    beta_bytes_per_s: float
    """Asymptotic bandwidth; inf where time does not grow with size."""
    worst: float
    """Largest relative deviation of a point from the fit."""

    def time_ns(self, size_bytes: float) -> float:
        return self.alpha_ns + size_bytes / self.beta_bytes_per_s * 1e9


def alpha_beta(sizes_bytes: Sequence[float], times_ns: Sequence[float]) -> AlphaBeta | None:
    """The non-negative fit with the least squared *relative* error; None for fewer than three sizes.

    Relative, since times span many decades and an absolute fit would only see the largest message.
    """
    sizes, times = np.asarray(sizes_bytes, float), np.asarray(times_ns, float)
    if len(set(sizes_bytes)) < LEAST_POINTS or not (times > 0).all():
        return None
    from scipy.optimize import nnls  # slow to load, and most runs have no such fit

    scale = sizes.max() or 1.0
    (alpha, per_scale), _ = nnls(np.column_stack([1 / times, sizes / scale / times]), np.ones(len(times)))
    predicted = alpha + per_scale * sizes / scale
    beta = scale / per_scale * 1e9 if per_scale > 0 else float("inf")
    return AlphaBeta(float(alpha), float(beta), float(np.max(np.abs(predicted / times - 1))))
