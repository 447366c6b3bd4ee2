"""GEMM: C = A B, m x n x k, row-major.

Rate = 2 m n k / t (Goto & van de Geijn, TOMS 2008, and every tool since).
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.workloads.base import (
    UNIT_ROUNDOFF,
    Answer,
    Array,
    Buffer,
    Finding,
    Workload,
    generator,
    uniform,
)

ROUNDING_MARGIN = 4
"""Times the typical rounding of a row, which plain sequential sums reach at 0.4: ten standard deviations
for them, more for blocked ones, and a factor of 40 below a product in half precision at k = 4096."""


def buffers(case: Case) -> dict[str, Buffer]:
    m, n, k = case.size
    return {
        "a": Buffer((k, m) if case.get("transa") == "t" else (m, k), case.dtype),
        "b": Buffer((n, k) if case.get("transb") == "t" else (k, n), case.dtype),
        "c": Buffer((m, n), case.dtype, output=True),
    }


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    rng = generator(seed, rank)
    return {
        name: uniform(rng, buffer.shape, case.dtype)
        for name, buffer in buffers(case).items()
        if not buffer.output
    }


def flops(case: Case) -> int:
    m, n, k = case.size
    return 2 * m * n * k


def freivalds(op_a: Array, op_b: Array, c: Array, unit_roundoff: float, rng: np.random.Generator) -> Finding:
    """Whether c = op_a op_b, in O(mn + mk + kn), against a fresh random +-1 vector.

    Freivalds 1977. Rounding: on random data of mean zero, as `fill` makes them, the error of element ij
    is a small multiple of u |a_i| |b_j| whatever k is (Higham & Mary 2020, "Sharper probabilistic
    backward error analysis for basic linear algebra kernels with random data"); with random signs the
    errors of a row add as the root of the sum of squares, to u |a_i| |B|_F. The fp64 sums over the n
    columns of this check itself add sqrt(n / k) of that in fp64's u.
    """
    n, k = c.shape[1], op_a.shape[1]
    x = rng.choice([-1.0, 1.0], size=n)
    error = np.abs(c @ x - op_a.astype(np.float64, copy=False) @ (op_b @ x))
    tolerance = (
        ROUNDING_MARGIN
        * (unit_roundoff + 2 * UNIT_ROUNDOFF["fp64"] * np.sqrt(n / max(k, 1)))
        * np.sqrt(np.einsum("ij,ij->i", op_a, op_a, dtype=np.float64))
        * np.sqrt(np.einsum("ij,ij->", op_b, op_b, dtype=np.float64))
    )
    smallest = float(2 * tolerance.max(initial=0.0))
    wrong = np.flatnonzero(~(error <= tolerance))  # NaN is wrong, too
    if not wrong.size:
        return Finding(True, smallest)
    row = int(wrong[0])
    return Finding(
        False,
        smallest,
        f"{wrong.size} of {c.shape[0]} rows are wrong, the first is row {row}: "
        f"off by {error[row]:.3g} where {tolerance[row]:.3g} is the most that rounding explains",
    )


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    case, a, b = answer.case, answer.inputs["a"], answer.inputs["b"]
    op_a = a.T if case.get("transa") == "t" else a
    op_b = b.T if case.get("transb") == "t" else b
    return freivalds(op_a, op_b, answer.outputs["c"], UNIT_ROUNDOFF[case.dtype], rng)


GEMM = Workload(
    name="gemm",
    suite="card",
    metric="rate",
    unit="FLOP/s",
    better="higher",
    method="freivalds",
    buffers=buffers,
    fill=fill,
    check=check,
    flops=flops,
    bytes=lambda case: sum(b.size_bytes for b in buffers(case).values()),
    value=lambda case, ns: flops(case) / ns * 1e9,
)
