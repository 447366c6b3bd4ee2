"""What machine, libraries and settings a launch ran with: the part that does not change within it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ENVIRONMENT_PREFIXES = (
    "ZBENCH_ISA",
    "OMP_",
    "OPENBLAS_",
    "BLIS_",
    "MKL_",
    "GOMP_",
    "KMP_",
    "CUDA_VISIBLE",
    "LD_PRELOAD",
    "MALLOC_",
    "GLIBC_TUNABLES",
    "NPY_",
    "NUMPY_",
    "PYTHONMALLOC",
)
"""Variables that change what is measured; others may hold secrets and are not recorded."""
LIBRARIES = ("zbench", "numpy", "cffi", "scipy")
SYSTEM = Path("/sys/devices/system")


def fingerprint(described: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Of this process and its host; `described` is what each subject says of itself."""
    return {
        "host": platform.node(),
        "os": _os_name(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _cpuinfo().get("model name", platform.processor() or "unknown"),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "cpus_online": os.cpu_count(),
        "threads_per_core": _threads_per_core(),
        "caches": _caches(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "virtual_machine": "hypervisor" in _cpuinfo().get("flags", "").split(),
        "governor": _text(SYSTEM / "cpu/cpu0/cpufreq/scaling_governor"),
        "boost": _text(SYSTEM / "cpu/cpufreq/boost"),
        "clock_source": _text(SYSTEM / "clocksource/clocksource0/current_clocksource"),
        "huge_pages": _text(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "python": sys.version.split()[0],
        "libraries": {name: _version(name) for name in LIBRARIES},
        "environment": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(ENVIRONMENT_PREFIXES)
        },
        "subjects": described,
    }


HARDWARE = (
    "architecture",
    "cpu",
    "cpus_usable",
    "threads_per_core",
    "caches",
    "memory_bytes",
    "virtual_machine",
)
"""What makes it the same machine: names and versions change, these do not."""


def hardware(machine: dict[str, Any]) -> dict[str, Any]:
    """The part of a fingerprint that says what machine it is."""
    return {name: machine.get(name) for name in HARDWARE}


def digest(value: dict[str, Any]) -> str:
    """The key under which a record refers to it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _cpuinfo() -> dict[str, str]:
    lines = (_text(Path("/proc/cpuinfo")) or "").split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _threads_per_core() -> int | None:
    siblings = _text(SYSTEM / "cpu/cpu0/topology/thread_siblings_list")
    return None if siblings is None else len(cpu_list(siblings))


def cpu_list(text: str) -> list[int]:
    """`0-2,4` -> [0, 1, 2, 4]."""
    ranges = (part.partition("-") for part in text.split(",") if part)
    return [cpu for low, dash, high in ranges for cpu in range(int(low), int(high if dash else low) + 1)]


def _caches() -> dict[str, str]:
    caches = {}
    for index in sorted(SYSTEM.glob("cpu/cpu0/cache/index*")):
        level, kind = _text(index / "level"), _text(index / "type")
        if kind != "Instruction":
            caches[f"L{level}"] = _text(index / "size") or "unknown"
    return caches


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
