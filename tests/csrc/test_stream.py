"""Bandwidth and peak-rate probes: they do the work that they count."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from zbench.native import cpu, stream
from zbench.native.stream import Stream

ISAS = cpu.isas()
SIZES = (1, 7, 8, 9, 63, 64, 65, 1000, 4097)
BEYOND_CACHES = cpu.caches()["l3"] // 16 + 13
"""Elements with which copy and triad exceed the last-level cache."""


def integers(seed, size):
    return np.random.default_rng(seed).integers(-1000, 1000, size).astype(float)


def guarded(size, shift):
    """An output of `size` at an odd place in a larger array of canaries, as (view, whole)."""
    whole = np.full(size + 32, -7.5)
    return whole[8 + shift : 8 + shift + size], whole


def run(kernel, isa, threads, size, shift=0):
    """One execution; returns (a, b, out) after checking that nothing beside `out` was written."""
    a, b = integers(1, size), integers(2, size)
    out, whole = guarded(1 if kernel == "read" else size, shift)
    with Stream(kernel, size, threads, isa) as plan:
        plan.run_rounds([(a, b, out) if kernel == "triad" else (a, out)], 1)
        variant = plan.variant
    assert (np.delete(whole, np.s_[8 + shift : 8 + shift + len(out)]) == -7.5).all()
    return a, b, out, variant


EXPECTED = {"read": lambda a, b: [a.sum()], "copy": lambda a, b: a, "triad": lambda a, b: a + 3 * b}


@pytest.mark.parametrize(("kernel", "isa", "threads"), list(product(stream.KERNELS, ISAS, (1, 2, 3))))
def test_every_element_is_moved(kernel, isa, threads):
    """Sizes around vectors, lines and shares of threads, at any alignment, exactly."""
    for size, shift in product(SIZES, (0, 1, 3)):
        a, b, out, _ = run(kernel, isa, threads, size, shift)
        assert np.array_equal(EXPECTED[kernel](a, b), out)


@pytest.mark.parametrize(("kernel", "isa"), list(product(("copy", "triad"), ISAS)))
def test_large_arrays_bypass_the_caches(kernel, isa):
    """Beyond the last-level cache the other store is used, says so, and is as exact."""
    a, b, out, variant = run(kernel, isa, 2, BEYOND_CACHES, 1)
    assert variant == {"isa": isa, "threads": "2", "stores": "bypass"}
    assert np.array_equal(EXPECTED[kernel](a, b), out)
    assert run(kernel, isa, 1, 100)[3]["stores"] == "cached"


def test_nan_is_read():
    """A sum that skipped an element would miss the NaN there."""
    for position in range(70):
        a, out = np.zeros(70), np.zeros(1)
        a[position] = np.nan
        with Stream("read", 70, 1, cpu.isa()) as plan:
            plan.run_rounds([(a, out)], 1)
        assert np.isnan(out[0])


def test_rounds_rotate_over_the_slots():
    """3 executions over 4 slots leave the last output alone."""
    slots = [(np.full(10, float(i)), np.full(10, -1.0)) for i in range(4)]
    with Stream("copy", 10, 1, cpu.isa()) as plan:
        ns = plan.run_rounds(slots, 3)
    assert ns.dtype == np.int64
    assert ns.shape == (3,)
    assert (ns > 0).all()
    assert [out[0] for _, out in slots] == [0, 1, 2, -1]


@pytest.mark.parametrize(("kernel", "isa", "threads"), list(product(stream.KERNELS, ISAS, (1, 2, 3))))
def test_batches_rotate_over_the_slots(kernel, isa, threads):
    """2 rounds of 3 executions over 5 slots and over 2: each slot has its own answer, of all threads."""
    for many in (5, 2):
        inputs = [(integers(2 * i, 1000), integers(2 * i + 1, 1000)) for i in range(many)]
        outs = [np.full(1 if kernel == "read" else 1000, -7.5) for _ in range(many)]
        slots = [
            (a, b, out) if kernel == "triad" else (a, out) for (a, b), out in zip(inputs, outs, strict=True)
        ]
        with Stream(kernel, 1000, threads, isa) as plan:
            assert plan.run_rounds(slots, 2, 3).shape == (2,)
        for (a, b), out in zip(inputs, outs, strict=True):
            assert np.array_equal(EXPECTED[kernel](a, b), out)


@pytest.mark.parametrize("isa", ISAS)
def test_every_element_of_long_arrays_is_read(isa):
    """Several blocks of the interleaved streams, and every kind of rest."""
    a, out = integers(1, 40_000), np.zeros(1)
    for size in (8191, 8192, 8193, 16_384 + 129, 40_000):
        with Stream("read", size, 1, isa) as plan:
            plan.run_rounds([(a[:size], out)], 1)
        assert a[:size].sum() == out[0]


@pytest.mark.parametrize(("kernel", "isa"), list(product(("copy", "triad"), ISAS)))
def test_parts_are_stored_as_the_whole_is(kernel, isa):
    """A part of arrays that no cache holds bypasses the caches, too."""
    for whole, stores in ((100, "cached"), (BEYOND_CACHES, "bypass")):
        with Stream(kernel, 100, 1, isa, whole) as plan:
            assert plan.variant["stores"] == stores


@pytest.mark.parametrize(("dtype", "isa"), list(product(stream.DTYPES, ISAS)))
def test_the_peak_probe_does_what_it_counts(dtype, isa):
    """With ones for factors each multiply-add adds one: the sum of all chains is half the FLOP."""
    counts = [stream.peak_count(dtype, isa, steps) for steps in (1, 2, 1001)]
    assert [flops / 2 for _, flops in counts] == [added for added, _ in counts]
    assert [flops / counts[0][1] for _, flops in counts] == [1, 2, 1001]
    assert stream.peak_count(dtype, isa, 0) == (0, 0)


WORDS = {"portable": 4, "neon": 4, "avx2": 8, "avx512": 16, "amx": 256}
"""32-bit words of a vector of sums, or of a tile."""
PER_WORD = {"fp64": 0.5, "bf16": 4, "int8": 4, "u8s8": 4}
"""Elements that one instruction may multiply in a word, where it is not one."""


@pytest.mark.parametrize(("dtype", "isa", "threads"), list(product(stream.DTYPES, ISAS, (1, 2))))
def test_peak_rate_is_physical(dtype, isa, threads):
    """More than a crawling core can do; less than 8 GHz with 4 units of its width."""
    lanes = WORDS[isa.split("_")[0]] * PER_WORD.get(dtype, 1)
    rate = stream.peak_flops(dtype, isa, threads, duration_ns=500_000)
    assert 1e6 < rate < 8e9 * 4 * lanes * 2 * threads


@pytest.mark.parametrize("kernel", stream.KERNELS)
def test_bandwidth_is_physical(kernel):
    """More than a disk, less than a register file."""
    assert 1e6 < stream.bandwidth(kernel, 1 << 16, 1, cpu.isa(), duration_ns=100_000) < 1e14


@pytest.mark.parametrize("kernel", stream.KERNELS)
def test_large_arrays_are_passed_over_in_parts(kernel):
    """Also where the parts leave a rest."""
    stream.release()
    for _ in range(2):
        assert stream.bandwidth(kernel, 2 * stream.PASS_BYTES + 13 * 8, 2, cpu.isa(), duration_ns=1) > 1e6
    stream.release()


def test_every_level_has_its_bandwidths():
    """Of each kernel, from the first cache to memory."""
    found = stream.bandwidths(cpu.isa(), 1)
    assert list(found) == list(stream.levels(cpu.caches(), cpu.last_level_cache_bytes()))
    assert all(rate > 1e6 for rates in found.values() for rate in rates.values())
    assert [list(rates) for rates in found.values()] == [list(stream.KERNELS)] * len(found)
