"""Attention: right answers pass however they are summed, wrong masks and heads are found."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.workloads import workload
from zbench.workloads.base import Answer, Array, Finding

WORK = workload("attention")
PREFILL = Case("attention", "fp32", (2, 4, 48, 48, 32), {"kv_heads": 2})
DECODE = Case("attention", "fp32", (3, 4, 1, 300, 32), {"kv_heads": 2})


def attention(case: Case, inputs: dict[str, Array], steps: str = "fp64", shift: int = 0) -> Array:
    """All of it, scores and weights rounded to `steps`; `shift` keys more than each query may see."""
    _, heads, q_len, kv_len, dim = case.size
    group = heads // int(case.get("kv_heads"))
    q, k, v = (inputs[name].astype(np.float64) for name in "qkv")
    k, v = (np.repeat(x, group, axis=1) for x in (k, v))
    scores = (q @ np.swapaxes(k, -1, -2) / np.sqrt(dim)).astype(NUMPY_DTYPES[steps]).astype(np.float64)
    if case.get("causal") == "yes":
        last = np.arange(q_len)[:, None] + kv_len - q_len + shift
        scores = np.where(np.arange(kv_len) <= last, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    total = weights.sum(axis=-1, keepdims=True)
    weights = weights.astype(NUMPY_DTYPES[steps]).astype(np.float64)
    return (weights @ v / total).astype(NUMPY_DTYPES[case.dtype])


def judged(case: Case, inputs: dict[str, Array], out: Array, seed: int = 3) -> Finding:
    return WORK.check(Answer(case, 1, 0, inputs, {"out": out}), np.random.default_rng(seed))


def of(case: Case, dtype: str) -> Case:
    return Case(case.workload, dtype, case.size, case.parameters)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("case", [PREFILL, DECODE])
def test_an_answer_rounded_at_every_step_passes(case: Case, dtype: str) -> None:
    """Scores and weights in the operands' dtype, as unfused implementations keep them."""
    case = of(case, dtype)
    inputs = WORK.fill(case, 1, 0)
    for seed in range(5):
        finding = judged(case, inputs, attention(case, inputs, dtype), seed)
        assert finding.passed, finding.why


@pytest.mark.parametrize("case", [PREFILL, DECODE])
def test_an_answer_in_a_narrower_dtype_is_seen(case: Case) -> None:
    """bf16 inside behind an fp32 label."""
    inputs = WORK.fill(case, 1, 0)
    assert not judged(case, inputs, attention(case, inputs, "bf16")).passed


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("shift", [-1, 1])
def test_a_mask_that_is_off_by_one_is_seen(dtype: str, shift: int) -> None:
    """A query that sees its successor, or not itself."""
    case = of(PREFILL, dtype)
    inputs = WORK.fill(case, 1, 0)
    with np.errstate(invalid="ignore"):
        out = attention(case, inputs, shift=shift)
    assert not judged(case, inputs, out).passed


def test_a_missing_mask_is_seen() -> None:
    """And the other way round: causal=no is another question."""
    free = Case("attention", "bf16", PREFILL.size, {"kv_heads": 2, "causal": "no"})
    inputs = WORK.fill(free, 1, 0)
    assert judged(free, inputs, attention(free, inputs)).passed
    assert not judged(of(PREFILL, "bf16"), inputs, attention(free, inputs)).passed


def test_the_wrong_group_of_keys_is_seen() -> None:
    """Head h reads group h // 2 here, not h % 2."""
    inputs = WORK.fill(DECODE, 1, 0)
    swapped = attention(DECODE, inputs)[:, [0, 2, 1, 3]]
    assert not judged(DECODE, inputs, swapped).passed


def test_what_was_never_written_is_seen_wherever_it_is() -> None:
    """Also outside the rows that are computed again."""
    case = of(PREFILL, "bf16")
    inputs = WORK.fill(case, 1, 0)
    out = attention(case, inputs)
    out[1, 3, 47, 31] = np.nan
    assert "1 of 12288 elements are no finite numbers" in judged(case, inputs, out).why


def test_masked_pairs_are_no_work() -> None:
    """Half of a square and its diagonal; a late query of a long sequence sees nearly all keys."""
    assert WORK.flops(PREFILL) == 4 * 2 * 4 * 32 * (48 * 49 // 2)
    assert WORK.flops(DECODE) == 4 * 3 * 4 * 32 * 300
    late = Case("attention", "fp32", (1, 1, 2, 5, 8))
    assert WORK.flops(late) == 4 * 8 * (4 + 5)


def test_decoding_moves_its_keys_and_values() -> None:
    """Of the grouped heads once, not once a query head."""
    assert WORK.bytes(DECODE) == 4 * 32 * (2 * 3 * 2 * 300 + 2 * 3 * 4)


def test_the_key_leaves_out_what_is_usual() -> None:
    """As many heads of keys as of queries; causal where a prompt is read, not for a single query."""
    case = Case("attention", "bf16", (1, 8, 1, 64, 16), {"kv_heads": 8, "causal": "no"})
    assert case.key == "attention/bf16/1x8x1x64x16"
    case = Case("attention", "bf16", (1, 8, 64, 64, 16), {"kv_heads": 2, "causal": "no"})
    assert case.key == "attention/bf16/1x8x64x64x16/causal=no/kv_heads=2"


def test_sums_in_plain_order_pass() -> None:
    """The least exact way to add up 8192 keys in fp32 is no wrong answer."""
    case = Case("attention", "fp32", (1, 1, 1, 8192, 32))
    inputs = WORK.fill(case, 1, 0)
    q, k, v = (inputs[name][0, 0] for name in "qkv")
    scores = (k * q).cumsum(axis=1, dtype=np.float32)[:, -1] / np.float32(np.sqrt(32))
    weights = np.exp(scores - scores.max())
    total = weights.cumsum(dtype=np.float32)[-1]
    out = (weights[:, None] * v).cumsum(axis=0, dtype=np.float32)[-1] / total
    finding = judged(case, inputs, out.reshape(1, 1, 1, 32))
    assert finding.passed, finding.why
