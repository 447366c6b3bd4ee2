"""Barrier by dissemination."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Steps, signal, wait
from zbench.schedules.cost import Cost, log2_ceil


def barrier(ranks: int, rank: int, chunks: int) -> Steps:
    """In round k every rank signals the one 2^k ahead and waits for the one 2^k behind.

    Cost: ceil(lg p) a. Source: Hensgen, Finkel and Manber, "Two algorithms for barrier
    synchronization", 1988.
    """
    distance = 1
    while distance < ranks:
        yield signal((rank + distance) % ranks), wait((rank - distance) % ranks)
        distance *= 2


def barrier_cost(ranks: int, chunks: int) -> Cost:
    return Cost(log2_ceil(ranks), Fraction(0))
