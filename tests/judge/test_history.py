"""Many runs of one machine become series; what is in none is said."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.judge.history import bare, collect, courses, describe, hardware, spread
from zbench.records.schema import Imported

MS = 1_000_000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])


def runs(make, levels_ms, subject="cpu", **fields):
    """One run of the GEMM a level, named a, b, c, ..."""
    return [
        make.kept(chr(ord("a") + i), make.launches(make.GEMM, NOISE * ms * MS, subject, **fields))
        for i, ms in enumerate(levels_ms)
    ]


def test_a_series_is_in_the_order_of_time(make):
    """However the directory lists them."""
    (series,) = collect(reversed(runs(make, [1, 2, 3]))).series
    assert [point.run for point in series.points] == ["a", "b", "c"]
    assert [point.median_ns for point in series.points] == [1 * MS, 2 * MS, 3 * MS]
    assert [point.value for point in series.points] == pytest.approx([2e12, 1e12, 2e12 / 3])
    assert (series.key, series.subject, series.unit) == (make.GEMM.key, "cpu", "FLOP/s")


def test_series_are_parted_by_case_subject_and_variant(make):
    """Only equals are compared."""
    records = make.launches(make.GEMM, NOISE * MS) + make.launches(make.gemm(64), NOISE * MS)
    records += make.launches(make.GEMM, NOISE * MS, "numpy")
    records += make.launches(make.GEMM, NOISE * MS, "cpu:generic", variant={"isa": "none"})
    assert len(collect([make.kept("a", records)]).series) == 4


def test_a_new_build_is_no_other_variant(make):
    """A new blocking, a new library: the same series, in which its effect shows."""
    records = [make.launches(make.GEMM, NOISE * MS, variant={"isa": "avx2", "blocks": b}) for b in ("1", "2")]
    (series,) = collect([make.kept("a", records[0]), make.kept("b", records[1])]).series
    assert (len(series.points), series.variant) == (2, {"isa": "avx2"})


def test_an_environment_is_no_other_subject(make):
    """`cpu@/old` and `cpu@/new` are builds of one subject: their difference is what a history shows."""
    old = make.kept("a", make.launches(make.GEMM, NOISE * MS, "cpu@/old"))
    new = make.kept("b", make.launches(make.GEMM, NOISE * MS, "cpu@/new"))
    (series,) = collect([old, new]).series
    assert [point.subject for point in series.points] == ["cpu@/old", "cpu@/new"]
    assert bare("cpu@/venv+shm:ring@/other") == "cpu+shm:ring"


def test_of_several_environments_the_first_named_speaks_for_the_run(make):
    """As it does for claims."""
    records = make.launches(make.GEMM, NOISE * MS, "cpu@/new") + make.launches(make.GEMM, 2 * NOISE * MS)
    (series,) = collect([make.kept("a", records, cards=["cpu", "cpu@/new"])]).series
    assert [point.subject for point in series.points] == ["cpu"]


def test_machines_are_told_apart_by_what_they_are(make):
    """CPU, memory, caches; not by name, kernel or environment. Two thirds of a GiB more is still the same."""
    renamed = make.MACHINE | {"host": "node2", "kernel": "6.2", "environment": {"OMP_NUM_THREADS": "1"}}
    patched = make.MACHINE | {"memory_bytes": (8 << 30) - (200 << 20)}
    other = make.MACHINE | {"cpus_usable": 4}
    records = make.launches(make.GEMM, NOISE * MS)
    kept = [make.kept(n, records, m) for n, m in zip("abc", (make.MACHINE, renamed, patched), strict=True)]
    assert len({hardware(run.run) for run in kept}) == 1
    found = collect([*kept, make.kept("d", records, other)])
    assert [len(series.points) for series in found.series] == [3, 1]
    assert len(found.machines) == 2
    assert describe(kept[0].run) == "Example CPU, x86_64, 2 CPUs, 8 GiB"


def test_what_gives_no_figures_is_left_out_and_said(make):
    """Wrong answers, copies, imported figures, empty runs, runs that broke."""
    good = runs(make, [1])[0]
    wrong = make.kept("b", make.launches(make.GEMM, NOISE * MS, status="wrong"))
    copy = make.kept("copy", good.records, created=good.run.created)
    sheet = make.kept("d", good.records, imported=Imported(tool="osu", file="x.txt", sha256="0"))
    dead = make.kept("f", make.launches(make.GEMM, NOISE * MS), state="invalid", why="rank 1 died")
    long = make.kept("g", make.launches(make.GEMM, NOISE * MS), minutes=10.0)
    found = collect([good, wrong, copy, sheet, make.kept("e", []), dead, long])
    assert [len(series.points) for series in found.series] == [1]
    assert found.left_out == {
        "b": "1 wrong: no figures to be had",
        "copy": "a copy of a",
        "d": "imported from osu, not measured by zbench",
        "e": "no records",
        "f": "invalid: rank 1 died",
        "g": "a sustained run of 10 min a burst: hotter than others",
    }


def test_runs_are_compared_beside_their_probes_where_all_have_one(make):
    """A machine at half speed takes twice the time: the level stays, and the time is still told."""
    fast = make.launches(make.GEMM, NOISE * MS, probes=[make.probe(4e12)] * 5)
    slow = make.launches(make.GEMM, 2 * NOISE * MS, probes=[make.probe(2e12)] * 5)
    (series,) = collect([make.kept("a", fast), make.kept("b", slow)]).series
    assert series.normalised
    assert series.levels == pytest.approx([4e18, 4e18])
    assert [point.median_ns for point in series.points] == [MS, 2 * MS]
    bare_run = make.kept("c", make.launches(make.GEMM, NOISE * MS))
    (series,) = collect([make.kept("a", fast), bare_run]).series
    assert not series.normalised
    assert series.levels == [MS, MS]


def test_a_spread_needs_three_runs():
    """Two tell nothing worth a verdict."""
    assert spread([1.0, 1.1]) is None
    found = spread([1.0, 1.02, 0.98])
    assert found is not None
    assert (found.sd, found.degrees, found.runs) == (pytest.approx(0.02, rel=0.02), 2, 3)


def test_the_spread_of_sessions_is_estimated_without_bias():
    """Over many histories of 8 runs with 3 % between sessions."""
    rng = np.random.default_rng(5)
    found = [spread(np.exp(rng.normal(0, 0.03, 8))).sd ** 2 for _ in range(500)]
    assert np.sqrt(np.mean(found)) == pytest.approx(0.03, rel=0.05)


def test_a_course_has_its_steps_and_a_spread_around_them(make):
    """A regression in the middle is a finding and does not count as noise."""
    levels = [1.0, 1.01, 0.99, 1.0, 1.3, 1.31, 1.29, 1.3]
    (course,) = courses(collect(runs(make, levels)).series)
    assert [(step.index, step.verdict) for step in course.findings] == [(4, "SLOWER")]
    assert course.spread is not None
    assert course.spread.sd == pytest.approx(0.008, rel=0.1)
