"""Devices of torch: which are here, which one a name means, and what each says of itself."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from zbench.cards.topology import SYSTEM, located, nvml_links, pci_address
from zbench.errors import UsageError

Module = Any
"""What torch.get_device_module returns: torch.cpu, torch.cuda, torch.npu, ..."""

UNKNOWN_CACHE_BYTES = 512 << 20
"""Where torch does not tell the size of a device's last cache: more than any had by 2026 (408 MB of L2, Intel
Data Center GPU Max; 256 MB behind the L2, AMD MI300X). Too large costs time, too small would let `cache=cold`
be warm."""
CACHE_PROPERTIES = ("L2_cache_size", "last_level_cache_size")
PROPERTIES = {
    "name": "name",
    "uuid": "uuid",
    "total_memory": "memory_bytes",
    "multi_processor_count": "multiprocessors",
    "max_compute_units": "compute_units",
    "gpu_eu_count": "execution_units",
    "driver_version": "driver",
    "L2_cache_size": "l2_bytes",
}
"""Properties that torch tells of some devices -> the names under which they are recorded."""


def accelerator() -> torch.device | None:
    """What torch finds here beside the CPU."""
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def present() -> list[str]:
    """What can be asked for here: `cpu`, `cuda:0`, `cuda:1`, ..."""
    found = accelerator()
    count = torch.accelerator.device_count() if found else 0
    return ["cpu", *(f"{found.type}:{i}" for i in range(count) if found)]


def siblings(device: torch.device) -> list[str]:
    """Every device of its kind here, by number; none beside the CPU, which torch sees as one."""
    if device.type == "cpu":
        return []
    return [f"{device.type}:{i}" for i in range(torch.get_device_module(device.type).device_count())]


def options() -> dict[str, str]:
    """What may stand behind `torch:` here -> half a line about it."""
    found, names = accelerator(), present()
    told = {"cpu": "oneDNN and the BLAS that torch was built with"}
    if found:
        told[found.type] = f"one of {', '.join(names[1:])}; the first unless the number is given"
    return told


def named(option: str | None) -> torch.device:
    """The device of this name, with its number; without one what torch finds here, else the CPU.

    Raises UsageError where torch knows no such device, or has none here.
    """
    if option is None:
        found = accelerator()
        return torch.device(found.type, 0) if found else torch.device("cpu")
    device = _parsed(option)
    here = f"here are {', '.join(present())}"
    # torch keeps numbers in a byte: cuda:256 would be cuda:0
    as_asked = option in (device.type, f"{device.type}:{device.index}")
    if device.type == "cpu":
        if device.index or not as_asked:
            raise UsageError(f"card torch:{option}: torch sees all CPUs as one; {here}")
        return torch.device("cpu")
    try:
        module = torch.get_device_module(device.type)
        count = module.device_count() if module.is_available() else 0
    except (RuntimeError, AttributeError):  # a kind of tensor that is no device, such as meta
        count = 0
    if not as_asked or not 0 <= (device.index or 0) < count:
        raise UsageError(f"card torch:{option}: torch {torch.__version__} finds no such device; {here}")
    return torch.device(device.type, device.index or 0)


def _parsed(option: str) -> torch.device:
    """A vendor's plug-in registers its devices on import; by the field's convention it is called after them
    (torch_npu, torch_mlu, torch_musa)."""
    kind = option.partition(":")[0]
    try:
        return torch.device(option)
    except RuntimeError:
        pass
    if re.fullmatch("[a-z]+", kind):
        try:
            import_module(f"torch_{kind}")
            return torch.device(option)
        except (ImportError, RuntimeError):
            pass
    here = ", ".join(present())
    raise UsageError(f"card torch:{option}: torch {torch.__version__} knows no such device; here are {here}")


def properties(device: torch.device, module: Module) -> Any:
    """What torch tells of a device; None where it tells nothing."""
    get = getattr(module, "get_device_properties", None)
    return get(device) if get else None


def last_level_cache_bytes(told: Any) -> int:
    """From a device's properties. On ROCm `L2_cache_size` is one die's, and a larger cache stands
    behind it: it is not believed there."""
    if torch.version.hip:
        return UNKNOWN_CACHE_BYTES
    return max(int(getattr(told, name, 0) or 0) for name in CACHE_PROPERTIES) or UNKNOWN_CACHE_BYTES


def build() -> dict[str, str]:
    """torch itself and the libraries it was built with."""
    text = torch.__config__.show()
    told = {"torch": str(torch.__version__)}
    for name, pattern in {
        "blas": r"BLAS_INFO=(\w+)",
        "mkl": r"Math Kernel Library Version (\S+?)-",
        "onednn": r"MKL-DNN (v[\d.]+)",
        "cpu_capability": r"CPU capability usage: (\S+)",
    }.items():
        if match := re.search(pattern, text):
            told[name] = match[1]
    runtimes = {name: getattr(torch.version, name, None) for name in ("cuda", "hip", "xpu")}
    return told | {name: str(version) for name, version in runtimes.items() if version}


def described(device: torch.device, module: Module, system: Path = SYSTEM) -> dict[str, str]:
    """What the fingerprint should say of a device that is not the CPU, and of where it hangs in its host."""
    told = properties(device, module)
    found = {
        label: str(getattr(told, name)) for name, label in PROPERTIES.items() if getattr(told, name, None)
    }
    if getattr(told, "major", None) is not None:
        found["capability"] = f"{told.major}.{told.minor}"
    address = pci_address(told)
    if address:
        found |= {"pci": address} | located(address, system)
    if "uuid" in found and torch.version.cuda:
        found |= nvml_links(found["uuid"])
    return {"device": str(device), **found}
