"""Cards whose arithmetic is broken in one place are caught by the tests that are there for it; an honest one
passes them all."""

from __future__ import annotations

import os
from itertools import count

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conformance.emulated import Emulated, Multiply, cut, one_by_one, verdict
from zbench.conformance.declaration import GemmDeclaration
from zbench.conformance.gemm import soak
from zbench.conformance.launches import Ask, conform
from zbench.subject import parse

HONEST = one_by_one()
NUMERIC = ("GE-15", "GE-17", "GE-18", "GE-19", "GE-20", "GE-23", "GE-24", "GE-25", "GE-27", "GE-28", "GE-29")
OTHERS = ("GE-30", "GE-37", "GE-39", "GE-40", "GE-41", "GE-42")
ALL_BITS = ("D0", "D1", "D2")


def in_bf16(operand: NDArray) -> NDArray:
    return operand.astype(ml_dtypes.bfloat16)


def in_tf32(operand: NDArray) -> NDArray:
    return cut(11)(operand.astype(np.float64))


def strassen(a: NDArray, b: NDArray) -> NDArray:
    """One level of it, where all sizes are even and large."""
    (m, k), n = a.shape, b.shape[1]
    if m % 2 or k % 2 or n % 2 or min(m, k, n) < 64:
        return HONEST(a, b)
    (p, q), (r, s) = (np.hsplit(half, 2) for half in np.vsplit(a, 2))
    (e, f), (g, h) = (np.hsplit(half, 2) for half in np.vsplit(b, 2))
    one, two, three, four = HONEST(p, f - h), HONEST(p + q, h), HONEST(r + s, e), HONEST(s, g - e)
    five, six, seven = HONEST(p + s, e + h), HONEST(q - s, g + h), HONEST(p - r, e + f)
    return np.block([[five + four - two + six, one + two], [three + four, one + five - three - seven]])


def clamped(c: NDArray) -> NDArray:
    return np.clip(c, -65504, 65504)


def flushed(c: NDArray) -> NDArray:
    return np.where(np.abs(c) < 2.0**-126, 0, c).astype(c.dtype)


def shuffled() -> Multiply:
    """Adds in another order at each call."""
    rng = np.random.default_rng(0)

    def multiply(a, b):
        order = rng.permutation(a.shape[1])
        return HONEST(a[:, order], b[order])

    return multiply


def keeping(key) -> Multiply:
    """Answers from memory what has the same key."""
    kept = {}

    def multiply(a, b):
        return kept[key(a, b)] if key(a, b) in kept else kept.setdefault(key(a, b), HONEST(a, b))

    return multiply


def sporadic() -> Multiply:
    """One element is one too large in every seventh product."""
    calls = count()

    def multiply(a, b):
        c = HONEST(a, b)
        c[-1, -1] += next(calls) % 7 == 6
        return c

    return multiply


def split(a: NDArray, b: NDArray) -> NDArray:
    """Adds two halves of K that were rounded to bf16 on their way."""
    half = a.shape[1] // 2
    first, second = in_bf16(HONEST(a[:, :half], b[:half])), in_bf16(HONEST(a[:, half:], b[half:]))
    return first.astype(np.float32) + second.astype(np.float32)


def by_height(a: NDArray, b: NDArray) -> NDArray:
    """Adds a single row's terms backwards."""
    return HONEST(a[:, ::-1], b[::-1]) if len(a) == 1 else HONEST(a, b)


def by_address(a: NDArray, b: NDArray) -> NDArray:
    """Adds backwards where A does not begin where a vector does."""
    return HONEST(a[:, ::-1], b[::-1]) if a.ctypes.data % 16 else HONEST(a, b)


