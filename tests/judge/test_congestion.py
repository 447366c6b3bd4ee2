"""The congestion impact factor, from records whose figures are made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.congestion import impacts
from zbench.records.schema import Congestion, Record

CASE = Case("congestion", "byte", (8,), {"ranks": 4, "victim": "pingpong", "congestor": "alltoall"})
ROUNDS = 500


def launch(block: int, idle: Sequence[int], loaded: Sequence[int], **told: Any) -> Record:
    given: dict[str, Any] = {
        "victims": [2, 0],
        "congestors": [1, 3],
        "congestor_batch": 3,
        "idle_ns": list(idle),
        "loaded_ns": list(loaded),
    }
    return Make.record(CASE, block, [], "shm", batch=10, congestion=Congestion(**given | told))


def launches(factor: float, count: int = 5, **told: Any) -> list[Record]:
    """Of 1 % noise from launch to launch."""
    slow = [round(1_000_000 * factor * (1 + 0.01 * (block % 2))) for block in range(count)]
    return [launch(block, [1_000_000] * ROUNDS, [ns] * ROUNDS, **told) for block, ns in enumerate(slow)]


@pytest.mark.parametrize(
    ("factor", "verdict"), [(2.0, "SLOWED"), (0.98, "NOT SLOWED"), (1.01, "UNDECIDED"), (1.03, "SLOWED")]
)
def test_victims_are_slowed_where_the_interval_lies_beyond_the_margin(factor: float, verdict: str) -> None:
    """Time loaded over time idle, with an interval over launches."""
    (found,) = impacts(launches(factor))
    assert (found.verdict, found.why, found.launches, found.covered) == (verdict, "", 5, 5 * ROUNDS)
    assert found.middle is not None
    assert found.middle.interval is not None
    assert found.middle.interval[0] <= found.middle.median <= found.middle.interval[1]
    assert found.middle.median == pytest.approx(factor, rel=0.02)


def test_an_effect_below_the_noise_floor_is_none() -> None:
    """3 % where the same thing differs from itself by 5 %."""
    (found,) = impacts(launches(1.03), floor=0.05)
    assert found.verdict == "NOT SLOWED"


def test_times_are_of_one_execution() -> None:
    """A round holds ten."""
    (found,) = impacts(launches(2.0))
    assert found.idle_ns == 100_000
    assert found.batch == (10, 10)


def test_rounds_that_the_congestors_did_not_cover_are_left_out_and_counted() -> None:
    """They were not loaded throughout; too many of them, and nothing is concluded."""
    mixed = [2_000_000] * ROUNDS + [900_000] * 10
    few = [launch(b, [1_000_000] * ROUNDS, mixed, uncovered=list(range(ROUNDS, ROUNDS + 10))) for b in (0, 1)]
    (found,) = impacts(few)
    assert (found.covered, found.of, found.why) == (2 * ROUNDS, 2 * (ROUNDS + 10), "")
    assert found.middle is not None
    assert found.middle.median == 2.0
    (found,) = impacts([launch(0, [1_000_000] * 10, [2_000_000] * 10, uncovered=[0, 1])])
    assert found.verdict == "UNDECIDED"
    assert found.why == "congestors were at work throughout in 8 of 10 loaded rounds only"


def test_without_any_covered_round_there_is_no_factor() -> None:
    """Nor a time loaded."""
    (found,) = impacts([launch(0, [1_000_000] * 2, [2_000_000] * 2, uncovered=[0, 1])])
    assert (found.middle, found.loaded_ns, found.verdict) == (None, None, "UNDECIDED")


def test_ranks_that_share_cores_carry_no_verdict() -> None:
    """It is the cores that they contend for; the factor is told all the same."""
    (found,) = impacts(launches(10.0, oversubscribed=True))
    assert found.verdict == "UNDECIDED"
    assert found.why.startswith("more ranks than cores")
    assert found.middle is not None
    assert found.middle.median == pytest.approx(10, rel=0.02)


def test_the_tail_needs_rounds_enough_in_every_launch() -> None:
    """p99 is told from 459 rounds on."""
    loaded = [1_000_000] * (ROUNDS - 20) + [9_000_000] * 20
    (found,) = impacts([launch(b, [1_000_000] * ROUNDS, loaded) for b in (0, 1)])
    assert found.tail is not None
    assert found.tail.median == 9.0
    short = launch(2, [1_000_000] * 400, [1_000_000] * 400)
    (found,) = impacts([launch(0, [1_000_000] * ROUNDS, loaded), short])
    assert found.tail is None


def test_one_launch_has_no_interval_and_no_verdict() -> None:
    """Rounds of one launch are not independent of each other."""
    (found,) = impacts(launches(2.0, count=1))
    assert found.middle is not None
    assert (found.middle.interval, found.verdict) == (None, "UNDECIDED")
