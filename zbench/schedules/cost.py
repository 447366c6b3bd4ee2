"""What an algorithm costs, in closed form; the checker holds every schedule against it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Cost(NamedTuple):
    """Of an operation on a vector of n bytes, with blocks of equal size.

    The time of the alpha-beta-gamma model is rounds a + volume n b + reduced n g, with a seconds per
    message, b per byte moved and g per byte reduced (Hockney 1994; Thakur, Rabenseifner and Gropp 2005).
    """

    rounds: int
    """Messages on the longest chain of messages of which each waits for the one before."""
    volume: Fraction
    """Vectors that the busiest rank sends or receives, whichever is more."""
    reduced: Fraction = Fraction(0)
    """Vectors that the busiest rank adds."""


def log2_ceil(ranks: int) -> int:
    """lg p, rounded up: the depth of a binomial tree."""
    return (ranks - 1).bit_length()
