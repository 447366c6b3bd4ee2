"""What Gemm refuses: nothing a caller passes may reach C unchecked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
        (("tf32", 1, 1, 1), {}, ValueError),
        (("fp32", -1, 1, 1), {}, ValueError),
        (("fp32", 1.5, 1, 1), {}, TypeError),
        (("fp32", 1, 1, 2**63), {}, ValueError),
        (("fp64", 2**40, 1, 2**40), {}, ValueError),
        (("fp32", 1, 1, 1), {"threads": 0}, ValueError),
        (("fp32", 1, 1, 1), {"threads": 100_000}, ValueError),
        (("fp32", 1, 1, 1), {"isa": "sse9"}, ValueError),
        (("fp32", 1, 1, 1), {"kernel": "quick"}, ValueError),
        (("fp32", 1, 1, 1), {"kernel": "naive", "threads": 2}, ValueError),
        (("fp32", 1, 1, 1), {"blocks": {"mb": 1}}, ValueError),
        (("fp32", 1, 1, 1), {"out": "bf16"}, ValueError),
        (("int8", 1, 1, 1), {"out": "int8"}, ValueError),
        (("fp32", 1, 1, 1), {"batch": 0}, ValueError),
        (("fp32", 1, 1, 1), {"batch": 2, "prepacked": True}, ValueError),
        (("fp32", 2**30, 1, 2**30), {"batch": 2**10}, ValueError),
        (("fp32", 1, 1, 1), {"kernel": "naive", "prepacked": True}, ValueError),
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


def test_a_bound_product_computes_at_each_call(gemm):
    """Its arrays live as long as it does; it sees what is in them at each call, and checks them before."""
    alpha, a, b, beta, c = operands(a=np.ones((3, 5), np.float32))
    execute = gemm.bind(alpha, a, b, beta, c)
    b[:] = 2
    del a, b
    execute()
    np.testing.assert_array_equal(c, np.full((3, 4), 10))
    with pytest.raises(ValueError, match="shape"):
        gemm.bind(*operands(c=np.zeros((4, 4), np.float32)))
    gemm.close()
    with pytest.raises(ValueError, match="closed"):
        execute()


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
    """Whose kernel, which way, register tile, blocks as overridden and threads, all as text."""
    blocks = {"mc": 12, "kc": 8, "nb": 32}
    with Gemm("fp32", 100, 100, 100, isa="portable", threads=2, blocks=blocks) as plan:
        assert plan.variant == {
            "isa": "portable",
            "kernel": "packed",
            "tile": "6x8",
            "blocks": "mc=12 kc=8 nb=32",
            "threads": "2",
        }
    with Gemm("fp32", 100, 100, 100, kernel="naive") as plan:
        assert plan.variant == {"isa": "portable", "kernel": "naive", "threads": "1"}


def test_the_variant_tells_what_no_test_has_executed(monkeypatch):
    """A forced instruction set that is unverified stays marked in every record."""
    monkeypatch.setitem(cpu.EXECUTED, "portable", None)
    with Gemm("fp32", 4, 4, 4, isa="portable") as plan:
        assert plan.variant["isa"] == "portable (unverified)"


@pytest.mark.parametrize(
    ("size", "options", "path"),
    [
        ((8, 8, 8), {}, "small"),
        ((64, 64, 64), {"threads": 2, "batch": 100}, "small"),
        ((100, 100, 100), {"blocks": {"kc": 8}}, "packed"),
        ((2000, 2000, 2000), {}, "packed"),
        ((16, 2000, 2000), {"transb": True}, "thin"),
        ((17, 2000, 2000), {"transb": True}, "packed"),
        ((16, 2000, 2000), {"prepacked": True}, "thin"),
        ((16, 2000, 2000), {}, "packed"),
    ],
)
def test_each_shape_goes_its_own_way(size, options, path):
    """What fits a core's cache in place, unless blocks are asked for; few rows against lines of weights as
    they stand; all else packed."""
    with Gemm("fp32", *size, **options) as plan:
        assert plan.variant["kernel"] == path


def test_weights_belong_to_a_plan_that_takes_them():
    """B as the user stores it and B prepacked are never confused."""
    b = np.zeros((5, 4), np.float32)
    _, a, _, _, c = operands()
    with Gemm("fp32", 3, 4, 5) as plain, pytest.raises(ValueError, match="prepacked=True"):
        plain.pack_weights(b)
    with Gemm("fp32", 3, 4, 5, prepacked=True) as plan:
        weights = plan.pack_weights(b)
        plan.run(1, a, weights, 0, c)
        plan.pack_weights(b, weights)
        for wrong, error in ((b, TypeError), (weights[:-1], ValueError), (weights.tolist(), TypeError)):
            with pytest.raises(error):
                plan.run(1, a, wrong, 0, c)
        with pytest.raises(ValueError, match="shape"):
            plan.pack_weights(b.T)


@pytest.mark.parametrize(("alpha", "beta"), [(2, 0), (0.5, 0), (1, 0.5), (1, -1), (0, 0)])
def test_integers_are_not_scaled(alpha, beta):
    """alpha = 1 and beta 0 or 1: what else would have to be rounded."""
    a, b, c = np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int32)
    with Gemm("int8", 2, 2, 2) as plan, pytest.raises(ValueError, match="range"):
        plan.run(alpha, a, b, beta, c)


def test_products_of_a_batch_must_not_overlap():
    """C of one product over C of another, and operands that run backwards, are refused."""
    a = b = np.zeros((2, 3, 3), np.float32)
    with Gemm("fp32", 3, 3, 3, batch=2) as plan:
        plan.run(1, a, b, 0, np.zeros((2, 3, 3), np.float32))
        for c in (
            np.zeros((4, 3, 3), np.float32)[::-2],
            np.broadcast_to(np.zeros((3, 3), np.float32), (2, 3, 3)),
        ):
            with pytest.raises(ValueError, match=r"overlap|writeable"):
                plan.run(1, a, b, 0, c)


def test_threads_that_share_a_plan_take_turns():
    """Its work buffers are one thread's at a time."""
    rng = np.random.default_rng(0)
    slots = [
        (rng.integers(-9, 10, (200, 300)).astype(np.int8), rng.integers(-9, 10, (300, 200)).astype(np.int8))
        for _ in range(2)
    ]
    found = [np.zeros((200, 200), np.int32) for _ in slots]
    with Gemm("int8", 200, 200, 300) as plan, ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(plan.run_rounds, [(a, b, c)], 200) for (a, b), c in zip(slots, found, strict=True)
        ]
        for call in calls:
            call.result()
    for (a, b), c in zip(slots, found, strict=True):
        assert (c == a.astype(np.int32) @ b.astype(np.int32)).all()
