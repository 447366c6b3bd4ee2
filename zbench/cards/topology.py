"""Where a device hangs in its host, by its PCI address: NUMA node, link, and its way to other devices.

Linux tells of PCI under /sys/bus/pci/devices and of NUMA under /sys/devices/system/node; NVIDIA's NVML tells
of NVLink and of what lies between two devices. What a system does not tell is absent: a virtual machine often
knows no node (-1) and no link.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

SYSTEM = Path("/sys")
GENERATIONS = {
    "2.5": "1.0",
    "5": "2.0",
    "5.0": "2.0",
    "8": "3.0",
    "8.0": "3.0",
    "16": "4.0",
    "16.0": "4.0",
    "32.0": "5.0",
    "64.0": "6.0",
}
"""GT/s of a lane, as Linux has spelled them over the years -> version of PCI Express."""
NVML_LEVELS = {
    0: "same board",
    10: "one PCIe switch",
    20: "several PCIe switches",
    30: "one host bridge",
    40: "one NUMA node",
    50: "across NUMA nodes",
}
"""nvmlGpuTopologyLevel_t (nvml.h): the nearest that two devices have in common."""


def pci_address(properties: Any) -> str | None:
    """`0000:17:00.0` of a device whose properties tell domain, bus and device, as torch.cuda's do."""
    numbers = [getattr(properties, f"pci_{name}_id", None) for name in ("domain", "bus", "device")]
    if not all(isinstance(number, int) for number in numbers):
        return None
    domain, bus, device = numbers
    return f"{domain:04x}:{bus:02x}:{device:02x}.0"


def located(address: str, system: Path = SYSTEM) -> dict[str, str]:
    """`numa`, `numa_distances` (from its node to each, as firmware ranks them: 10 is the node itself),
    `local_cpus` and `link` of the device at a PCI address; what the system does not tell is absent."""
    device = system / "bus/pci/devices" / address
    told = {"local_cpus": _text(device / "local_cpulist"), "link": link(device)}
    node = _text(device / "numa_node")
    if node.isdigit():
        told["numa"] = node
        told["numa_distances"] = _text(system / f"devices/system/node/node{node}/distance")
    return {name: text for name, text in sorted(told.items()) if text}


def link(device: Path) -> str:
    """`PCIe 5.0 x16 of x16`: what runs now, of what the device could; empty where the system does not tell.

    Idle devices may run their link slower than they would under load.
    """
    now, now_lanes = _speed(device / "current_link_speed"), _lanes(device / "current_link_width")
    most, most_lanes = _speed(device / "max_link_speed"), _lanes(device / "max_link_width")
    if not (now and now_lanes):
        return ""
    runs = f"{now} {now_lanes}"
    if not (most and most_lanes):
        return runs
    return f"{runs} of {most_lanes}" if most == now else f"{runs} of {most} {most_lanes}"


def _text(path: Path) -> str:
    try:
        return " ".join(path.read_text().split())
    except (OSError, UnicodeDecodeError):
        return ""


def _speed(path: Path) -> str:
    """`32.0 GT/s PCIe` -> `PCIe 5.0`; a speed that nobody knows yet as it is told."""
    number, _, unit = _text(path).partition(" ")
    if not unit.startswith("GT/s"):
        return ""
    return f"PCIe {GENERATIONS[number]}" if number in GENERATIONS else f"{number} GT/s"


def _lanes(path: Path) -> str:
    count = _text(path)
    return f"x{count}" if count.isdigit() and 0 < int(count) < 255 else ""  # 255: not known


def nvml_links(uuid: str, library: Any = None) -> dict[str, str]:
    """`nvlink` (active links, by the PCI address at their other end) and `beside` (what lies between this
    device and each other one) of the device of this UUID, as torch.cuda tells it; {} without NVML."""
    try:
        n: Any = library or import_module("pynvml")
    except ImportError:
        return {}
    try:
        n.nvmlInit()
        handle = n.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}")
        told = {"nvlink": _nvlink(n, handle), "beside": _beside(n, handle)}
    except n.NVMLError:
        return {}
    return {name: text for name, text in told.items() if text}


def _nvlink(n: Any, device: Any) -> str:
    """`18 to 0000:c1:00.0`: a card's neighbour, or the switch that joins all."""
    ends: Counter[str] = Counter()
    for number in range(n.NVML_NVLINK_MAX_LINKS):
        try:
            if n.nvmlDeviceGetNvLinkState(device, number):
                ends[_address(n.nvmlDeviceGetNvLinkRemotePciInfo(device, number))] += 1
        except n.NVMLError:  # fewer links than the library can count, or none
            continue
    return ", ".join(f"{count} to {end}" for end, count in sorted(ends.items()))


def _beside(n: Any, device: Any) -> str:
    """`0000:65:00.0: one PCIe switch`, for each other device of the host."""
    own = _address(n.nvmlDeviceGetPciInfo(device))
    between = []
    for index in range(n.nvmlDeviceGetCount()):
        try:
            other = n.nvmlDeviceGetHandleByIndex(index)
            if (address := _address(n.nvmlDeviceGetPciInfo(other))) != own:
                level = n.nvmlDeviceGetTopologyCommonAncestor(device, other)
                between.append(f"{address}: {NVML_LEVELS.get(level, f'level {level}')}")
        except n.NVMLError:  # a device that this user may not see
            continue
    return ", ".join(sorted(between))


def _address(told: Any) -> str:
    """NVML's PCI address in Linux' spelling: a domain of four digits, all in lower case. Some drivers do not
    tell the other end of a link."""
    text = told.busId.decode() if isinstance(told.busId, bytes) else str(told.busId)
    domain, _, rest = text.lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}" if domain and rest else "an unknown device"
