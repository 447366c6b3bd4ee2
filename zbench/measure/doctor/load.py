"""Who else uses this machine now."""

from __future__ import annotations

from zbench.measure.doctor.finding import Finding, careful, fine, invalid, unknown
from zbench.measure.doctor.machine import MOMENT_S, Machine
from zbench.measure.doctor.processor import virtual_flag

STEAL_SHARE = 0.01
"""One tick of 10 ms in a second of one CPU; a burst of 0.5 s then misses 5 ms, a hundred short rounds."""
BUSY_SHARE = 0.05
"""Of the usable CPUs: daemons take less."""
FREE_CPUS = 0.5
"""Where less than this is left over all usable CPUs, every round shares its core."""
BUSY_PROCESS = 0.02
"""CPUs; what takes less is not named."""


def other_runs(machine: Machine) -> Finding:
    topic, where = "other zbench runs", "/proc/*/stat"
    if not machine.neighbours:
        return fine(topic, "none in sight", where)
    found = ", ".join(f"pid {pid}" for pid in machine.neighbours)
    why = "both measure each other"
    return careful(topic, found, where, why, advice="wait until it ends (ps -C zbench-run)")


def other_load(machine: Machine) -> Finding:
    topic, where = "other load", "/proc/stat, /proc/loadavg"
    shares = [machine.moment.busy.get(cpu, 0.0) for cpu in machine.usable]
    busy, usable = sum(shares), len(shares)
    averages = " ".join((machine.text("/proc/loadavg") or "not told").split()[:3])
    found = f"{busy:.2f} of {usable} usable CPUs busy over {MOMENT_S:g} s (load average {averages})"
    names = [f"{name} {share:.2f} CPUs" for name, share in machine.moment.busiest if share >= BUSY_PROCESS]
    advice = f"end or await: {', '.join(names) or 'what cannot be seen from here (another container?)'}"
    if usable - busy < FREE_CPUS:
        return invalid(topic, found, where, "no CPU is free: every round waits for others", advice=advice)
    if busy > BUSY_SHARE * usable:
        return careful(topic, found, where, "some rounds wait for others", advice=advice)
    return fine(topic, found, where)


def steal(machine: Machine) -> Finding:
    topic, where = "steal time", "/proc/stat"
    now, ever = machine.moment.steal, machine.moment.steal_since_boot
    found = f"{100 * now:.1f} % in {MOMENT_S:g} s, {100 * ever:.2f} % since boot"
    if max(now, ever) > STEAL_SHARE:
        why = "the hypervisor gives these CPUs to other guests, in the midst of rounds too"
        advice = "measure when the host is quiet, or ask for CPUs of your own (dedicated, pinned)"
        return careful(topic, found, where, why, advice=advice)
    if virtual_flag(machine) and not ever:
        why = "a hypervisor that keeps it to itself looks the same"
        return unknown(topic, "none told since boot", where, why)
    return fine(topic, found, where)
