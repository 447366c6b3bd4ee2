"""How long a plan will take: rough, but never silly."""

from zbench.case import Case
from zbench.measure.estimate import cards_of, case_s, groups_s, plan_s, search_s
from zbench.measure.plan import Group, with_anchors
from zbench.request import ask
from zbench.selection import select
from zbench.subject import parse
from zbench.workloads.profiles import PROFILES

QUICK = PROFILES["quick"]


def test_more_work_takes_longer() -> None:
    """Larger cases, longer bursts, more launches."""
    small, large = (Case("gemm", "fp32", (n, n, n), {"threads": 1}) for n in (64, 4096))
    assert case_s(small, QUICK) < case_s(large, QUICK)
    assert case_s(small, PROFILES["smoke"]) <= case_s(small, QUICK)
    groups = select(ask(ranks=2))
    assert plan_s(groups, QUICK, 5, 2) < plan_s(groups, QUICK, 10, 2)


def test_buffers_that_come_from_memory_take_longer_to_fill() -> None:
    """There are more of them than two wherever a cache could hold two."""
    warm, cold = (Case("gemm", "fp32", (256, 256, 256), {"cache": state}) for state in ("warm", "cold"))
    assert case_s(warm, QUICK) < case_s(cold, QUICK)


def test_ranks_that_share_a_core_start_one_after_the_other() -> None:
    """Eight Pythons on two cores."""
    group = Group("fabric", (parse("fabric", "shm"),), 8, ())
    assert groups_s([group], QUICK, 8) < groups_s([group], QUICK, 2)


def test_the_default_run_is_a_matter_of_minutes() -> None:
    """A real one took 2 min 9 s to 2 min 44 s with 2 ranks."""
    groups = with_anchors(select(ask(ranks=2)))
    assert 60 < plan_s(groups, QUICK, 5, 2) < 600


def test_the_ranks_of_the_largest_world_are_the_cards_that_are_busy() -> None:
    """What is rented at once."""
    assert cards_of([Group("fabric", (), 8, ()), Group("card", (), 1, ())]) == 8


def test_a_search_takes_its_time_for_every_card_and_dtype() -> None:
    """None where nothing is multiplied."""
    one = select(ask(suites=["card"], cases=["gemm/fp32/*"]))
    two = select(ask(suites=["card"], cards=["cpu", "numpy"], cases=["gemm/fp32/*", "gemm/fp64/*"]))
    assert search_s(two) == 4 * search_s(one) > 0
    assert search_s(select(ask(suites=["fabric"]))) == 0
