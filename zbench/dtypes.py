"""The dtypes of cases, as numpy knows them; beside the case, on the ground floor."""

from __future__ import annotations

from typing import Any

import numpy as np

NUMPY_DTYPES: dict[str, np.dtype[Any]] = {
    "fp32": np.dtype(np.float32),
    "fp64": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "byte": np.dtype(np.uint8),
}
