"""What the meters told of one case over its launches: power, clock, temperature, work per energy."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from zbench.records.schema import Record, Telemetry
from zbench.workloads.base import Workload

ENERGY_ERROR_MAX = 0.1
"""Beyond it a work per energy is not derived: short windows on a counter that advances in steps have told of
twice the power that was drawn."""


class Watched(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Medians over launches of what each launch told; None where no launch told it."""

    method: str
    rate_hz: float
    power_w: float | None = None
    """Energy over the timed window; without it the mean of the power readings."""
    clock_hz: float | None = None
    memory_clock_hz: float | None = None
    temperature_c: float | None = None
    """The highest of all launches."""
    flop_per_j: tuple[float, ...] = ()
    """One for each launch; empty where any of them cannot tell, see `why`."""
    throttle: tuple[str, ...] = ()
    """Every reason that held the card back in any launch."""
    throttled: int = 0
    """Launches in which one did."""
    why: str = ""
    """Why there is no work per energy."""


def watched(work: Workload, records: Sequence[Record]) -> Watched | None:
    """Of all launches of one case; None unless each has telemetry. Nothing is dropped for being throttled."""
    told = [record.telemetry for record in records if record.telemetry]
    if not told or len(told) < len(records):
        return None
    efficiencies = [flop_per_j(work, record) for record in records]
    whys = [why for each in efficiencies if isinstance(why := each, str)]
    highest = [value for each in told for value in _column(each, "temperature_c")]
    return Watched(
        method="; ".join(dict.fromkeys(each.method for each in told)),
        rate_hz=told[0].rate_hz,
        power_w=_median([_power(each) for each in told]),
        clock_hz=_median([_mean(each, "clock_hz") for each in told]),
        memory_clock_hz=_median([_mean(each, "memory_clock_hz") for each in told]),
        temperature_c=max(highest) if highest else None,
        flop_per_j=() if whys else tuple(each for each in efficiencies if not isinstance(each, str)),
        throttle=tuple(dict.fromkeys(reason for each in told for reason in each.throttle)),
        throttled=sum(bool(each.throttle) for each in told),
        why=whys[0] if whys else "",
    )


def flop_per_j(work: Workload, record: Record) -> float | str:
    """Operations of the timed rounds over the energy of exactly these, or why that cannot be told."""
    told = record.telemetry
    if told is None:
        return "no meter"
    if told.energy_j is None:
        return told.why or "the meter tells no energy"
    if told.energy_error > ENERGY_ERROR_MAX:
        error, seconds = f"{told.energy_error:.0%}".replace("%", " %"), told.window_ns / 1e9
        return f"the energy of {seconds:.2g} s may be off by {error}, as it is told in steps; time it longer"
    if not told.energy_j:
        return "the energy counter stood still"
    flops = work.flops(record.case) * work.operations(record.case)
    return flops * record.batch * len(record.samples_ns) / told.energy_j or "counts no operations"


def _power(told: Telemetry) -> float | None:
    if told.energy_j is not None and told.window_ns and told.energy_error <= ENERGY_ERROR_MAX:
        return told.energy_j / told.window_ns * 1e9
    return _mean(told, "power_w")


def _column(told: Telemetry, name: str) -> list[float]:
    return [value for sample in told.samples if (value := getattr(sample, name)) is not None]


def _mean(told: Telemetry, name: str) -> float | None:
    values = _column(told, name)
    return float(np.mean(values)) if values else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
