"""CPU detection, held against what Linux says."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from zbench.native import cpu
from zbench.native._zbench import lib

AVX2 = {"avx2", "fma", "f16c"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
FLAGS = {
    "amx": AVX512 | {"avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"},
    "avx512_bf16": AVX512 | {"avx512_vnni", "avx512_bf16"},
    "avx512_vnni": AVX512 | {"avx512_vnni"},
    "avx512": AVX512,
    "avx2": AVX2,
    "portable": set(),
}
ARM_FLAGS = {
    "neon_bf16": {"asimd", "asimddp", "i8mm", "bf16"},
    "neon_i8mm": {"asimd", "asimddp", "i8mm"},
    "neon_dotprod": {"asimd", "asimddp"},
    "neon": {"asimd"},
    "portable": set(),
}


def cpuinfo(name):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next(line for line in lines if line.startswith(name)).split())


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="only their flags are known")
def test_instruction_sets_are_those_of_cpuinfo():
    """A set is offered exactly if the kernel lists all its flags."""
    sets, flags = (
        (FLAGS, cpuinfo("flags")) if platform.machine() == "x86_64" else (ARM_FLAGS, cpuinfo("Features"))
    )
    assert cpu.isas() == tuple(name for name, needed in sets.items() if needed <= flags)


def test_every_instruction_set_has_a_number_of_its_own_and_a_verdict():
    """None is forgotten where it is told which were executed, and all that C knows are known here."""
    known = {name for name in dir(lib) if name.startswith(("ZB_AVX", "ZB_AMX", "ZB_NEON", "ZB_PORTABLE"))}
    assert known == {f"ZB_{name.upper()}" for name in cpu.ISAS}
    assert len(set(cpu.ISAS.values())) == len(cpu.ISAS)
    assert list(cpu.EXECUTED) == list(cpu.ISAS)


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
