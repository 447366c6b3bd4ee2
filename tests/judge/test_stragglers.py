"""Who was last, and when that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.stragglers import ALPHA, Votes, uniform_p, votes
from zbench.records.schema import Record


def bursts(counts: Sequence[Sequence[int]], name: str = "allreduce", size: int = 64) -> list[Record]:
    """One for each launch, with these counts of its ranks."""
    case = Case(name, "fp32", (size,), {"ranks": len(counts[0])})
    return [
        Make.record(case, block, [1000] * sum(each), "shm", slowest_rank=list(each))
        for block, each in enumerate(counts)
    ]


def one(*arguments: object) -> Votes:
    (found,) = votes(bursts(*arguments))  # type: ignore[arg-type]
    return found


def test_equal_ranks_are_no_stragglers() -> None:
    """Multinomial counts of 300 runs; the error allowed is 1 %."""
    rng = np.random.default_rng(5)
    alarms = sum(one(rng.multinomial(200, [0.25] * 4, 5).tolist()).straggler for _ in range(300))
    assert alarms == 0
    small = sum(uniform_p(rng.multinomial(200, [0.25] * 4).tolist()) < ALPHA for _ in range(2000))
    assert small < 40


def test_a_rank_that_is_last_far_more_often_is_named() -> None:
    """With its share, in all launches together."""
    found = one([[10, 70, 10, 10]] * 5)
    assert (found.straggler, found.rank, found.share, found.leads) == (True, 1, 0.7, 5)
    assert found.chance == 0.25
    assert found.p is not None
    assert found.p < 1e-9


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([[3000, 2700, 2700, 2700]] * 5, "it is sure, and too little"),
        ([[70, 10, 10, 10]] * 4 + [[10, 70, 10, 10]], "in one launch it was another"),
        ([[7, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], "too few rounds"),
    ],
)
def test_less_than_that_is_nobody(counts: list[list[int]], why: str) -> None:
    """Sure, large and in every launch: all three."""
    assert not one(counts).straggler, why


def test_the_p_is_exact_for_two_ranks() -> None:
    """Twice the tail of the binomial distribution."""
    assert uniform_p([14, 6]) == pytest.approx(2 * sum(comb(20, k) for k in range(14, 21)) / 2**20)
    assert uniform_p([10, 10]) == 1.0


def test_of_many_cases_the_least_p_has_to_be_smaller() -> None:
    """By Holm: what is rare in one case is not in a hundred."""
    lone = one([[40, 20, 20, 20]] * 3)
    among = votes([r for size in range(100) for r in bursts([[40, 20, 20, 20]] * 3, size=4 * size + 4)])
    assert lone.p is not None
    assert among[0].p == pytest.approx(min(1.0, 100 * lone.p))


def test_what_is_not_asked_says_why() -> None:
    """The root of a gather is last by design; two launches share too much; a pair is no collective."""
    gather = one([[90, 5, 5]] * 5, "gather")
    assert (gather.p, gather.straggler) == (None, False)
    assert "unlike things to do" in gather.why
    assert one([[90, 5, 5]] * 2).why == "2 launches tell no straggler, 3 do"
    assert votes(bursts([[90, 10]] * 5, "pingpong")) == ()
    assert votes([Make.record(Make.PINGPONG, 0, [1], "shm")]) == ()
