"""Copies of torch between a device, its host and its peers: `Tensor.copy_`, as training and serving call it.

Pinned memory is copied with non_blocking=True: copies queue up as kernels do, and events or a synchronised
clock tell when the device has ended them. Of pageable memory torch itself waits for each copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch

from zbench.cards.base import whereabouts
from zbench.cards.torch_buffers import DTYPES
from zbench.cards.torch_devices import Module
from zbench.cards.torch_timing import Call
from zbench.case import Case
from zbench.errors import Unsupported

COPIES = ("copy_h2d", "copy_d2h", "copy_d2d")
DTYPES_OF_COPIES = ("byte",)
"""Bytes are bytes: no other dtype is copied at another rate."""


def peers(device: torch.device, module: Module) -> tuple[int, ...]:
    """Numbers of the other devices whose memory this one reaches by itself; none where torch does not tell.

    Between others torch stages through the host, which is no copy between cards.
    """
    reaches = getattr(module, "can_device_access_peer", None)
    if reaches is None:
        return ()
    others = (number for number in range(module.device_count()) if number != device.index)
    return tuple(number for number in others if reaches(device.index, number))


def empty(
    place: str | int, shape: tuple[int, ...], dtype: str, device: torch.device, reached: Sequence[int]
) -> torch.Tensor:
    """An uninitialised buffer off the device. Raises Unsupported, and RuntimeError as torch does."""
    kind = DTYPES[dtype]
    if place == "host":
        return torch.empty(shape, dtype=kind, device="cpu")
    if place == "pinned":
        tensor = torch.empty(shape, dtype=kind, device="cpu", pin_memory=True)
        if not tensor.is_pinned():
            raise Unsupported(f"no memory {whereabouts(place)}: torch returned pageable memory")
        return tensor
    if place in reached:
        return torch.empty(shape, dtype=kind, device=torch.device(device.type, int(place)))
    these = ", ".join(map(str, reached)) or "none"
    raise Unsupported(f"{device} does not reach the memory {whereabouts(place)} by itself (reaches: {these})")


def modes(case: Case, reached: Sequence[int]) -> Mapping[str, Sequence[int | str]]:
    """What there is of the parameters of a copy (workloads/copies.py)."""
    if case.workload == "copy_d2d":
        return {"peer": ("none", *reached), "blocking": ("no", "yes")}
    blocking = ("yes",) if case.get("memory") == "pageable" else ("no", "yes")
    return {"memory": ("pageable", "pinned"), "blocking": blocking}


def copied(case: Case, synchronize: Call, slot: Mapping[str, torch.Tensor]) -> Call:
    """The copy of one slot, enqueued on the device's stream, or waited for (`blocking=yes`)."""
    origin, target = slot["from"], slot["to"]
    if case.get("blocking") == "no":
        return partial(target.copy_, origin, non_blocking=True)
    if case.workload != "copy_d2d":
        return partial(target.copy_, origin, non_blocking=False)

    def and_wait() -> torch.Tensor:
        # between devices, and on one, torch waits for no copy
        answer = target.copy_(origin)
        synchronize()
        return answer

    return and_wait


def told(case: Case) -> dict[str, str]:
    """How such a plan answers."""
    return {"library": "torch", "copy": "waited for" if case.get("blocking") == "yes" else "queued"}
