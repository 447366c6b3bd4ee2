"""Cards of one host: which one is slow, and how much they disturb each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.hostcards import OUTLIER_Z, Lineup, critical_z, host_cards
from zbench.judge.summary import summarise
from zbench.records.schema import Record

ALONE = Case("gemm", "bf16", (4096, 4096, 4096))
CARDS = tuple(f"torch:cuda:{i}" for i in range(8))
DRIFT = (1.0, 1.02, 0.99, 1.01, 0.98)
"""Of the whole host, block by block: no card's fault."""
JITTER = (0.998, 1.001, 1.0, 0.999, 1.002)
"""Of a card from launch to launch."""


def at_once(cards: int) -> Case:
    return Case("gemm", "bf16", (4096, 4096, 4096), {"together": cards})


def measured(slower: Sequence[float], case: Case = ALONE, launches: int = 5) -> list[Record]:
    """Card i takes slower[i] times as long as a perfect one, which takes 1 ms."""
    return [
        record
        for i, times in enumerate(slower)
        for record in Make.launches(
            case,
            [1e6 * times * DRIFT[b % 5] * JITTER[(b + i) % 5] for b in range(launches)],
            subject=CARDS[i],
        )
    ]


def judged(slower: Sequence[float], floor: float = 0.0, launches: int = 5) -> Lineup:
    (found,) = host_cards(summarise(measured(slower, launches=launches)), CARDS, floor).lineups
    return found


SPREAD = (1.0, 1.004, 0.997, 1.002, 0.999, 1.003, 0.998, 1.001)
"""Eight good cards."""


def with_one(times: float) -> list[float]:
    """The fourth of eight takes this many times as long."""
    return [times if i == 3 else each for i, each in enumerate(SPREAD)]


def test_a_card_that_is_a_tenth_slower_is_named() -> None:
    """Its whole interval is below the limit; no other card is named."""
    found = judged(with_one(1.1))
    assert [member.subject for member in found.slow] == ["torch:cuda:3"]
    (slow,) = found.slow
    assert slow.share == pytest.approx(1 / 1.1, abs=0.005)
    assert slow.z is not None
    assert slow.z < -OUTLIER_Z
    assert {m.verdict for m in found.members if m is not slow} == {"NORMAL"}
    assert found.of == "median"


def test_a_card_that_is_a_hundredth_slower_is_not_named() -> None:
    """However far outside the others' narrow spread: nobody replaces a card for one percent."""
    found = judged([1.01 if i == 3 else 1.0 for i in range(8)])
    assert found.members[3].z is not None
    assert found.members[3].z < -OUTLIER_Z
    assert [member.verdict for member in found.members] == ["NORMAL"] * 8


def test_a_wide_spread_needs_a_wider_difference() -> None:
    """Cards that differ by some percent among themselves have no outlier in one that is 5 % slower."""
    found = judged([1.0, 1.03, 0.97, 1.05, 0.99, 1.02, 0.98, 1.01])
    assert found.slow == ()
    assert found.limit is not None
    assert found.limit < 0.95


def test_what_slows_the_host_slows_no_card() -> None:
    """Shares are taken within blocks: a drift of 4 % over the blocks leaves intervals of tenths."""
    for member in judged(SPREAD).members:
        assert member.interval is not None
        assert member.interval[1] - member.interval[0] < 0.01


def test_an_interval_over_the_limit_decides_nothing() -> None:
    """Slow in some launches, good in others."""
    made = [
        record
        for i in range(8)
        for record in Make.launches(
            ALONE, [1e6 * (1 + 0.012 * b * (i == 3)) for b in range(5)], subject=CARDS[i]
        )
    ]
    (found,) = host_cards(summarise(made), CARDS).lineups
    assert found.members[3].verdict == "UNDECIDED"
    assert found.members[3].why == "the interval reaches over the limit of 97 %"


def test_few_launches_name_nobody() -> None:
    """Two launches have an interval, but carry no verdict."""
    found = judged(with_one(1.1), launches=2)
    assert {member.verdict for member in found.members} == {"UNDECIDED"}
    assert found.members[3].why == "2 launches carry no verdict, 5 do"


