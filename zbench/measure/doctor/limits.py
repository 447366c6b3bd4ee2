"""What this process may take: CPUs, files, locked memory; and what the environment tells libraries."""

from __future__ import annotations

import resource
import shlex

from zbench.measure.doctor.finding import Finding, careful, fine, invalid, unknown
from zbench.measure.doctor.machine import Machine
from zbench.measure.doctor.processor import CPUS, ranges
from zbench.measure.fingerprint import ENVIRONMENT_PREFIXES, cpu_list
from zbench.native.cpu import cgroup_quotas

OPEN_FILES = 64
"""A run's own, counted with room to spare: modules, the record, charts while they are drawn."""
FILES_PER_RANK = 4
"""A control socket (two ends while it starts), and what a fabric passes on."""
WANTED_FILES = 4096


def quota(machine: Machine) -> Finding:
    topic, groups = "CPU quota", "/sys/fs/cgroup"
    if not (machine.root / groups.lstrip("/")).is_dir():
        return unknown(topic, "no control groups here", groups, "a quota of the container cannot be seen")
    quotas = cgroup_quotas(machine.root)
    if not quotas:
        return fine(topic, "none", groups)
    group, cpus = min(quotas.items(), key=lambda each: each[1])
    found, where = f"{cpus:g} CPUs, {len(machine.usable)} are usable", f"/{group.relative_to(machine.root)}"
    advice = "ask for whole CPUs instead of shares (docker run --cpuset-cpus; Kubernetes: static CPU manager)"
    if cpus < 1:
        why = "even one busy thread stands still for part of every period"
        return invalid(topic, found, where, why, advice=advice)
    if cpus < len(machine.usable):
        why = "once it is used up all threads stand still until the next period (100 ms)"
        return careful(topic, found, where, why, advice=advice)
    return fine(topic, found, where)


def affinity(machine: Machine) -> Finding:
    topic, where = "usable CPUs", "sched_getaffinity"
    online, usable = cpu_list(machine.text(f"{CPUS}/online") or ""), sorted(machine.usable)
    found = f"{len(usable)} of {len(online) or 'unknown'} online ({ranges(usable)})"
    if len(usable) < 2:
        why = "two ranks take turns on one CPU, so latencies are the scheduler's"
        advice = "give it a second CPU to measure a fabric; cards alone (zbench run card) are fine"
        return careful(topic, found, where, why, advice=advice)
    if len(usable) < len(online):
        why = "who uses the others shares the caches and the memory's bandwidth"
        advice = "ask the batch system for the whole host (Slurm: --exclusive), or start outside taskset"
        return careful(topic, found, where, why, advice=advice)
    return fine(topic, found, where)


def open_files(machine: Machine) -> Finding:
    topic, where, limit = "open files", "ulimit -n", machine.open_files
    needed = OPEN_FILES + FILES_PER_RANK * machine.ranks
    if limit == resource.RLIM_INFINITY:
        return fine(topic, "no limit", where)
    if limit >= needed:
        return fine(topic, str(limit), where)
    change, undo = f"ulimit -S -n {max(needed, WANTED_FILES)}", f"ulimit -S -n {limit}"
    why = f"a run of {machine.ranks} ranks opens up to {needed}"
    return invalid(topic, str(limit), where, why, (change,), (undo,))


def locked_memory(machine: Machine) -> Finding:
    """Nothing here locks memory; a fabric that lets a network card read it does."""
    topic, where, limit = "locked memory", "ulimit -l", machine.locked_bytes
    if limit == resource.RLIM_INFINITY:
        return fine(topic, "no limit", where)
    found, cards = f"{limit >> 10} KiB", sorted(machine.texts("/sys/class/infiniband/*/node_type"))
    if not cards:
        return fine(topic, f"{found}, and no RDMA network card that would need it", where)
    why = f"a fabric over {cards[0].split('/')[4]} must lock its buffers; it falls back, or fails"
    raised, lowered = (f"sudo prlimit --pid $$ --memlock={value}" for value in ("unlimited", limit))
    return careful(topic, found, where, why, (raised,), (lowered,))


def variables(machine: Machine) -> Finding:
    """One finding for all: what libraries do differently because of the environment."""
    settings_here = sorted(machine.environment.items())
    found = {name: value for name, value in settings_here if name.startswith(ENVIRONMENT_PREFIXES)}
    if not found:
        return fine("environment", "no variable that changes libraries", "env")
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in found.items())
    why = "libraries pick other kernels, threads or places because of it; fine where that is meant"
    unset, export = f"unset {' '.join(found)}", f"export {settings}"
    return careful("environment", settings, "env", why, (unset,), (export,))
