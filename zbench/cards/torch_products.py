"""Matrix products of torch, each into memory that was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from zbench.cards import torch_devices as devices
from zbench.cards.base import Slot
from zbench.cards.torch_buffers import DTYPES
from zbench.cards.torch_timing import Call
from zbench.case import Case
from zbench.errors import Unsupported

PARAMETERS: dict[str, Sequence[int | str] | None] = {
    "transa": ("n", "t"),
    "transb": ("n", "t"),
    "out": None,
    "batch": None,
    "weights": ("plain", "prepacked"),
}
"""What torch is asked for; which of it a dtype on a device really has shows when an execution is tried."""
NARROW_SUMS = (
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
"""Of torch.backends.cuda.matmul: permissions to sum products of narrow floats in less than fp32."""


def sums_of_fp32(dtype: str) -> None:
    """From now on products of fp32 are in fp32 or tf32, as `dtype` says, sums of narrow floats in fp32."""
    torch.set_float32_matmul_precision("high" if dtype == "tf32" else "highest")
    for name in NARROW_SUMS:
        if hasattr(torch.backends.cuda.matmul, name):
            setattr(torch.backends.cuda.matmul, name, False)


FP8 = ("fp8e4m3", "fp8e5m2")
OPERANDS = {"u8s8": ("uint8", "int8")}


def product(case: Case, slot: Mapping[str, torch.Tensor]) -> Call:
    """C = op(A) op(B) of one slot; transposes are views. Raises Unsupported, TypeError, ValueError."""
    a, b, c = checked(case, slot)
    many = int(case.get("batch")) > 1
    if case.dtype == "int8":
        if many:
            raise Unsupported("torch._int_mm multiplies one pair of matrices: no batch")
        return partial(torch._int_mm, a, b, out=c)
    if case.dtype in FP8:
        if many:
            raise Unsupported("torch._scaled_mm multiplies one pair of matrices: no batch")
        if case.get("transa") == "t" or case.get("transb") == "n":
            raise Unsupported("torch._scaled_mm takes A by rows and B by columns only: transa=n, transb=t")
        one = torch.ones((), dtype=torch.float32, device=a.device)
        return partial(
            torch._scaled_mm,
            a,
            b,
            scale_a=one,
            scale_b=one,
            out_dtype=c.dtype,
            use_fast_accum=False,  # fp32 sums that are not cut
            out=c,
        )
    multiply = torch.bmm if many else torch.mm
    if a.dtype == c.dtype:
        return partial(multiply, a, b, out=c)
    return partial(multiply, a, b, out_dtype=c.dtype, out=c)


def checked(case: Case, slot: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """op(A), op(B) and C, which are what the case says. Raises TypeError, ValueError."""
    m, n, k = case.size
    batch = int(case.get("batch"))
    many = (batch,) if batch > 1 else ()
    matrices = {"c": slot["c"]}
    for name in ("a", "b"):
        matrices[name] = slot[name].mT if case.get(f"trans{name}") == "t" else slot[name]
    shapes = {"a": (*many, m, k), "b": (*many, k, n), "c": (*many, m, n)}
    dtypes = {"a": case.dtype, "b": case.dtype, "c": str(case.get("out"))}
    for name, matrix in matrices.items():
        if matrix.dtype != DTYPES[dtypes[name]]:
            raise TypeError(f"{name} is {matrix.dtype}, the case needs {dtypes[name]}")
        if tuple(matrix.shape) != shapes[name]:
            raise ValueError(f"{name} is {tuple(matrix.shape)}, the case needs {shapes[name]}")
    return matrices["a"], matrices["b"], matrices["c"]


def require_results_of_their_own(slots: Sequence[Slot]) -> None:
    """Raises ValueError where C, in the host's memory, overlaps what it is made of, which torch.mm computes
    wrongly, or may not be written, which a tensor over it does not know."""
    for slot in slots:
        if "c" not in slot:
            continue
        for name in slot.keys() & {"a", "b"}:
            if np.shares_memory(slot["c"], slot[name]):
                raise ValueError(f"c overlaps {name}")
        if not slot["c"].flags.writeable:
            raise ValueError("c must be writeable")


SMALL = 16**3
"""Up to this m n k torch multiplies narrow floats itself (ATen, mkldnn_gemm_min_size)."""


def computed_by(case: Case, device: torch.device) -> str:
    """Who multiplies. On the CPU the BLAS what BLAS has, oneDNN the narrow dtypes; of floats torch keeps some
    products for itself, the small ones and some with a vector, and does not tell."""
    if device.type == "cuda" and not torch.version.hip:
        preferred = str(torch.backends.cuda.preferred_blas_library()).rpartition(".")[2].lower()
        return "cublaslt" if case.dtype in (*FP8, "int8") else preferred
    if device.type != "cpu":
        return "rocm" if torch.version.hip else str(device.type)
    if case.dtype in ("fp64", "fp32"):
        return devices.build().get("blas", "torch")
    if not torch.backends.mkldnn.is_available():
        return "torch"
    m, n, k = case.size
    own = case.dtype != "int8" and (m * n * k <= SMALL or 1 in (m, n))
    return "onednn or torch" if own else "onednn"


PREPACKED = ("fp32", "bf16")
"""dtypes of which torch brings weights into a layout of oneDNN's own. Its quantised linear layers take floats
and are another operation than int8 x int8 -> int32."""


def require_prepacking(case: Case, device: torch.device) -> None:
    """Raises Unsupported where torch does not offer weights in a form of its own for this case."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        raise Unsupported("weights=prepacked: torch packs weights by oneDNN only, on the CPU")
    if case.dtype not in PREPACKED or case.get("out") != case.dtype:
        raise Unsupported(f"weights=prepacked: oneDNN linear layers of torch are {', '.join(PREPACKED)}")
    if (case.get("transa"), case.get("transb"), case.get("batch")) != ("n", "t", 1):
        raise Unsupported("weights=prepacked: linear layers are y = x W^T, one at a time: transb=t")


def prepacked(case: Case, slot: Mapping[str, torch.Tensor]) -> Call:
    """y = x W^T with W as it is now, in oneDNN's own layout, as torch's compiler has it for frozen models.
    Each execution allocates its result: torch offers no other way."""
    checked(case, slot)
    packed: Any = torch.ops.mkldnn._reorder_linear_weight(slot["b"], case.size[0])
    return partial(torch.ops.mkldnn._linear_pointwise, slot["a"], packed, None, "none", [], "")
