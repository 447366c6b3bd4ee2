"""A copy of the tree in which mutants live: built once, and for each mutant only what it touches."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from planted import Mutant, planted

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TAKEN = (
    "csrc",
    "zbench",
    "tests",
    "suites",
    "docs",
    "CMakeLists.txt",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
FLAGS = "-O1 -DNDEBUG"
"""Mutants are about what is computed, not how fast: kernels at -O3 take three times as long to build."""
MODULE = "zbench/native/_zbench.abi3.so"


class NotBuilt(Exception):
    """What the compiler said."""


@dataclass(frozen=True)
class Unit:
    """One object file: how it is made, and of what."""

    object: Path
    command: tuple[str, ...]
    source: Path
    reads: frozenset[Path]


@dataclass(frozen=True)
class Workshop:
    tree: Path
    """First on PYTHONPATH: its zbench, its module, its entry points."""
    units: tuple[Unit, ...]
    """Empty where nothing is built (then the module is another installation's)."""
    build: Path

    def environment(self, isa: str = "") -> dict[str, str]:
        """Of a process that is to use the tree; nothing of ours reaches it, and it leaves no bytecode, for
        which another text of one length and second would be taken."""
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("ZBENCH_", "PYTHON"))
        }
        own |= {"PYTHONPATH": str(self.tree), "PYTHONDONTWRITEBYTECODE": "1"}
        return own | ({"ZBENCH_ISA": isa} if isa else {})


def open_workshop(repository: Path, scratch: Path, jobs: int = 1) -> Workshop:
    """Copy and build. Raises NotBuilt."""
    tree, build = scratch / "tree", scratch / "build"
    copy_tree(repository, tree)
    tools = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    settings = {
        "Python_EXECUTABLE": sys.executable,
        "CMAKE_BUILD_TYPE": "Mutants",
        "CMAKE_C_FLAGS": FLAGS,
        "CMAKE_EXPORT_COMPILE_COMMANDS": "ON",
    }
    words = [f"-D{name}={value}" for name, value in settings.items()]
    _run(["cmake", "-G", "Ninja", "-S", str(tree), "-B", str(build), *words], tools)
    _run(["ninja", "-C", str(build), f"-j{jobs}"], tools)
    shutil.copyfile(build / "_zbench.abi3.so", tree / MODULE)
    read = _read_by(_run(["ninja", "-C", str(build), "-t", "deps"], tools), build)
    return Workshop(tree, tuple(_units(build, read)), build)


def copy_tree(repository: Path, tree: Path) -> None:
    """What a run needs, and entry points without an installation."""
    tree.mkdir(parents=True)
    for name in TAKEN:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        elif source.exists():
            shutil.copyfile(source, tree / name)
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    info = tree / f"zbench-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zbench\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@contextmanager
def infected(workshop: Workshop, mutant: Mutant, jobs: int = 1) -> Iterator[None]:
    """The tree with the mutant in it, and afterwards as it was. Raises ValueError, NotBuilt."""
    path = workshop.tree / mutant.file
    before = path.read_text()
    path.write_text(planted(mutant, before))
    module = workshop.tree / MODULE
    try:
        if mutant.file.startswith("csrc/"):
            _build(workshop, mutant, module, jobs)
        yield
    finally:
        path.write_text(before)
        if workshop.units:
            _replace(workshop.build / "_zbench.abi3.so", module)


def touched(workshop: Workshop, mutant: Mutant) -> list[Unit]:
    """What is built of the mutant's file; of kernels only those of its instruction set."""
    path, found = workshop.tree / mutant.file, []
    for unit in workshop.units:
        other_room = unit.source.parent.name == "stream" and "stream" not in mutant.file
        other_isa = (
            mutant.isa
            and unit.source.stem.startswith("kernel_")
            and unit.source.stem != f"kernel_{mutant.isa}"
        )
        if path in unit.reads and not other_room and not other_isa:
            found.append(unit)
    return found


def _build(workshop: Workshop, mutant: Mutant, module: Path, jobs: int) -> None:
    """The module with the mutant's objects before the library's, so that none of those is asked for."""
    units = touched(workshop, mutant)
    if not units:
        raise NotBuilt(f"mutant {mutant.number}: nothing that is built reads {mutant.file}")
    folder = workshop.build / "mutant"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    objects = [folder / f"{i}.o" for i in range(len(units))]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(_compile, units, objects))
    glue = next(unit for unit in workshop.units if unit.source.name == "_zbench.c")
    if glue not in units:
        objects.append(glue.object)
    made = folder / "_zbench.abi3.so"
    words = [
        glue.command[0],
        "-shared",
        "-o",
        str(made),
        *map(str, objects),
        str(workshop.build / "libkernels.a"),
    ]
    _run([*words, "-lpthread", "-lm"])
    _replace(made, module)


def _compile(unit: Unit, to: Path) -> None:
    words = [str(to) if word == str(unit.object) else word for word in unit.command]
    _run([*words, "-w"])  # a fault may well be worth a warning


def _replace(source: Path, target: Path) -> None:
    """By another file of that name: a process that still has the old one keeps it."""
    shutil.copyfile(source, target.with_suffix(".new"))
    target.with_suffix(".new").replace(target)


def _run(words: Sequence[str], path: str = "") -> str:
    environment = os.environ | ({"PATH": path} if path else {})
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"{shlex.join(words[:3])}: {(done.stderr + done.stdout)[-2000:]}")
    return done.stdout


def _units(build: Path, read: dict[Path, frozenset[Path]]) -> Iterator[Unit]:
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        place = words.index("-o") + 1
        made = build / words[place]
        words[place] = str(made)
        yield Unit(made, tuple(words), Path(entry["file"]), read.get(made, frozenset()))


def _read_by(told: str, build: Path) -> dict[Path, frozenset[Path]]:
    """Object -> the files that it is made of, from `ninja -t deps`."""
    found: dict[Path, set[Path]] = {}
    current: set[Path] = set()
    for line in told.splitlines():
        if line[:1].strip():
            current = found.setdefault(build / line.partition(":")[0], set())
        elif line.strip():
            current.add(Path(os.path.normpath(build / line.strip())))
    return {made: frozenset(files) for made, files in found.items()}
