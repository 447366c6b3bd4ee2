"""Where to look for the maximum achievable rate of a matrix product (MAMF: S. Bekman, ml-engineering).

A card's best shape is not its largest: tiles, waves and caches favour some sizes. Shapes are proposed coarse
to fine, and the rates that pilots told decide the next proposals. Pure: nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

Shape = tuple[int, int, int]
"""m, n, k."""

COARSE = (768, 1536, 3072)
"""Of each dimension, on a host; no powers of two, whose strides alias in caches."""
STEPS = (512, 256, 128)
"""By which one dimension after the other is then changed, finer in each turn."""
LARGEST = 4096
"""Beyond it a host card shows nothing new, and a pilot takes seconds."""


def proposals(rates: Mapping[Shape, float], turn: int, scale: int = 1) -> list[Shape]:
    """The shapes to try in a turn (0: the grid, then around the best of `rates`) that were not tried yet.

    `scale` multiplies every size, for accelerators. Empty when the search is over.
    """
    if turn == 0:
        shapes = [(m * scale, n * scale, k * scale) for m, n, k in product(COARSE, repeat=3)]
    elif turn <= len(STEPS) and rates:
        centre, step = best(rates), STEPS[turn - 1] * scale
        shapes = [moved(centre, axis, by) for axis in range(3) for by in (-step, step)]
    else:
        return []
    return [s for s in shapes if s not in rates and min(s) > 0 and max(s) <= LARGEST * scale]


def best(rates: Mapping[Shape, float]) -> Shape:
    """The fastest shape; of equals the smallest."""
    return min(rates, key=lambda shape: (-rates[shape], shape))


def moved(shape: Shape, axis: int, by: int) -> Shape:
    m, n, k = (size + by * (i == axis) for i, size in enumerate(shape))
    return m, n, k
