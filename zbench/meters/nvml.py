"""NVIDIA's management library through its own Python package (nvidia-ml-py; the extra `nvml`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from itertools import pairwise
from time import perf_counter
from typing import Any

from zbench.meters.base import Meter, Reading

RATE_HZ = 10.0
"""What is read changes no faster: counters and power advance every 20 to 100 ms (arXiv 2312.02741)."""
REFRESH_S = 0.1
"""The slowest of these: what is assumed of a counter that could not be seen to advance."""
STEPS = 4
"""Of the counter, seen when the meter is opened; the longest of them is its refresh time."""
THROTTLING = {
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
    0x200: "board limit",
    0x400: "reliability",
}
"""Bits of nvmlClocksEventReasons (nvml.h)."""
NO_THROTTLING = 0x1 | 0x2 | 0x100
"""Bits that mean idle, application clocks and display clocks: nothing holds the card back against anybody's
will."""


class NoMeter(Exception):
    """Why there is none."""


class Nvml(Meter):
    """One device. What it does not support is left out and told in `absent`."""

    method = "nvml"
    rate_hz = RATE_HZ
    refresh_s = REFRESH_S

    def __init__(self, library: Any, device: Any) -> None:
        n = library
        quantities: dict[str, tuple[Callable[[], float], float]] = {
            "energy_j": (lambda: n.nvmlDeviceGetTotalEnergyConsumption(device), 1e-3),
            "power_w": (lambda: n.nvmlDeviceGetPowerUsage(device), 1e-3),
            "clock_hz": (lambda: n.nvmlDeviceGetClockInfo(device, n.NVML_CLOCK_SM), 1e6),
            "memory_clock_hz": (lambda: n.nvmlDeviceGetClockInfo(device, n.NVML_CLOCK_MEM), 1e6),
            "temperature_c": (lambda: n.nvmlDeviceGetTemperature(device, n.NVML_TEMPERATURE_GPU), 1.0),
        }
        absent: dict[str, str] = {}
        self.quantities = {}
        for name, (ask, unit) in quantities.items():
            try:
                ask()
                self.quantities[name] = ask, unit
            except n.NVMLError as error:
                absent[name] = str(error)
        if "energy_j" in self.quantities:
            self.refresh_s = refresh_s(self.quantities["energy_j"][0])
        self.reasons: Callable[[], int] | None = None
        for name in ("Throttle", "Event"):  # the second is its name since driver 535
            try:
                function = getattr(n, f"nvmlDeviceGetCurrentClocks{name}Reasons")
                function(device)
                self.reasons = partial(function, device)
            except (AttributeError, n.NVMLError) as error:
                absent["throttle"] = str(error)
        if self.reasons is not None:
            absent.pop("throttle", None)
        self.absent: Mapping[str, str] = absent

    def read(self) -> Reading:
        told = {name: ask() * unit for name, (ask, unit) in self.quantities.items()}
        return Reading(**told, throttle=throttling(self.reasons()) if self.reasons else ())


def refresh_s(counter: Callable[[], float], clock: Callable[[], float] = perf_counter) -> float:
    """The longest time between two of a few advances of a counter; `REFRESH_S` where it takes too long."""
    patience_s = clock() + (STEPS + 2) * REFRESH_S
    last, seen = counter(), list[float]()
    while len(seen) <= STEPS:
        now, at = counter(), clock()
        if at > patience_s:
            return REFRESH_S
        if now != last:
            seen.append(at)
            last = now
    return max(after - before for before, after in pairwise(seen))


def throttling(reasons: int) -> tuple[str, ...]:
    """The bits that mean throttling, in words; one that nobody knows yet by its number."""
    bits = [1 << i for i in range(64) if reasons >> i & 1 and not NO_THROTTLING >> i & 1]
    return tuple(THROTTLING.get(bit, f"reason 0x{bit:x}") for bit in bits)


def nvml_meter(which: str | int) -> Nvml | None:
    """The meter of a device, by its UUID (as torch.cuda tells it) or by NVML's index, which
    CUDA_VISIBLE_DEVICES does not change; None where there is none, and `no_nvml` says why."""
    try:
        return _opened(which)
    except NoMeter:
        return None


def no_nvml(which: str | int) -> str:
    """Why `nvml_meter` gives none, for a card's `describe`; empty where it gives one."""
    try:
        _opened(which)
    except NoMeter as none:
        return str(none)
    return ""


def _opened(which: str | int) -> Nvml:
    """Raises NoMeter."""
    try:
        library: Any = import_module("pynvml")
    except ImportError:
        raise NoMeter("nvidia-ml-py is not installed: pip install 'zbench[nvml]'") from None
    try:
        library.nvmlInit()
        if isinstance(which, int):
            return Nvml(library, library.nvmlDeviceGetHandleByIndex(which))
        uuid = which if which.startswith(("GPU-", "MIG-")) else f"GPU-{which}"
        return Nvml(library, library.nvmlDeviceGetHandleByUUID(uuid))
    except library.NVMLError as error:
        raise NoMeter(f"NVML: {error}") from None
