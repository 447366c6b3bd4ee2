"""The first card against the best of the others: which one that is, paired in blocks, group by group."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from zbench.case import Case
from zbench.judge.peers import against_best, shape_of
from zbench.judge.summary import summarise

MS = 1_000_000
QUIET = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
OTHER = np.array([1.001, 0.999, 1.000, 0.998, 1.002])


def groups(make, times, order=("cpu", "numpy", "mkl")):
    """times: (case, subject, ms)."""
    records = []
    for case, subject, ms in times:
        records += make.launches(case, (QUIET if subject == "cpu" else OTHER) * ms * MS, subject)
    return against_best(summarise(records), order)


def test_the_best_peer_is_chosen_case_by_case(make):
    """numpy at one size, mkl at the other; the worst case is named with its peer."""
    small, large = make.gemm(256), make.gemm(1024)
    (group,) = groups(
        make,
        [
            (small, "cpu", 1.0),
            (small, "numpy", 0.9),
            (small, "mkl", 2.0),
            (large, "cpu", 1.0),
            (large, "numpy", 3.0),
            (large, "mkl", 1.6),
        ],
    )
    assert (group.cases, group.subject, group.launches) == (2, "cpu", 5)
    assert group.ratio == pytest.approx((0.9 * 1.6) ** 0.5, rel=0.005)
    low, high = group.interval
    assert low < group.ratio < high < 1.02 * low
    assert (group.worst.key, group.worst.peer) == (small.key, "numpy")
    assert group.worst.ratio == pytest.approx(0.9, rel=0.01)


def test_what_blocks_share_is_taken_out(make):
    """A machine that slows down by half over the blocks leaves a narrow interval."""
    drift = np.array([1.0, 1.1, 1.2, 1.35, 1.5])
    records = make.launches(make.GEMM, QUIET * drift * MS)
    records += make.launches(make.GEMM, OTHER * drift * 1.05 * MS, "numpy")
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert group.interval[0] > 1.04
    assert group.interval[1] < 1.06


def test_groups_are_workload_dtype_shape_and_parameters(make):
    """Sizes are averaged over, nothing else."""
    cases = [
        Case("gemm", "fp32", (256, 256, 256), {"threads": 1}),
        Case("gemm", "fp32", (512, 512, 512), {"threads": 1}),
        Case("gemm", "fp32", (512, 512, 512), {"threads": 2}),
        Case("gemm", "bf16", (512, 512, 512), {"threads": 1}),
        Case("gemm", "fp32", (1, 4096, 4096), {"threads": 1, "transb": "t"}),
        Case("gemm", "fp32", (8, 4096, 4096), {"threads": 1, "transb": "t"}),
        Case("gemm", "fp32", (16, 4096, 4096), {"threads": 1, "transb": "t"}),
        Case("gemm", "fp32", (64, 4096, 4096), {"threads": 1, "transb": "t"}),
        Case("gemm", "fp32", (8, 4096, 4096), {"threads": 1, "transb": "t", "weights": "prepacked"}),
        Case("read", "fp64", (1 << 27,), {"threads": 1}),
    ]
    found = groups(make, [(case, subject, 1.0) for case in cases for subject in ("cpu", "numpy")])
    assert [(g.workload, g.dtype, g.shape, g.parameters, g.cases) for g in found] == [
        ("gemm", "fp32", "square", "threads=1", 2),
        ("gemm", "fp32", "square", "threads=2", 1),
        ("gemm", "bf16", "square", "threads=1", 1),
        ("gemm", "fp32", "m = 1", "threads=1 transb=t", 1),
        ("gemm", "fp32", "m <= 16", "threads=1 transb=t", 2),
        ("gemm", "fp32", "m > 16", "threads=1 transb=t", 1),
        ("gemm", "fp32", "m <= 16", "threads=1 transb=t weights=prepacked", 1),
        ("read", "fp64", "", "threads=1", 1),
    ]


def test_a_case_that_one_card_alone_answered_is_in_no_group(make):
    """Nor is one whose answer was wrong, and one card has no peers at all."""
    records = make.launches(make.GEMM, QUIET * MS)
    assert against_best(summarise(records), ["cpu"]) == []
    records += make.launches(make.GEMM, OTHER * MS, "numpy", verification=make.WRONG)
    records += make.launches(make.gemm(64), OTHER * MS, "numpy")
    assert against_best(summarise(records), ["cpu", "numpy"]) == []


def test_fabrics_meet_case_by_case(make):
    """What wins for small messages loses for large ones; no option makes a fabric a peer of itself."""
    large = replace(make.PINGPONG, size=(4096,))
    records = []
    for case, subject, ms in [
        (make.PINGPONG, "shm", 1.0),
        (make.PINGPONG, "shm:private", 0.5),
        (make.PINGPONG, "mpi:mpich", 3.0),
        (make.PINGPONG, "torch:gloo", 2.0),
        (large, "shm", 4.0),
        (large, "mpi:mpich", 3.0),
    ]:
        records += make.launches(case, (QUIET if "shm" in subject else OTHER) * ms * MS, subject)
    found = against_best(summarise(records), ["cpu", "shm", "shm:private", "mpi:mpich", "torch:gloo"])
    assert {(group.subject, group.shape, group.worst.peer): group.ratio for group in found} == {
        ("shm", "8 B", "torch:gloo"): pytest.approx(2.0, rel=0.01),
        ("shm:private", "8 B", "torch:gloo"): pytest.approx(4.0, rel=0.01),
        ("shm", "4096 B", "mpi:mpich"): pytest.approx(0.75, rel=0.01),
    }


def test_the_share_is_that_of_the_first_card(make):
    """Median, least and most over the cases; none where a case has no probe."""
    times = {256: 2.0, 512: 1.6, 1024: 1.25}
    records = []
    for n, ms in times.items():
        case = make.gemm(n)
        probes = [make.probe(2 * n**3 / (1.0 * MS) * 1e9)] * 5
        records += make.launches(case, QUIET * ms * MS, "cpu", probes=probes)
        records += make.launches(case, OTHER * 9 * MS, "numpy", probes=probes)
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert group.shares == pytest.approx((1 / 1.6, 0.5, 0.8), rel=0.01)
    records += make.launches(make.gemm(128), QUIET * MS, "cpu") + make.launches(
        make.gemm(128), QUIET * MS, "numpy"
    )
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert group.shares is None


def test_of_several_variants_the_fastest_counts(make):
    """On either side."""
    records = make.launches(make.GEMM, QUIET * MS, "cpu", variant={"isa": "avx512"})
    records += make.launches(make.GEMM, QUIET * 5 * MS, "cpu", variant={"isa": "generic"})
    records += make.launches(make.GEMM, OTHER * 2 * MS, "numpy")
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert group.ratio == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("launches", [1, 2])
def test_few_blocks_promise_no_interval_they_do_not_have(make, launches):
    """One block is a figure; two are an interval by t, and a wide one."""
    records = make.launches(make.GEMM, QUIET[:launches] * MS)
    records += make.launches(make.GEMM, OTHER[:launches] * 2 * MS, "numpy")
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert group.ratio == pytest.approx(2, rel=0.01)
    assert (group.interval is None) == (launches == 1)


def test_cases_that_share_no_block_have_a_mean_without_interval(make):
    """As after a run that broke off."""
    records = [r for r in make.launches(make.GEMM, QUIET * MS) if r.block < 2]
    records += [r for r in make.launches(make.GEMM, OTHER * 2 * MS, "numpy") if r.block < 2]
    other = make.gemm(128)
    records += [r for r in make.launches(other, QUIET * MS) if r.block > 2]
    records += [r for r in make.launches(other, OTHER * 8 * MS, "numpy") if r.block > 2]
    (group,) = against_best(summarise(records), ["cpu", "numpy"])
    assert (group.interval, group.launches) == (None, 0)
    assert group.ratio == pytest.approx(4, rel=0.01)


def test_shapes_tell_what_bounds_a_case():
    """A stream has none; attention is told by its queries."""
    assert shape_of(Case("attention", "bf16", (1, 32, 1, 4096, 128))) == "decode"
    assert shape_of(Case("attention", "bf16", (1, 32, 4096, 4096, 128))) == "prefill"
    assert shape_of(Case("read", "fp64", (8,))) == ""
    assert shape_of(Case("gemm", "fp32", (65, 65, 65))) == "square"
    assert shape_of(Case("gemm", "fp32", (64, 64, 64), {"batch": 100})) == "n <= 64"
