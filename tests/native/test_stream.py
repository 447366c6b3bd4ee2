"""What the probes refuse: nothing a caller passes may reach C unchecked."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.errors import UsageError
from zbench.native import cpu, stream
from zbench.native.stream import Stream

ISA = "portable"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("write", 8, 1, ISA), ValueError),
        (("copy", 0, 1, ISA), ValueError),
        (("copy", 2**62, 1, ISA), ValueError),
        (("copy", 1.5, 1, ISA), TypeError),
        (("copy", 8, 0, ISA), ValueError),
        (("copy", 8, 100_000, ISA), ValueError),
        (("copy", 8, 1, "sse9"), ValueError),
        (("copy", 8, 1, ISA, 7), ValueError),
        (("copy", 8, 1, ISA, 2**62), ValueError),
    ],
)
def test_plans_that_cannot_be(arguments, error):
    """Unknown names and counts out of range are refused."""
    with pytest.raises(error):
        Stream(*arguments)


def test_an_instruction_set_this_cpu_lacks(monkeypatch):
    """C itself refuses a set that the CPU does not have, whatever Python believes."""
    monkeypatch.setitem(cpu.ISAS, "other", 99)
    with pytest.raises(UsageError, match="lacks"):
        Stream("copy", 8, 1, "other")
    with pytest.raises(UsageError, match="lacks"):
        stream.peak_flops("fp32", "other", 1)
    with pytest.raises(UsageError, match="lacks"):
        stream.peak_count("fp32", "other", 1)


@pytest.mark.parametrize(
    ("slot", "error"),
    [
        ((np.zeros(8),), ValueError),
        ((np.zeros(8), np.zeros(8), np.zeros(8)), ValueError),
        ((np.zeros(8), np.zeros(7)), ValueError),
        ((np.zeros(8), np.zeros(8, np.float32)), TypeError),
        (([0.0] * 8, np.zeros(8)), TypeError),
        ((np.zeros(16)[::2], np.zeros(8)), ValueError),
        ((np.zeros(8), np.broadcast_to(np.zeros(8), 8)), ValueError),
        ((np.zeros(65, np.uint8)[1:].view(float), np.zeros(8)), ValueError),
    ],
)
def test_arrays_that_do_not_fit(slot, error):
    """Wrong number, type, shape, stride, alignment and read-only outputs are refused."""
    with Stream("copy", 8, 1, ISA) as plan, pytest.raises(error):
        plan.run_rounds([slot], 1)


def test_an_output_over_an_input_is_refused():
    """Copying an array onto itself would measure the wrong thing."""
    a = np.zeros(8)
    with Stream("copy", 8, 1, ISA) as plan, pytest.raises(ValueError, match="overlaps"):
        plan.run_rounds([(a, a)], 1)


@pytest.mark.parametrize(
    ("slots", "rounds", "batch", "which"), [(0, 1, 1, "no slots"), (1, -1, 1, "rounds"), (1, 1, 0, "batch")]
)
def test_rounds_that_cannot_be(slots, rounds, batch, which):
    """No slots, negative rounds and empty batches are refused."""
    with Stream("copy", 8, 1, ISA) as plan, pytest.raises(ValueError, match=which):
        plan.run_rounds([(np.zeros(8), np.zeros(8))] * slots, rounds, batch)


def test_a_closed_plan_is_refused():
    """Closing twice is fine; using the plan afterwards is an error."""
    plan = Stream("copy", 8, 2, ISA)
    plan.close()
    plan.close()
    with pytest.raises(ValueError, match="closed"):
        plan.run_rounds([(np.zeros(8), np.zeros(8))], 1)


@pytest.mark.parametrize(
    ("arguments", "which"),
    [
        (("int64", ISA, 1), "dtype"),
        (("fp32", "sse9", 1), "isa"),
        (("fp32", ISA, 0), "threads"),
        (("fp32", ISA, 1, 0), "duration_ns"),
    ],
)
def test_peaks_that_cannot_be(arguments, which):
    """Unknown types and sets, no threads and no time are refused."""
    with pytest.raises(ValueError, match=which):
        stream.peak_flops(*arguments)


def test_a_bandwidth_of_nothing_is_refused():
    """Less than one element has no bandwidth."""
    with pytest.raises(ValueError, match="size_bytes"):
        stream.bandwidth("copy", 7, 1, ISA)


@pytest.mark.parametrize(
    ("arguments", "which"),
    [(("int64", ISA, 1), "dtype"), (("fp32", "sse9", 1), "isa"), (("fp32", ISA, -1), "steps")],
)
def test_counts_that_cannot_be(arguments, which):
    """Unknown types and sets, and steps backwards, are refused."""
    with pytest.raises(ValueError, match=which):
        stream.peak_count(*arguments)


KIB, MIB = 1 << 10, 1 << 20
SERVER = {"l1": 48 * KIB, "l2": 2 * MIB, "l3": 64 * MIB}


@pytest.mark.parametrize(
    ("caches", "last_level", "arrays", "threads", "sizes"),
    [
        (SERVER, 64 * MIB, 1, 1, [24 * KIB, MIB, 32 * MIB, 128 * MIB]),
        (SERVER, 260 * MIB, 1, 1, [24 * KIB, MIB, 32 * MIB, 520 * MIB]),
        (SERVER, 64 * MIB, 2, 1, [12 * KIB, 512 * KIB, 16 * MIB, 64 * MIB]),
        (SERVER, 64 * MIB, 3, 1, [8 * KIB, 340 * KIB, 10920 * KIB, 43692 * KIB]),
        (SERVER, 64 * MIB, 1, 4, [96 * KIB, 4 * MIB, 32 * MIB, 128 * MIB]),
        (SERVER, 4 * MIB, 1, 1, [24 * KIB, MIB, 32 * MIB, 128 * MIB]),
    ],
)
def test_levels_of_caches(caches, last_level, arrays, threads, sizes):
    """Half of each level, shared by the arrays; each thread has its own caches but the last."""
    assert stream.levels(caches, last_level, arrays, threads) == dict(
        zip(("l1", "l2", "l3", "dram"), sizes, strict=True)
    )


def test_a_level_that_holds_no_more_than_the_one_before_is_left_out():
    """What fits half of it may lie in the faster one."""
    assert list(stream.levels(SERVER, 64 * MIB, threads=16)) == ["l1", "l2", "dram"]
    assert list(stream.levels(SERVER | {"l2": 96 * KIB}, 64 * MIB)) == ["l1", "l3", "dram"]


def test_what_is_cold_exceeds_the_cache_by_far():
    """Twice the last level, by all arrays together; a few ms long even where there is no cache."""
    assert stream.cold_bytes(64 * MIB) == 128 * MIB
    assert stream.cold_bytes(96 * MIB, 3) == 64 * MIB
    assert stream.cold_bytes(0) == stream.PASS_BYTES
