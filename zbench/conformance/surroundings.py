"""What a run stands on: the suite's files, a worker's libraries, and what may have put itself between."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from zbench import __version__
from zbench.conformance.chain import digest

PACKAGE = Path(__file__).parents[1]
PRELOADING = ("LD_PRELOAD", "LD_AUDIT")
"""Variables that have the dynamic linker load a library before those that a program names (ld.so(8))."""
SYSTEM_WIDE = Path("/etc/ld.so.preload")
"""Likewise, for every program of the machine."""
STEERING = (
    *PRELOADING,
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "ZBENCH_ISA",
)
"""Variables that decide which code runs."""
MAPS = Path("/proc/self/maps")
CUSTOMIZING = ("sitecustomize", "usercustomize")
"""Modules that Python runs before every program, where they exist (site)."""


def suite() -> dict[str, str]:
    """What the suite consists of -> SHA-256: of all its files with their names, and of the kernels alone."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    lines = [f"{_sha256(path)}  {path.relative_to(PACKAGE).as_posix()}\n" for path in files]
    found = {f"zbench-{__version__}": digest("".join(lines).encode())}
    kernels = next(iter(sorted(PACKAGE.glob("**/_zbench*.so"))), None)
    return found | ({kernels.name: _sha256(kernels)} if kernels else {})


def steering(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that decide which code runs, as far as they are set."""
    return {name: environment[name] for name in STEERING if environment.get(name)}


def preloads(environment: Mapping[str, str], system_wide: Path = SYSTEM_WIDE) -> tuple[str, ...]:
    """Every library that is put before the others, each with where that is said."""
    found = [f"{name}={environment[name]}" for name in PRELOADING if environment.get(name)]
    try:
        said = system_wide.read_text(errors="replace").split()
    except OSError:
        said = []
    return (*found, *(f"{system_wide}: {each}" for each in said))


def loaded(subject: object = None, maps: Path = MAPS) -> list[str]:
    """Paths of what this process executes: libraries and programs, from /proc/self/maps (proc(5)); the Python
    that ran before its own; and the file of the `subject`'s class."""
    lines = (line.split(maxsplit=5) for line in maps.read_text(errors="replace").splitlines())
    paths = {line[5] for line in lines if len(line) == 6 and "x" in line[1] and line[5][0] == "/"}
    modules = (sys.modules.get(name) for name in (*CUSTOMIZING, type(subject).__module__))
    return sorted(paths.union(filter(None, (getattr(module, "__file__", None) for module in modules))))


def digests(paths: Iterable[str]) -> dict[str, str]:
    """Path -> SHA-256 of what stands there now; of what cannot be read (any more), why."""
    return {path: _sha256_or_why(path) for path in paths}


@cache
def _sha256_or_why(path: str) -> str:
    try:
        return _sha256(Path(path))
    except OSError as error:
        return f"unreadable: {os.strerror(error.errno or 0)}"


def _sha256(path: Path) -> str:
    """Piece by piece: some libraries have gigabytes."""
    found = sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()
