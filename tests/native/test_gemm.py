"""What Gemm refuses: nothing a caller passes may reach C unchecked."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.errors import UsageError
from zbench.native import cpu
from zbench.native.gemm import Gemm


@pytest.fixture
def gemm():
    with Gemm("fp32", 3, 4, 5) as plan:
        yield plan


def operands(**changes):
    """Valid A, B, C for `gemm`, except for what is given."""
    shapes = {"a": (3, 5), "b": (5, 4), "c": (3, 4)}
    made = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()} | changes
    return 1.0, made["a"], made["b"], 0.0, made["c"]


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("fp16", 1, 1, 1), {}, ValueError),
        (("fp32", -1, 1, 1), {}, ValueError),
        (("fp32", 1.5, 1, 1), {}, TypeError),
        (("fp32", 1, 1, 2**63), {}, ValueError),
        (("fp64", 2**40, 1, 2**40), {}, ValueError),
        (("fp32", 1, 1, 1), {"threads": 0}, ValueError),
        (("fp32", 1, 1, 1), {"threads": 100_000}, ValueError),
        (("fp32", 1, 1, 1), {"isa": "sse9"}, ValueError),
        (("fp32", 1, 1, 1), {"kernel": "fast"}, ValueError),
        (("fp32", 1, 1, 1), {"kernel": "naive", "threads": 2}, ValueError),
        (("fp32", 1, 1, 1), {"blocks": {"mb": 1}}, ValueError),
        (("fp32", 1, 1, 1), {"blocks": {"kc": 0}}, ValueError),
    ],
)
def test_plans_that_cannot_be(arguments, options, error):
    """Unknown names, sizes below zero or beyond memory, and threads nobody has are refused."""
    with pytest.raises(error):
        Gemm(*arguments, **options)


def test_an_instruction_set_this_cpu_lacks(monkeypatch):
    """C itself refuses a set that the CPU does not have, whatever Python believes."""
    monkeypatch.setitem(cpu.ISAS, "other", 99)
    with pytest.raises(UsageError, match="lacks"):
        Gemm("fp32", 1, 1, 1, isa="other")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"a": [[0.0] * 5] * 3}, TypeError),
        ({"a": np.zeros((3, 5))}, TypeError),
        ({"a": np.zeros((3, 5), ">f4")}, TypeError),
        ({"a": np.zeros((5, 3), np.float32)}, ValueError),
        ({"a": np.zeros(15, np.float32)}, ValueError),
        ({"a": np.zeros((5, 3), np.float32).T}, ValueError),
        ({"a": np.zeros((3, 10), np.float32)[:, ::2]}, ValueError),
        ({"a": np.zeros((3, 5), np.float32)[::-1]}, ValueError),
        ({"a": np.broadcast_to(np.zeros(5, np.float32), (3, 5))}, ValueError),
        ({"a": np.zeros(61, np.uint8)[1:].view(np.float32).reshape(3, 5)}, ValueError),
        ({"c": np.broadcast_to(np.zeros((3, 4), np.float32), (3, 4))}, ValueError),
    ],
)
def test_operands_that_do_not_fit(gemm, changes, error):
    """Wrong type, byte order, shape, stride, alignment and read-only outputs are refused."""
    with pytest.raises(error):
        gemm.run(*operands(**changes))


def test_an_output_over_an_input_is_refused(gemm):
    """C may lie in the same array as A, between its rows, but not on it."""
    whole = np.zeros((3, 9), np.float32)
    gemm.run(*operands(a=whole[:, :5], c=whole[:, 5:]))
    with pytest.raises(ValueError, match="c overlaps a"):
        gemm.run(*operands(a=whole[:, :5], c=whole[:, 4:8]))


@pytest.mark.parametrize(
    ("slots", "rounds", "batch", "which"), [(0, 1, 1, "no slots"), (1, -1, 1, "rounds"), (1, 1, 0, "batch")]
)
def test_rounds_that_cannot_be(gemm, slots, rounds, batch, which):
    """No slots, negative rounds and empty batches are refused."""
    _, a, b, _, c = operands()
    with pytest.raises(ValueError, match=which):
        gemm.run_rounds([(a, b, c)] * slots, rounds, batch)


def test_no_rounds_take_no_time(gemm):
    """Zero rounds are allowed and return nothing."""
    _, a, b, _, c = operands()
    assert gemm.run_rounds([(a, b, c)], 0).shape == (0,)


def test_a_closed_plan_is_refused():
    """Closing twice is fine; using the plan afterwards is an error."""
    plan = Gemm("fp32", 3, 4, 5, threads=2)
    plan.close()
    plan.close()
    with pytest.raises(ValueError, match="closed"):
        plan.run(*operands())
    with pytest.raises(ValueError, match="closed"):
        _ = plan.variant


def test_the_variant_tells_how():
    """Instruction set, register tile, blocks as overridden and threads, all as text."""
    blocks = {"mc": 12, "nc": 64, "kc": 8, "nb": 32}
    with Gemm("fp32", 100, 100, 100, isa="portable", threads=2, blocks=blocks) as plan:
        assert plan.variant == {
            "isa": "portable",
            "kernel": "packed",
            "tile": "6x8",
            "blocks": "mc=12 nc=64 kc=8 nb=32",
            "threads": "2",
        }
    with Gemm("fp32", 100, 100, 100, kernel="naive") as plan:
        assert plan.variant == {"isa": "portable", "kernel": "naive", "threads": "1"}
