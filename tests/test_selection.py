"""Which cases answer a request: what was asked, what fits in memory and in the time."""

import pytest

from zbench.errors import UsageError
from zbench.judge.claims import load_claims
from zbench.measure.estimate import groups_s
from zbench.measure.plan import Group
from zbench.request import ask
from zbench.selection import OUT_OF_TIME, fitting, in_time, select
from zbench.workloads.profiles import PROFILES


def test_the_default_request_is_the_embedded_default() -> None:
    """Card cpu, fabric shm, and both together."""
    groups = select(ask())
    assert {group.subject for group in groups} == {"cpu", "shm", "cpu+shm"}
    assert {group.suite for group in groups} == {"card", "fabric", "scaling"}


def test_a_glob_selects_cases_of_all_suites() -> None:
    """`*` crosses slashes; groups without a case are gone."""
    groups = select(ask(cases=["*/ranks=2"]))
    assert all(case.key.endswith("ranks=2") for group in groups for case in group.cases)
    assert {group.suite for group in groups} == {"fabric", "scaling"}


def test_what_does_not_fit_in_memory_is_refused_and_named() -> None:
    """The rest is measured; each refusal says how much it would need."""
    kept, refused = fitting(select(ask(suites=["fabric"])), 1 << 30)
    assert any("67108864" in key for key in refused)
    assert all("GiB" in why for why in refused.values())
    assert all(case.size[0] < 67108864 for group in kept for case in group.cases)


def test_a_world_whose_processes_do_not_fit_is_refused() -> None:
    """Before any of them is started."""
    with pytest.raises(UsageError, match="ask for at most 12 ranks"):
        fitting(select(ask(suites=["fabric"], ranks=64)), 1 << 30)


CLAIMS = load_claims("zhenwu-10k")
QUICK = PROFILES["quick"]


def seconds(groups: list[Group], launches: int) -> float:
    return launches * groups_s(groups, QUICK, 2)


def test_enough_time_leaves_nothing_out() -> None:
    """An hour for a plan of minutes."""
    groups = select(ask())
    assert in_time(groups, QUICK, 5, 3600.0, 2, CLAIMS) == (groups, {})


@pytest.mark.parametrize("budget_s", [10.0, 20.0, 60.0, 120.0])
def test_what_is_kept_fits_the_time(budget_s: float) -> None:
    """Starts of launches included; and each case is either kept or named as left out."""
    groups = select(ask(ranks=2))
    kept, refused = in_time(groups, QUICK, 5, budget_s, 2, CLAIMS)
    assert seconds(kept, 5) <= budget_s
    assert sum(len(group.cases) for group in kept) + len(refused) == sum(len(g.cases) for g in groups)
    assert set(refused.values()) <= {OUT_OF_TIME}


def test_cases_that_a_claim_speaks_of_are_kept_before_others() -> None:
    """The ping-pong of 8 bytes is what the latency claim is about, the barrier nobody claims anything of."""
    barrier, pingpong = "barrier/byte/0/ranks=2", "pingpong/byte/8/ranks=2"
    only = select(ask(suites=["fabric"], ranks=2, cases=[pingpong]))
    groups = select(ask(suites=["fabric"], ranks=2, cases=[barrier, pingpong]))
    kept, refused = in_time(groups, QUICK, 5, seconds(only, 5) + 0.01, 2, CLAIMS)
    assert [case.key for group in kept for case in group.cases] == [pingpong]
    assert list(refused) == [f"shm {barrier}"]


def test_a_case_stays_with_all_its_subjects_or_goes() -> None:
    """Ratios pair within blocks: half a pair is of no use."""
    groups = select(ask(suites=["card"], cards=["cpu", "cpu:generic"]))
    kept, _ = in_time(groups, QUICK, 5, 40.0, 2)
    first, second = (tuple(case.key for case in group.cases) for group in kept)
    assert first == second
    assert len(first) < len(groups[0].cases)


def test_a_scaling_series_stays_whole() -> None:
    """An efficiency is made of two steps."""
    groups = select(ask(suites=["scaling"], ranks=2))
    kept, _ = in_time(groups, QUICK, 5, seconds(groups, 5) + 1, 2)
    assert kept == groups
    with pytest.raises(UsageError, match="no room for a single case"):
        in_time(groups, QUICK, 5, seconds(groups, 5) - 1, 2)


def test_no_time_at_all_says_what_to_do() -> None:
    """One line, with the ways out."""
    with pytest.raises(UsageError, match="give more time, or fewer --launches, or select with --case"):
        in_time(select(ask()), QUICK, 5, 1.0, 2)
