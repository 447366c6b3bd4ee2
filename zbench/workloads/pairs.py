"""All pairs of ranks: who is matched with whom, and what must have arrived.

The pairs of a matching are measured at the same time: no rank is in two, so that none waits for a busy one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zbench.case import Case
from zbench.fabrics.base import window
from zbench.workloads.base import Answer, Array, Buffer, Finding, Workload, equal, generator, integers
from zbench.workloads.messages import message, message_bandwidth, seconds, window_of

RANKS_MIN = 3
"""Two ranks are one pair, which the ping-pong measures."""
ALL_PAIRS_UP_TO = 64
"""Ranks. More are P - 1 plans and bursts of which each is too short, and a map that nobody can read."""
RANDOM_MATCHINGS = 16
"""Of a larger world, in each launch: every rank meets 16 others, of which one slow link is no half."""

Pair = tuple[int, int]
"""Who begins or sends, and the other."""
Matching = tuple[Pair, ...]

RUNS = {"pairs_latency": "pingpong", "pairs_bandwidth": "unidirectional"}
"""What each two ranks do."""
DIRECTED = ("pairs_bandwidth",)
"""Measured there and back, as two links."""


def rounds_of(ranks: int) -> list[Matching]:
    """A 1-factorisation by the circle method (Kirkman 1847): rank P - 1 stays, the others turn around it.
    With an odd number nobody stays, and each matching lets one rank rest.

    P - 1 matchings (P, if odd) in which every two ranks meet once; each begins in about half of its own.
    """
    even = ranks + ranks % 2
    turning = even - 1
    found = []
    for turn in range(turning):
        pairs = [(turn, even - 1)] + [
            ((turn + step) % turning, (turn - step) % turning) for step in range(1, even // 2)
        ]
        found.append(tuple(_who_begins(a, b, ranks) for a, b in pairs if max(a, b) < ranks))
    return found


def _who_begins(a: int, b: int, ranks: int) -> Pair:
    """The one whose peer is less than half of the circle ahead."""
    low, high = min(a, b), max(a, b)
    return (low, high) if (high - low) * 2 <= ranks else (high, low)


def random_matchings(ranks: int, count: int, seed: int) -> list[Matching]:
    """Perfect matchings (but for one rank of an odd number), the same on all ranks."""
    rng = generator(seed, ranks)
    orders = [rng.permutation(ranks).tolist() for _ in range(count)]
    return [tuple(zip(order[: ranks - 1 : 2], order[1::2], strict=True)) for order in orders]


def matchings(case: Case, seed: int) -> list[Matching]:
    """In the order in which they are measured; of a bandwidth each one there and back."""
    ranks = case.ranks
    found = rounds_of(ranks) if ranks <= ALL_PAIRS_UP_TO else random_matchings(ranks, RANDOM_MATCHINGS, seed)
    if case.workload not in DIRECTED:
        return found
    return [each for there in found for each in (there, tuple((b, a) for a, b in there))]


def pair_case(case: Case) -> Case:
    """What two ranks of a pair do."""
    return Case(RUNS[case.workload], case.dtype, case.size, {"ranks": 2})


def elements(case: Case) -> int:
    """All messages of a window."""
    return case.size[0] * (window(case.size[0]) if case.workload == "pairs_bandwidth" else 1)


def buffers(case: Case) -> dict[str, Buffer]:
    shape = (elements(case),)
    return {"in": Buffer(shape, case.dtype), "out": Buffer(shape, case.dtype, output=True)}


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    """No two ranks have the same, so that another peer's message is a wrong one."""
    return {"in": integers(generator(seed, rank), elements(case), case.dtype)}


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    """The message of who began, on both of a ping-pong's ranks, or where it was sent to."""
    begins, other = answer.members
    if answer.rank != other and answer.case.workload == "pairs_bandwidth":
        return Finding(True, 0.0)
    expected = fill(answer.case, answer.seed, begins)["in"]
    return equal(f"rank {answer.rank} with {begins} and {other}: out", expected, answer.outputs["out"])


def _of_pairs(plain: Workload) -> Workload:
    return replace(plain, buffers=buffers, fill=fill, check=check)


PAIRS = (
    # half the round trip of every two ranks; the figure of the record is that of the middle pair
    _of_pairs(message("pairs_latency", "latency", "s", seconds, operations=lambda case: 2)),
    # a window of messages to every other rank, and an acknowledgement
    _of_pairs(message("pairs_bandwidth", "bandwidth", "B/s", message_bandwidth, operations=window_of)),
)
