"""What the doctor looks at: files under a root, and what the system tells this process."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zbench.measure.neighbours import neighbours
from zbench.measure.processes import Process, processes

MOMENT_S = 1.0
"""How long the load is watched: ticks are 10 ms, so this sees 1 % of one CPU."""
IDLE, IOWAIT, STEAL = 3, 4, 7
"""Fields of a line `cpuN` of /proc/stat (proc(5)); the first eight share the time out among them."""
FIELDS = 8


@dataclass(frozen=True)
class Moment:
    """What the CPUs did while this process slept, each share of the time that passed."""

    busy: dict[int, float]
    """CPU -> share taken by whatever ran on it."""
    steal: float
    """Share that the hypervisor gave to others, over all CPUs."""
    steal_since_boot: float
    busiest: tuple[tuple[str, float], ...] = ()
    """Processes by name and pid -> CPUs each kept busy, most first."""


@dataclass(frozen=True)
class Snapshot:
    """/proc/stat and the processes, at one time."""

    ticks: dict[int, tuple[int, ...]]
    """CPU -> the first FIELDS of its line."""
    processes: dict[int, Process]


@dataclass(frozen=True)
class Machine:
    """This machine as seen by this process; tests make one of files of their own."""

    root: Path
    moment: Moment
    usable: frozenset[int]
    """CPUs this process may run on."""
    environment: Mapping[str, str] = field(default_factory=dict)
    neighbours: Sequence[int] = ()
    """Other runs of zbench."""
    shm_bytes: int | None = None
    """Size of /dev/shm; None: there is none."""
    open_files: int = 1 << 20
    """Soft limits, as `ulimit -S` shows them; RLIM_INFINITY (-1) is none."""
    locked_bytes: int = resource.RLIM_INFINITY
    ranks: int = 2
    """Of a run without `--ranks`."""
    needed_bytes: int = 0
    """Memory of its largest case."""

    def text(self, path: str) -> str | None:
        """A file of /proc or /sys, stripped; None where there is none or it may not be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace").strip()
        except OSError:
            return None

    def texts(self, pattern: str) -> dict[str, str]:
        """All files of a glob, by absolute path; what cannot be read is left out."""
        found = {f"/{p.relative_to(self.root)}": p for p in self.root.glob(pattern.lstrip("/"))}
        texts = {name: self.text(name) for name in sorted(found, key=_natural)}
        return {name: text for name, text in texts.items() if text is not None}

    def numbers(self, pattern: str) -> dict[str, int]:
        """The same of files that hold one whole number; others are left out."""
        return {path: int(text) for path, text in self.texts(pattern).items() if text.isdecimal()}


def this_machine(ranks: int, needed_bytes: int, root: Path = Path("/")) -> Machine:
    """Takes `MOMENT_S`, in which this process sleeps."""
    before = snapshot(root / "proc")
    time.sleep(MOMENT_S)
    return Machine(
        root,
        between(before, snapshot(root / "proc"), MOMENT_S),
        frozenset(os.sched_getaffinity(0)),
        os.environ,
        neighbours(root / "proc"),
        _size_of(root / "dev/shm"),
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
        ranks,
        needed_bytes,
    )


def snapshot(proc: Path) -> Snapshot:
    """Raises OSError where /proc is missing."""
    lines = (line.split() for line in (proc / "stat").read_text().splitlines())
    ticks = {
        int(name[3:]): tuple(map(int, numbers[:FIELDS]))
        for name, *numbers in lines
        if name.startswith("cpu") and name != "cpu"
    }
    return Snapshot(ticks, {each.pid: each for each in processes(proc)})


def between(before: Snapshot, after: Snapshot, seconds: float) -> Moment:
    """What happened from one snapshot to the next. Pure."""
    passed = {
        cpu: tuple(b - a for a, b in zip(before.ticks[cpu], now, strict=True))
        for cpu, now in after.ticks.items()
        if cpu in before.ticks
    }
    busy = {}
    for cpu, ticks in passed.items():
        total = sum(ticks)
        busy[cpu] = 1 - (ticks[IDLE] + ticks[IOWAIT] + ticks[STEAL]) / total if total else 0.0
    per_second = os.sysconf("SC_CLK_TCK") * seconds
    taken = {
        f"{each.name} (pid {pid})": (each.ticks - before.processes[pid].ticks) / per_second
        for pid, each in after.processes.items()
        if pid in before.processes and pid != os.getpid()
    }
    busiest = sorted(((name, share) for name, share in taken.items() if share > 0), key=lambda each: -each[1])
    return Moment(busy, _stolen(passed.values()), _stolen(after.ticks.values()), tuple(busiest[:3]))


def _stolen(cpus: Collection[tuple[int, ...]]) -> float:
    total = sum(map(sum, cpus))
    return sum(ticks[STEAL] for ticks in cpus) / total if total else 0.0


def _size_of(place: Path) -> int | None:
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_frsize * found.f_blocks


def _natural(path: str) -> list[object]:
    """cpu2 before cpu10."""
    return [int(part) if part.isdecimal() else part for part in path.replace("cpu", "cpu/").split("/")]
