"""GEMM: C = op(A) op(B), m x n x k, row-major; `batch` of them side by side where that is above 1.

Rate = 2 m n k / t (Goto & van de Geijn, TOMS 2008, and every tool since), operations alike for integers.

Parameters: `transa`, `transb` (t: stored as k x m, n x k); `out` (dtype of C); `batch` (strided: each operand
is one array of that many matrices); `weights=prepacked` (B may be brought into a form of the card's own
before the clock starts); `cache=cold` (buffers rotate over at least twice the last-level cache);
`data=zeros` (for what power does to the rate, see judge/power.py); `alpha`, `beta` (numbers as Python writes
them: C = alpha op(A) op(B) + beta C, which conformance asks and nothing measures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES, RESULTS
from zbench.workloads import freivalds
from zbench.workloads.base import (
    UNIT_ROUNDOFF,
    Answer,
    Array,
    Buffer,
    Finding,
    Repeating,
    generator,
    rate,
    uniform,
)
from zbench.workloads.freivalds import Operand

OPERANDS = {"u8s8": ("uint8", "int8")}
"""dtypes of A and B where they differ."""
TENSOR_CORE_SUMS = 2.0**-20
"""Unit roundoff allowed to sums of products of narrow floats: matrix units align and cut partial sums
instead of rounding them (Fasi, Higham, Mikaitis & Pranesh 2021, "Numerical behavior of NVIDIA tensor
cores"), which is up to sqrt(k) / 8 times as much as rounding in fp32."""
FP8_SUMS = 2.0**-12
"""The same for fp8, whose units keep about 14 bits of a sum (DeepSeek-V3 technical report, section 3.3)."""
SUMS = {
    "fp64": UNIT_ROUNDOFF["fp64"],
    "fp32": UNIT_ROUNDOFF["fp32"],
    "tf32": TENSOR_CORE_SUMS,
    "bf16": TENSOR_CORE_SUMS,
    "fp16": TENSOR_CORE_SUMS,
    "fp8e4m3": FP8_SUMS,
    "fp8e5m2": FP8_SUMS,
}
"""dtype -> unit roundoff of its products and their sums."""


def batch(case: Case) -> int:
    return int(case.get("batch"))


def buffers(case: Case) -> dict[str, Buffer]:
    m, n, k = case.size
    many = (batch(case),) if batch(case) > 1 else ()
    type_a, type_b = OPERANDS.get(case.dtype, (case.dtype, case.dtype))
    return {
        "a": Buffer((*many, *((k, m) if case.get("transa") == "t" else (m, k))), type_a),
        "b": Buffer((*many, *((n, k) if case.get("transb") == "t" else (k, n))), type_b),
        "c": Buffer((*many, m, n), str(case.get("out")), output=True),
    }


def drawn(case: Case, seed: int, rank: int) -> dict[str, Repeating]:
    return repeating(case, buffers(case), generator(seed, rank))


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return filled(case, buffers(case), generator(seed, rank))


def filled(case: Case, buffers: Mapping[str, Buffer], rng: np.random.Generator) -> dict[str, Array]:
    return {name: data.whole() for name, data in repeating(case, buffers, rng).items()}


def repeating(case: Case, buffers: Mapping[str, Buffer], rng: np.random.Generator) -> dict[str, Repeating]:
    """The inputs among `buffers`: random with full mantissas, or zeros where the case asks for them."""
    inputs = {name: buffer for name, buffer in buffers.items() if not buffer.output}
    if case.get("data") == "zeros":
        return {name: Repeating(np.zeros(1, NUMPY_DTYPES[b.dtype]), b.shape) for name, b in inputs.items()}
    return {name: uniform(rng, buffer.shape, buffer.dtype) for name, buffer in inputs.items()}


def flops(case: Case) -> int:
    m, n, k = case.size
    return 2 * batch(case) * m * n * k


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    case, c = answer.case, answer.outputs["c"]
    op_a, op_b = (operand(answer.inputs[name], case.get(f"trans{name}") == "t") for name in ("a", "b"))
    return product(case, op_a, op_b, c, rng)


def operand(stored: Operand, transposed: bool) -> Operand:
    if not transposed:
        return stored
    return replace(stored, transposed=True) if isinstance(stored, Repeating) else np.swapaxes(stored, -1, -2)


def product(case: Case, op_a: Operand, op_b: Operand, c: Array, rng: np.random.Generator) -> Finding:
    """Whether C = op(A) op(B) as exactly as the case's dtypes allow.

    Shapes (..., m, k), (..., k, n), (..., m, n). Zeros have no rounding: their product must be zeros, which
    poison is not.
    """
    if case.dtype not in FLOATS:
        return freivalds.integers(op_a, op_b, c, rng)
    out = str(case.get("out"))
    accumulated = RESULTS[case.dtype][-1]  # the widest that C may be is what sums are kept in
    result = 0.0 if out == accumulated else UNIT_ROUNDOFF[out]
    operands = 2 * UNIT_ROUNDOFF["tf32"] if case.dtype == "tf32" else 0.0
    u = freivalds.Roundoff(SUMS[case.dtype], operands, result)
    return freivalds.floats(op_a, op_b, c, u, rng)


GEMM = rate("gemm", "freivalds", buffers, fill, check, flops, drawn=drawn)
