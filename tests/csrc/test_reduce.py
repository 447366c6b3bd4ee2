"""Reductions in C: every dtype, operation and instruction set against numpy's, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import UsageError
from zbench.fabrics.planned import BITWISE, REDOPS
from zbench.native import coll, cpu
from zbench.native.coll import combine_into, scale_into

ISAS = [name for name in cpu.isas() if coll.isa(name) == name]
"""Those with loops of their own; the others use one of these."""
REDUCED = [dtype for dtype in coll.DTYPES if dtype != "byte"]
COMBINATIONS = [
    (dtype, redop)
    for dtype in REDUCED
    for redop in coll.REDOPS
    if dtype not in FLOATS or redop not in BITWISE
]
LAYOUT = {"fp64": (11, 52), "fp32": (8, 23), "fp16": (5, 10), "bf16": (8, 7)}
"""Bits of the exponent and of the mantissa."""
NAN_BITS = {dtype: (1 << e) - 1 << m | 1 << m - 1 for dtype, (e, m) in LAYOUT.items()}
"""The NaN of a minimum or a maximum, in each of which these bits are set."""


def special_values(dtype: str) -> NDArray[Any]:
    """Zero, least and most subnormal, least normal, 1 and what follows, most, infinity and NaNs (quiet,
    with a payload, and signalling), of either sign."""
    e, m = LAYOUT[dtype]
    one, infinity, nan = (1 << e - 1) - 1 << m, (1 << e) - 1 << m, NAN_BITS[dtype]
    positive = [0, 1, (1 << m) - 1, 1 << m, one, one + 1, infinity - 1, infinity, nan, nan + 5, infinity + 3]
    signed = [value | sign for value in positive for sign in (0, 1 << e + m)]
    kind = NUMPY_DTYPES[dtype]
    return np.array(signed, f"u{kind.itemsize}").view(kind)


def bits(array: NDArray[Any]) -> NDArray[Any]:
    return array.view(f"u{array.itemsize}")


def random_bits(dtype: str, count: int, seed: int) -> NDArray[Any]:
    """All bit patterns alike: of 16 bits many NaNs, infinities and subnormals; integers that wrap."""
    kind = NUMPY_DTYPES[dtype]
    return np.frombuffer(np.random.default_rng(seed).bytes(count * kind.itemsize), kind).copy()


def anywhere(array: NDArray[Any], offset_bytes: int) -> NDArray[Any]:
    """A copy that starts so many bytes after where its type would want to."""
    memory = np.zeros(array.nbytes + offset_bytes, np.uint8)
    memory[offset_bytes:] = array.view(np.uint8)
    return memory[offset_bytes:].view(array.dtype)


@np.errstate(invalid="ignore")
def first_of(dtype: str, redop: str, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """min or max as csrc/coll/reduce.h defines them: -0 before +0, one NaN."""
    before = np.signbit(a) & ~np.signbit(b) | (a < b)
    result = np.where(before if redop == "min" else ~before, a, b)
    if dtype in FLOATS:
        bits(result)[np.isnan(a) | np.isnan(b)] = NAN_BITS[dtype]
    return result


@np.errstate(all="ignore")
def expected(dtype: str, redop: str, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """By numpy; fp16 and bf16 in fp32, rounded once."""
    if redop in ("min", "max"):
        return first_of(dtype, redop, a, b)
    operation = {
        "sum": np.add,
        "prod": np.multiply,
        "band": np.bitwise_and,
        "bor": np.bitwise_or,
        "bxor": np.bitwise_xor,
    }[redop]
    kind = np.float32 if dtype in ("fp16", "bf16") else a.dtype
    return np.asarray(operation(a.astype(kind), b.astype(kind)).astype(a.dtype))


@np.errstate(invalid="ignore")
def same(dtype: str, redop: str, found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    """Equal bits; where a sum or a product is a NaN, any quiet one."""
    equal = bits(found) == bits(wanted)
    if dtype in FLOATS and redop not in ("min", "max"):
        quiet = (bits(found) & NAN_BITS[dtype]) == NAN_BITS[dtype]
        equal |= np.isnan(found) & np.isnan(wanted) & quiet
    return bool(equal.all())


def test_what_a_case_may_ask_is_what_c_combines_by() -> None:
    """An average is a sum that is scaled."""
    assert {*coll.REDOPS, "avg"} == {*REDOPS}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("dtype", "redop"), COMBINATIONS)
def test_every_length_at_any_address(isa: str, dtype: str, redop: str) -> None:
    """Vector bodies and their remainders; nothing beside the target is written."""
    guard = 64
    for count in range(131):
        a, b = (anywhere(random_bits(dtype, count, 2 * count + i), (count + 3 * i) % 8) for i in range(2))
        memory = np.full(a.nbytes + 2 * guard + 8, 0xA5, np.uint8)
        start = guard + count % 7
        dst = memory[start : start + a.nbytes].view(a.dtype)
        combine_into(dtype, redop, dst, a, b, isa)
        assert same(dtype, redop, dst, expected(dtype, redop, a, b)), count
        assert (memory[:start] == 0xA5).all()
        assert (memory[start + a.nbytes :] == 0xA5).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("dtype", "redop"), COMBINATIONS)
def test_the_target_may_be_an_operand(isa: str, dtype: str, redop: str) -> None:
    """Either of them, or both."""
    a, b = random_bits(dtype, 1001, 1), random_bits(dtype, 1001, 2)
    for left, right in [(a, b), (a, a)]:
        for target in (0, 1):
            operands = [left.copy(), right.copy()] if left is not right else [left.copy()] * 2
            combine_into(dtype, redop, operands[target], *operands, isa)
            assert same(dtype, redop, operands[target], expected(dtype, redop, left, right))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("redop", ["sum", "prod", "min", "max"])
@pytest.mark.parametrize("dtype", list(LAYOUT))
def test_every_pair_of_special_values(isa: str, dtype: str, redop: str) -> None:
    """Zeros, subnormals, infinities and NaNs, by vectors and by what handles their remainders."""
    values = special_values(dtype)
    a, b = (each.ravel().copy() for each in np.meshgrid(values, values))
    dst = np.empty_like(a)
    combine_into(dtype, redop, dst, a, b, isa)
    wanted = expected(dtype, redop, a, b)
    assert same(dtype, redop, dst, wanted)
    for i in range(len(a)):
        one = slice(i, i + 1)
        combine_into(dtype, redop, dst[one], a[one], b[one], isa)
    assert same(dtype, redop, dst, wanted)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("redop", ["min", "max"])
@pytest.mark.parametrize("dtype", REDUCED)
def test_the_order_of_operands_does_not_show_in_an_extreme(isa: str, dtype: str, redop: str) -> None:
    """Not in one bit, NaNs and zeros included: all ranks get the same, whatever the algorithm."""
    a, b, c = (random_bits(dtype, 4099, seed) for seed in range(3))
    for each, value in zip((a, b, c), (0, 0, 1 << (8 * a.itemsize - 1)), strict=True):
        bits(each)[::5] = value  # zeros of either sign
    results = []
    for x, y, z in [(a, b, c), (c, b, a), (b, c, a)]:
        dst = np.empty_like(a)
        combine_into(dtype, redop, dst, x, y, isa)
        combine_into(dtype, redop, dst, z, dst, isa)
        results.append(bits(dst))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8, 127, 128, 129, 1000, 2**31])
@pytest.mark.parametrize("dtype", REDUCED)
def test_scaling(isa: str, dtype: str, ranks: int) -> None:
    """Floats times 1 / ranks, fp16 and bf16 in fp32 and rounded once; integers towards zero."""
    for count in (0, 1, 7, 16, 67, 1000):
        src = random_bits(dtype, count, count)
        if dtype not in FLOATS and count:
            src[0] = np.iinfo(src.dtype).min
            src[-1] = np.iinfo(src.dtype).max
        if dtype in FLOATS:
            kind = np.float32 if dtype in ("fp16", "bf16") else src.dtype
            with np.errstate(all="ignore"):
                factor = np.array(1, kind) / np.array(ranks, kind)
                wanted = (src.astype(kind) * factor).astype(src.dtype)
        else:
            whole = [abs(int(x)) // ranks * (1 if x > 0 else -1) for x in src]
            wanted = np.array(whole, src.dtype)
        src = anywhere(src, 1)
        dst = anywhere(np.zeros_like(src), 3)
        scale_into(dtype, dst, src, ranks, isa)
        assert same(dtype, "prod", dst, wanted)
        scale_into(dtype, src, src, ranks, isa)
        assert same(dtype, "prod", src, wanted)


def test_integers_wrap() -> None:
    """As numpy's do, and every MPI's."""
    for dtype in REDUCED:
        if dtype not in FLOATS:
            limits = np.iinfo(NUMPY_DTYPES[dtype])
            most, one = (np.array([value], limits.dtype) for value in (limits.max, 1))
            combine_into(dtype, "sum", most, most, one)
            assert most[0] == limits.min


def test_what_has_no_reduction_is_refused() -> None:
    """Sizes that differ, combinations that there are not, names that nobody knows, arrays with holes."""
    four, five = np.zeros(4, np.float32), np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="sizes differ"):
        combine_into("fp32", "sum", four, four, five)
    for dtype, redop, array in [("byte", "sum", four), ("fp32", "band", four), ("fp64", "sum", five)]:
        with pytest.raises(ValueError, match=f"{redop} of .* as {dtype}: an argument is out of range"):
            combine_into(dtype, redop, array, array, array)
    with pytest.raises(ValueError, match="did you mean 'fp32'"):
        combine_into("fp23", "sum", four, four, four)
    with pytest.raises(ValueError, match="redop 'prot' is unknown"):
        combine_into("fp32", "prot", four, four, four)
    with pytest.raises(ValueError, match="contiguous"):
        combine_into("fp32", "sum", np.zeros(8, np.float32)[::2], four, four)


def test_what_cannot_be_scaled_is_refused() -> None:
    """As above, and no ranks."""
    four, five = np.zeros(4, np.float32), np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="sizes differ"):
        scale_into("fp32", four, five, 2)
    with pytest.raises(ValueError, match="as byte: an argument is out of range"):
        scale_into("byte", four, four, 2)
    with pytest.raises(ValueError, match="ranks = 0"):
        scale_into("fp32", four, four, 0)


def test_an_instruction_set_that_is_not_here_is_refused() -> None:
    """It would end the process."""
    missing = next(name for name in cpu.ISAS if name not in cpu.isas())
    four = np.zeros(4, np.float32)
    for refused in (
        lambda: combine_into("fp32", "sum", four, four, four, missing),
        lambda: scale_into("fp32", four, four, 2, missing),
        lambda: coll.isa(missing),
    ):
        with pytest.raises(UsageError, match="this CPU lacks the instruction set"):
            refused()


def test_the_instruction_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is forced, or what it builds on where it brings nothing to reductions."""
    for name in cpu.isas():
        monkeypatch.setenv("ZBENCH_ISA", name)
        assert coll.isa() == coll.isa(name)
        assert coll.isa(name) in ISAS
        assert name.startswith(coll.isa(name))
    monkeypatch.delenv("ZBENCH_ISA")
    assert coll.isa() == coll.isa(cpu.isa())
