"""What would make measurements here noisy or invalid, and how to change it. Nothing here changes anything:
tuning by a tool has made machines slower and survived reboots (psf/pyperf#158).

Address space randomisation is no finding: launches average over it.
"""

from __future__ import annotations

from collections.abc import Callable

from zbench.measure.doctor import limits, load, memory, processor
from zbench.measure.doctor.finding import LEVELS, Finding, Level
from zbench.measure.doctor.machine import Machine, Moment, this_machine

__all__ = ["LEVELS", "Finding", "Level", "Machine", "Moment", "diagnose", "this_machine"]

CHECKS: tuple[Callable[[Machine], Finding | None], ...] = (
    load.other_runs,
    load.other_load,
    load.steal,
    processor.governor,
    processor.boost,
    processor.clock_limit,
    processor.power_limit,
    processor.throttled,
    processor.mains,
    processor.siblings,
    processor.clock_source,
    processor.virtual,
    limits.quota,
    limits.affinity,
    memory.room,
    memory.swap,
    memory.huge_pages,
    memory.compaction,
    memory.numa_balancing,
    memory.shared_memory,
    limits.open_files,
    limits.locked_memory,
    limits.variables,
)


def diagnose(machine: Machine) -> list[Finding]:
    """Every topic that this machine has, worst first. Pure: reads what stands under `machine.root`."""
    found = [finding for check in CHECKS if (finding := check(machine)) is not None]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))
