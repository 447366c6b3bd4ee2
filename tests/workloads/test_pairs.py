"""Who is matched with whom."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from zbench.case import Case
from zbench.workloads import workload
from zbench.workloads.base import Answer
from zbench.workloads.pairs import ALL_PAIRS_UP_TO, RANDOM_MATCHINGS, matchings, rounds_of
from zbench.workloads.profiles import PROFILES, fabric_cases


def latency(ranks: int) -> Case:
    return Case("pairs_latency", "byte", (8,), {"ranks": ranks})


@pytest.mark.parametrize("ranks", [3, 4, 5, 6, 7, 16, 33, 64])
def test_every_two_ranks_meet_once_and_none_is_in_two_pairs(ranks: int) -> None:
    """P - 1 matchings, or P where one rank rests in each; everybody begins at times."""
    found = rounds_of(ranks)
    assert len(found) == ranks - 1 + ranks % 2
    for matching in found:
        busy = [rank for pair in matching for rank in pair]
        assert len(busy) == len(set(busy)) == ranks - ranks % 2
    met = [pair for matching in found for pair in matching]
    assert sorted(tuple(sorted(pair)) for pair in met) == list(combinations(range(ranks), 2))
    begins = Counter(pair[0] for pair in met)
    assert max(begins.values()) - min(begins.values()) <= 1 + ranks // 2 % 2 or ranks % 2 == 0
    assert set(begins) == set(range(ranks))


def test_a_bandwidth_goes_both_ways() -> None:
    """Each ordered pair once, there and back one after the other."""
    found = matchings(Case("pairs_bandwidth", "byte", (1 << 20,), {"ranks": 5}), 1)
    assert sorted(pair for matching in found for pair in matching) == sorted(
        (a, b) for a in range(5) for b in range(5) if a != b
    )
    assert [(b, a) for a, b in found[0]] == list(found[1])


@pytest.mark.parametrize("ranks", [ALL_PAIRS_UP_TO + 1, 200])
def test_a_large_world_is_matched_at_random(ranks: int) -> None:
    """The same for all ranks of a launch, other pairs in the next, and each rank about as often."""
    first = matchings(latency(ranks), 1)
    assert first == matchings(latency(ranks), 1)
    assert first != matchings(latency(ranks), 2)
    assert len(first) == RANDOM_MATCHINGS
    for matching in first:
        busy = [rank for pair in matching for rank in pair]
        assert len(busy) == len(set(busy)) == ranks - ranks % 2


@pytest.mark.parametrize("name", ["pairs_latency", "pairs_bandwidth"])
def test_another_ranks_message_is_a_wrong_answer(name: str) -> None:
    """Who began sent it; of a bandwidth only the other one is asked."""
    case, work = Case(name, "byte", (1000,), {"ranks": 4}), workload(name)
    messages = {rank: work.fill(case, 7, rank)["in"] for rank in range(4)}
    for rank, message, right in [(3, 1, True), (3, 0, False), (1, 2, name == "pairs_bandwidth")]:
        answer = Answer(case, 7, rank, {}, {"out": messages[message]}, (1, 3))
        finding = work.check(answer, np.random.default_rng(0))
        assert finding.passed is right
        assert right or "with 1 and 3" in finding.why


def test_only_full_asks_for_pairs_and_only_of_three_ranks_or_more() -> None:
    """The profile of three minutes has no room for them."""
    for name, profile in PROFILES.items():
        for ranks in (2, 3, 4):
            found = [case.key for case in fabric_cases(profile, ranks) if case.workload.startswith("pairs")]
            assert len(found) == (2 if name == "full" and ranks > 2 else 0)
