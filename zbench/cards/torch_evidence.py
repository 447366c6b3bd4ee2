"""Which dtypes a device of torch really multiplies: found by asking it and by a small product, never by name.

A dtype is had when nothing that torch tells of the device denies it, and a product in it succeeds, is right
to the last bit, and was not handed to the CPU on the way. What torch tells matters where it would rather
convert than refuse: there a product proves nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from zbench.cards import torch_devices as devices
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite
from zbench.cards.torch_errors import refusals
from zbench.cards.torch_products import FP8, product, sums_of_fp32
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported

TRIED = ("fp64", "fp32", "tf32", "bf16", "fp16", "fp8e4m3", "fp8e5m2", "int8")
SIZE = (32, 48, 64)
"""m, n, k: multiples of 16, which fp8 and int8 ask for, and no two alike, so that a mix-up shows. Sums of 64
products of -1, 0 and 1 are exact in every dtype; bytes take their whole range, as a unit that saturates
(maddubs) is right for small ones."""
LARGE = 1024
"""m = n = k of the product that tells tf32 from fp32: libraries leave small ones to other kernels."""
BEYOND_TF32 = 1 + 2.0**-12
"""A number of fp32 that tf32's ten bits cannot hold: it becomes 1."""

CONVERTING_FP8 = ("cpu", "mps")
"""Where torch._scaled_mm turns fp8 into a wider float before it multiplies (pytorch/pytorch#196916 for
Metal): the product is right, and of another dtype."""


@contextmanager
def on_the_device_itself() -> Iterator[None]:
    """Raises Unsupported where torch warns that it has handed an operation to the CPU, as plug-ins do with
    what they lack."""
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            yield
    finally:
        torch.set_warn_always(always)
    for each in told:
        text = str(each.message)
        if "CPU" in text and ("fall back" in text or "fallback" in text):
            raise Unsupported(f"torch computes this elsewhere: {text.splitlines()[0]}")


def multiplied(device: torch.device, module: devices.Module) -> tuple[str, ...]:
    """The dtypes that this device multiplies itself; moments, and a few MiB. Raises MemoryError."""
    return tuple(
        dtype for dtype in TRIED if not denied(device, module, dtype) and multiplies(device, module, dtype)
    )


def denied(device: torch.device, module: devices.Module, dtype: str) -> bool:
    """Whether what torch tells of a device rules a dtype out."""
    if dtype in FP8 and device.type in CONVERTING_FP8:
        return True
    if device.type == "cpu":
        return denied_by_cpu(dtype)
    if dtype == "bf16" and hasattr(module, "is_bf16_supported"):
        try:
            return not module.is_bf16_supported(including_emulation=False)
        except TypeError:  # a plug-in's own, without emulation to exclude
            return not module.is_bf16_supported()
    told = devices.properties(device, module)
    if dtype in ("fp64", "fp16"):
        return not getattr(told, f"has_{dtype}", True)
    if dtype == "tf32":
        return not getattr(told, "has_subgroup_matrix_multiply_accumulate_tensor_float32", True)
    return False


def denied_by_cpu(dtype: str) -> bool:
    """oneDNN tells which narrow floats it has code for; without it torch computes fp16 one element after the
    other, at 1 % of the peak. bf16 without instructions of its own is converted on the way, which `variant`
    says."""
    if not torch.backends.mkldnn.is_available():
        return dtype in ("bf16", "fp16")
    if dtype == "bf16":
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if dtype == "fp16":
        return not torch.ops.mkldnn._is_mkldnn_fp16_supported()
    return False


def converted(dtype: str) -> bool:
    """Whether this CPU, of x86, lacks instructions for products in a narrow float."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if dtype != "bf16" or capabilities.get("architecture") != "x86_64":
        return False
    return not (capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def multiplies(device: torch.device, module: devices.Module, dtype: str) -> bool:
    """Whether a small product succeeds on the device and is right; of tf32 and fp32 also that it is rounded
    as the name says."""
    sums_of_fp32(dtype)
    try:
        with refusals(dtype, module), on_the_device_itself():
            right = small_product(device, dtype)
            rounded = dtype in ("tf32", "fp32") and rounds_to_tf32(device)
    except (TypeError, Unsupported):  # TypeError: a dtype that the device does not even store
        return False
    finally:
        sums_of_fp32("fp32")
    return right and rounded == (dtype == "tf32")


def small_product(device: torch.device, dtype: str) -> bool:
    case = Case("gemm", dtype, SIZE, {"transb": "t"})
    m, n, k = SIZE
    rng = np.random.default_rng(0)
    low, high = (-128, 128) if dtype == "int8" else (-1, 2)
    a, b = rng.integers(low, high, (m, k)), rng.integers(low, high, (n, k))
    slot = {
        "a": torch.empty((m, k), dtype=DTYPES[dtype], device=device),
        "b": torch.empty((n, k), dtype=DTYPES[dtype], device=device),
        "c": torch.zeros((m, n), dtype=DTYPES[str(case.get("out"))], device=device),
    }
    for name, values in (("a", a), ("b", b)):
        overwrite(slot[name], values.astype(NUMPY_DTYPES[dtype]))
    product(case, slot)()
    found = array_of(slot["c"]).astype(np.float64)
    return bool(np.array_equal(found, (a @ b.T).astype(np.float64)))


def rounds_to_tf32(device: torch.device) -> bool:
    """Whether a product of fp32 drops what tf32 cannot hold."""
    a = torch.eye(LARGE, device=device) * BEYOND_TF32
    c = torch.mm(a, torch.ones((LARGE, LARGE), device=device))
    return float(c.max()) < BEYOND_TF32
