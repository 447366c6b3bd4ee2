"""An A/A session tells how often we cry wolf, and whether intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from zbench.judge.selftest import has_twins, rate, self_test
from zbench.measure.statistics import INTERVAL_ALPHA

CASES = 4
MS = 1_000_000


def session(make, blocks, seed=1, sd=0.01, twin=1.0, drift=0.0):
    """Launches of four cases and their twins, `sd` apart; `twin` times as slow, `drift` between sessions."""
    rng = np.random.default_rng(seed)
    records = []
    for block in range(blocks):
        if block % 5 == 0:
            level = np.exp(rng.normal(0, drift)) if drift else 1.0
        launches = [
            ("measure", range(CASES), 1.0),
            ("twin", range(CASES), twin),
            ("anchor", [CASES // 2], 1.0),
        ]
        for number, (role, cases, factor) in enumerate(launches):
            for n in cases:
                ns = round(level * factor * np.exp(rng.normal(0, sd)) * 100 * MS)
                fields = {"role": role, "launch": 3 * block + number}
                records.append(make.record(make.gemm(100 + n), block, [ns] * 3, **fields))
    return records


def test_equal_things_are_seldom_called_different(make):
    """Over 50 sessions of four cases: no more than nominal, alone and together."""
    found = self_test(session(make, 250))
    assert (found.sessions, found.pairs) == (50, 200)
    assert found.alone.value <= 0.03
    assert found.alarms.value <= 0.03
    assert not found.cried_wolf
    assert sum(found.words.values()) == 200


@pytest.mark.parametrize(("count", "of"), [(0, 5), (2, 5), (5, 5), (30, 1000)])
def test_a_rate_has_wilsons_interval(count, of):
    """As `scipy.stats` has it."""
    found, told = rate(count, of), stats.binomtest(count, of).proportion_ci(1 - INTERVAL_ALPHA, "wilson")
    assert (found.lo, found.hi) == pytest.approx((told.low, told.high), abs=1e-15)


def test_intervals_hold_what_they_promise(make):
    """97 %, of paired ratios and of single launches, where launches are all that differs."""
    found = self_test(session(make, 400, seed=2))
    for coverage in (*found.ratios, *found.singles):
        if coverage.method == "t":
            assert coverage.nominal == pytest.approx(0.97)
            assert coverage.rate.lo <= 0.97 <= coverage.rate.hi
            assert coverage.rate.of > 200


def test_sessions_that_drift_are_seen_in_single_intervals_only(make):
    """What a block shares goes out of its ratios; the launches of an hour say nothing of the next."""
    found = self_test(session(make, 200, seed=3, drift=0.05))
    (paired,) = [c for c in found.ratios if c.method == "t"]
    (single,) = [c for c in found.singles if c.method == "t"]
    assert paired.rate.hi > 0.97
    assert single.rate.hi < 0.8


def test_a_twin_that_is_not_the_same_makes_us_cry_wolf(make):
    """Were the second launch of a block always slower, this is where it would show."""
    found = self_test(session(make, 50, twin=1.2))
    assert found.cried_wolf
    assert found.words == {"SLOWER": 40}
    assert found.alone.value == 1.0
    assert {noise.words["SLOWER"] for noise in found.cases} == {10}


def test_only_whole_sessions_count(make):
    """Five blocks are what a run judges."""
    found = self_test(session(make, 13))
    assert (found.sessions, found.blocks_left, found.pairs) == (2, 3, 8)
    assert self_test(session(make, 4)).pairs == 0


def test_a_bad_burst_gives_no_pair_and_is_counted(make):
    """The case it spoils has no figures in that session."""
    records = session(make, 10)
    records[0] = make.record(make.gemm(100), 0, [], status="invalid", why="the clock stood still")
    found = self_test(records)
    assert (found.pairs, found.bad, found.why) == (7, 1, "the clock stood still")


def test_noise_is_told_case_by_case(make):
    """Its floor is that of a session, not of all launches together."""
    found = self_test(session(make, 100, sd=0.02))
    assert [noise.key for noise in found.cases] == [make.gemm(100 + n).key for n in range(CASES)]
    assert all(0.02 < noise.floor < 0.08 and noise.floor < noise.worst + 0.08 for noise in found.cases)
    assert 0.01 < found.floors["card"][0] < found.floors["card"][1]


def test_too_few_launches_elsewhere_are_no_reference(make):
    """Two sessions leave ten launches to compare with: too few to stand for the truth."""
    assert self_test(session(make, 10)).singles == ()
    assert self_test(session(make, 15)).singles != ()


def test_the_wilson_interval():
    """Of nothing in n it ends at z^2 / (n + z^2)."""
    z2 = 2.1700903775845606**2
    assert rate(0, 200).hi == pytest.approx(z2 / (200 + z2))
    assert (rate(0, 200).lo, rate(0, 0).hi) == (pytest.approx(0.0), 1.0)
    assert rate(100, 200).lo + rate(100, 200).hi == pytest.approx(1.0)


def test_an_ordinary_run_has_no_twins(make):
    """Only then is there something to report."""
    assert has_twins(session(make, 1))
    assert not has_twins(make.launches(make.GEMM, [MS] * 5))
