"""Worlds that are no power of two: some ranks hand their data to a neighbour and stand aside.

Of the first 2 (p - 2^k) ranks the even one of each pair steps aside for the odd one, as Thakur,
Rabenseifner and Gropp (2005, section 4.5) do. The others stand at the places 0 ... 2^k - 1, in the order of
their ranks, so that what the ranks of neighbouring places own lies side by side.
"""

from __future__ import annotations

from typing import NamedTuple


class Folding(NamedTuple):
    """Who stands where."""

    power: int
    """Places: the largest power of two that is not above the number of ranks."""
    pairs: int
    """Ranks that stepped aside."""

    def stands_aside(self, rank: int) -> bool:
        return rank < 2 * self.pairs and rank % 2 == 0

    def stands_in(self, rank: int) -> bool:
        """Whether it acts for the rank before it, too."""
        return rank < 2 * self.pairs and rank % 2 == 1

    def place(self, rank: int) -> int:
        """Of a rank that does not stand aside."""
        return rank // 2 if rank < 2 * self.pairs else rank - self.pairs

    def rank(self, place: int) -> int:
        """Who stands there."""
        return 2 * place + 1 if place < self.pairs else place + self.pairs

    def first(self, place: int) -> int:
        """The lowest rank for whom this place acts; for `power`, the number of ranks."""
        return 2 * place if place < self.pairs else place + self.pairs


def fold(ranks: int) -> Folding:
    power = 1 << (ranks.bit_length() - 1)
    return Folding(power, ranks - power)


def folded_parts(ranks: int) -> int:
    """For how many ranks the 1, 2, 4, ... 2^(k-1) places from 0 act, all rounds together."""
    power, pairs = fold(ranks)
    return sum(min(2 << k, pairs + (1 << k)) for k in range(power.bit_length() - 1))
