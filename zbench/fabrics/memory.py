"""How much memory may still be taken, and which parts of a rank's area are free."""

from __future__ import annotations

from bisect import insort
from pathlib import Path

KIB = 1024


def available_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """What this process may still take before the machine swaps or its cgroup kills it.

    The least of MemAvailable and of the room left in each cgroup (v2, v1) above this process, whose
    reclaimable file pages count as room. Raises OSError where /proc is missing.
    """
    fields = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
    rooms = [int(fields["MemAvailable"].split()[0]) * KIB]
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            rooms += _rooms(cgroups, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            rooms += _rooms(cgroups / "memory", path, *names)
    return max(0, min(rooms))


def _rooms(mount: Path, path: str, limit: str, usage: str, reclaimable: str) -> list[int]:
    """The room in the cgroup and in its ancestors; in a container its own lies at the mount."""
    group = mount / path.strip("/")
    if not group.is_dir():
        group = mount
    rooms = []
    for place in [group, *group.parents]:
        try:
            most = (place / limit).read_text().strip()
            if most != "max":
                statistics = (place / "memory.stat").read_text().split()
                values = dict(zip(statistics[::2], statistics[1::2], strict=True))
                used = int((place / usage).read_text()) - int(values.get(reclaimable, 0))
                rooms.append(int(most) - used)
        except OSError:
            pass  # the root has no limit file
        if place == mount:
            break
    return rooms


class Area:
    """First-fit allocation of [0, size_bytes); pure arithmetic, all in multiples of `page_bytes`."""

    def __init__(self, size_bytes: int, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._free = [(0, size_bytes)]

    def take(self, size_bytes: int) -> tuple[int, int]:
        """(offset, bytes) of a free place that holds `size_bytes`. Raises MemoryError."""
        pages = max(1, -(-size_bytes // self._page_bytes))
        need = pages * self._page_bytes
        for i, (offset, length) in enumerate(self._free):
            if length >= need:
                rest = (offset + need, length - need)
                self._free[i : i + 1] = [rest] if rest[1] else []
                return offset, need
        raise MemoryError(f"no {need} bytes in one piece are left in this rank's area")

    def give(self, offset: int, size_bytes: int) -> None:
        """Give back what `take` returned."""
        insort(self._free, (offset, size_bytes))
        merged: list[tuple[int, int]] = []
        for start, length in self._free:
            if merged and merged[-1][0] + merged[-1][1] == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((start, length))
        self._free = merged
