"""Pages and room: what makes the same buffer cost different times."""

from __future__ import annotations

from zbench.fabrics.memory import available_bytes
from zbench.measure.doctor.finding import Finding, careful, fine, invalid, unknown, write
from zbench.measure.doctor.machine import Machine
from zbench.measure.memory import PROCESS_BYTES, RESERVE, gigabytes

PAGES = "/sys/kernel/mm/transparent_hugepage"
ON_REQUEST = "madvise"
SWAPPED_BYTES = 64 << 20
"""Less than this was swapped out long ago and is not missed."""
SMALL_SHM_BYTES = 1 << 30
"""Docker gives 64 MiB; libraries that move vectors through /dev/shm want several of the largest ones."""


def huge_pages(machine: Machine) -> Finding:
    topic, where = "huge pages", f"{PAGES}/enabled"
    value = _chosen(machine.text(where))
    why = {
        "always": "a kernel thread merges pages behind a run's back, in some launches and not in others",
        "never": "large buffers miss the TLB, so bandwidth is lower than it could be",
    }
    if value is None:
        return unknown(topic, "not told", where)
    if value in why:
        return careful(topic, value, where, why[value], write({where: ON_REQUEST}), write({where: value}))
    return fine(topic, value, where)


def compaction(machine: Machine) -> Finding | None:
    """What a page fault does where no huge page is free; matters only where there are huge pages."""
    topic, where = "huge pages, defrag", f"{PAGES}/defrag"
    value = _chosen(machine.text(where))
    if value is None or _chosen(machine.text(f"{PAGES}/enabled")) == "never":
        return None
    if value == "always":
        why = "a page fault may stop and move memory around for ms"
        return careful(topic, value, where, why, write({where: ON_REQUEST}), write({where: value}))
    return fine(topic, value, where)


def _chosen(text: str | None) -> str | None:
    """`always [madvise] never` -> madvise."""
    return None if text is None or "[" not in text else text.partition("[")[2].partition("]")[0]


def numa_balancing(machine: Machine) -> Finding:
    topic, where = "NUMA balancing", "/proc/sys/kernel/numa_balancing"
    value, nodes = machine.text(where), len(machine.texts("/sys/devices/system/node/node[0-9]*/cpulist"))
    if value is None:
        return fine(topic, "this kernel has none", where)
    if value == "0":
        return fine(topic, "off", where)
    if nodes == 1:
        return fine(topic, "on, with one memory node", where)
    why = "the kernel takes pages away for a moment to see who uses them, and moves them"
    found = f"on, {nodes or 'unknown'} memory nodes"
    return careful(topic, found, where, why, write({where: "0"}), write({where: value}))


def swap(machine: Machine) -> Finding:
    topic, where = "swap", "/proc/meminfo"
    lines = (line.split() for line in (machine.text(where) or "").splitlines())
    kib = {name.rstrip(":"): int(value) for name, value, *_ in lines if value.isdecimal()}
    if "SwapTotal" not in kib or "SwapFree" not in kib:
        return unknown(topic, "not told", where)
    if not kib["SwapTotal"]:
        return fine(topic, "there is none", where)
    used = (kib["SwapTotal"] - kib["SwapFree"]) << 10
    found = f"{gigabytes(used)} in use"
    if used < SWAPPED_BYTES:
        return fine(topic, found, where)
    why = "memory was short; a page that comes back from the disk costs ms"
    return careful(topic, found, where, why, ("sudo swapoff -a",), ("sudo swapon -a",))


def room(machine: Machine) -> Finding:
    """Memory for the processes of a run, and for its largest case; cgroups counted."""
    topic, where = "memory", "/proc/meminfo, /sys/fs/cgroup"
    try:
        available = available_bytes(machine.root / "proc", machine.root / "sys/fs/cgroup")
    except (OSError, KeyError, ValueError):
        return unknown(topic, "not told", where)
    usable, found = int(available * (1 - RESERVE)), f"{gigabytes(available)} available"
    least = machine.ranks * PROCESS_BYTES
    advice = "end what takes it, raise the cgroup's limit (docker run --memory), or ask for fewer ranks"
    if usable < least:
        why = f"the {machine.ranks} processes of a default run alone need {gigabytes(least)}"
        return invalid(topic, found, where, why, advice=advice)
    if usable < machine.needed_bytes:
        why = f"the largest case needs {gigabytes(machine.needed_bytes)} and would be left out"
        return careful(topic, found, where, why, advice=advice)
    return fine(topic, found, where)


def shared_memory(machine: Machine) -> Finding:
    """`shm` does not depend on it (its memory has no file); what else moves data between processes may."""
    topic, where, size = "/dev/shm", "statvfs /dev/shm", machine.shm_bytes
    if size is not None and size >= SMALL_SHM_BYTES:
        return fine(topic, gigabytes(size), where)
    why = "the fabric shm does not use it; MPI, torch and others do, and fail when it is full"
    advice = "a container gets more with docker run --shm-size=4g, or --ipc=host"
    if size is None:
        return careful(topic, "there is none", where, why, advice=advice)
    change, undo = (f"sudo mount -o remount,size={value} /dev/shm" for value in (SMALL_SHM_BYTES, size))
    return careful(topic, f"{size >> 20} MiB", where, why, (change,), (undo,), advice)
