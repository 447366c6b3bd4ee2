"""Attention and mixtures of experts, as torch offers them; both allocate their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch.nn.attention import SDPBackend
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

from zbench.cards.torch_buffers import DTYPES
from zbench.cards.torch_timing import Call
from zbench.case import Case
from zbench.errors import Unsupported
from zbench.routing import counts

DTYPES_OF_LAYERS = ("fp32", "bf16", "fp16")
"""What models' layers are in, of what torch takes for both."""
PARAMETERS: Mapping[str, Mapping[str, Sequence[str] | None]] = {
    "attention": {"kv_heads": None, "causal": ("yes", "no")},
    "grouped_gemm": {"experts": None, "top": None, "skew": ("even", "zipf")},
}
"""Workload -> what torch is asked for."""

Slot = Mapping[str, torch.Tensor]


def attention(case: Case, slot: Slot) -> Call:
    """softmax(q k^T / sqrt(dim)) v by the backend that torch chooses.

    Raises Unsupported, TypeError, ValueError.

    torch's `is_causal` lets the first query see the first key only; where there are more keys than queries
    the case means that the last query sees all, which needs a mask of another kind.
    """
    q, k, v = (checked(case, slot, name) for name in ("q", "k", "v"))
    _, heads, q_len, kv_len, _ = case.size
    causal = case.get("causal") == "yes" and q_len > 1
    if causal and kv_len < q_len:
        raise Unsupported(f"causal attention of {q_len} queries over {kv_len} keys: the first would see none")
    mask = lower_right(q, k, v) if causal and kv_len > q_len else None
    return partial(
        scaled_dot_product_attention,
        q,
        k,
        v,
        attn_mask=mask,
        is_causal=causal and mask is None,
        enable_gqa=case.get("kv_heads") != heads,
    )


def lower_right(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The mask in which the last query sees all keys: as a bias that a fused backend knows, or, where it
    would be written out at every call, written out once."""
    shape = q.shape[-2], k.shape[-2]
    asked = torch.backends.cuda.SDPAParams(q, k, v, None, 0.0, False, q.shape[1] != k.shape[1])
    if torch.backends.cuda.can_use_flash_attention(asked):
        return causal_lower_right(*shape)
    return torch.ones(shape, dtype=torch.bool, device=q.device).tril(shape[1] - shape[0])


def checked(case: Case, slot: Slot, name: str) -> torch.Tensor:
    """An operand that is what the case says. Raises TypeError, ValueError."""
    batch, heads, q_len, kv_len, dim = case.size
    shape = (batch, heads, q_len, dim) if name == "q" else (batch, int(case.get("kv_heads")), kv_len, dim)
    return fits(case, slot, name, shape)


def fits(case: Case, slot: Slot, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if slot[name].dtype != DTYPES[case.dtype]:
        raise TypeError(f"{name} is {slot[name].dtype}, the case needs {case.dtype}")
    if tuple(slot[name].shape) != shape:
        raise ValueError(f"{name} is {tuple(slot[name].shape)}, the case needs {shape}")
    return slot[name]


def backend(call: Any) -> str:
    """Which of its implementations torch chooses for a call of `attention`: flash_attention, math, ..."""
    told = dict(call.keywords)
    mask = told["attn_mask"]
    if mask is not None and type(mask) is not torch.Tensor:
        return "flash_attention"  # the only one for which a bias stays one, see lower_right
    try:
        chosen = torch._fused_sdp_choice(
            *call.args, mask, 0.0, told["is_causal"], scale=None, enable_gqa=told["enable_gqa"]
        )
        return str(SDPBackend(chosen).name).lower()
    except (AttributeError, RuntimeError, ValueError):  # a device that chooses in its own way
        return "unknown"


def grouped(case: Case, slot: Slot) -> Call:
    """C_e = A_e B_e^T for each expert e, as one operation that allocates C. Raises TypeError, ValueError."""
    a, b, ends, _ = experts(case, slot)
    offsets = torch.tensor(ends, dtype=torch.int32, device=a.device)
    return partial(torch._grouped_mm, a, b.mT, offs=offsets)


def looped(case: Case, slot: Slot) -> Call:
    """The same, one product after the other, into C. Raises TypeError, ValueError."""
    a, b, ends, c = experts(case, slot)
    products = [
        partial(torch.mm, a[first:end], b[expert].mT, out=c[first:end])
        for expert, (first, end) in enumerate(zip([0, *ends], ends, strict=False))
        if end > first
    ]

    def run() -> torch.Tensor:
        for product in products:
            product()
        return c

    return run


def experts(case: Case, slot: Slot) -> tuple[torch.Tensor, torch.Tensor, list[int], torch.Tensor]:
    """A (rows, k), B (experts, n, k), the row behind each expert's last one, and C (rows, n)."""
    m, n, k = case.size
    if case.get("out") != case.dtype:
        raise Unsupported(f"out={case.get('out')}: torch groups products into {case.dtype} only")
    ends = list(accumulate(counts(case)))
    rows = m * int(case.get("top"))
    a = fits(case, slot, "a", (rows, k))
    b = fits(case, slot, "b", (int(case.get("experts")), n, k))
    return a, b, ends, fits(case, slot, "c", (rows, n))
