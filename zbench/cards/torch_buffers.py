"""Buffers of torch and arrays of numpy, bit for bit: neither knows all the other's dtypes, so bits are what
crosses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zbench.dtypes import NUMPY_DTYPES

DTYPES: dict[str, torch.dtype] = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8e4m3": torch.float8_e4m3fn,
    "fp8e5m2": torch.float8_e5m2,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int32": torch.int32,
    "int64": torch.int64,
    "byte": torch.uint8,
}
BITS: dict[int, tuple[type[np.generic], torch.dtype]] = {
    1: (np.uint8, torch.uint8),
    2: (np.int16, torch.int16),
    4: (np.int32, torch.int32),
    8: (np.int64, torch.int64),
}
"""Bytes of an element -> the integer that carries its bits in either library."""
_TO_NUMPY = {kind: NUMPY_DTYPES[name] for name, kind in DTYPES.items()}
_TO_TORCH = {NUMPY_DTYPES[name]: kind for name, kind in DTYPES.items()}


def tensor_of(array: NDArray[Any]) -> torch.Tensor:
    """A tensor over the memory of a writeable array, its strides kept. Raises TypeError for other dtypes."""
    if array.dtype not in _TO_TORCH:
        raise TypeError(f"no tensor of {array.dtype}")
    return torch.from_numpy(array.view(BITS[array.itemsize][0])).view(_TO_TORCH[array.dtype])


def array_of(tensor: torch.Tensor) -> NDArray[Any]:
    """A copy on the host of any tensor, row-major, NaN payloads and all."""
    bits = tensor.detach().contiguous().view(BITS[tensor.element_size()][1])
    return np.array(bits.cpu().numpy()).view(_TO_NUMPY[tensor.dtype])


def overwrite(tensor: torch.Tensor, array: NDArray[Any]) -> None:
    """Copy an array into a tensor on any device; returns when that has been done.

    Raises TypeError and ValueError where dtype and shape are not the tensor's: nothing is converted, nothing
    broadcast.
    """
    if _TO_TORCH.get(array.dtype) != tensor.dtype:
        raise TypeError(f"data of {array.dtype} for a buffer of {tensor.dtype}")
    if array.shape != tuple(tensor.shape):
        raise ValueError(f"data of shape {array.shape} for a buffer of shape {tuple(tensor.shape)}")
    writeable = np.array(array, order="C") if not array.flags.writeable else np.ascontiguousarray(array)
    tensor.view(BITS[array.itemsize][1]).copy_(
        torch.from_numpy(writeable.view(BITS[array.itemsize][0])), non_blocking=False
    )
