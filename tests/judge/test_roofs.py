"""What bounds a GEMM of a few rows, and what share of it was reached."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.case import Case
from zbench.judge.peers import against_best
from zbench.judge.roofs import read_bandwidth, roof_bytes_per_s, share_of_roof
from zbench.judge.summary import summarise

QUIET = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
ROWS = {"threads": 1, "transb": "t"}
N = 4096


def summary(make, m, ms=6.0, dtype="fp32", **probe):
    case = Case("gemm", dtype, (m, N, N), ROWS)
    probes = [make.probe(**probe)] * 5 if probe else [None] * 5
    (found,) = summarise(make.launches(case, QUIET * ms * 1e6, probes=probes))
    return found


def read(make, size_bytes, rate, threads=1, **fields):
    case = Case("read", "fp64", (size_bytes,), {"threads": threads})
    return summarise(make.launches(case, QUIET * size_bytes / rate * 1e9, **fields))


def test_the_read_is_of_the_largest_array_at_that_thread_count(make):
    """A small one may lie in a cache, two threads read more than one, and a wrong answer has no rate."""
    found = read(make, 1 << 20, 90e9) + read(make, 1 << 28, 11e9) + read(make, 1 << 28, 12e9, subject="numpy")
    found += read(make, 1 << 28, 22e9, threads=2) + read(make, 1 << 29, 50e9, verification=make.WRONG)
    assert read_bandwidth(found, 1) == pytest.approx(12e9, rel=0.01)
    assert read_bandwidth(found, 2) == pytest.approx(22e9, rel=0.01)
    assert read_bandwidth(found, 0) is None
    cached = Case("read", "fp64", (1 << 20,), {"threads": 1, "cache": "l2"})
    assert read_bandwidth(summarise(make.launches(cached, QUIET)), 1) is None


def test_one_row_is_bound_by_memory_and_sixteen_may_be_by_arithmetic(make):
    """At m = 16 in fp32 a byte brings 8 FLOP, so a peak of 40 GFLOP/s asks for no more than 5 GB/s."""
    assert roof_bytes_per_s(summary(make, 1, before=40e9), 12e9) == 12e9
    moved = 4 * (N * N + 2 * 16 * N)
    slow = roof_bytes_per_s(summary(make, 16, before=40e9), 12e9)
    assert slow == pytest.approx(40e9 * moved / (2 * 16 * N * N))
    assert slow < 12e9


def test_the_share_is_of_bytes_for_few_rows_and_of_the_peak_for_many(make):
    """64 MiB of weights in 6 ms is 11.2 GB/s, 93 % of a read of 12 GB/s and 4 % of the peak of arithmetic."""
    one = summary(make, 1, before=150e9)
    assert share_of_roof(one, 12e9) == pytest.approx(4 * (N * N + 2 * N) / 6e-3 / 12e9, rel=0.01)
    many = summary(make, 512, ms=150, before=150e9)
    assert share_of_roof(many, 12e9) == many.fraction_of_peak


def test_without_a_read_only_a_probe_of_bytes_is_a_roof(make):
    """A probe of arithmetic says nothing of memory."""
    assert share_of_roof(summary(make, 1, before=150e9), None) is None
    beside = summary(make, 1, before=12e9, unit="B/s")
    assert share_of_roof(beside, None) == pytest.approx(beside.fraction_of_peak, rel=0.01)


def test_peers_are_told_the_share_of_the_roof(make):
    """Where decoding stands is not told in percent of a peak that it cannot reach."""
    case = Case("gemm", "fp32", (1, N, N), ROWS)
    probes = [make.probe(150e9)] * 5
    records = make.launches(case, QUIET * 6e6, probes=probes) + make.launches(case, QUIET * 9e6, "numpy")
    size = 1 << 28
    reads = make.launches(Case("read", "fp64", (size,), {"threads": 1}), QUIET * size / 12e9 * 1e9)
    (group,) = against_best(summarise(records + reads), ["cpu", "numpy"])
    assert group.shares[0] == pytest.approx(0.93, abs=0.01)
