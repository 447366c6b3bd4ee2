"""Van de Geijn's broadcast."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules import binomial, ring
from zbench.schedules.action import Steps
from zbench.schedules.cost import Cost


def bcast(ranks: int, rank: int, chunks: int) -> Steps:
    """The vector is scattered along a binomial tree, then gathered around a ring.

    Blocks: p. Cost: (ceil(lg p) + p - 1) a + 2 n (p - 1)/p b. Source: Thakur, Rabenseifner and Gropp,
    "Optimization of collective communication operations in MPICH", 2005, section 4.2.
    """
    yield from binomial.scatter(ranks, rank, 1)
    yield from ring.pass_on(ranks, rank, 0)


def bcast_cost(ranks: int, chunks: int) -> Cost:
    """The rank behind the root gets no more than it passes on; the root sends all but its part twice."""
    rounds = binomial.scatter_cost(ranks, 1).rounds + ranks - 1
    return Cost(rounds, 2 * Fraction(ranks - 1, ranks))
