"""Grouped GEMM, the experts of a mixture: rows of each expert times that expert's own weights.

size = (m, n, k): m tokens that choose `top` of `experts` each make m * top rows, which stand sorted by
expert, as after the permutation of a mixture-of-experts layer (Gale et al. 2022, "MegaBlocks"). Expert e
computes C_e = A_e B_e^T with B_e stored n x k, as published weights are. Rate = 2 m top n k / t.

Parameters: `experts`, `top`, `skew` (even, zipf: see zbench.routing), `out` (dtype of C), `data=zeros`.
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.routing import counts
from zbench.workloads.base import Answer, Array, Buffer, Finding, generator, rate
from zbench.workloads.gemm import OPERANDS, filled, product

__all__ = ["GROUPED_GEMM", "counts"]


def rows(case: Case) -> int:
    return case.size[0] * int(case.get("top"))


def buffers(case: Case) -> dict[str, Buffer]:
    _, n, k = case.size
    type_a, type_b = OPERANDS.get(case.dtype, (case.dtype, case.dtype))
    return {
        "a": Buffer((rows(case), k), type_a),
        "b": Buffer((int(case.get("experts")), n, k), type_b),
        "c": Buffer((rows(case), n), str(case.get("out")), output=True),
    }


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return filled(case, buffers(case), generator(seed, rank))


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    """Each expert's product against a fresh vector of its own (Freivalds)."""
    case, a, b = answer.case, answer.inputs["a"], answer.inputs["b"]
    smallest, first = 0.0, 0
    for expert, count in enumerate(counts(case)):
        mine = slice(first, first + count)
        first += count
        if not count:
            continue
        found = product(case, a[mine], b[expert].T, answer.outputs["c"][mine], rng)
        smallest = max(smallest, found.smallest_error)
        if not found.passed:
            return Finding(False, smallest, f"expert {expert} of {len(b)}, {count} rows: {found.why}")
    return Finding(True, smallest)


def flops(case: Case) -> int:
    _, n, k = case.size
    return 2 * rows(case) * n * k


def bytes_moved(case: Case) -> int:
    """All rows in and out, and the weights of the experts that have any."""
    sizes = {name: buffer.size_bytes for name, buffer in buffers(case).items()}
    asked = sum(count > 0 for count in counts(case))
    return sizes["a"] + sizes["c"] + sizes["b"] // int(case.get("experts")) * asked


GROUPED_GEMM = rate("grouped_gemm", "freivalds", buffers, fill, check, flops, bytes_moved)
