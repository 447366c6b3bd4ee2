"""What torch raises, as zbench's cards raise it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from zbench.errors import Unsupported

NO_MEMORY = ("out of memory", "can't allocate memory")
"""What torch's allocators say, where the class of the error does not."""
DEVICE_LOST = getattr(torch, "AcceleratorError", ())
"""What a device raises that can do nothing any more: no case is to blame, and none would do better."""


@contextmanager
def refusals(what: str, module: Any) -> Iterator[None]:
    """RuntimeError, torch's word for everything, becomes MemoryError or Unsupported, with torch's own reason.

    After MemoryError whatever torch keeps for later has been given back, so that a smaller case may fit.
    """
    try:
        yield
    except DEVICE_LOST:
        raise
    except AttributeError as error:  # what stands behind an underscore comes and goes
        raise Unsupported(f"{what}: not in torch {torch.__version__}: {error}") from error
    except RuntimeError as error:
        why = f"{what}: {(str(error).splitlines() or [type(error).__name__])[0]}"
        full = isinstance(error, torch.OutOfMemoryError) or any(said in str(error) for said in NO_MEMORY)
    else:
        return
    if full:
        if hasattr(module, "empty_cache"):
            module.empty_cache()
        raise MemoryError(why)
    raise Unsupported(why)
