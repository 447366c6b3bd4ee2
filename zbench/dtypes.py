"""The dtypes of cases, as numpy knows them; beside the case, on the ground floor.

ml_dtypes brings numpy the narrow floats that it lacks; their names follow the field (OCP's FP8).
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

NUMPY_DTYPES: dict[str, np.dtype[Any]] = {
    "fp64": np.dtype(np.float64),
    "fp32": np.dtype(np.float32),
    "tf32": np.dtype(np.float32),  # stored as fp32; a card rounds when it multiplies
    "fp16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "fp8e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "fp8e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "int32": np.dtype(np.int32),
    "uint32": np.dtype(np.uint32),
    "int64": np.dtype(np.int64),
    "uint64": np.dtype(np.uint64),
    "byte": np.dtype(np.uint8),
}

FLOATS = frozenset({"fp64", "fp32", "tf32", "fp16", "bf16", "fp8e4m3", "fp8e5m2"})

RESULTS: dict[str, tuple[str, ...]] = {
    "fp64": ("fp64",),
    "fp32": ("fp32",),
    "tf32": ("fp32",),
    "bf16": ("bf16", "fp32"),
    "fp16": ("fp16", "fp32"),
    "fp8e4m3": ("bf16", "fp16", "fp32"),
    "fp8e5m2": ("bf16", "fp16", "fp32"),
    "int8": ("int32",),
    "u8s8": ("int32",),
}
"""dtype of a product's operands -> what C may be, the default first. `u8s8` is A uint8, B int8."""

DTYPES: tuple[str, ...] = (*NUMPY_DTYPES, *(name for name in RESULTS if name not in NUMPY_DTYPES))
"""What a case may be of."""
