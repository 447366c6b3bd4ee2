"""Slow links and slow ranks told apart, and nothing named where nothing is slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.pairs import ALIKE_MIN, CRITICAL_Z, PairMap, critical_z, outliers, pair_maps
from zbench.records.schema import PairTimes, Record
from zbench.workloads.pairs import matchings

Slow = Callable[[int, int], float]
TELL = "that it takes to tell an outlier"


def records(
    ranks: int,
    slow: Slow,
    name: str = "pairs_latency",
    launches: int = 5,
    seed: int = 1,
    hosts: int = 1,
    spread: float = 0.02,
) -> list[Record]:
    """As a run of quiet ranks would leave them; across hosts everything takes four times as long."""
    case = Case(name, "byte", (8 if name == "pairs_latency" else 1 << 20,), {"ranks": ranks})
    rng, made = np.random.default_rng(seed), []
    for block in range(launches):
        pairs = [pair for matching in matchings(case, block) for pair in matching]
        host = [f"node{rank * hosts // ranks}" for rank in range(ranks)]
        times = [
            1000 * slow(a, b) * (4 if host[a] != host[b] else 1) * float(np.exp(rng.normal(0, spread)))
            for a, b in pairs
        ]
        told = PairTimes(
            pairs=pairs,
            median_ns=times,
            p99_ns=[2 * ns for ns in times],
            hosts=host,
            cores=list(range(ranks)),
        )
        made.append(Make.record(case, block, [1000] * 9, "shm", pairs=told))
    return made


def judged(*arguments: object, **fields: object) -> PairMap:
    (found,) = pair_maps(records(*arguments, **fields))  # type: ignore[arg-type]
    return found


def named(found: PairMap) -> list[tuple[str, tuple[int, ...]]]:
    return sorted((each.kind, each.ranks) for each in found.suspects)


def nobody(a: int, b: int) -> float:
    return 1.0


@pytest.mark.parametrize("name", ["pairs_latency", "pairs_bandwidth"])
@pytest.mark.parametrize(("ranks", "runs"), [(5, 60), (8, 60), (24, 6)])
def test_equal_pairs_raise_no_alarm(name: str, ranks: int, runs: int) -> None:
    """The error allowed is 1 % of runs for pairs and 1 % for ranks: more than 5 of 60 come once in 500."""
    found = [judged(ranks, nobody, name, seed=seed) for seed in range(runs)]
    assert sum(bool(each.suspects) for each in found) <= 5
    assert {each.unknown for each in found} == {()}


def test_a_slow_link_is_a_pair_and_no_rank() -> None:
    """Named with how much slower it is than its like."""
    found = judged(8, lambda a, b: 1.5 if {a, b} == {2, 5} else 1.0)
    assert named(found) == [("pair", found.suspects[0].ranks)]
    assert set(found.suspects[0].ranks) == {2, 5}
    assert found.suspects[0].factor == pytest.approx(1.5, rel=0.05)


def test_a_slow_rank_is_named_once_and_not_its_links() -> None:
    """Beside it a slow link of two other ranks is still one."""
    found = judged(8, lambda a, b: 2.0 if 3 in (a, b) else 1.5 if {a, b} == {0, 6} else 1.0)
    kinds = [(kind, set(ranks)) for kind, ranks in named(found)]
    assert kinds == [("pair", {0, 6}), ("rank", {3})]


@pytest.mark.parametrize(
    ("slow", "kind"),
    [
        (lambda a, b: 2.0 if a == 4 else 1.0, "sender"),
        (lambda a, b: 2.0 if b == 4 else 1.0, "receiver"),
        (lambda a, b: 2.0 if 4 in (a, b) else 1.0, "rank"),
    ],
)
def test_rows_and_columns_are_told_apart(slow: Slow, kind: str) -> None:
    """Of a bandwidth there and back are measured apart."""
    assert named(judged(8, slow, "pairs_bandwidth")) == [(kind, (4,))]


def test_one_way_of_a_link_may_be_slow() -> None:
    """Then that way alone is named."""
    assert named(judged(6, lambda a, b: 1.5 if (a, b) == (5, 1) else 1.0, "pairs_bandwidth")) == [
        ("pair", (5, 1))
    ]


def test_pairs_are_held_against_their_like() -> None:
    """That hosts are far from each other makes nobody slow, and hides no slow link inside one."""
    assert named(judged(12, nobody, hosts=2)) == []
    found = judged(12, lambda a, b: 1.6 if {a, b} == {1, 2} else 1.0, hosts=2)
    assert [(kind, set(ranks)) for kind, ranks in named(found)] == [("pair", {1, 2})]
    assert {link.where for link in found.links} == {"one host", "across hosts"}


def test_less_than_the_least_effect_is_nobodys_reason() -> None:
    """However sure it is."""
    assert named(judged(8, lambda a, b: 1.02 if {a, b} == {2, 5} else 1.0, spread=1e-5)) == []


def test_a_small_excess_on_all_links_of_a_rank_is_seen() -> None:
    """None of them is slow by itself."""
    found = judged(16, lambda a, b: 1.06 if 7 in (a, b) else 1.0, spread=0.03)
    assert named(found) == [("rank", (7,))]


def test_what_cannot_be_known_is_said() -> None:
    """Of four ranks a slow one is in half of the pairs, and of two launches one may be disturbed."""
    few = judged(4, lambda a, b: 2.0 if a == 0 else 1.0)
    assert (few.suspects, few.unknown) == ((), (f"only 6 of the {ALIKE_MIN} pairs on one host {TELL}",))
    short = judged(8, lambda a, b: 2.0 if a == 0 else 1.0, launches=2)
    assert short.suspects == ()
    assert short.unknown == ("28 of 28 pairs were measured in fewer than 3 launches",)


def test_of_random_matchings_ranks_are_judged() -> None:
    """A large world's pairs rarely meet three times, but every rank is in many."""
    found = judged(100, lambda a, b: 1.5 if 42 in (a, b) else 1.0)
    assert named(found) == [("rank", (42,))]
    assert named(judged(100, nobody)) == []
    assert "pairs were measured in fewer than 3 launches" in found.unknown[0]


