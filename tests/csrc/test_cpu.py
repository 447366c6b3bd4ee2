"""CPU detection, held against what Linux says."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from zbench.native import cpu
from zbench.native._zbench import lib

FLAGS = {
    "avx512_vnni": {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"},
    "avx512": {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "avx2": {"avx2", "fma", "f16c"},
    "portable": set(),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags of /proc/cpuinfo are x86's")
def test_instruction_sets_are_those_of_cpuinfo():
    """A set is offered exactly if the kernel lists all its flags."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = set(next(line for line in lines if line.startswith("flags")).split())
    assert cpu.isas() == tuple(name for name, needed in FLAGS.items() if needed <= flags)


def test_portable_is_always_there_and_last():
    """Any CPU has the portable kernels, and prefers every other."""
    assert cpu.isas()[-1] == "portable"


@pytest.mark.parametrize("number", [-1, 99, 1000])
def test_a_number_that_is_no_instruction_set(number):
    """Out of range is not supported, and nothing worse."""
    assert not lib.zb_isa_supported(number)


def test_caches_are_plausible():
    """Sizes grow with the level and stay within the limits that blocking relies on."""
    sizes = cpu.caches()
    assert 16 << 10 <= sizes["l1"] <= 256 << 10
    assert 128 << 10 <= sizes["l2"] <= 4 << 20
    assert 2 << 20 <= sizes["l3"] <= 64 << 20


def test_usable_cpus_follow_the_affinity_mask():
    """Pinned to one CPU, one is usable; released, all are again."""
    mask = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mask)})
        assert lib.zb_usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, mask)
    assert lib.zb_usable_cpus() == len(mask)