@pytest.mark.parametrize("cards", [2, 3])
def test_few_cards_have_ratios_and_no_outlier(cards: int) -> None:
    """Shares of the fastest card; which of two is the odd one nobody can tell."""
    found = judged([1.0, 1.1, 1.05][:cards])
    assert (found.of, found.limit) == ("fastest", None)
    assert found.members[0].share == 1.0
    assert found.members[1].share == pytest.approx(1 / 1.1, abs=0.005)
    assert {(m.z, m.verdict, m.why) for m in found.members} == {
        (None, "UNDECIDED", "fewer than 4 cards tell no outlier")
    }


def test_nothing_below_the_noise_is_an_effect() -> None:
    """A card 10 % slower, on a host where the same thing differs from itself by 15 %."""
    found = judged(with_one(1.1), floor=0.15)
    assert {(member.verdict, member.why) for member in found.members} == {
        ("UNDECIDED", "equal only within the noise floor of 15 %")
    }
    made = measured(SPREAD) + measured(SPREAD, at_once(8))
    for each in host_cards(summarise(made), CARDS, floor=0.15).disturbances:
        assert (each.verdict, each.why) == ("UNDECIDED", "equal only within the noise floor of 15 %")


def test_a_wrong_card_is_in_the_line_and_has_no_figure() -> None:
    """The others are judged without it."""
    made = [
        record
        if record.subject != CARDS[0]
        else Make.record(ALONE, record.block, [1], CARDS[0], verification=Make.WRONG)
        for record in measured(with_one(1.1))
    ]
    (found,) = host_cards(summarise(made), CARDS).lineups
    assert (found.members[0].value, found.members[0].why) == (None, "wrong: row 3 is wrong")
    assert [member.subject for member in found.slow] == ["torch:cuda:3"]


def test_the_limit_grows_with_the_number_of_cards() -> None:
    """3.5 for a host; among 10,000 it would name two good ones a run."""
    levels = [critical_z(n) for n in (4, 8, 100, 10_000)]
    assert levels[:2] == [OUTLIER_Z, OUTLIER_Z]
    assert all(a < b for a, b in pairwise(levels[1:]))
    assert levels[-1] == pytest.approx(4.75, abs=0.01)


def test_cards_that_disturb_each_other_are_told_by_how_much() -> None:
    """All but the last, which has a supply of its own, keep 80 % of their rate when all are at work."""
    made = measured(SPREAD) + measured([*(1.25 * each for each in SPREAD[:7]), SPREAD[7]], at_once(8))
    found = host_cards(summarise(made), CARDS)
    assert [each.together for each in found.disturbances] == [8] * 8
    assert {each.key for each in found.disturbances} == {ALONE.key}
    *disturbed, apart = found.disturbances
    assert [each.verdict for each in disturbed] == ["SLOWER"] * 7
    assert disturbed[0].ratio == pytest.approx(0.8)
    assert (apart.verdict, apart.ratio) == ("SAME", 1.0)
    assert [line.case.together for line in found.lineups] == [1, 8]
    # against each other while all are at work, the one that is left alone sets no limit for the rest
    assert found.lineups[1].slow == ()


def test_disturbance_is_not_divided_out_by_a_disturbed_probe() -> None:
    """Ratios that fall into modes are elsewhere normalised by the probe; here it falls with the rate."""
    times = (2.0, 2.0, 2.0, 1.6, 1.6)
    probes = [Make.probe(2e14 / each) for each in times]
    alone = Make.launches(ALONE, [1e6] * 5, CARDS[0], probes=[Make.probe(2e14)] * 5)
    both = Make.launches(at_once(2), [1e6 * each for each in times], CARDS[0], probes=probes)
    (found,) = host_cards(summarise(alone + both), CARDS).disturbances
    assert (found.ratio, found.verdict, found.why) == (0.5, "UNDECIDED", "launches fall into modes")


def test_a_host_without_answers_has_nothing_to_tell() -> None:
    """No summary, no lineup; one card skipped, a line without a figure."""
    assert host_cards([], CARDS).lineups == ()
    made = [Make.record(ALONE, 0, [], CARDS[0], status="skipped", why="no memory", verification=None)]
    (found,) = host_cards(summarise(made), CARDS).lineups
    assert (found.centre, found.members[0].why) == (None, "skipped: no memory")
