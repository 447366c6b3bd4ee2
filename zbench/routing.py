"""How many rows each expert gets, of a grouped GEMM or across ranks; on the ground floor, for cards too."""

from __future__ import annotations

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES

ZIPF_EXPONENT = 1.0
"""The i-th busiest expert is asked 1 / i as often as the busiest (Zipf's law). Routers trained without a
balancing loss come near it; what is trained with one lies between this and `even`."""


def counts(case: Case) -> list[int]:
    """Rows of each expert, the busiest first: m tokens that choose `top` of the `experts`. Pure.

    In all m * top, and no expert has more than m, as a token chooses each at most once. Shares are rounded by
    the largest remainder (Hamilton's method), ties to the busier expert. Raises ValueError where fewer than
    `top` experts exist.
    """
    m, experts, top = case.size[0], int(case.get("experts")), int(case.get("top"))
    if not 1 <= top <= experts:
        raise ValueError(f"{case.key}: each token chooses {top} of {experts} experts")
    exponent = ZIPF_EXPONENT if case.get("skew") == "zipf" else 0.0
    weights = [(i + 1) ** -exponent for i in range(experts)]
    full = 0  # experts that every token chooses
    while weights[full] * (top - full) > sum(weights[full:]):
        full += 1
    return [m] * full + _rounded(weights[full:], m * (top - full))


def _rounded(weights: list[float], total: int) -> list[int]:
    """Whole numbers in proportion to `weights` that sum to `total`."""
    shares = [total * weight / sum(weights) for weight in weights]
    whole = [int(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda i: (whole[i] - shares[i], i))
    for i in order[: total - sum(whole)]:
        whole[i] += 1
    return whole


def count_matrix(case: Case) -> list[list[int]]:
    """Of an alltoallv: rank i sends [i][j] elements to rank j, `size` bytes in all. Pure.

    Every rank has one expert. All ranks ask the same experts more often, as tokens of one batch do, so with
    `skew=zipf` rank 0 gets the most.
    """
    elements = case.size[0] // NUMPY_DTYPES[case.dtype].itemsize
    exponent = ZIPF_EXPONENT if case.get("skew") == "zipf" else 0.0
    row = _rounded([(rank + 1) ** -exponent for rank in range(case.ranks)], elements)
    return [row] * case.ranks
