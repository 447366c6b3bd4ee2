"""A vendor's cards with meters of their own. They compute with zbench's kernels."""

from __future__ import annotations

import itertools

from zbench.cards.cpu import Cpu
from zbench.meters.base import Meter, Reading

COLD, HOT = 70.0, 71.0
"""°C at first, and from where the made-up card is held back."""


class Vendor(Meter):
    """Counts 10 J and 1 °C a reading, and is held back from the second one on."""

    method = "vendor-smi"

    def __init__(self, rate_hz: float = 0.0) -> None:
        self.rate_hz = rate_hz
        self.count = itertools.count()

    def read(self) -> Reading:
        i = next(self.count)
        temperature_c = min(COLD + i, 90.0)
        return Reading(
            energy_j=10.0 * i,
            clock_hz=2e9 / (1 + 0.01 * i),
            temperature_c=temperature_c,
            throttle=("over temperature",) if temperature_c >= HOT else (),
        )


class Metered(Cpu):
    def telemetry(self) -> Meter:
        return Vendor()


class Sampled(Cpu):
    """Read by a thread, as a device is."""

    def telemetry(self) -> Meter:
        return Vendor(rate_hz=200)


class Broken(Cpu):
    """Whose meter fails at once."""

    def telemetry(self) -> Meter:
        meter = Vendor()
        meter.count = iter("x")  # type: ignore[assignment]
        return meter