BROKEN = {
    "sums in fp16": (one_by_one(np.float16), ("GE-23", "GE-24", "GE-25", "GE-27")),
    "sums cut off": (one_by_one(np.float64, total=cut(24)), ("GE-24", "GE-27")),
    "sums of 20 bits": (one_by_one(np.float64, total=cut(20)), ("GE-23", "GE-25")),
    "operands in bf16": (one_by_one(operand=in_bf16), ("GE-23", "GE-29")),
    "operands in tf32": (one_by_one(operand=in_tf32), ("GE-23", "GE-29")),
    "halves of K in bf16": (split, ("GE-18", "GE-23")),
    "Strassen": (strassen, ("GE-19",)),
    "a clamp at 65504": (one_by_one(total=clamped), ("GE-17",)),
    "subnormals flushed": (one_by_one(term=flushed, total=flushed), ("GE-15",)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_arithmetic_is_caught_by_the_tests_that_are_there_for_it(name: str) -> None:
    """Each fault fails each of its tests, with a reason."""
    multiply, ids = BROKEN[name]
    for id in ids:
        status, why, _ = verdict(Emulated(multiply), id)
        assert (id, status) == (id, "FAIL")
        assert why


@pytest.mark.parametrize("id", NUMERIC + OTHERS)
def test_honest_sums_pass(id: str) -> None:
    """One term after the other in fp32, as is assumed of a card that declares nothing."""
    status, why, _ = verdict(Emulated(HONEST), id)
    assert status == "PASS", why


@pytest.mark.parametrize("id", ["GE-18", "GE-19", "GE-23"])
def test_honest_sums_pass_whatever_the_seed(id: str) -> None:
    """20 seeds, and no false alarm."""
    only = {"GE-18": "* 8x24x66 *", "GE-19": "64x64x64 *", "GE-23": "* 33x17x129 nn draw=0 *"}[id]
    found = {verdict(Emulated(HONEST), id, seed=seed, only=only)[0] for seed in range(20)}
    assert found == {"PASS"}


@pytest.mark.parametrize(
    ("multiply", "declared"),
    [
        (one_by_one(np.float64, total=cut(24)), {"rounding": "truncate"}),
        (one_by_one(operand=in_tf32), {"operands": "tf32", "rounding": "truncate"}),
        (one_by_one(term=flushed, total=flushed), {"flush_inputs": True, "flush_results": True}),
    ],
    ids=["cut off", "tf32", "flushed"],
)
def test_what_is_declared_is_no_fault(multiply: Multiply, declared: dict) -> None:
    """Whoever says how it computes is held to that, and passes."""
    for id in NUMERIC:
        if declared.get("operands") and id in ("GE-17", "GE-20"):
            continue  # their whole point is operands that tf32 does not have
        status, why, _ = verdict(Emulated(multiply), id, GemmDeclaration(("fp32",), **declared))
        assert (id, status) == (id, "PASS"), why


def test_the_width_of_an_fp8_accumulator_is_found() -> None:
    """14 bits, cut off, behind a promise of fp32: what users found in fp8 units of 2022. Whoever declares it
    passes, and the fact is recorded."""
    unit = one_by_one(np.float64, total=cut(14))
    status, why, facts = verdict(Emulated(unit, "fp8e4m3"), "GE-25")
    assert (status, facts["accumulator_bits"]) == ("FAIL", "14")
    assert "keeps 14 bits, 24 are declared" in why
    said = GemmDeclaration(("fp8e4m3",), accumulator_bits=14, rounding="truncate")
    for id in ("GE-23", "GE-24", "GE-25", "GE-26"):
        assert verdict(Emulated(unit, "fp8e4m3"), id, said)[0] == "PASS"


def test_sums_in_fp16_are_no_fault_where_they_are_declared() -> None:
    """All tests ask for what 11 bits and fp16's exponents can hold; undeclared, they fail."""
    unit, said = one_by_one(np.float16), GemmDeclaration(("fp16",), accumulator_bits=11)
    for id in (*NUMERIC, "GE-41"):
        status, why, facts = verdict(Emulated(unit, "fp16"), id, said)
        assert (id, status) == (id, "PASS"), why
        if id == "GE-28":
            assert facts["tree of 16"].endswith("depth 15")
    assert verdict(Emulated(unit, "fp16"), "GE-26", said)[0] == "NOT_SUPPORTED"
    assert verdict(Emulated(unit, "fp16"), "GE-25")[0] == "FAIL"


def test_an_order_that_changes_is_seen() -> None:
    """By bytes (GE-30), and by the tree of additions (GE-28)."""
    assert verdict(Emulated(shuffled()), "GE-30")[0] == "FAIL"
    assert verdict(Emulated(shuffled()), "GE-28")[0] == "FAIL"


def test_the_tree_of_a_plain_loop_is_a_chain() -> None:
    """((((0 1) 2) 3) ...: as deep as there are additions; one fewer level where pairs are added first."""
    assert verdict(Emulated(HONEST), "GE-28")[2]["tree of 16"].endswith("depth 15")

    def pairs(a: NDArray, b: NDArray) -> NDArray:
        terms = np.einsum("ik,kj->kij", a, b)
        while len(terms) > 1:
            terms = terms[::2] + terms[1::2]
        return terms[0]

    assert verdict(Emulated(pairs), "GE-28")[2]["tree of 16"].endswith("depth 4")


def test_a_row_that_depends_on_its_neighbours_or_its_address_breaks_d2() -> None:
    """Where it is declared; where not, it is not tested."""
    said = GemmDeclaration(("fp32",), determinism=ALL_BITS)
    for broken in (by_height, by_address):
        assert verdict(Emulated(broken), "GE-32", said)[0] == "FAIL"
    assert verdict(Emulated(HONEST), "GE-32", said)[0] == "PASS"
    assert verdict(Emulated(by_height), "GE-32")[0] == "NOT_SUPPORTED"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU has no other number of threads")
def test_bits_that_depend_on_threads_break_d1() -> None:
    """Where it is declared."""
    card = Emulated(lambda a, b: HONEST(a, b) if card.threads == 1 else HONEST(a[:, ::-1], b[::-1]))
    assert verdict(card, "GE-31", GemmDeclaration(("fp32",), determinism=ALL_BITS))[0] == "FAIL"
    assert verdict(card, "GE-31")[0] == "NOT_SUPPORTED"


def test_stale_answers_are_wrong_and_kept_ones_are_seen() -> None:
    """By shape: the answer is another product's. By content: it is right, and comes too soon."""
    assert verdict(Emulated(keeping(lambda a, b: (a.shape, b.shape))), "GE-39")[0] == "FAIL"
    assert verdict(Emulated(keeping(lambda a, b: (a.shape, b.shape))), "GE-40")[0] == "FAIL"
    status, why, _ = verdict(Emulated(keeping(lambda a, b: (a.tobytes(), b.tobytes()))), "GE-40")
    assert (status, "seen before" in why) == ("MARGINAL", True)


def test_what_goes_wrong_once_in_a_while_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """By sums of rows and columns, which name the place, and by a hash; of so many rounds, by a clock that
    counts them."""
    monkeypatch.setattr(soak, "monotonic", count().__next__)
    status, why, _ = verdict(Emulated(sporadic()), "GE-37", soak_s=8)
    assert status == "FAIL"
    assert "sums of 1 rows and 1 columns are wrong" in why
    said, cores = GemmDeclaration(("fp32",), determinism=("D0",)), len(os.sched_getaffinity(0))
    rounds = 8 if cores > 1 else soak.RETESTS + 8  # a core's answer is compared once there are two of a kind
    status, why, _ = verdict(Emulated(sporadic()), "GE-38", said, soak_s=rounds)
    assert (status, "retests on this core differ" in why) == ("FAIL", True)


def test_soaking_tests_share_the_hours() -> None:
    """Half a second for each, of one that is asked for; in a process of their own, as `--hours` has it."""
    asked = Ask(parse("card", "cpu"), "L5", 0, ("GE-37", "GE-38"), ("int8",), hours=1 / 3600)
    found = {outcome.id: outcome for outcome in conform(asked)}
    assert {outcome.status for outcome in found.values()} == {"PASS"}
    assert found["GE-37"].facts["rounds"].endswith("in 0.5 s")
    assert found["GE-38"].facts["rounds"].endswith("in 0.5 s")


def test_outputs_that_prove_nothing_are_not_trusted() -> None:
    """A card that writes zeros, or the same everywhere."""
    for constant in (0, 7):
        multiply = lambda a, b: np.full((a.shape[0], b.shape[1]), constant)  # noqa: B023, E731
        assert verdict(Emulated(multiply), "GE-42")[0] == "MISTRUSTED"