def test_ranks_that_share_a_core_are_known() -> None:
    """A pair on one core is another kind of pair."""
    (first, *_) = records(8, nobody)
    assert first.pairs is not None
    shared = PairTimes(
        pairs=first.pairs.pairs,
        median_ns=first.pairs.median_ns,
        p99_ns=first.pairs.p99_ns,
        hosts=first.pairs.hosts,
        cores=[rank % 2 for rank in range(8)],
    )
    (found,) = pair_maps([Make.record(first.case, 0, [1000] * 9, "shm", pairs=shared)])
    assert found.shared_cores
    assert sum(link.where == "one core" for link in found.links) == 12


def test_times_are_of_one_operation() -> None:
    """A ping-pong counts two; the p99 is the worst launch's."""
    (first,) = records(3, nobody, launches=1, spread=0.0)
    (found,) = pair_maps([first])
    assert [link.ns for link in found.links] == [500.0] * 3
    assert [link.p99_ns for link in found.links] == [1000.0] * 3


def test_a_pair_that_met_twice_in_a_launch_was_measured_in_one() -> None:
    """At random it may; its time is the middle of both, its p99 the worse."""
    case = Case("pairs_latency", "byte", (8,), {"ranks": 4})
    told = PairTimes(
        pairs=[(0, 1), (1, 0), (2, 3)],
        median_ns=[1000.0, 3000.0, 2000.0],
        p99_ns=[8000.0, 9000.0, None],
        hosts=["node"] * 4,
        cores=[-1] * 4,
    )
    (found,) = pair_maps([Make.record(case, 0, [1000], "shm", pairs=told)])
    assert [(link.pair, link.ns, link.p99_ns, link.launches) for link in found.links] == [
        ((0, 1), 1000.0, 4500.0, 1),
        ((2, 3), 1000.0, None, 1),
    ]


@pytest.mark.parametrize("count", [10, 17, 45, 300, 2016])
def test_the_limit_is_exceeded_in_one_percent_of_clean_maps(count: int) -> None:
    """Normal values; the rule without the least effect names one in about 1 % of them, and not in 2 %."""
    rng = np.random.default_rng(count)
    runs = 3000 if count < 1000 else 600
    alarms = sum(bool(outliers(np.exp(rng.normal(0, 0.2, count)).tolist())) for _ in range(runs))
    assert alarms / runs < 0.02
    assert critical_z(ALIKE_MIN - 1) == np.inf
    assert min(CRITICAL_Z.values()) <= critical_z(count) <= max(CRITICAL_Z.values()) + 0.2


def test_wrong_and_other_records_are_no_map() -> None:
    """An anchor, a wrong answer, a case without pairs."""
    made: Sequence[Record] = records(5, nobody, launches=1)
    spoilt = [
        Make.record(made[0].case, 0, [1], "shm", pairs=made[0].pairs, role="anchor"),
        Make.record(made[0].case, 0, [1], "shm", pairs=made[0].pairs, status="wrong"),
        Make.record(Make.PINGPONG, 0, [1], "shm"),
    ]
    assert pair_maps(spoilt) == ()
