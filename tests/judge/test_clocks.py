"""Whether clocks agree, from records whose figures are made up."""

from __future__ import annotations

from typing import Any

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.clocks import agreements, common_times
from zbench.records.schema import Beginnings, Clocks, RankClock, Record, Starts

CLOCKS = Case("clocks", "byte", (8,), {"ranks": 3})
ALLREDUCE = Case("allreduce", "fp32", (4096,), {"ranks": 3})
STARTS = Starts(skew_p50_ns=10.0, skew_max_ns=500.0, span_p50_ns=10_100.0)


def clock(rank: int, **figures: float) -> RankClock:
    given: dict[str, Any] = {
        "rank": rank,
        "at_ns": 10**12,
        "offset_ns": 5.0,
        "offset_error_ns": 100.0,
        "drift_ppm": 0.1,
        "drift_error_ppm": 1.0,
        "plain_offset_ns": 0.0,
        "plain_error_ns": 150.0,
        "residual_p50_ns": 10.0,
        "residual_max_ns": 40.0,
        "checks": 50,
    }
    return RankClock(**given | figures)


def launch(block: int, *ranks: RankClock, starts: Beginnings | None = None) -> Record:
    told = Clocks(method="HCA3", rounds=20, ranks=list(ranks), starts=starts)
    return Make.record(CLOCKS, block, [], "shm", ranks=3, clocks=told, verification=None)


def rounds(block: int, ns: int) -> Record:
    return Make.record(ALLREDUCE, block, [ns] * 10, "shm", ranks=3, starts=STARTS)


def test_the_worst_launch_and_rank_are_told() -> None:
    """Nobody is nearer than that in every launch."""
    (found,) = agreements([launch(0, clock(1), clock(2, offset_ns=-80.0)), launch(1, clock(1), clock(2))])
    assert (found.subject, found.ranks, found.launches, found.shared) == ("shm", 3, 2, True)
    assert (found.within_ns, found.worst_rank, found.offset_ns) == (180.0, 2, -80.0)


def test_an_offset_or_a_drift_beyond_its_error_is_another_clock() -> None:
    """In one launch and one rank is enough."""
    off = launch(0, clock(1), clock(2, offset_ns=101.0))
    drifts = launch(0, clock(1, drift_ppm=-1.1), clock(2))
    for record in (off, drifts):
        (found,) = agreements([launch(1, clock(1), clock(2)), record])
        assert not found.shared


def test_moments_are_compared_where_the_clocks_are_known_to_a_tenth_of_a_round() -> None:
    """They are known within 105 ns here."""
    records = [launch(0, clock(1), clock(2)), rounds(0, 1100), rounds(1, 1100)]
    (found,) = common_times(records, agreements(records))
    assert (found.why, found.launches, found.skew_max_ns) == ("", 2, 500.0)
    records[1:] = [rounds(0, 1000)]
    (found,) = common_times(records, agreements(records))
    assert found.why == "the clocks are not known to 10 % of a round"


def test_a_check_that_missed_drops_them_too() -> None:
    """What was foretold was off by more than a tenth of a round, whatever the bounds say."""
    records = [launch(0, clock(1, residual_max_ns=2000.0)), rounds(0, 10_000)]
    (found,) = common_times(records, agreements(records))
    assert found.why == "the clocks are not known to 10 % of a round"


def test_nothing_is_compared_between_clocks_that_do_not_agree() -> None:
    """Stamps are kept as each clock told them; and nothing where nobody asked for the clocks."""
    records = [launch(0, clock(1, offset_ns=1e6)), rounds(0, 10**9)]
    (found,) = common_times(records, agreements(records))
    assert found.why == "the clocks of these ranks do not agree"
    assert common_times([rounds(0, 10**9)], []) == []


def test_named_starts_are_counted_over_launches() -> None:
    """The worst of all, the median of medians, and how many were too late."""
    starts = [
        Beginnings(rounds=100, late=late, skew_p50_ns=skew, skew_max_ns=10 * skew, span_p50_ns=900.0)
        for late, skew in ((1, 40.0), (0, 50.0), (3, 700.0))
    ]
    records = [launch(block, clock(1), starts=each) for block, each in enumerate(starts)]
    (found,) = agreements(records)
    assert found.named is not None
    told = found.named
    assert (told.rounds, told.late, told.skew_p50_ns, told.skew_max_ns) == (300, 4, 50.0, 7000.0)
    (found,) = agreements([launch(0, clock(1))])
    assert found.named is None
