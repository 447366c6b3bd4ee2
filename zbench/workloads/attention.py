"""Scaled dot-product attention: out = softmax(q k^T / sqrt(dim)) v, for each head of each sequence.

size = (batch, heads, q_len, kv_len, dim). Prefill: q_len = kv_len; decoding: q_len = 1, where reading k and v
is what takes the time. Head h reads keys and values of head h // (heads / kv_heads) (grouped queries, Ainslie
et al. 2023). With `causal=yes` the last query sees all keys, each one before it one fewer.

Parameters: `kv_heads` (default: heads, which they divide), `causal` (default: yes where q_len > 1, then
kv_len >= q_len).
Rate = 4 batch heads dim (pairs of query and key that are not masked) / t (Dao 2023, "FlashAttention-2").
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.workloads.base import UNIT_ROUNDOFF, Answer, Array, Buffer, Finding, generator, rate
from zbench.workloads.gemm import SUMS, filled

CHECKED_ROWS = 32
"""Rows (sequence, head, query) that are computed again: each costs a pass over a head's keys and values."""
EARLY_QUERIES = 64
"""Half of the rows are drawn from the first queries: of few keys a wrong one weighs most, so a mask that is
off by one is seen there."""
ROUNDING_MARGIN = 4
"""Times the typical rounding of a row, as in freivalds.py."""


def kv_heads(case: Case) -> int:
    return int(case.get("kv_heads"))


def causal(case: Case) -> bool:
    return case.get("causal") == "yes"


def buffers(case: Case) -> dict[str, Buffer]:
    batch, heads, q_len, kv_len, dim = case.size
    return {
        "q": Buffer((batch, heads, q_len, dim), case.dtype),
        "k": Buffer((batch, kv_heads(case), kv_len, dim), case.dtype),
        "v": Buffer((batch, kv_heads(case), kv_len, dim), case.dtype),
        "out": Buffer((batch, heads, q_len, dim), case.dtype, output=True),
    }


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return filled(case, buffers(case), generator(seed, rank))


def visible(case: Case, query: int) -> int:
    """Keys that a query sees."""
    _, _, q_len, kv_len, _ = case.size
    return max(0, kv_len - q_len + 1 + query) if causal(case) else kv_len


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    """Rows drawn after the burst against fp64, and every other element for being one at all.

    A row is a mean of values with weights p_i. Each weight is off by its own rounding and that of its score
    s_i, of typical size u (1 + |s_i|), independently of the others (Higham & Mary 2019, "A new approach to
    probabilistic rounding error analysis": such errors add up like a random walk), and the row is rounded
    once more when it is stored. Sums, of the scores and over the keys, are kept in w, the roundoff that
    products of this dtype have (gemm.SUMS). So the typical length of a row's error is
    u (sqrt(sum_i p_i^2 (1 + |s_i|)^2 |v_i|^2) + |out|)
    + w (sqrt(sum_i p_i^2 |q|^2 |k_i|^2 / dim |v_i|^2) + |p| |V|_F).
    """
    case, out, u = answer.case, answer.outputs["out"], UNIT_ROUNDOFF[answer.case.dtype]
    batch, heads, q_len, _, dim = case.size
    unwritten = int(np.count_nonzero(~np.isfinite(out)))
    if unwritten:
        return Finding(False, 0.0, f"out: {unwritten} of {out.size} elements are no finite numbers")
    smallest = 0.0
    for i in range(CHECKED_ROWS):
        sequence, head = int(rng.integers(batch)), int(rng.integers(heads))
        query = int(rng.integers(min(q_len, EARLY_QUERIES) if i % 2 else q_len))
        seen, group = visible(case, query), head * kv_heads(case) // heads
        q = answer.inputs["q"][sequence, head, query].astype(np.float64)
        k = answer.inputs["k"][sequence, group, :seen].astype(np.float64)
        v = answer.inputs["v"][sequence, group, :seen].astype(np.float64)
        scores = k @ q / np.sqrt(dim)
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        expected = weights @ v
        lengths, w = np.linalg.norm(v, axis=1), SUMS[case.dtype]
        rounded = np.linalg.norm(weights * (1 + np.abs(scores)) * lengths) + np.linalg.norm(expected)
        widest = np.linalg.norm(q) * np.linalg.norm(k, axis=1) / np.sqrt(dim)
        summed = np.linalg.norm(weights * widest * lengths) + np.linalg.norm(weights) * np.linalg.norm(v)
        tolerance = ROUNDING_MARGIN * float(u * rounded + w * summed)
        error = float(np.linalg.norm(out[sequence, head, query].astype(np.float64) - expected))
        smallest = max(smallest, 2 * tolerance)
        if not error <= tolerance:
            return Finding(
                False,
                smallest,
                f"sequence {sequence}, head {head}, query {query}: off by {error:.3g} where {tolerance:.3g} "
                "is the most that rounding explains",
            )
    return Finding(True, smallest)


def flops(case: Case) -> int:
    batch, heads, q_len, kv_len, dim = case.size
    pairs = q_len * kv_len
    if causal(case):
        seeing = min(q_len, kv_len)  # each of these queries sees one key more than the one before
        pairs = seeing * (kv_len - seeing) + seeing * (seeing + 1) // 2
    return 4 * batch * heads * dim * pairs


ATTENTION = rate("attention", "rows in fp64", buffers, fill, check, flops)
"""Everything once is what it must move: decoding does little else."""
