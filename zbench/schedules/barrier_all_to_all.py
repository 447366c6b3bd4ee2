"""Barrier in one step: everyone tells everyone."""

from __future__ import annotations

from zbench.schedules.action import Steps, signal, wait


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """Every rank signals all others and waits for all others.

    Cost: a + (p - 2) o, with o the overhead of one more message in flight. The fewest waits of all: it
    wins where each wait costs a turn of the scheduler, as with more ranks than cores. Source: the
    all-write-all-read barrier, Mellor-Crummey and Scott, "Algorithms for scalable synchronization", 1991.
    """
    others = [(rank + i) % ranks for i in range(1, ranks)]
    if others:
        yield (*map(signal, others), *map(wait, others))
