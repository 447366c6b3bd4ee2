"""Who is faster: paired in blocks, against the noise floor, all cases judged together."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.judge.ratios import aa_floor, ratios, same_name

MS = 1_000_000
QUIET = np.array([1.000, 1.002, 0.999, 1.001, 0.998]) * MS
OTHER = np.array([1.001, 0.999, 1.000, 0.998, 1.002]) * MS


def both(make, factor, case=None, to="numpy", times=OTHER):
    """A case on cpu, and on a peer that takes `factor` times as long."""
    case = case or make.GEMM
    return make.launches(case, QUIET) + make.launches(case, times * factor, to)


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.2, "SLOWER"), (0.8, "FASTER"), (1.0, "SAME"), (1.01, "UNDECIDED")]
)
def test_the_verdict_speaks_of_the_second_subject(make, factor, verdict):
    """The ratio is time(to) / time(of): 1.2 says that `to` is slower, `of` faster."""
    (ratio,) = ratios(both(make, factor), ["cpu", "numpy"])
    assert (ratio.of, ratio.to, ratio.verdict) == ("cpu", "numpy", verdict)
    assert ratio.median == pytest.approx(factor, rel=0.01)
    assert ratio.interval[0] <= ratio.median <= ratio.interval[1]


def test_pairing_takes_out_what_blocks_share(make):
    """A machine that slows down block by block hides no 5 %."""
    drift = np.array([1.0, 1.1, 1.2, 1.3, 1.4])
    records = make.launches(make.GEMM, QUIET * drift)
    records += make.launches(make.GEMM, OTHER * drift * 1.05, "numpy")
    assert ratios(records, ["cpu", "numpy"])[0].verdict == "SLOWER"


def test_launches_pair_by_block_not_by_order(make):
    """A launch that failed leaves a hole; its block is left out on the other side."""
    records = [r for r in both(make, 1.2) if (r.subject, r.block) != ("cpu", 2)]
    (ratio,) = ratios(records, ["cpu", "numpy"])
    assert (ratio.launches, ratio.verdict) == (4, "UNDECIDED")
    assert ratio.why == "4 launches carry no verdict, 5 do"


def test_a_wrong_answer_has_no_ratio(make):
    """However fast it came."""
    records = make.launches(make.GEMM, QUIET) + make.launches(make.GEMM, OTHER, "numpy", status="wrong")
    assert ratios(records, ["cpu", "numpy"]) == []


def test_subjects_are_compared_within_their_suite(make):
    """Cards with the first card, fabrics with the first fabric."""
    records = both(make, 1.2)
    records += make.launches(make.PINGPONG, QUIET, "shm") + make.launches(make.PINGPONG, OTHER, "shm:ring")
    found = {(r.suite, r.of, r.to) for r in ratios(records, ["cpu", "numpy", "shm", "shm:ring"])}
    assert found == {("card", "cpu", "numpy"), ("fabric", "shm", "shm:ring")}


def test_many_cases_are_judged_together(make):
    """What convinces alone may be chance as one of 41."""
    wide = np.array([1.03, 1.06, 1.04, 1.05, 1.07])
    single = make.launches(make.GEMM, QUIET) + make.launches(make.GEMM, QUIET * wide, "numpy")
    assert ratios(single, ["cpu", "numpy"])[0].verdict == "SLOWER"
    records = [record for n in range(40) for record in both(make, 1.0, make.gemm(n + 100))]
    crowd = {r.key: r for r in ratios(records + single, ["cpu", "numpy"])}
    assert crowd[make.GEMM.key].verdict == "UNDECIDED"
    assert "chance" in crowd[make.GEMM.key].why


def test_the_noise_floor_comes_from_the_same_thing_launched_twice(make):
    """A/A pairs in the same blocks: 5 % apart, so 5 % means nothing in this suite."""
    records = both(make, 1.03)
    records += make.launches(make.GEMM, QUIET * 1.05, role="anchor")
    floor = aa_floor(records)["card"]
    assert (floor.key, floor.subject, floor.pairs) == (make.GEMM.key, "cpu", 5)
    assert floor.median == pytest.approx(1.05)
    assert floor.floor == pytest.approx(0.05)
    (ratio,) = ratios(records, ["cpu", "numpy"])
    assert (ratio.margin, ratio.verdict) == (floor.floor, "SAME")


def test_nothing_is_the_same_within_a_floor_of_forty_percent(make):
    """An equality that wide says nothing, so it is not said."""
    records = both(make, 1.2) + make.launches(make.GEMM, QUIET * 1.4, role="anchor")
    (ratio,) = ratios(records, ["cpu", "numpy"])
    assert (ratio.verdict, ratio.why) == ("UNDECIDED", "equal only within the noise floor of 40%")


def test_no_anchor_no_floor(make):
    """Then the margin is the 1 % below which no difference matters."""
    assert aa_floor(both(make, 1.0)) == {}
    assert ratios(both(make, 1.0), ["cpu", "numpy"])[0].margin == 0.01


def test_variants_are_compared_one_by_one(make):
    """Two algorithms of a peer are two comparisons."""
    records = make.launches(make.GEMM, QUIET)
    for name in ("a", "b"):
        records += make.launches(make.GEMM, OTHER, "numpy", variant={"algorithm": name})
    assert len(ratios(records, ["cpu", "numpy"])) == 2


@pytest.mark.parametrize(
    ("to", "same"),
    [("cpu@/new", True), ("cpu:generic", False), ("cpu:generic@/new", False), ("numpy", False)],
)
def test_two_environments_of_one_subject_share_its_name(make, to, same):
    """What stands before the @ is the subject."""
    (ratio,) = ratios(both(make, 1.0, to=to), ["cpu", to])
    assert same_name(ratio) is same
