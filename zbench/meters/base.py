"""The contract of a meter: what tells power, energy, clocks and temperature while a card computes.

A vendor's card returns one from `Card.telemetry`; any object with these members will do, and deriving from
`Meter` gives the defaults. What a meter cannot tell is None, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Reading:
    """What a meter told at one moment."""

    energy_j: float | None = None
    """Of a counter that only grows, from wherever it began; the meter sees to its wrap-around."""
    power_w: float | None = None
    clock_hz: float | None = None
    """Of what computes; of several cores their mean."""
    memory_clock_hz: float | None = None
    temperature_c: float | None = None
    throttle: tuple[str, ...] = ()
    """Why the card is slower now than it could be, in words; empty: nothing holds it back. An idle card, and
    clocks that somebody has set, are no throttling."""


class Meter(Protocol):
    """Reads one card, or the host of cards that compute there. One thread at a time reads."""

    method: str
    """What is read, in a few words for the record: `nvml`, `rapl + cpufreq + hwmon`, a vendor's name."""
    rate_hz: float = 0.0
    """How often a thread shall read during the timed rounds. 0: only before and after them, as befits a card
    whose processor would have to run that thread."""
    refresh_s: float = 0.0
    """How long the energy counter (or the power figure, where there is no counter) stands still between two
    updates: over a window that is not much longer, energy cannot be told."""
    absent: Mapping[str, str] = {}
    """Quantity that is not read here -> why, for the fingerprint."""

    def read(self) -> Reading:
        """Takes well below a ms where that is possible. Whatever it raises ends the telemetry of the burst,
        is told in its record, and spoils nothing else."""
        ...
