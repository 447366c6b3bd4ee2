"""What this CPU is and which instruction set zbench's kernels use on it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

from zbench.errors import UsageError, suggest
from zbench.native._zbench import lib

ISAS: dict[str, int] = {
    "amx": lib.ZB_AMX,
    "avx512_bf16": lib.ZB_AVX512_BF16,
    "avx512_vnni": lib.ZB_AVX512_VNNI,
    "avx512": lib.ZB_AVX512,
    "avx2": lib.ZB_AVX2,
    "neon_bf16": lib.ZB_NEON_BF16,
    "neon_i8mm": lib.ZB_NEON_I8MM,
    "neon_dotprod": lib.ZB_NEON_DOTPROD,
    "neon": lib.ZB_NEON,
    "portable": lib.ZB_PORTABLE,
}
"""Every instruction set zbench knows, best first, with its number in C."""

EXECUTED: dict[str, str | None] = {
    "amx": None,
    "avx512_bf16": None,
    "avx512_vnni": "natively",
    "avx512": "natively",
    "avx2": "natively and under qemu-x86_64",
    "neon_bf16": "under qemu-aarch64",
    "neon_i8mm": "under qemu-aarch64",
    "neon_dotprod": "under qemu-aarch64",
    "neon": "under qemu-aarch64",
    "portable": "natively, under qemu-x86_64 and under qemu-aarch64",
}
"""Where the tests have executed each one's kernels; None where they had no CPU and no emulator for its
instructions. Of those, all but the instructions is tested, with software models of them on AVX-512
(tests/csrc/emulated). They are never chosen by themselves, and called unverified where they are forced."""

UNVERIFIED = " (unverified)"
"""Follows the name of an instruction set in what a record tells of a run."""


def isas() -> tuple[str, ...]:
    """The instruction sets that this CPU and this build have, best first; unverified ones too."""
    return tuple(name for name, number in ISAS.items() if lib.zb_isa_supported(number))


def label(name: str) -> str:
    """How an instruction set is called in a variant or a description: marked where it is unverified."""
    return name if EXECUTED[name] else name + UNVERIFIED


def isa() -> str:
    """The instruction set to use: the environment variable ZBENCH_ISA, or the best one that is verified.

    Raises UsageError where ZBENCH_ISA names none, or one that this CPU lacks.
    """
    chosen = os.environ.get("ZBENCH_ISA")
    if not chosen:
        return next(name for name in isas() if EXECUTED[name])
    if chosen not in ISAS:
        raise UsageError(f"ZBENCH_ISA={chosen}: no such instruction set{suggest(chosen, ISAS)}")
    if chosen not in isas():
        raise UsageError(f"ZBENCH_ISA={chosen}: this CPU lacks it; it has {', '.join(isas())}")
    return chosen


def caches() -> dict[str, int]:
    """Data cache sizes in bytes by level, `l1`, `l2`, `l3`, clamped to what blocking can believe."""
    found = lib.zb_cpu_caches()
    return {"l1": found.l1, "l2": found.l2, "l3": found.l3}


UNKNOWN_CACHE_BYTES = 32 << 20
"""Where the system does not tell: what server CPUs of the last ten years have, or less."""


def last_level_cache_bytes() -> int:
    """The largest data cache that the system tells of, unclamped: to be cold, buffers must exceed all of it,
    also in a virtual machine that sees its host's."""
    sizes = [UNKNOWN_CACHE_BYTES]
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        with suppress(OSError, ValueError, KeyError):
            text = (index / "size").read_text().strip()
            sizes.append(int(text[:-1]) << {"K": 10, "M": 20}[text[-1]])
    return max(sizes[1:] or sizes)


def clock_cost_ns() -> float:
    """Measured cost of one read of the clock that times every round, in ns."""
    return float(lib.zb_clock_cost_ns())


def usable_cpus() -> int:
    """CPUs this process may keep busy: its affinity mask, and its cgroup's quota rounded down."""
    quotas = cgroup_quotas(Path("/")).values()
    return min([int(lib.zb_usable_cpus()), *(max(1, int(quota)) for quota in quotas)])


def cgroup_quotas(root: Path) -> dict[Path, float]:
    """CPUs that the cgroups above this process allow, by the folder of each that sets a limit.

    Reads cpu.max (cgroup v2) and cpu.cfs_quota_us (v1) under `root`, from /proc/self/cgroup's
    groups up to the mount points.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return {}
    quotas = {}
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        path = PurePosixPath(group)
        for level in (path, *path.parents):
            folder = mount / str(level).lstrip("/")
            limit = _limit(folder)
            if limit is not None:
                quotas[folder] = limit
    return quotas


def _limit(group: Path) -> float | None:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        if quota not in ("max", "-1"):
            return int(quota) / int(period)
    return None
